//! Why a deployment cannot be set up, by who is to blame. What fails during a run is the engine's `RunError`.
//!
//! No message repeats its source; a chain is printed by walking `source()`.

use std::path::PathBuf;

use overlord_clearinghouse::{
    ApiKeyError, ApiKeyFormatError, ClearinghouseError, ClientSetupError, FaultKind, RetryClass,
};
use overlord_engine::{RunError, SettingsError};
use overlord_keys::{KeyError, KeyFileError, RsaError};
use overlord_types::{FileNameError, UserName, UserNameError};
use thiserror::Error;

/// Who can do something about an error. The binary's exit codes refine this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Blame {
    /// What was asked for is wrong: names, numbers, files, keys.
    Operator,
    /// This machine refuses: files that cannot be written, no randomness.
    LocalMachine,
    /// The clearinghouse or the way to it.
    Clearinghouse,
    /// A bug of ours.
    Bug,
}

/// Why a deployment cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No name of a user.
    #[error(transparent)]
    UserName(#[from] UserNameError),
    /// A number, an argument or a period that cannot be.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The program is not there or cannot be read.
    #[error("cannot read the program {}", path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program is larger than a vessel's disk.
    #[error("the program {} has more than {max} bytes, the most that vessels take", path.display())]
    ProgramTooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// Nodes refuse a file of this name.
    #[error("the program {} has a name that nodes refuse", path.display())]
    ProgramName {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: FileNameError,
    },
    /// The user's keys are missing or broken.
    #[error("the keys of {user} cannot be used")]
    Keys {
        /// The user.
        user: UserName,
        /// Which file, and what is wrong with it.
        #[source]
        source: KeyFileError,
    },
    /// The clearinghouse's address or roots are wrong.
    #[error(transparent)]
    Client(#[from] ClientSetupError),
    /// The given API key is none.
    #[error("the given API key cannot be one")]
    ApiKeyFormat(#[from] ApiKeyFormatError),
    /// The API key cannot be had.
    #[error(transparent)]
    ApiKey(#[from] ApiKeyError<RsaError>),
    /// The account cannot be read.
    #[error("the account of {user} cannot be read")]
    Account {
        /// The user.
        user: UserName,
        /// Why.
        #[source]
        source: ClearinghouseError,
    },
    /// The account has another public key than the key files: nodes would refuse every request.
    #[error("the key files of {user} are not those of the account")]
    OtherKeys {
        /// The user.
        user: UserName,
    },
    /// What the clearinghouse calls the account's public key is none.
    #[error("the public key that the clearinghouse has for {user} is none")]
    AccountKey {
        /// The user.
        user: UserName,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The stop file is there already, so a run would end at once.
    #[error("the stop file {} is there already: somebody asked this deployment to stop", path.display())]
    StopFilePresent {
        /// The file.
        path: PathBuf,
    },
    /// The log file cannot be written.
    #[error("cannot write the log file {}", path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system gives no random numbers.
    #[error("this machine gives no random numbers: {0}")]
    Randomness(String),
}

impl SetupError {
    /// Who can do something about it.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::UserName(_)
            | Self::Settings(_)
            | Self::Program { .. }
            | Self::ProgramTooLarge { .. }
            | Self::ProgramName { .. }
            | Self::ApiKeyFormat(_)
            | Self::OtherKeys { .. }
            | Self::StopFilePresent { .. } => Blame::Operator,
            Self::Keys { source, .. } => match source {
                KeyFileError::Crypto(_) => Blame::Bug,
                _ => Blame::Operator,
            },
            Self::Client(error) => match error {
                ClientSetupError::NoSystemRoots(_) => Blame::LocalMachine,
                ClientSetupError::Library(_) => Blame::Bug,
                _ => Blame::Operator,
            },
            Self::ApiKey(ApiKeyError::Call(error)) | Self::Account { source: error, .. } => {
                blame_of_call(error)
            }
            Self::ApiKey(_) => Blame::Operator,
            Self::AccountKey { .. } => Blame::Clearinghouse,
            Self::LogFile { .. } | Self::Randomness(_) => Blame::LocalMachine,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UserName(_) => "give the user name as the clearinghouse's web pages show it",
            Self::Settings(error) => settings_hint(error),
            Self::Program { .. } => "name a file that is there and readable",
            Self::ProgramTooLarge { .. } => "let the program fetch what does not fit",
            Self::ProgramName { .. } => {
                "copy the program to a name that nodes take, such as my_program.r2py"
            }
            Self::Keys { source, .. } => match source {
                KeyFileError::Missing { .. } => {
                    "name the folder that holds USER.publickey and USER.privatekey, or download them from the clearinghouse"
                }
                _ => "download the account's key files again",
            },
            Self::Client(error) => error.hint(),
            Self::ApiKeyFormat(_) => {
                "copy the API key from the clearinghouse's web pages, or leave it out"
            }
            Self::ApiKey(error) => error.hint(),
            Self::Account { source, .. } => source.hint(),
            Self::OtherKeys { .. } | Self::AccountKey { .. } => {
                "download the account's key files again, or set the account's public key"
            }
            Self::StopFilePresent { .. } => "remove the file to run, or name another stop file",
            Self::LogFile { .. } => "name a log file in a folder that can be written to",
            Self::Randomness(_) => "see that the operating system's random device works",
        }
    }
}

/// Who can do something about a call that failed.
fn blame_of_call(error: &ClearinghouseError) -> Blame {
    match error.fault().map(overlord_clearinghouse::Fault::kind) {
        Some(FaultKind::Authentication | FaultKind::InvalidRequest) => Blame::Operator,
        Some(_) => Blame::Clearinghouse,
        None => match error.retry_class() {
            RetryClass::AfterAChange => Blame::Operator,
            _ => Blame::Clearinghouse,
        },
    }
}

fn settings_hint(error: &SettingsError) -> &'static str {
    match error {
        SettingsError::NoVessels => "ask for at least one vessel",
        SettingsError::OverCredit { .. } => {
            "ask for fewer vessels, or donate a node for more credit"
        }
        SettingsError::Arguments(_) | SettingsError::UnknownTemplate { .. } => {
            "nodes take letters, digits, '.', '-' and '_' in arguments; put anything else into the program"
        }
        _ => "see the bounds in the message",
    }
}

/// Who can do something about a run that did not begin.
#[must_use]
pub fn blame_of_run(error: &RunError) -> Blame {
    match error {
        RunError::Settings(_) | RunError::StartUp(_) => Blame::Operator,
        RunError::Clearinghouse(error) => match error.retry_class() {
            overlord_engine::RetryClass::Again => Blame::Clearinghouse,
            _ => Blame::Operator,
        },
        RunError::Journal(_) => Blame::LocalMachine,
        _ => Blame::Bug,
    }
}
