//! What of the wall stands, told to readers of a log or a status.

use std::collections::BTreeMap;
use std::fmt;

use super::policy::Layer;

/// How much of a layer is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// All of it.
    Full,
    /// As much as the kernels that are in use have; the text says what only newer ones add.
    Usual(String),
    /// A part, as the text says.
    Partial(String),
    /// Nothing, for the reason in the text.
    Missing(String),
    /// Not asked for.
    Off,
}

impl Level {
    /// Whether the layer refuses anything.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self, Self::Full | Self::Usual(_) | Self::Partial(_))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full"),
            Self::Usual(what) | Self::Partial(what) => write!(f, "partial ({what})"),
            Self::Missing(why) => write!(f, "missing ({why})"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// The level of each layer. `Display` is one line.
///
/// ```text
/// privileges full, limits full, files and ports full, system calls full
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WallReport(BTreeMap<Layer, Level>);

impl WallReport {
    pub(super) fn set(&mut self, layer: Layer, level: Level) {
        self.0.insert(layer, level);
    }

    /// The level of a layer.
    #[must_use]
    pub fn level(&self, layer: Layer) -> &Level {
        self.0.get(&layer).unwrap_or(&Level::Off)
    }

    /// Whether every layer that was asked for stands whole, as far as kernels that are in use can make it.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0
            .values()
            .all(|level| matches!(level, Level::Full | Level::Usual(_) | Level::Off))
    }
}

impl fmt::Display for WallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for layer in Layer::ALL {
            write!(f, "{between}{} {}", layer.as_str(), self.level(layer))?;
            between = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_that_names_what_is_missing() {
        let mut report = WallReport::default();
        assert!(report.is_complete());
        for layer in Layer::ALL {
            report.set(layer, Level::Full);
        }
        assert!(report.is_complete());
        report.set(Layer::Places, Level::Usual("no rule for UDP ports".into()));
        assert!(report.is_complete());
        assert!(
            report
                .to_string()
                .contains("partial (no rule for UDP ports)")
        );
        report.set(Layer::Places, Level::Missing("not in this kernel".into()));
        assert!(!report.is_complete());
        assert_eq!(
            report.to_string(),
            "privileges full, limits full, files and ports missing (not in this kernel), system calls full"
        );
    }
}
