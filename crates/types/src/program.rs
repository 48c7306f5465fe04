//! What a node lets a user upload and start: names of files, arguments, platforms.
//!
//! The rules are those of the original's node manager; checking them here tells the operator before
//! anything is acquired. Running a program is left to `overlord-node`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::failure::{Classified, Code};

/// Longest file name that nodes accept, in bytes.
pub const FILE_NAME_LENGTH_MAX: usize = 120;
/// Longest program line (name and arguments) sent to a node, in bytes. The original has no bound of
/// its own here; a command line of the operating system does.
pub const ARGUMENTS_LENGTH_MAX: usize = 16_384;

/// Why nodes refuse a file name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileNameError {
    /// Empty, or longer than [`FILE_NAME_LENGTH_MAX`].
    #[error("nodes accept file names of 1 to {FILE_NAME_LENGTH_MAX} characters, this one has {0}")]
    Length(usize),
    /// A character outside `a-z 0-9 . _ -`.
    #[error(
        "nodes accept file names of the characters a-z 0-9 . _ - only, and {name:?} has {character:?}"
    )]
    Character {
        /// The refused name.
        name: String,
        /// Its first character that is not accepted.
        character: char,
    },
    /// Starts with a dot.
    #[error("nodes refuse file names that start with a dot, such as {0:?}")]
    LeadingDot(String),
    /// Starts with `private_`, which nodes keep for themselves.
    #[error("nodes refuse file names that start with private_, such as {0:?}")]
    Private(String),
}

impl Classified for FileNameError {
    fn code(&self) -> Code {
        Code::ProgramName
    }
}

