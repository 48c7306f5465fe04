//! Resource files: reading and writing them, splits and joins. The quantities are [`Resources`]'.

use std::collections::{BTreeMap, BTreeSet};

use crate::python_text::{read_float, trim, words, write_float};
use crate::{
    PortKind, RESOURCE_FILE_BYTES_MAX, Resource, ResourceError, ResourceLine, Resources, SplitError,
};

/// A resource file: what it says, and its text as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceFile {
    text: Vec<u8>,
    resources: Resources,
    calls: Vec<ResourceLine>,
}

impl ResourceFile {
    /// Writes a file of these resources. `calls` are lines `call NAME allow|deny`, for repyV1.
    #[must_use]
    pub fn new(resources: Resources, calls: Vec<ResourceLine>) -> Self {
        let mut text = Vec::new();
        for resource in Resource::ALL {
            // The original reads a whole number as such, and refuses one with a point.
            let quantity = if resource.is_whole() {
                resources.whole(resource).to_string()
            } else {
                write_float(resources.quantity(resource))
            };
            text.extend_from_slice(format!("resource {resource} {quantity}\n").as_bytes());
        }
        for kind in PortKind::ALL {
            for port in resources.ports(kind) {
                text.extend_from_slice(format!("resource {} {port}\n", kind.as_str()).as_bytes());
            }
        }
        for call in &calls {
            text.extend_from_slice(call.as_bytes());
            text.push(b'\n');
        }
        Self {
            text,
            resources,
            calls,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The first line that is refused, then a required resource that is missing, then a quantity
    /// below 0.
    pub fn parse(text: &[u8]) -> Result<Self, ResourceError> {
        Lines::read(text)?.into_file(text)
    }

    /// The file's text: as it was read, comments included.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.text
    }

    /// What the file allows.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The lines `call NAME allow|deny`.
    #[must_use]
    pub fn calls(&self) -> &[ResourceLine] {
        &self.calls
    }

    /// Splits a vessel of this file: gives what is left, and what was asked for. The split itself
    /// costs `offcut`. Both keep the call lines of this file.
    ///
    /// # Errors
    /// When what was asked for cannot be read, or there is not as much.
    pub fn split(&self, offcut: &Self, asked: &[u8]) -> Result<(Self, Self), SplitError> {
        let lines = Lines::read(asked).map_err(SplitError::Asked)?;
        let available = self
            .resources
            .minus(&offcut.resources)
            .map_err(SplitError::TooSmall)?;
        let asked = lines.into_file(asked).map_err(SplitError::TooLarge)?;
        let left = available
            .minus(&asked.resources)
            .map_err(SplitError::TooLarge)?;
        Ok((
            Self::new(left, self.calls.clone()),
            Self::new(asked.resources, self.calls.clone()),
        ))
    }

    /// Joins two vessels; what their split cost comes back. The call lines are those of this file.
    #[must_use]
    pub fn join(&self, other: &Self, offcut: &Self) -> Self {
        let sum = self
            .resources
            .plus(&other.resources)
            .plus(&offcut.resources);
        Self::new(sum, self.calls.clone())
    }
}

/// The lines of a file, read; quantities may be negative: the original refuses those later than lines.
#[derive(Debug, Default)]
struct Lines {
    quantities: BTreeMap<Resource, f64>,
    ports: BTreeSet<(PortKind, u16)>,
    calls: Vec<ResourceLine>,
}

impl Lines {
    fn read(text: &[u8]) -> Result<Self, ResourceError> {
        if text.len() > RESOURCE_FILE_BYTES_MAX {
            return Err(ResourceError::TooLong);
        }
        let mut lines = Self::default();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            // Lines may end as on Windows.
            let line = match line {
                [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
                last => last,
            };
            lines.read_line(line)?;
        }
        match Resource::REQUIRED
            .into_iter()
            .find(|required| !lines.quantities.contains_key(required))
        {
            Some(missing) => Err(ResourceError::Missing(missing)),
            None => Ok(lines),
        }
    }

    fn into_file(self, text: &[u8]) -> Result<ResourceFile, ResourceError> {
        let mut resources = Resources::default();
        for (kind, port) in self.ports {
            resources.allow_port(kind, port);
        }
        for (resource, quantity) in self.quantities {
            if quantity < 0.0 {
                return Err(ResourceError::Negative(resource));
            }
            resources.set(resource, quantity);
        }
        Ok(ResourceFile {
            text: text.to_vec(),
            resources,
            calls: self.calls,
        })
    }

    fn read_line(&mut self, line: &[u8]) -> Result<(), ResourceError> {
        let code = line.split(|&byte| byte == b'#').next().unwrap_or_default();
        let items: Vec<&[u8]> = words(code).take(4).collect();
        match items.as_slice() {
            [] => Ok(()),
            [b"resource", name, value] => self.read_resource(line, name, value),
            [b"resource", ..] => Err(ResourceError::ItemCount(line.into())),
            // Calls of repyV1 are kept as they are; a comment behind one goes.
            [b"call", ..] => {
                self.calls.push(trim(code).into());
                Ok(())
            }
            _ => Err(ResourceError::NotUnderstood(line.into())),
        }
    }

    fn read_resource(
        &mut self,
        line: &[u8],
        name: &[u8],
        value: &[u8],
    ) -> Result<(), ResourceError> {
        let port_kind = PortKind::ALL
            .into_iter()
            .find(|kind| kind.as_str().as_bytes() == name);
        let resource = Resource::ALL
            .into_iter()
            .find(|resource| resource.as_str().as_bytes() == name);
        if port_kind.is_none() && resource.is_none() {
            return Err(ResourceError::UnknownResource {
                line: line.into(),
                name: name.into(),
            });
        }
        let invalid = || ResourceError::Value {
            line: line.into(),
            value: value.into(),
        };
        let number = read_float(value)
            .filter(|number| number.is_finite())
            .ok_or_else(invalid)?;
        if let Some(kind) = port_kind {
            let port = read_port(number).ok_or_else(invalid)?;
            self.ports.insert((kind, port));
        }
        if let Some(resource) = resource
            && self.quantities.insert(resource, number).is_some()
        {
            return Err(ResourceError::Duplicate {
                line: line.into(),
                name: resource,
            });
        }
        Ok(())
    }
}

/// Ports are whole numbers from 1 on, though written as floats by some.
fn read_port(number: f64) -> Option<u16> {
    let fits = number.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number that fits"
    )]
    fits.then_some(number as u16)
}
