//! What can go wrong, by blame: operator, local machine, clearinghouse, node, bug of ours.
//!
//! Ports translate what their sockets and parsers say into these. What each is called, and whether it is "again
//! later" or "ask the operator", follows from its [`Code`]. How long later is, is left to [`overlord_time::Backoff`].

use std::sync::Arc;
use std::time::Duration;

use overlord_types::failure::{Classified, Code, is_out_of_files};
use overlord_types::{ArgumentError, FileNameError, Handle, UserName, VesselStatus};
use thiserror::Error;

use crate::policy_period::PolicyPeriod;
use crate::provenance::{DeploymentName, Generation, RECORD_VERSION};
use crate::stage_name::StageName;

/// What an adapter or a hook failed with underneath; kept as the source of ours.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A call to the clearinghouse that gave no good answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClearinghouseError {
    /// Nothing was asked: no connection came about, or what answered is no clearinghouse.
    #[error("the clearinghouse cannot be reached")]
    Unreachable {
        /// What stood in the way.
        code: Code,
        /// The same in words.
        #[source]
        cause: Cause,
    },
    /// The request was sent, or may have been, and no whole answer came: it may have been carried out.
    #[error("the clearinghouse did not answer, and may or may not have done what was asked")]
    AnswerLost(#[source] Cause),
    /// The deadline of the call passed: as [`ClearinghouseError::AnswerLost`].
    #[error(
        "the clearinghouse did not answer within {} s, and may or may not have done what was asked",
        .0.as_secs()
    )]
    Silent(Duration),
    /// The certificate of the server was refused.
    #[error("the clearinghouse's certificate was refused")]
    Tls {
        /// What the certificate lacks.
        code: Code,
        /// The same in words.
        #[source]
        cause: Cause,
    },
    /// Fault 101: it does not know this user, or not with this key.
    #[error("the clearinghouse refuses this user name or key: {0}")]
    Authentication(String),
    /// Fault 102: it calls our request invalid.
    #[error("the clearinghouse calls the request invalid: {0}")]
    InvalidRequest(String),
    /// Fault 103: the account's credit does not allow as many vessels.
    #[error("the account's credit does not allow as many vessels: {0}")]
    NotEnoughCredits(String),
    /// Fault 105: it has no such vessels to give, at least not as many.
    #[error("the clearinghouse has not as many vessels of this type to give: {0}")]
    UnableToAcquire(String),
    /// Fault 100, 1 or an unknown one, or an answer of HTTP that is none.
    #[error("the clearinghouse failed: {0}")]
    Internal(String),
    /// The answer cannot be read.
    #[error("the clearinghouse's answer cannot be read")]
    Malformed(#[source] Cause),
}

impl ClearinghouseError {
    /// No connection came about, for that reason.
    #[must_use]
    pub fn unreachable(cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let code = if is_out_of_files(&*cause) {
            Code::OpenFilesExhausted
        } else {
            Code::ClearinghouseUnreachable
        };
        Self::Unreachable { code, cause }
    }

    /// Whether the request may have been carried out although it failed for us. Such a call is
    /// resolved by reading what the account holds, never by asking again blindly.
    #[must_use]
    pub fn may_have_been_done(&self) -> bool {
        match self {
            Self::AnswerLost(_) | Self::Silent(_) | Self::Internal(_) | Self::Malformed(_) => true,
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Authentication(_)
            | Self::InvalidRequest(_)
            | Self::NotEnoughCredits(_)
            | Self::UnableToAcquire(_) => false,
        }
    }

    /// Whether the clearinghouse itself spoke: then our own link works.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::AnswerLost(_) | Self::Silent(_) | Self::Tls { .. } => {
                false
            }
            Self::Authentication(_)
            | Self::InvalidRequest(_)
            | Self::NotEnoughCredits(_)
            | Self::UnableToAcquire(_)
            | Self::Internal(_)
            | Self::Malformed(_) => true,
        }
    }
}

impl Classified for ClearinghouseError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { code, .. } | Self::Tls { code, .. } => *code,
            Self::AnswerLost(_) | Self::Silent(_) => Code::ClearinghouseSilent,
            Self::Authentication(_) => Code::Authentication,
            Self::InvalidRequest(_) => Code::RequestInvalid,
            Self::NotEnoughCredits(_) => Code::CreditExhausted,
            Self::UnableToAcquire(_) => Code::VesselsUnavailable,
            Self::Internal(_) => Code::ClearinghouseFailed,
            Self::Malformed(_) => Code::ClearinghouseMalformed,
        }
    }
}