/// A file name that nodes accept: 1-120 of `[a-z0-9._-]`, not starting with `.` or `private_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, FileNameError> {
        if !(1..=FILE_NAME_LENGTH_MAX).contains(&text.len()) {
            return Err(FileNameError::Length(text.len()));
        }
        let refused = |c: &char| {
            !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
        };
        if let Some(character) = text.chars().find(refused) {
            return Err(FileNameError::Character {
                name: text.to_owned(),
                character,
            });
        }
        if text.starts_with('.') {
            return Err(FileNameError::LeadingDot(text.to_owned()));
        }
        if text.starts_with("private_") {
            return Err(FileNameError::Private(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for FileName {
    type Error = FileNameError;

    fn try_from(text: String) -> Result<Self, FileNameError> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why nodes refuse an argument of a program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// The argument is empty, and would vanish between two blanks.
    #[error("an empty argument cannot be sent to a node: blanks separate arguments")]
    Empty,
    /// A character outside `A-Z a-z 0-9 . - _`.
    #[error(
        "nodes accept arguments of the characters A-Z a-z 0-9 . - _ only, and {argument:?} has {character:?}"
    )]
    Character {
        /// The refused argument.
        argument: String,
        /// Its first character that is not accepted.
        character: char,
    },
    /// All arguments together are longer than [`ARGUMENTS_LENGTH_MAX`].
    #[error("the arguments are {0} bytes long, and at most {ARGUMENTS_LENGTH_MAX} can be sent")]
    Length(usize),
}

impl Classified for ArgumentError {
    fn code(&self) -> Code {
        Code::Arguments
    }
}

/// The arguments of a program, each of which nodes accept.
///
/// On the wire they follow the program's name with one blank before each, so none may be empty or hold a blank.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ProgramArguments(Vec<String>);

impl ProgramArguments {
    /// Checks each argument against what nodes accept.
    ///
    /// # Errors
    /// The first argument that nodes refuse, and why.
    pub fn new(arguments: Vec<String>) -> Result<Self, ArgumentError> {
        for argument in &arguments {
            let refused = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
            if argument.is_empty() {
                return Err(ArgumentError::Empty);
            }
            if let Some(character) = argument.chars().find(refused) {
                return Err(ArgumentError::Character {
                    argument: argument.clone(),
                    character,
                });
            }
        }
        let length: usize = arguments.iter().map(|argument| argument.len() + 1).sum();
        if length > ARGUMENTS_LENGTH_MAX {
            return Err(ArgumentError::Length(length));
        }
        Ok(Self(arguments))
    }

    /// The arguments, one text each.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The line that a node is sent: the program's name and its arguments with one blank between.
    #[must_use]
    pub fn program_line(&self, program: &FileName) -> String {
        let mut line = program.as_str().to_owned();
        for argument in &self.0 {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }
}

impl TryFrom<Vec<String>> for ProgramArguments {
    type Error = ArgumentError;

    fn try_from(arguments: Vec<String>) -> Result<Self, ArgumentError> {
        Self::new(arguments)
    }
}

impl From<ProgramArguments> for Vec<String> {
    fn from(arguments: ProgramArguments) -> Self {
        arguments.0
    }
}

/// A word that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the platform is one of repyV1, repyV2, native, not {0:?}")]
pub struct UnknownPlatform(pub String);

impl Classified for UnknownPlatform {
    fn code(&self) -> Code {
        Code::Platform
    }
}

/// What runs a program on a vessel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Platform {
    /// The first version of the testbed's restricted Python.
    #[serde(rename = "repyV1")]
    RepyV1,
    /// The second version.
    #[serde(rename = "repyV2")]
    RepyV2,
    /// An executable of the machine: no sandbox, so only for a testbed of one's own.
    #[serde(rename = "native")]
    Native,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 3] = [Self::RepyV1, Self::RepyV2, Self::Native];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RepyV1 => "repyV1",
            Self::RepyV2 => "repyV2",
            Self::Native => "native",
        }
    }

    /// The platform that a program's ending stands for: `.repy` is repyV1, `.r2py` and `.py` (the
    /// original page's examples) repyV2, any other an executable of the machine.
    #[must_use]
    pub fn of_program(file_name: &str) -> Self {
        match file_name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("repy") => Self::RepyV1,
            Some("r2py" | "py") => Self::RepyV2,
            _ => Self::Native,
        }
    }
}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    /// Nodes take the word in any case, and so does this.
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPlatform(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_follow_the_nodes_rules() {
        for name in ["a", "time_server.r2py", "x-1.2", &"a".repeat(120)] {
            assert_eq!(name.parse::<FileName>().unwrap().as_str(), name);
        }
        assert_eq!("".parse::<FileName>(), Err(FileNameError::Length(0)));
        assert_eq!(
            "a".repeat(121).parse::<FileName>(),
            Err(FileNameError::Length(121))
        );
        assert!(matches!(
            "Server".parse::<FileName>(),
            Err(FileNameError::Character { character: 'S', .. })
        ));
        assert!(matches!(
            "a/b".parse::<FileName>(),
            Err(FileNameError::Character { character: '/', .. })
        ));
        assert!(matches!(
            "..".parse::<FileName>(),
            Err(FileNameError::LeadingDot(_))
        ));
        assert!(matches!(
            "private_x".parse::<FileName>(),
            Err(FileNameError::Private(_))
        ));
    }

    #[test]
    fn arguments_that_would_be_cut_or_refused_never_leave() {
        let arguments =
            |list: &[&str]| ProgramArguments::new(list.iter().map(|&a| a.into()).collect());
        let program: FileName = "p".parse().unwrap();
        assert_eq!(
            arguments(&["63100", "-x_1.5"])
                .unwrap()
                .program_line(&program),
            "p 63100 -x_1.5"
        );
        assert_eq!(arguments(&[]).unwrap().program_line(&program), "p");
        assert_eq!(arguments(&[""]), Err(ArgumentError::Empty));
        assert!(matches!(
            arguments(&["a b"]),
            Err(ArgumentError::Character { character: ' ', .. })
        ));
        assert!(matches!(
            arguments(&["a|b"]),
            Err(ArgumentError::Character { character: '|', .. })
        ));
        let long = "x".repeat(ARGUMENTS_LENGTH_MAX);
        assert!(matches!(arguments(&[&long]), Err(ArgumentError::Length(_))));
    }

    #[test]
    fn the_platform_is_read_in_any_case_and_guessed_from_the_ending() {
        assert_eq!("REPYv2".parse(), Ok(Platform::RepyV2));
        assert!("repyv3".parse::<Platform>().is_err());
        assert_eq!(Platform::of_program("a.repy"), Platform::RepyV1);
        assert_eq!(Platform::of_program("a.r2py"), Platform::RepyV2);
        assert_eq!(Platform::of_program("a.pl"), Platform::Native);
        assert_eq!(Platform::of_program("server"), Platform::Native);
    }
}
