//! The original's command line: `repy [OPTION]... RESOURCE_FILE PROGRAM [ARGUMENT]...`.
//!
//! Options come first; a value follows as the next word or after `=`. All paths are relative to `--cwd` if it is given.
//! A command line is of this form if it begins with one of these options, or if its first word is a resource file.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::network::{AddressRules, Preference, parse_address};

/// What a command line of the original's form says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `--logfile PREFIX`: the log goes to `PREFIX.old` and `PREFIX.new` instead of standard output.
    pub log: Option<PathBuf>,
    /// `--stop FILE`: its appearance stops the program.
    pub stop: Option<PathBuf>,
    /// `--status PREFIX`: a status file is kept.
    pub status: Option<PathBuf>,
    /// `--cwd DIR`: the program's files are there.
    pub directory: Option<PathBuf>,
    /// `--ip ADDRESS`, `--iface NAME`, `--nootherips`.
    pub addresses: AddressRules,
    /// `--servicelog`: faults of the sandbox itself are told on standard error too.
    pub service_log: bool,
    /// `--schedule SEED`: the turns of the program's threads are those of this seed.
    pub schedule: Option<u64>,
    /// `--execinfo`: the log begins with program and arguments, and standard error is told of the second wall.
    pub show_execution: bool,
    /// The resource file.
    pub resources: PathBuf,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// A command line that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandLineError {
    /// There is no such option.
    #[error("there is no option {0}")]
    Unknown(String),
    /// The option needs a value.
    #[error("{0} needs a value")]
    NoValue(&'static str),
    /// The option takes no value.
    #[error("{0} takes no value")]
    Value(&'static str),
    /// `--ip` without an address.
    #[error("--ip: {0} is no IPv4 address")]
    Address(String),
    /// `--schedule` without a number.
    #[error("--schedule: {0} is no number from 0 to 2^64 - 1")]
    Schedule(String),
    /// The resource file is missing.
    #[error("a resource file and a program are missing")]
    NoResources,
    /// The program is missing.
    #[error("a program is missing after the resource file")]
    NoProgram,
}

/// The options; the flag says whether a value follows.
const OPTIONS: [(&str, bool); 10] = [
    ("--cwd", true),
    ("--execinfo", false),
    ("--iface", true),
    ("--ip", true),
    ("--logfile", true),
    ("--nootherips", false),
    ("--schedule", true),
    ("--servicelog", false),
    ("--status", true),
    ("--stop", true),
];

/// Whether a word is one of these options.
pub fn is_option(word: &OsStr) -> bool {
    split(word).is_some_and(|(name, _)| OPTIONS.iter().any(|(known, _)| *known == name))
}

/// An option's name and what follows `=`.
fn split(word: &OsStr) -> Option<(String, Option<String>)> {
    let word = word.to_str()?;
    if !word.starts_with("--") {
        return None;
    }
    Some(match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    })
}

/// A text without the mark that some editors put before UTF-8.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Whether a file's text, with a program named behind it, is meant as a resource file: its first word says so, and no
/// Repy program begins like that; or it says nothing at all, which to run would be nothing.
pub fn is_resource_file(text: &[u8], program_follows: bool) -> bool {
    without_mark(text)
        .split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b'#').next().unwrap_or_default())
        .find_map(|line| {
            line.split(u8::is_ascii_whitespace)
                .find(|word| !word.is_empty())
                .map(|word| (word, line))
        })
        .map_or(program_follows, |(word, line)| {
            let words = line
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty())
                .count();
            matches!(word, b"resource" | b"call") && words > 1 && !line.contains(&b'=')
        })
}

/// The seed of a schedule.
///
/// # Errors
/// If the word is none.
pub fn parse_seed(word: &OsStr) -> Result<u64, CommandLineError> {
    let word = word.to_string_lossy();
    word.parse()
        .map_err(|_| CommandLineError::Schedule(word.into_owned()))
}

