//! What can go wrong with a call, told apart by whose fault it is and by what may have happened.

use std::io;
use std::time::Duration;

use overlord_types::failure::{Classified, Code, is_out_of_files};
use overlord_types::{NodeId, NodeLocation};
use thiserror::Error;

use crate::framing::FramingError;
use crate::node_info::NodeInfoError;
use crate::reply::{Reply, ReplyError};
use crate::resources::ResourceError;
use crate::signed_request::SignError;
use crate::timestamps::ClockSetBack;
use crate::wire_text::WireText;

/// The part of a call that was going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExchangePhase {
    /// The node was looked up and connected to.
    Connect,
    /// The request was being sent.
    Send,
    /// The answer was awaited.
    Receive,
}

impl ExchangePhase {
    /// What the node did not do in time.
    fn missed(self) -> &'static str {
        match self {
            Self::Connect => "did not accept a connection",
            Self::Send => "did not take the request",
            Self::Receive => "did not answer",
        }
    }
}

/// Why bytes that a node sent are no answer to the call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MalformedReply {
    /// No message could be cut out of the stream.
    #[error("it is no message")]
    Framing(#[from] FramingError),
    /// The message is no answer, or not this call's.
    #[error("it is no answer to this call")]
    Reply(#[from] ReplyError),
    /// The list of vessels is none.
    #[error("its list of vessels cannot be read")]
    NodeInfo(#[from] NodeInfoError),
    /// The resource file is none.
    #[error("its resource file cannot be read")]
    Resources(#[from] ResourceError),
}

/// Why a call has no result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeCallError {
    /// No connection: nobody there, no way there, or no such host.
    #[error("the node at {at} cannot be reached")]
    Connect {
        /// The node.
        at: NodeLocation,
        /// What the system says.
        source: io::Error,
    },
    /// A deadline passed.
    #[error("the node at {at} {} within {after:?}", phase.missed())]
    TimedOut {
        /// The node.
        at: NodeLocation,
        /// What was going on.
        phase: ExchangePhase,
        /// The deadline.
        after: Duration,
    },
    /// The connection was closed without a byte of an answer, each time.
    #[error(
        "the node at {at} closed {attempts} connection(s) without an answer: it may be busy, or refuse this machine"
    )]
    ClosedUnanswered {
        /// The node.
        at: NodeLocation,
        /// How often it was tried.
        attempts: u32,
        /// Whether the node read the request whole; if not, it was closed as a connection limit does.
        may_have_run: bool,
    },
    /// The connection broke within the answer.
    #[error("the connection to the node at {at} broke")]
    Broken {
        /// The node.
        at: NodeLocation,
        /// What the system says.
        source: io::Error,
    },
    /// The answer is longer than is taken.
    #[error(
        "the node at {at} announces an answer of {length} bytes, and at most {length_max} are taken"
    )]
    ReplyTooLarge {
        /// The node.
        at: NodeLocation,
        /// The announced length in bytes.
        length: u64,
        /// The bound in bytes.
        length_max: usize,
    },
    /// The answer is none.
    #[error("the node at {at} sent something that no node manager sends")]
    Malformed {
        /// The node.
        at: NodeLocation,
        /// What is wrong with it.
        source: MalformedReply,
    },
    /// Another node than the one that was meant answers there.
    #[error("at {at} answers another node (…{}) than the one that was meant (…{})", found.short(), expected.short())]
    OtherNode {
        /// Where.
        at: NodeLocation,
        /// Who was meant.
        expected: NodeId,
        /// Who answers.
        found: NodeId,
    },
    /// The node refused the call, in its own words.
    #[error("the node at {at} refused {call}: {text}")]
    Refused {
        /// The node.
        at: NodeLocation,
        /// The call's name.
        call: &'static str,
        /// The node's words, shortened.
        text: WireText,
    },
    /// The node can only be reached through a forwarder, and there is none yet.
    #[error(
        "the node at {at} is behind a forwarder, which is not supported yet: ask for wan, lan or rand vessels"
    )]
    BehindForwarder {
        /// The node.
        at: NodeLocation,
    },
    /// A call that must be signed was made without a signer.
    #[error("{call} must be signed, and no key was given")]
    SignerMissing {
        /// The call's name.
        call: &'static str,
    },
    /// The request could not be signed.
    #[error("the request to the node at {at} could not be signed")]
    Sign {
        /// The node.
        at: NodeLocation,
        /// Why.
        source: SignError,
    },
    /// No time could be given to the request.
    #[error("the request to the node at {at} was not sent")]
    Clock {
        /// The node.
        at: NodeLocation,
        /// Why.
        source: ClockSetBack,
    },
    /// The runtime was shut down while the request was being signed.
    #[error("the program is ending, and the request to the node at {at} was not sent")]
    Stopped {
        /// The node.
        at: NodeLocation,
    },
}