/// A call to a node that gave no good answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// No connection came about.
    #[error("the node cannot be reached")]
    Unreachable(#[source] Cause),
    /// It took the connection and gave no whole answer before the deadline, or closed it.
    #[error("the node took the connection and did not answer")]
    Silent(#[source] Cause),
    /// The deadline of the operation passed.
    #[error("the node did not answer within {} s", .0.as_secs())]
    Deadline(Duration),
    /// It answered that it will not; the text is the node's.
    #[error("the node refused: {0}")]
    Refused(String),
    /// Only a forwarder leads to it, and we use none: it refuses nothing, and no request of ours can reach it.
    #[error("the node is behind a forwarder")]
    BehindForwarder(#[source] Cause),
    /// Its answer cannot be read, or is not of the node asked.
    #[error("the node's answer cannot be trusted")]
    Misbehaved(#[source] Cause),
    /// Something on our side kept us from asking: the operating system out of sockets, a clock that was set back, the end
    /// of the program, a bug of ours. It says nothing about the node.
    #[error("something on our side kept us from asking the node")]
    Local {
        /// What it was.
        code: Code,
        /// The same in words.
        #[source]
        cause: Cause,
    },
}

impl NodeError {
    /// Whether nothing was heard of the node: silence counts for the breaker, an answer does not.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Silent(_) | Self::Deadline(_) | Self::Local { .. } => true,
            Self::Refused(_) | Self::BehindForwarder(_) | Self::Misbehaved(_) => false,
        }
    }
}

impl Classified for NodeError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable(_) => Code::NodeUnreachable,
            Self::Silent(_) | Self::Deadline(_) => Code::NodeSilent,
            Self::Refused(_) => Code::NodeRefused,
            Self::BehindForwarder(_) => Code::NodeBehindForwarder,
            Self::Misbehaved(_) => Code::NodeMalformed,
            Self::Local { code, .. } => *code,
        }
    }
}

/// A journal that could not be written or read. Cheap to clone: one batch may be what several operations wait for.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The records are not safely stored.
    #[error("the journal cannot be written")]
    Write(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// What was stored cannot be read back.
    #[error("the journal cannot be read")]
    Read(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Another run of the deployment has begun since: it alone may write.
    #[error(
        "run {newest} of deployment {deployment} has begun; run {generation} may not write any more"
    )]
    Stale {
        /// Whose records they are.
        deployment: DeploymentName,
        /// The run that they are of.
        generation: Generation,
        /// The run that may write.
        newest: Generation,
    },
    /// A later release wrote it.
    #[error(
        "the journal has a record of version {version}, and this release reads up to {RECORD_VERSION}; use the later one"
    )]
    TooNew {
        /// The version of the record.
        version: u16,
    },
}

impl JournalError {
    /// The records are not safely stored, for that reason.
    #[must_use]
    pub fn write(cause: impl Into<Cause>) -> Self {
        Self::Write(cause.into().into())
    }

    /// What was stored cannot be read back, for that reason.
    #[must_use]
    pub fn read(cause: impl Into<Cause>) -> Self {
        Self::Read(cause.into().into())
    }
}

impl Classified for JournalError {
    fn code(&self) -> Code {
        match self {
            Self::Write(cause) | Self::Read(cause) if is_out_of_files(&**cause) => {
                Code::OpenFilesExhausted
            }
            Self::Write(_) | Self::Read(_) => Code::Journal,
            Self::Stale { .. } => Code::RunSuperseded,
            Self::TooNew { .. } => Code::JournalTooNew,
        }
    }
}

/// A deployment that cannot be run as it was asked for. The operator is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// No vessel wanted.
    #[error("the number of vessels is at least 1; ask for one or more")]
    NoVessels,
    /// More vessels than the account may hold.
    #[error(
        "{wanted} vessels are wanted and the account of {user} may hold {credit}; ask for fewer, or donate a node for more credit"
    )]
    OverCredit {
        /// How many are wanted.
        wanted: u32,
        /// How many the account may hold.
        credit: u32,
        /// Whose account it is.
        user: UserName,
    },
    /// More vessels than this engine is made for.
    #[error("{wanted} vessels are wanted, and one deployment holds at most {max}")]
    TooManyVessels {
        /// How many are wanted.
        wanted: u32,
        /// The bound.
        max: u32,
    },
    /// An argument that nodes refuse, after its templates were filled in.
    #[error("the program's arguments cannot be sent")]
    Arguments(#[source] ArgumentError),
    /// `{…}` with a word that stands for nothing.
    #[error("{template:?} has {{{word}}}; known are {{port}}, {{index}} and {{time}}")]
    UnknownTemplate {
        /// The argument with the word.
        template: String,
        /// The word between the braces.
        word: String,
    },
    /// No operation on nodes is allowed, so nothing could ever be done.
    #[error("operations_max and operations_per_node_max are at least 1")]
    NoOperations,
    /// A period or deadline of zero, or out of its bounds.
    #[error("{period} is between {least:?} and {most:?}, not {value:?}")]
    OutOfBounds {
        /// Which one.
        period: PolicyPeriod,
        /// What was asked for.
        value: Duration,
        /// The least allowed.
        least: Duration,
        /// The most allowed.
        most: Duration,
    },
}

