//! The one place where errors of the wire become errors of the engine, and with them: again later, rarely,
//! or when the operator has changed something.
//!
//! The engine's errors say what happened in their own words, so what becomes their source is the cause below
//! the wire's outermost message: a chain never says the same twice.

use overlord_clearinghouse::{
    ClearinghouseError as WireError, FaultKind, TlsFailure, TransportError,
};
use overlord_engine::{ClearinghouseError, NodeError, with_causes};
use overlord_nodemanager::client::{Blame, NodeError as WireNodeError};

/// A failed call to the clearinghouse, as the engine knows it.
#[must_use]
pub fn of_clearinghouse(error: WireError) -> ClearinghouseError {
    match error {
        WireError::Transport { source, .. } => match source {
            TransportError::Timeout { after } => ClearinghouseError::Silent(after),
            TransportError::Lost(_) => ClearinghouseError::AnswerLost(Box::new(source)),
            // A server that goes away behind its own TLS front looks like these; it is no matter of trust.
            TransportError::Tls(failure @ (TlsFailure::Cut | TlsFailure::Refused(_))) => {
                ClearinghouseError::Unreachable(Box::new(failure))
            }
            TransportError::Tls(failure) => ClearinghouseError::Tls(Box::new(failure)),
            other => ClearinghouseError::Unreachable(Box::new(other)),
        },
        WireError::Fault { fault, .. } => match fault.kind() {
            FaultKind::Authentication => ClearinghouseError::Authentication(fault.text),
            FaultKind::InvalidRequest => ClearinghouseError::InvalidRequest(fault.text),
            FaultKind::NotEnoughCredits => ClearinghouseError::NotEnoughCredits(fault.text),
            FaultKind::UnableToAcquire => ClearinghouseError::UnableToAcquire(fault.text),
            _ => ClearinghouseError::Internal(format!("fault {}, {}", fault.code, fault.text)),
        },
        WireError::Http {
            status,
            ref excerpt,
            ..
        } => {
            let said = format!("HTTP status {status}: {excerpt}");
            if error.may_have_happened() {
                ClearinghouseError::Internal(said)
            } else {
                // Whoever answered was not asked for what it knows: a wrong path, a proxy that wants something.
                ClearinghouseError::Unreachable(said.into())
            }
        }
        other => ClearinghouseError::Malformed(Box::new(other)),
    }
}

/// A failed call to a node, as the engine knows it.
#[must_use]
pub fn of_node(error: WireNodeError) -> NodeError {
    match (error.blame(), error) {
        (_, WireNodeError::Connect { source, .. }) => match source.kind() {
            // Out of sockets or memory here: that says nothing about the node.
            std::io::ErrorKind::OutOfMemory => NodeError::Local(Box::new(source)),
            _ if is_out_of_descriptors(&source) => NodeError::Local(Box::new(source)),
            _ => NodeError::Unreachable(Box::new(source)),
        },
        (_, WireNodeError::Refused { call, text, .. }) => {
            NodeError::Refused(format!("{call}: {text}"))
        }
        (Blame::Network, error) => NodeError::Unreachable(Box::new(error)),
        (Blame::Node, error) => match error {
            WireNodeError::TimedOut { .. }
            | WireNodeError::ClosedUnanswered { .. }
            | WireNodeError::Broken { .. } => NodeError::Silent(Box::new(error)),
            error => NodeError::Misbehaved(with_causes(&error)),
        },
        // A node behind a forwarder refuses nothing, but no request of ours can reach it as long as it is there.
        (Blame::Refusal | Blame::Operator, error) => NodeError::Refused(with_causes(&error)),
        (_, error) => NodeError::Local(Box::new(error)),
    }
}

