//! The one place where errors of the wire become errors of the engine, and with them: again later, rarely,
//! or when the operator has changed something.
//!
//! The engine's errors say what happened in their own words, so what becomes their source is the cause below
//! the wire's outermost message: a chain never says the same twice.

use overlord_clearinghouse::{ClearinghouseCallError, TransportError};
use overlord_engine::{ClearinghouseError, NodeError};
use overlord_nodemanager::client::NodeCallError;
use overlord_types::failure::{Classified as _, Code, RetryClass};

/// A failed call to the clearinghouse, as the engine knows it: its code stays what it is.
#[must_use]
pub fn of_clearinghouse(error: ClearinghouseCallError) -> ClearinghouseError {
    let code = error.code();
    match error {
        ClearinghouseCallError::Transport { source, .. } => match source {
            TransportError::Timeout { after } => ClearinghouseError::Silent(after),
            TransportError::Lost(_) => ClearinghouseError::AnswerLost(Box::new(source)),
            TransportError::Tls(failure) => {
                let cause = Box::new(failure);
                match code.retry() {
                    // A server that goes away behind its own TLS front is no matter of trust.
                    RetryClass::Again => ClearinghouseError::Unreachable { code, cause },
                    _ => ClearinghouseError::Tls { code, cause },
                }
            }
            other => ClearinghouseError::Unreachable {
                code,
                cause: Box::new(other),
            },
        },
        ClearinghouseCallError::Fault { fault, .. } => match code {
            Code::Authentication => ClearinghouseError::Authentication(fault.text),
            Code::RequestInvalid => ClearinghouseError::InvalidRequest(fault.text),
            Code::CreditExhausted => ClearinghouseError::NotEnoughCredits(fault.text),
            Code::VesselsUnavailable => ClearinghouseError::UnableToAcquire(fault.text),
            _ => ClearinghouseError::Internal(format!("fault {}, {}", fault.code, fault.text)),
        },
        ClearinghouseCallError::Http {
            status,
            ref excerpt,
            ..
        } if error.may_have_happened() => {
            ClearinghouseError::Internal(format!("HTTP status {status}: {excerpt}"))
        }
        // The server that answered was not asked for what it knows: a wrong path, a proxy that wants something.
        ClearinghouseCallError::Http { .. } => ClearinghouseError::Unreachable {
            code,
            cause: Box::new(error),
        },
        other => ClearinghouseError::Malformed(Box::new(other)),
    }
}

