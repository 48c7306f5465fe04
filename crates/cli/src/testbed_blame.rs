//! Which exit code and which advice a testbed's daemon gets that did not come up, or did not do what it was asked.

use overlord_testbed::daemon::{
    AskError, ControlSocketError, DaemonStartError, ExchangeError, FaultRefused,
};

use crate::exit_meaning::ExitMeaning;
use crate::failure::Failure;

impl From<DaemonStartError> for Failure {
    fn from(error: DaemonStartError) -> Self {
        let (meaning, advice) = match error {
            DaemonStartError::Testbed(error) => return error.into(),
            DaemonStartError::KeyFile(error) => return error.into(),
            DaemonStartError::Password { .. } => (
                ExitMeaning::CannotCreate,
                "choose another directory for the testbed, or make room there",
            ),
            DaemonStartError::Socket(ControlSocketError::InUse(_)) => (
                ExitMeaning::CannotCreate,
                "use it, end it, or choose another directory with --dir",
            ),
            DaemonStartError::Socket(_) => (
                ExitMeaning::CannotCreate,
                "choose a directory that you may write to, with a path below 90 characters",
            ),
            _ => (ExitMeaning::Internal, "report it, please"),
        };
        Self::new(meaning, error).advise(advice)
    }
}

impl From<FaultRefused> for Failure {
    fn from(error: FaultRefused) -> Self {
        Self::usage(error).advise("overlord testbed fault --help lists the faults")
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let AskError::NoReply { source, .. } = &error else {
            return Self::usage(error).advise(
                "overlord testbed show prints what there is; overlord testbed fault --help lists the faults",
            );
        };
        let (meaning, advice) = match source {
            ExchangeError::Forbidden(_) => (
                ExitMeaning::NotPermitted,
                "ask as the user who started it, or start one of your own in another directory with: overlord testbed up --dir DIR",
            ),
            ExchangeError::Unreachable(_) => (
                ExitMeaning::Unavailable,
                "start one with: overlord testbed up --dir DIR; or name its directory with --dir",
            ),
            ExchangeError::Silent | ExchangeError::Cut => (
                ExitMeaning::Unavailable,
                "try again; if that does not help, end the testbed and start it anew",
            ),
            _ => (
                ExitMeaning::Protocol,
                "use the same version of overlord as the testbed runs",
            ),
        };
        Self::new(meaning, error).advise(advice)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_kept_a_testbed_from_answering_decides_the_exit_code() {
        let code = |source| {
            let directory = "bed".into();
            Failure::from(AskError::NoReply { directory, source }).meaning
        };
        let forbidden = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(code(forbidden.into()), ExitMeaning::NotPermitted);
        let absent = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(code(absent.into()), ExitMeaning::Unavailable);
        assert_eq!(code(ExchangeError::Cut), ExitMeaning::Unavailable);
        assert_eq!(code(ExchangeError::TooLong(1)), ExitMeaning::Protocol);
        let refused = Failure::from(AskError::Refused("no such node".to_owned()));
        assert_eq!(refused.meaning, ExitMeaning::Usage);
        assert!(refused.render().starts_with("error: no such node\n"));
    }
}