/// Too many open files, for the process or the system: `EMFILE` and `ENFILE` have no kind of their own.
fn is_out_of_descriptors(error: &std::io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;
    use overlord_clearinghouse::{Fault, Method};
    use overlord_engine::RetryClass;
    use overlord_nodemanager::client::Phase;
    use overlord_types::NodeLocation;
    use std::time::Duration;

    fn transport(source: TransportError) -> WireError {
        WireError::Transport {
            server: "h:443".to_owned(),
            method: Method::AcquireResources,
            source,
        }
    }

    fn fault(code: i32) -> WireError {
        WireError::Fault {
            method: Method::AcquireResources,
            fault: Fault::new(code, "words"),
        }
    }

    #[test]
    fn every_failure_of_a_call_keeps_its_class_and_whether_it_may_have_been_done() {
        let seconds = Duration::from_secs(1);
        let http = |status| WireError::Http {
            server: "h:443".to_owned(),
            method: Method::RenewResources,
            status,
            excerpt: String::new(),
        };
        let malformed = WireError::Malformed {
            server: "h:443".to_owned(),
            method: Method::RenewResources,
            problem: "html".to_owned(),
        };
        for (error, class) in [
            (
                transport(TransportError::Connect("refused".into())),
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
                transport(TransportError::Lost("reset".into())),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Tls(TlsFailure::Cut)),
                RetryClass::Again,
            ),
            (
                transport(TransportError::Tls(TlsFailure::Expired)),
                RetryClass::Operator,
            ),
            (
                transport(TransportError::Tls(TlsFailure::UnknownIssuer)),
                RetryClass::Operator,
            ),
            (http(503), RetryClass::Again),
            (http(404), RetryClass::Again),
            (http(407), RetryClass::Again),
            (malformed, RetryClass::Again),
            (fault(1), RetryClass::Again),
            (fault(100), RetryClass::Again),
            (fault(104), RetryClass::Again),
            (fault(101), RetryClass::Operator),
            (fault(102), RetryClass::Rarely),
            (fault(103), RetryClass::Rarely),
            (fault(105), RetryClass::Rarely),
        ] {
            let (shown, may_have_happened) = (format!("{error:?}"), error.may_have_happened());
            let mapped = of_clearinghouse(error);
            assert_eq!(mapped.retry_class(), class, "{shown}");
            assert_eq!(mapped.may_have_been_done(), may_have_happened, "{shown}");
        }
        assert!(
            of_clearinghouse(fault(104))
                .to_string()
                .contains("fault 104, words")
        );
    }

    #[test]
    fn silence_of_a_node_is_told_from_its_answers() {
        let at: NodeLocation = "10.0.0.1:1224".parse().unwrap();
        let refused_connection = WireNodeError::Connect {
            at: at.clone(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        };
        let timed_out = |phase| WireNodeError::TimedOut {
            at: at.clone(),
            phase,
            after: Duration::from_secs(9),
        };
        let other_node = WireNodeError::OtherNode {
            at: at.clone(),
            expected: "3 33".parse().unwrap(),
            found: "3 35".parse().unwrap(),
        };
        let refused = WireNodeError::Refused {
            at: at.clone(),
            call: "StartVesselEx",
            text: "Insufficient Permissions".into(),
        };
        let no_sockets = WireNodeError::Connect {
            at: at.clone(),
            source: std::io::Error::from_raw_os_error(24),
        };
        assert!(matches!(
            of_node(refused_connection),
            NodeError::Unreachable(_)
        ));
        assert!(matches!(
            of_node(timed_out(Phase::Connect)),
            NodeError::Unreachable(_)
        ));
        assert!(matches!(
            of_node(timed_out(Phase::Receive)),
            NodeError::Silent(_)
        ));
        assert!(matches!(of_node(other_node), NodeError::Misbehaved(_)));
        assert!(matches!(of_node(no_sockets), NodeError::Local(_)));
        assert!(matches!(
            of_node(refused),
            NodeError::Refused(text) if text == "StartVesselEx: Insufficient Permissions"
        ));
    }
}