/// A failed call to a node, as the engine knows it: its code stays what it is.
#[must_use]
pub fn of_node(error: NodeCallError) -> NodeError {
    let code = error.code();
    match (code, error) {
        (Code::NodeRefused, NodeCallError::Refused { call, text, .. }) => {
            NodeError::Refused(format!("{call}: {text}"))
        }
        (Code::NodeBehindForwarder, error) => NodeError::BehindForwarder(Box::new(error)),
        (Code::NodeUnreachable, NodeCallError::Connect { source, .. }) => {
            NodeError::Unreachable(Box::new(source))
        }
        (Code::NodeUnreachable, error) => NodeError::Unreachable(Box::new(error)),
        (Code::NodeSilent, error) => NodeError::Silent(Box::new(error)),
        (Code::NodeMalformed, error) => NodeError::Misbehaved(Box::new(error)),
        // Out of sockets or memory here, a clock set back, a bug of ours: that says nothing about the node.
        (code, NodeCallError::Connect { source, .. }) => NodeError::Local {
            code,
            cause: Box::new(source),
        },
        (code, error) => NodeError::Local {
            code,
            cause: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_clearinghouse::{Fault, Method, TlsFailure};
    use overlord_nodemanager::client::ExchangePhase;
    use overlord_types::NodeLocation;
    use overlord_types::failure::InnermostCause;
    use std::io::{self, ErrorKind};
    use std::time::Duration;

    fn transport(source: TransportError) -> ClearinghouseCallError {
        ClearinghouseCallError::Transport {
            server: "h:443".to_owned(),
            method: Method::AcquireResources,
            source,
        }
    }

    fn fault(code: i32) -> ClearinghouseCallError {
        ClearinghouseCallError::Fault {
            method: Method::AcquireResources,
            fault: Fault::new(code, "words"),
        }
    }

    #[test]
    fn every_failure_of_a_call_keeps_its_class_and_whether_it_may_have_been_done() {
        let seconds = Duration::from_secs(1);
        let http = |status| ClearinghouseCallError::Http {
            server: "h:443".to_owned(),
            method: Method::RenewResources,
            status,
            excerpt: String::new(),
        };
        let malformed = ClearinghouseCallError::Malformed {
            server: "h:443".to_owned(),
            method: Method::RenewResources,
            source: "html".into(),
        };
        for (error, class) in [
            (
                transport(TransportError::Connect(InnermostCause::of("refused"))),
                RetryClass::Again,
            ),
            (
                transport(TransportError::ConnectTimeout { after: seconds }),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Timeout { after: seconds }),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Lost(InnermostCause::of("reset"))),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Tls(TlsFailure::Cut)),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Tls(TlsFailure::Expired)),
                RetryClass::AfterChange,
            ),
            (
                transport(TransportError::Tls(TlsFailure::UnknownIssuer)),
                RetryClass::AfterChange,
            ),
            (http(503), RetryClass::Again),
            (http(404), RetryClass::Again),
            (http(407), RetryClass::Again),
            (http(429), RetryClass::Again),
            (malformed, RetryClass::Again),
            (fault(1), RetryClass::Again),
            (fault(100), RetryClass::Again),
            (fault(104), RetryClass::Again),
            (fault(101), RetryClass::AfterChange),
            (fault(102), RetryClass::Rarely),
            (fault(103), RetryClass::Rarely),
            (fault(105), RetryClass::Rarely),
        ] {
            let (shown, may_have_happened) = (format!("{error:?}"), error.may_have_happened());
            assert_eq!(error.retry(), class, "{shown}");
            let code = error.code();
            let mapped = of_clearinghouse(error);
            assert_eq!(mapped.retry(), class, "{shown}");
            assert_eq!(mapped.code(), code, "{shown}");
            assert_eq!(mapped.may_have_been_done(), may_have_happened, "{shown}");
        }
        assert!(
            of_clearinghouse(fault(104))
                .to_string()
                .contains("fault 104, words")
        );
    }

    #[test]
    fn every_failure_of_a_node_keeps_its_code_and_silence_is_told_from_answers() {
        let at: NodeLocation = "10.0.0.1:1224".parse().unwrap();
        let connect = |source| NodeCallError::Connect {
            at: at.clone(),
            source,
        };
        let timed_out = |phase| NodeCallError::TimedOut {
            at: at.clone(),
            phase,
            after: Duration::from_secs(9),
        };
        let other_node = NodeCallError::OtherNode {
            at: at.clone(),
            expected: "3 33".parse().unwrap(),
            found: "3 35".parse().unwrap(),
        };
        let refused = NodeCallError::Refused {
            at: at.clone(),
            call: "StartVesselEx",
            text: "Insufficient Permissions".into(),
        };
        let call = "StartVesselEx";
        for (error, code, is_silence) in [
            (
                connect(ErrorKind::ConnectionRefused.into()),
                Code::NodeUnreachable,
                true,
            ),
            (
                timed_out(ExchangePhase::Connect),
                Code::NodeUnreachable,
                true,
            ),
            (timed_out(ExchangePhase::Receive), Code::NodeSilent, true),
            (other_node, Code::NodeMalformed, false),
            (refused, Code::NodeRefused, false),
            (
                NodeCallError::BehindForwarder { at: at.clone() },
                Code::NodeBehindForwarder,
                false,
            ),
            (
                connect(io::Error::from_raw_os_error(24)),
                Code::OpenFilesExhausted,
                true,
            ),
            (
                connect(ErrorKind::OutOfMemory.into()),
                Code::MachineRefused,
                true,
            ),
            (NodeCallError::SignerMissing { call }, Code::Internal, true),
            (
                NodeCallError::Stopped { at: at.clone() },
                Code::Interrupted,
                true,
            ),
        ] {
            let shown = format!("{error:?}");
            assert_eq!(error.code(), code, "{shown}");
            let mapped = of_node(error);
            assert_eq!(mapped.code(), code, "{shown}");
            assert_eq!(mapped.is_silence(), is_silence, "{shown}");
        }
        let refused = NodeCallError::Refused {
            at,
            call,
            text: "Insufficient Permissions".into(),
        };
        assert!(matches!(
            of_node(refused),
            NodeError::Refused(text) if text == "StartVesselEx: Insufficient Permissions"
        ));
    }
}