/// Longest part of a refusal that an error keeps, in bytes: a bad signature repeats the request.
const REFUSAL_SHOWN_MAX: usize = 300;

impl NodeCallError {
    /// Whether the node may have run the call although no result came. If so, look before asking again.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match self {
            Self::TimedOut { phase, .. } => *phase == ExchangePhase::Receive,
            Self::ClosedUnanswered { may_have_run, .. } => *may_have_run,
            Self::Broken { .. } | Self::ReplyTooLarge { .. } | Self::Malformed { .. } => true,
            _ => false,
        }
    }

    /// Whether the node refused with exactly these words, such as [`crate::refusals::ALREADY_STARTED`].
    #[must_use]
    pub fn is_refusal(&self, words: &str) -> bool {
        matches!(self, Self::Refused { text, .. } if *text == *words)
    }

    /// The node, if the error is about one.
    #[must_use]
    pub fn at(&self) -> Option<&NodeLocation> {
        match self {
            Self::Connect { at, .. }
            | Self::TimedOut { at, .. }
            | Self::ClosedUnanswered { at, .. }
            | Self::Broken { at, .. }
            | Self::ReplyTooLarge { at, .. }
            | Self::Malformed { at, .. }
            | Self::OtherNode { at, .. }
            | Self::Refused { at, .. }
            | Self::BehindForwarder { at }
            | Self::Sign { at, .. }
            | Self::Clock { at, .. }
            | Self::Stopped { at } => Some(at),
            Self::SignerMissing { .. } => None,
        }
    }

    pub(super) fn malformed(at: &NodeLocation, source: impl Into<MalformedReply>) -> Self {
        Self::Malformed {
            at: at.clone(),
            source: source.into(),
        }
    }

    pub(super) fn refused(at: &NodeLocation, call: &'static str, reply: &Reply) -> Self {
        let payload = &reply.payload;
        Self::Refused {
            at: at.clone(),
            call,
            text: payload.get(..REFUSAL_SHOWN_MAX).unwrap_or(payload).into(),
        }
    }
}

impl Classified for NodeCallError {
    fn code(&self) -> Code {
        match self {
            Self::Connect { source, .. } if is_out_of_files(source) => Code::OpenFilesExhausted,
            Self::Connect { source, .. } if source.kind() == io::ErrorKind::OutOfMemory => {
                Code::MachineRefused
            }
            Self::Connect { .. } => Code::NodeUnreachable,
            Self::TimedOut { phase, .. } => match phase {
                ExchangePhase::Connect => Code::NodeUnreachable,
                ExchangePhase::Send | ExchangePhase::Receive => Code::NodeSilent,
            },
            Self::Broken { .. } | Self::ClosedUnanswered { .. } => Code::NodeSilent,
            Self::ReplyTooLarge { .. } | Self::Malformed { .. } | Self::OtherNode { .. } => {
                Code::NodeMalformed
            }
            Self::Refused { .. } => Code::NodeRefused,
            Self::BehindForwarder { .. } => Code::NodeBehindForwarder,
            Self::Clock { .. } => Code::ClockSetBack,
            Self::Stopped { .. } => Code::Interrupted,
            Self::SignerMissing { .. } | Self::Sign { .. } => Code::Internal,
        }
    }
}
