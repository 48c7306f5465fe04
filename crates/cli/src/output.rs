//! What is printed, and how: results on standard output, talk on standard error, for people or for
//! programs, with or without colour.

mod progress;
mod style;
mod table;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use serde::Serialize;

pub(crate) use progress::ProgressLine;
pub(crate) use style::{Paint, Palette};
pub(crate) use table::Table;

use crate::failure::Failure;
use overlord::Code;

/// The version of what `--output json` prints. A field may be added without a new number; one that goes or
/// changes its meaning makes a new one.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// For whom results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables and sentences.
    Text,
    /// One JSON object a line, each with the field `schema`.
    Json,
}

/// Whether colours are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// On a terminal, unless the environment says otherwise.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// Where everything that a command says goes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Output {
    format: Format,
    palette: Palette,
    progress: Arc<ProgressLine>,
}

/// A result as a line of JSON.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    schema: u32,
    #[serde(flatten)]
    content: &'a T,
}

impl Output {
    /// An output of this format and palette; progress is shown on a terminal only.
    #[must_use]
    pub(crate) fn new(format: Format, palette: Palette) -> Self {
        let live =
            format == Format::Text && io::stdout().is_terminal() && io::stderr().is_terminal();
        Self {
            format,
            palette,
            progress: Arc::new(ProgressLine::new(live)),
        }
    }

    /// For whom results are printed.
    #[must_use]
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// The colours in use.
    #[must_use]
    pub(crate) fn palette(&self) -> Palette {
        self.palette
    }

    /// What is shown on the terminal while a command works.
    #[must_use]
    pub(crate) fn progress(&self) -> &ProgressLine {
        &self.progress
    }

    /// Prints one line for people; nothing in the other format.
    ///
    /// # Errors
    /// A closed pipe, which is no error of the command, or an output that cannot be written.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.write(text),
            Format::Json => Ok(()),
        }
    }

    /// Prints one object for programs; nothing in the other format.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(crate) fn record(&self, content: &impl Serialize) -> Result<(), Failure> {
        if self.format == Format::Text {
            return Ok(());
        }
        let line = Line {
            schema: SCHEMA_VERSION,
            content,
        };
        let text =
            serde_json::to_string(&line).map_err(|error| Failure::new(Code::Internal, error))?;
        self.write(&text)
    }

    /// Prints one thing for the reader.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(crate) fn show(&self, text: &str, content: &impl Serialize) -> Result<(), Failure> {
        self.line(text)?;
        self.record(content)
    }

    /// Says something on standard error; if nobody listens there, that is their choice.
    pub(crate) fn note(&self, text: &str) {
        self.progress.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{text}");
        });
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        let written = self.progress.suspend(|| {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{text}").and_then(|()| stdout.flush())
        });
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Code::OutputClosed, ClosedPipe),
            _ => Failure::new(Code::OutputUnwritable, error),
        })
    }
}

/// The reader of our output has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output is gone")]
pub(crate) struct ClosedPipe;

/// The format that was asked for, known before the command line is parsed: mistakes in it are to be reported in
/// that format as well. A word that is no format asks for nothing.
pub(crate) fn asked_format(
    flag: &str,
    arguments: &[OsString],
    variable: Option<OsString>,
) -> Option<Format> {
    let word = typed(flag, arguments).or(variable)?;
    match word.to_str()? {
        "text" => Some(Format::Text),
        "json" => Some(Format::Json),
        _ => None,
    }
}

/// What was typed as the value of a flag, wherever it stands; what follows `--` belongs to the program that is run.
pub(crate) fn typed(flag: &str, arguments: &[OsString]) -> Option<OsString> {
    let mut ours = arguments.iter().take_while(|argument| *argument != "--");
    let mut found = None;
    while let Some(argument) = ours.next() {
        if argument == flag {
            found = ours.next().cloned();
        } else if let Some(value) = argument
            .to_str()
            .and_then(|text| text.strip_prefix(flag)?.strip_prefix('='))
        {
            found = Some(value.into());
        }
    }
    found
}

/// What the environment says of colours, as far as it was left to it.
pub(crate) fn palette(asked: Colours, variable: impl Fn(&str) -> Option<OsString>) -> Palette {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let dumb = variable("TERM").is_some_and(|term| term == "dumb");
    let wanted = set("CLICOLOR_FORCE") || (io::stdout().is_terminal() && !dumb);
    match asked {
        Colours::Always => Palette::Colours,
        Colours::Auto if wanted && !set("NO_COLOR") => Palette::Colours,
        Colours::Auto | Colours::Never => Palette::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_known_before_the_command_line_is_parsed() {
        let asked = |arguments: &[&str], variable: Option<&str>| {
            let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
            asked_format("--output", &arguments, variable.map(Into::into))
        };
        assert_eq!(
            asked(&["run", "--output", "json"], None),
            Some(Format::Json)
        );
        assert_eq!(asked(&["--output=json", "run"], None), Some(Format::Json));
        assert_eq!(asked(&["run"], Some("json")), Some(Format::Json));
        assert_eq!(
            asked(&["--output", "text"], Some("json")),
            Some(Format::Text)
        );
        assert_eq!(asked(&["run", "--", "--output", "json"], None), None);
        assert_eq!(asked(&["run", "--output"], None), None);
        assert_eq!(asked(&["--output", "xml"], None), None);
    }
}
