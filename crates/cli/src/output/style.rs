//! Colours, never the only carrier of a meaning.

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// None.
    Plain,
    /// ANSI colours.
    Colours,
}

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As wanted.
    Good,
    /// To be watched.
    Doubtful,
    /// Wrong.
    Bad,
    /// Less important.
    Faint,
    /// More important.
    Strong,
}

impl Palette {
    /// The text in that colour.
    #[must_use]
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Doubtful => "33",
            Paint::Bad => "31",
            Paint::Faint => "2",
            Paint::Strong => "1",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Colours => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_palette_leaves_no_trace() {
        assert_eq!(Palette::Plain.paint(Paint::Bad, "x"), "x");
        assert_eq!(
            Palette::Colours.paint(Paint::Bad, "x"),
            "\u{1b}[31mx\u{1b}[0m"
        );
    }
}