impl CommandLine {
    /// Reads the words after the program's own name.
    ///
    /// # Errors
    /// The first thing that makes no sense.
    pub fn parse(words: &[OsString]) -> Result<CommandLine, CommandLineError> {
        let mut line = CommandLine::default();
        let mut words = words.iter();
        let resources = loop {
            let word = words.next().ok_or(CommandLineError::NoResources)?;
            let Some((name, inline)) = split(word) else {
                break word;
            };
            if name == "--" {
                break words.next().ok_or(CommandLineError::NoResources)?;
            }
            let Some(&(name, takes_value)) = OPTIONS.iter().find(|(known, _)| *known == name)
            else {
                return Err(CommandLineError::Unknown(name));
            };
            let value = match (takes_value, inline) {
                (false, None) => OsString::new(),
                (false, Some(_)) => return Err(CommandLineError::Value(name)),
                (true, Some(value)) => value.into(),
                (true, None) => words.next().ok_or(CommandLineError::NoValue(name))?.clone(),
            };
            line.set(name, value)?;
        };
        line.resources = resources.into();
        line.program = words.next().ok_or(CommandLineError::NoProgram)?.into();
        line.arguments = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        Ok(line)
    }

    fn set(&mut self, option: &str, value: OsString) -> Result<(), CommandLineError> {
        match option {
            "--cwd" => self.directory = Some(value.into()),
            "--execinfo" => self.show_execution = true,
            "--iface" => {
                let name = value.to_string_lossy().into_owned();
                self.addresses.preferences.push(Preference::Interface(name));
            }
            "--ip" => {
                let text = value.to_string_lossy();
                let address = parse_address(text.as_bytes())
                    .ok_or_else(|| CommandLineError::Address(text.into_owned()))?;
                self.addresses
                    .preferences
                    .push(Preference::Address(address));
            }
            "--logfile" => self.log = Some(value.into()),
            "--nootherips" => self.addresses.no_others = true,
            "--schedule" => self.schedule = Some(parse_seed(&value)?),
            "--servicelog" => self.service_log = true,
            "--status" => self.status = Some(value.into()),
            _ => self.stop = Some(value.into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<CommandLine, CommandLineError> {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        CommandLine::parse(&words)
    }

    #[test]
    fn the_form_of_the_original_is_read_whole() {
        let line = parse(
            "--logfile log --stop=halt --status state --cwd v1 --ip 127.0.0.2 --iface lo \
             --nootherips --servicelog --execinfo resources.v1 program.r2py --not an=option",
        )
        .unwrap();
        assert_eq!(line.log, Some("log".into()));
        assert_eq!(line.stop, Some("halt".into()));
        assert_eq!(line.status, Some("state".into()));
        assert_eq!(line.directory, Some("v1".into()));
        assert_eq!(
            line.addresses,
            AddressRules {
                preferences: vec![
                    Preference::Address([127, 0, 0, 2].into()),
                    Preference::Interface("lo".to_owned()),
                ],
                no_others: true,
            }
        );
        assert!(line.service_log && line.show_execution);
        assert_eq!(line.resources, PathBuf::from("resources.v1"));
        assert_eq!(line.program, PathBuf::from("program.r2py"));
        assert_eq!(line.arguments, ["--not", "an=option"]);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (words, expected) in [
            ("", "a resource file and a program are missing"),
            ("resources", "a program is missing after the resource file"),
            ("--ip", "--ip needs a value"),
            ("--ip here r p", "--ip: here is no IPv4 address"),
            ("--nootherips=yes r p", "--nootherips takes no value"),
            (
                "--schedule often r p",
                "--schedule: often is no number from 0 to 2^64 - 1",
            ),
            ("--fast r p", "there is no option --fast"),
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert_eq!(error, expected, "{words}");
        }
    }

    #[test]
    fn resource_files_are_told_from_programs() {
        for text in [
            "resource cpu .1\n",
            "# of v1\n\n  call exitall allow\n",
            "\u{feff}resource cpu .1\r\n",
        ] {
            assert!(is_resource_file(text.as_bytes(), false), "{text}");
        }
        for text in [
            "",
            "log('resource cpu')",
            "resource = 5",
            "call(x)",
            "resource\n",
        ] {
            assert!(!is_resource_file(text.as_bytes(), false), "{text}");
        }
        for text in ["", "# nothing but this\n\n", "\u{feff}  \r\n"] {
            assert!(is_resource_file(text.as_bytes(), true), "{text}");
        }
        assert!(!is_resource_file(b"log('resource cpu')", true));
        assert!(is_option(OsStr::new("--logfile=x")) && is_option(OsStr::new("--ip")));
        assert!(!is_option(OsStr::new("--check")) && !is_option(OsStr::new("ip")));
    }
}
