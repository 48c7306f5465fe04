//! What a vessel may use, as quantities and ports, and the sums and differences of two of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{PortKind, Resource, ResourceError};

/// What a vessel may use.
///
/// Quantities are never negative or infinite; those that a file does not list are 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// Without those that are 0.
    quantities: BTreeMap<Resource, f64>,
    ports: BTreeSet<(PortKind, u16)>,
}

impl Resources {
    /// How much of a resource.
    #[must_use]
    pub fn quantity(&self, resource: Resource) -> f64 {
        self.quantities.get(&resource).copied().unwrap_or_default()
    }

    /// A resource as a whole number, cut downwards: bytes, sockets, files.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "quantities are not negative, and the cast saturates"
    )]
    pub fn whole(&self, resource: Resource) -> u64 {
        self.quantity(resource) as u64
    }

    /// The most descriptors that its files and sockets need together.
    #[must_use]
    pub fn descriptors(&self) -> u64 {
        [
            Resource::FilesOpened,
            Resource::InSockets,
            Resource::OutSockets,
        ]
        .into_iter()
        .map(|resource| self.whole(resource))
        .fold(0, u64::saturating_add)
    }

    /// The ports of one kind.
    pub fn ports(&self, kind: PortKind) -> impl Iterator<Item = u16> + '_ {
        self.ports
            .range((kind, 0)..=(kind, u16::MAX))
            .map(|&(_, port)| port)
    }

    /// Whether a port may be used.
    #[must_use]
    pub fn allows_port(&self, kind: PortKind, port: u16) -> bool {
        self.ports.contains(&(kind, port))
    }

    /// Sets a quantity; what is negative or no number becomes 0.
    pub fn set(&mut self, resource: Resource, quantity: f64) {
        if quantity.is_finite() && quantity > 0.0 {
            self.quantities.insert(resource, quantity);
        } else {
            self.quantities.remove(&resource);
        }
    }

    /// Allows a port.
    pub fn allow_port(&mut self, kind: PortKind, port: u16) {
        self.ports.insert((kind, port));
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for resource in Resource::ALL {
            sum.set(resource, self.quantity(resource) + other.quantity(resource));
        }
        sum.ports.extend(&other.ports);
        sum
    }

    /// What is left when `other` is taken away.
    ///
    /// # Errors
    /// When a port is missing, or a quantity would be negative. Ports are looked at first, as the
    /// original does.
    pub fn minus(&self, other: &Self) -> Result<Self, ResourceError> {
        let mut rest = self.clone();
        for port in &other.ports {
            if !rest.ports.remove(port) {
                return Err(ResourceError::PortsNotContained);
            }
        }
        for resource in Resource::ALL {
            let left = self.quantity(resource) - other.quantity(resource);
            if left < 0.0 {
                return Err(ResourceError::Negative(resource));
            }
            rest.set(resource, left);
        }
        Ok(rest)
    }
}
