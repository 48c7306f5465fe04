//! Which exit code and which advice each kind of error gets. One place, so that the same mistake is
//! reported the same way by every command.

use overlord::SetupError;
use overlord::clearinghouse::{
    ApiKeyError, ClearinghouseError, ClientSetupError, FaultKind, Method, TransportError,
};
use overlord::engine::{RunError, SettingsError};
use overlord::keys::{KeyFileError, RsaError};
use overlord_testbed::TestbedError;
use overlord_testbed::clearinghouse::ClearinghouseStartError;

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;
use crate::text::count_of;

/// What to do about keys that are not the account's.
const WRONG_KEY_ADVICE: &str = "check --user, --keys-dir and --clearinghouse; the key files must be the ones whose public key the account has";

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let (meaning, advice) = match &error {
            KeyFileError::Missing { .. } => (
                ExitMeaning::NoInput,
                "name the directory of the key files with --keys-dir, or make a pair with: overlord keys generate --user NAME",
            ),
            KeyFileError::Unreadable { .. } => (
                ExitMeaning::NoInput,
                "make the file readable for yourself (chmod 600)",
            ),
            KeyFileError::Malformed { .. } => (
                ExitMeaning::Data,
                "get the file again from the clearinghouse or a backup; it holds decimal numbers separated by blanks and nothing else",
            ),
            KeyFileError::Mismatch { .. } => (
                ExitMeaning::Data,
                "put two files of one pair there; they may come from different accounts, or one is from before a change of keys",
            ),
            KeyFileError::Exists { .. } => (
                ExitMeaning::CannotCreate,
                "choose another --user or --keys-dir, or move the old keys away yourself",
            ),
            KeyFileError::Unwritable { .. } => (
                ExitMeaning::CannotCreate,
                "name a directory that you may write to with --keys-dir",
            ),
            _ => (ExitMeaning::Internal, "report it, please"),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<ClientSetupError> for Failure {
    fn from(error: ClientSetupError) -> Self {
        let (meaning, advice) = match &error {
            ClientSetupError::Url { .. } => (
                ExitMeaning::Usage,
                "give a URL such as https://clearinghouse.example.org/xmlrpc/ with --clearinghouse",
            ),
            ClientSetupError::PlainHttp { .. } => (
                ExitMeaning::Usage,
                "use https; for a private testbed give its CA certificate with --ca-file",
            ),
            ClientSetupError::CaFile { .. } => (
                ExitMeaning::NoInput,
                "name a readable PEM file with --ca-file, such as cacert.pem of the testbed",
            ),
            ClientSetupError::CaFileContent { .. } => (
                ExitMeaning::Data,
                "give a PEM file with one or more certificates with --ca-file",
            ),
            ClientSetupError::NoSystemRoots(_) => (
                ExitMeaning::Machine,
                "install the system's certificates (Debian: ca-certificates), or give a file with --ca-file",
            ),
            _ => (ExitMeaning::Internal, "report it, please"),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<ClearinghouseError> for Failure {
    fn from(error: ClearinghouseError) -> Self {
        let meaning = match &error {
            ClearinghouseError::Transport { source, .. } => match source {
                TransportError::Tls(_) => ExitMeaning::Protocol,
                _ => ExitMeaning::Unavailable,
            },
            ClearinghouseError::Http { status, .. } if *status >= 500 => ExitMeaning::Unavailable,
            ClearinghouseError::Http { .. } | ClearinghouseError::Malformed { .. } => {
                ExitMeaning::Protocol
            }
            ClearinghouseError::Fault { method, fault } => match fault.kind() {
                FaultKind::Authentication => ExitMeaning::NotPermitted,
                // The one thing that can be wrong with a request for an API key is the user.
                FaultKind::InvalidRequest if *method == Method::GetEncryptedApiKey => {
                    ExitMeaning::NotPermitted
                }
                FaultKind::InvalidRequest => ExitMeaning::Usage,
                FaultKind::NotEnoughCredits | FaultKind::UnableToAcquire => ExitMeaning::NotEnough,
                _ => ExitMeaning::Unavailable,
            },
            _ => ExitMeaning::Protocol,
        };
        let advice = match &error {
            ClearinghouseError::Transport {
                source: TransportError::Tls(failure),
                ..
            } => format!("{} (--ca-file names one)", failure.hint()),
            _ if meaning == ExitMeaning::NotPermitted => WRONG_KEY_ADVICE.to_owned(),
            _ => error.hint().to_owned(),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<ApiKeyError<RsaError>> for Failure {
    fn from(error: ApiKeyError<RsaError>) -> Self {
        match error {
            ApiKeyError::Call(error) => error.into(),
            error => Self::new(ExitMeaning::NotPermitted, error).advise(WRONG_KEY_ADVICE),
        }
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        let (meaning, advice) = match error {
            SetupError::Settings(error) => return error.into(),
            SetupError::Client(error) => return error.into(),
            SetupError::ApiKey(error) => return error.into(),
            SetupError::Keys { source, .. } => return source.into(),
            SetupError::Account { source, .. } => return source.into(),
            SetupError::UserName(_) => (ExitMeaning::Usage, error.hint()),
            SetupError::Program { .. } => (
                ExitMeaning::NoInput,
                "give the path of the file that is to run on each vessel",
            ),
            SetupError::ProgramTooLarge { .. } | SetupError::ProgramName { .. } => {
                (ExitMeaning::Data, error.hint())
            }
            SetupError::ApiKeyFormat(_) => (ExitMeaning::Data, error.hint()),
            SetupError::OtherKeys { .. } => (ExitMeaning::NotPermitted, WRONG_KEY_ADVICE),
            SetupError::AccountKey { .. } => (ExitMeaning::Protocol, error.hint()),
            SetupError::StopFilePresent { .. } => (
                ExitMeaning::Usage,
                "remove it to run, or name another with --stop-file",
            ),
            SetupError::LogFile { .. } => (
                ExitMeaning::CannotCreate,
                "name a file that you may write to with --log-file, in a directory that exists",
            ),
            SetupError::Randomness(_) => (ExitMeaning::Machine, error.hint()),
            _ => (ExitMeaning::Internal, "report it, please"),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let (meaning, advice) = match &error {
            SettingsError::OverCredit { credit, .. } => (
                ExitMeaning::NotEnough,
                format!(
                    "ask for at most {} with --count",
                    count_of(*credit as usize, "vessel", "vessels")
                ),
            ),
            SettingsError::NoVessels | SettingsError::TooManyVessels { .. } => (
                ExitMeaning::Usage,
                "ask for another number of vessels with --count".to_owned(),
            ),
            SettingsError::Arguments(_) => (
                ExitMeaning::Usage,
                "change the arguments after --; put what they cannot say into the program"
                    .to_owned(),
            ),
            SettingsError::UnknownTemplate { .. } => (
                ExitMeaning::Usage,
                "write {port}, {index} or {time}; nodes accept no other braces".to_owned(),
            ),
            SettingsError::OutOfBounds { .. } => (
                ExitMeaning::Usage,
                "give another time, such as 30s or 15m".to_owned(),
            ),
            _ => (ExitMeaning::Usage, "change what was asked for".to_owned()),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Settings(error) => error.into(),
            RunError::Clearinghouse(error) => error.into(),
            error @ RunError::Journal(_) => Self::new(ExitMeaning::CannotCreate, error)
                .advise("repair the journal, or move it away; vessels of earlier runs are then not known as ours"),
            error => Self::new(ExitMeaning::Internal, error),
        }
    }
}

impl From<overlord::engine::ClearinghouseError> for Failure {
    fn from(error: overlord::engine::ClearinghouseError) -> Self {
        use overlord::engine::ClearinghouseError as Error;
        let (meaning, advice) = match &error {
            Error::Unreachable(_) | Error::AnswerLost(_) | Error::Silent(_) => (
                ExitMeaning::Unavailable,
                "check --clearinghouse, your network, and HTTPS_PROXY and NO_PROXY; or wait until it is back",
            ),
            Error::Tls(_) => (
                ExitMeaning::Protocol,
                "if this is a testbed of yours, give its CA certificate with --ca-file; otherwise somebody may be listening in between",
            ),
            Error::Authentication(_) | Error::InvalidRequest(_) => {
                (ExitMeaning::NotPermitted, WRONG_KEY_ADVICE)
            }
            Error::NotEnoughCredits(_) | Error::UnableToAcquire(_) => (
                ExitMeaning::NotEnough,
                "ask for fewer vessels with --count, or for another --type",
            ),
            Error::Internal(_) => (
                ExitMeaning::Unavailable,
                "the clearinghouse has a problem of its own; try again later",
            ),
            _ => (
                ExitMeaning::Protocol,
                "check --clearinghouse: it ends in /xmlrpc/, and no proxy or login page may stand between",
            ),
        };
        Self::new(meaning, error).advise(advice)
    }
}

/// What to do about a port on which the clearinghouse of a testbed cannot listen.
fn cannot_listen(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "choose another port with --port (0 takes a free one), or end what listens on this one"
        }
        std::io::ErrorKind::PermissionDenied => {
            "choose a port from 1024 on with --port (0 takes a free one): this system keeps those below for itself"
        }
        _ => "choose another port with --port (0 takes a free one)",
    }
}

impl From<TestbedError> for Failure {
    fn from(error: TestbedError) -> Self {
        let (meaning, advice) = match &error {
            TestbedError::Clearinghouse(ClearinghouseStartError::Listen { source, .. }) => {
                (ExitMeaning::Machine, cannot_listen(source))
            }
            TestbedError::TooManyNodes(_)
            | TestbedError::NoSuchNode { .. }
            | TestbedError::NotRunning(_)
            | TestbedError::NoProgram(_) => (
                ExitMeaning::Usage,
                "overlord testbed show prints what there is",
            ),
            TestbedError::File { .. } => (
                ExitMeaning::CannotCreate,
                "choose another directory for the testbed",
            ),
            TestbedError::InUse(_) => (
                ExitMeaning::CannotCreate,
                "use it, end it, or choose another directory with --dir (for a run: --local-dir)",
            ),
            TestbedError::Malformed { .. }
            | TestbedError::KeyFile(_)
            | TestbedError::Account(_) => (
                ExitMeaning::Data,
                "start in an empty directory, or repair what is in this one",
            ),
            TestbedError::Network(_)
            | TestbedError::Node { .. }
            | TestbedError::Clearinghouse(_)
            | TestbedError::Enrol { .. }
            | TestbedError::Kill { .. } => (
                ExitMeaning::Machine,
                "see that loopback networks (127.A.x.1, Linux) and enough processes and files are allowed",
            ),
            _ => (ExitMeaning::Internal, "report it, please"),
        };
        Self::new(meaning, error).advise(advice)
    }
}
