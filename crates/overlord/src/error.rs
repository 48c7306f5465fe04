//! Why a deployment cannot be set up. What fails during a run is the engine's `RunError`.
//!
//! No message repeats its source; a chain is printed by walking `source()`.

use std::path::PathBuf;

use overlord_clearinghouse::{
    ApiKeyError, ApiKeyFormatError, ClearinghouseCallError, ClientSetupError,
};
use overlord_engine::{ProgramFileError, SettingsError};
use overlord_keys::{KeyError, KeyFileError, RsaError};
use overlord_time::NoRandomness;
use overlord_types::failure::{Classified, Code, is_out_of_files};
use overlord_types::{UserName, UserNameError};
use thiserror::Error;

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
    /// Vessels do not take the program.
    #[error("the program {} cannot be deployed", path.display())]
    ProgramRefused {
        /// The file, or its name if it came as bytes.
        path: PathBuf,
        /// Why.
        #[source]
        source: ProgramFileError,
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
        source: ClearinghouseCallError,
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
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl Classified for SetupError {
    fn code(&self) -> Code {
        match self {
            Self::UserName(error) => error.code(),
            Self::Settings(error) => error.code(),
            Self::Program { source, .. } | Self::LogFile { source, .. }
                if is_out_of_files(source) =>
            {
                Code::OpenFilesExhausted
            }
            Self::Program { .. } => Code::ProgramUnreadable,
            Self::ProgramRefused { source, .. } => source.code(),
            Self::Keys { source, .. } => source.code(),
            Self::Client(error) => error.code(),
            Self::ApiKeyFormat(error) => error.code(),
            Self::ApiKey(error) => error.code(),
            Self::Account { source, .. } => source.code(),
            Self::OtherKeys { .. } => Code::KeysOfAnother,
            Self::AccountKey { .. } => Code::AccountKeyMalformed,
            Self::StopFilePresent { .. } => Code::StopFilePresent,
            Self::LogFile { .. } => Code::LogFileUnwritable,
            Self::Randomness(_) => Code::RandomnessMissing,
        }
    }
}