impl Classified for SettingsError {
    fn code(&self) -> Code {
        match self {
            Self::NoVessels | Self::TooManyVessels { .. } => Code::VesselCount,
            Self::OverCredit { .. } => Code::OverCredit,
            Self::Arguments(_) => Code::Arguments,
            Self::UnknownTemplate { .. } => Code::ArgumentTemplate,
            Self::NoOperations | Self::OutOfBounds { .. } => Code::Period,
        }
    }
}

/// A program that cannot be put on vessels. The operator is to blame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProgramFileError {
    /// It is larger than a vessel's disk.
    #[error("it has more than {max} bytes, the most that vessels take")]
    TooLarge {
        /// The bound in bytes.
        max: u64,
    },
    /// Nodes refuse a file of its name.
    #[error("it has a name that nodes refuse")]
    Name(#[from] FileNameError),
}

impl Classified for ProgramFileError {
    fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::ProgramTooLarge,
            Self::Name(error) => error.code(),
        }
    }
}

/// A replaced hook that did not do its work. Its author is to blame.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HookError {
    /// It returned an error.
    #[error("the {hook} hook failed")]
    Failed {
        /// Which of the five.
        hook: &'static str,
        /// What it returned.
        #[source]
        cause: Cause,
    },
    /// It did not return in time.
    #[error("the {hook} hook did not return within {} s", .deadline.as_secs())]
    Deadline {
        /// Which of the five.
        hook: &'static str,
        /// How long it had.
        deadline: Duration,
    },
    /// It panicked.
    #[error("the {hook} hook panicked")]
    Panicked {
        /// Which of the five.
        hook: &'static str,
    },
}

impl Classified for HookError {
    fn code(&self) -> Code {
        Code::Hook
    }
}

/// Why a run could not begin, or had to make way. Once vessels are watched, nothing ends a run but a stop and a later
/// run of the same deployment.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// What was asked for cannot be run.
    #[error("the deployment cannot be run as asked")]
    Settings(#[from] SettingsError),
    /// The clearinghouse refuses us, and only the operator can change that.
    #[error("the clearinghouse refuses to work for this account")]
    Clearinghouse(#[source] ClearinghouseError),
    /// The journal cannot be read or written, and without it our vessels cannot be told from others'.
    #[error("the run cannot begin without its journal")]
    Journal(#[source] JournalError),
    /// Another run of the deployment has begun since. Its vessels are that one's now, so nothing was given back.
    #[error("a later run of the deployment has taken over")]
    Superseded(#[source] JournalError),
    /// The replaced start-up hook failed.
    #[error("the start-up hook did not succeed")]
    StartUp(#[source] HookError),
}

impl Classified for RunError {
    fn code(&self) -> Code {
        match self {
            Self::Settings(error) => error.code(),
            Self::Clearinghouse(error) => error.code(),
            Self::Journal(error) | Self::Superseded(error) => error.code(),
            Self::StartUp(error) => error.code(),
        }
    }
}

/// A step that a vessel's life does not allow. A bug of ours; the vessel keeps its stage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("vessel {} is {stage} and cannot {step}; please report this", .handle.short())]
pub struct IllegalTransition {
    /// The vessel.
    pub handle: Handle,
    /// The stage it is in.
    pub stage: StageName,
    /// The refused step.
    pub step: &'static str,
}

impl Classified for IllegalTransition {
    fn code(&self) -> Code {
        Code::Internal
    }
}

/// Why one vessel could not be made to run the program.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitialiseError {
    /// The program did not arrive whole.
    #[error("the program could not be uploaded")]
    Upload(#[source] NodeError),
    /// The node would not or could not start it.
    #[error("the program could not be started")]
    Start(#[source] NodeError),
    /// It started, and ended at once.
    #[error("the program ended at once; its status is {status}")]
    Ended {
        /// What the node said of it.
        status: VesselStatus,
        /// The last lines of its log, if they could be had.
        log_tail: String,
    },
    /// Arguments that nodes refuse: the template gave them for this index.
    #[error("the program's arguments cannot be sent")]
    Arguments(#[source] ArgumentError),
    /// The deployment has no program, and no hook that brings one.
    #[error("there is no program to run; name one, or replace the init_vessels hook")]
    Program,
    /// A replaced init-vessels hook did not give the vessel back.
    #[error("the init_vessels hook did not bring it up")]
    Hook,
    /// The journal did not take the intent, so nothing was done.
    #[error("the journal did not take the intent")]
    Journal(#[source] JournalError),
}

impl Classified for InitialiseError {
    fn code(&self) -> Code {
        match self {
            Self::Upload(error) | Self::Start(error) => error.code(),
            Self::Ended { .. } => Code::ProgramEnded,
            Self::Arguments(error) => error.code(),
            Self::Program => Code::ProgramMissing,
            Self::Hook => Code::Hook,
            Self::Journal(error) => error.code(),
        }
    }
}
