//! The one table from what a failure is called to what the process ends with, and the flags that its advice is about.
//!
//! What each code means, who is to blame and what to do is `overlord::Code`'s own; here are only the words of this
//! program's command line.

use overlord::Code;

use crate::exit_meaning::ExitMeaning;

/// The flags with which keys and clearinghouse are named.
const ACCOUNT_FLAGS: &str = "--user, --keys-dir, --clearinghouse";

/// What the command line adds to a code: the exit code, and the flags that the advice is about.
pub(crate) fn row(code: Code) -> (ExitMeaning, Option<&'static str>) {
    use ExitMeaning as Exit;
    match code {
        Code::Usage => (Exit::Usage, None),
        Code::Configuration => (Exit::Configuration, Some("--config")),
        Code::UserName => (Exit::Usage, Some("--user")),
        Code::VesselType => (Exit::Usage, Some("--type")),
        Code::Platform => (Exit::Usage, Some("--platform")),
        Code::Handle => (Exit::Usage, Some("overlord vessels list")),
        Code::Location => (Exit::Usage, None),
        Code::UserPort => (Exit::Usage, None),
        Code::VesselCount => (Exit::Usage, Some("--count")),
        Code::OverCredit => (Exit::NotEnough, Some("--count")),
        Code::Arguments => (Exit::Usage, Some("what follows --")),
        Code::ArgumentTemplate => (Exit::Usage, Some("what follows --")),
        Code::Period => (Exit::Usage, Some("--poll-period, --renew-period")),
        Code::StopFilePresent => (Exit::Usage, Some("--stop-file")),
        Code::Hook => (Exit::Internal, None),

        Code::ProgramUnreadable => (Exit::NoInput, None),
        Code::ProgramTooLarge => (Exit::Data, None),
        Code::ProgramName => (Exit::Data, None),
        Code::ProgramRefused => (Exit::Data, Some("--no-check deploys it nevertheless")),
        Code::ProgramMissing => (Exit::Usage, None),
        Code::ProgramEnded => (Exit::Partial, None),

        Code::KeysMissing => (
            Exit::NoInput,
            Some("--keys-dir; overlord keys generate --user NAME"),
        ),
        Code::KeysUnreadable => (Exit::NoInput, None),
        Code::KeysMalformed => (Exit::Data, None),
        Code::KeysMismatched => (Exit::Data, None),
        Code::KeysExist => (Exit::CannotCreate, Some("--user, --keys-dir")),
        Code::KeysUnwritable => (Exit::CannotCreate, Some("--keys-dir")),
        Code::KeysOfAnother => (Exit::NotPermitted, Some(ACCOUNT_FLAGS)),
        Code::ApiKeyMalformed => (Exit::Data, Some("--api-key-file")),

        Code::ClearinghouseUrl => (Exit::Usage, Some("--clearinghouse")),
        Code::ClearinghousePlainHttp => (Exit::Usage, Some("--clearinghouse, --ca-file")),
        Code::CaFileUnreadable => (Exit::NoInput, Some("--ca-file")),
        Code::CaFileMalformed => (Exit::Data, Some("--ca-file")),
        Code::SystemRootsMissing => (Exit::Machine, Some("--ca-file")),
        Code::ClearinghouseUnreachable => (Exit::Unavailable, Some("--clearinghouse")),
        Code::ClearinghouseSilent => (Exit::Unavailable, None),
        Code::ClearinghouseNotThere => (Exit::Protocol, Some("--clearinghouse")),
        Code::ClearinghouseMalformed => (Exit::Protocol, Some("--clearinghouse")),
        Code::TlsUnknownIssuer => (Exit::Protocol, Some("--ca-file")),
        Code::TlsSelfSigned => (Exit::Protocol, Some("--ca-file")),
        Code::TlsExpired => (Exit::Protocol, None),
        Code::TlsNotYetValid => (Exit::Protocol, None),
        Code::TlsWrongHost => (Exit::Protocol, Some("--clearinghouse")),
        Code::TlsBadCertificate => (Exit::Protocol, None),
        Code::TlsRefused => (Exit::Protocol, None),
        Code::TlsIncompatible => (Exit::Protocol, None),
        Code::TlsCut => (Exit::Protocol, None),
        Code::TlsNotSpoken => (Exit::Protocol, Some("--clearinghouse")),
        Code::TlsFailed => (Exit::Protocol, None),

        Code::ClearinghouseFailed => (Exit::Unavailable, None),
        Code::Authentication => (Exit::NotPermitted, Some(ACCOUNT_FLAGS)),
        Code::RequestInvalid => (Exit::Usage, None),
        Code::CreditExhausted => (Exit::NotEnough, Some("--count")),
        Code::VesselsUnavailable => (Exit::NotEnough, Some("--count, --type")),
        Code::AccountKeyMalformed => (Exit::Protocol, None),

        Code::NodeUnreachable => (Exit::Unavailable, None),
        Code::NodeSilent => (Exit::Unavailable, None),
        Code::NodeRefused => (Exit::NotPermitted, None),
        Code::NodeMalformed => (Exit::Protocol, None),
        Code::VesselLost => (Exit::NotPermitted, None),
        Code::NodeBehindForwarder => (Exit::Unavailable, Some("--type")),

        Code::OpenFilesExhausted => (Exit::Machine, None),
        Code::MachineRefused => (Exit::Machine, None),
        Code::ClockSetBack => (Exit::Machine, None),
        Code::RandomnessMissing => (Exit::Machine, None),
        Code::FileUnreadable => (Exit::NoInput, None),
        Code::FileMalformed => (Exit::Data, None),
        Code::FileUnwritable => (Exit::CannotCreate, None),
        Code::LogFileUnwritable => (Exit::CannotCreate, Some("--log-file")),
        Code::OutputUnwritable => (Exit::Output, None),
        Code::OutputClosed => (Exit::Done, None),
        Code::Journal => (Exit::CannotCreate, None),
        Code::JournalTooNew => (Exit::Data, None),
        Code::RunSuperseded => (Exit::NotPermitted, None),
        Code::Interrupted => (Exit::Interrupted, None),

        Code::TestbedRequest => (Exit::Usage, None),
        Code::TestbedInUse => (Exit::CannotCreate, Some("--dir, or for a run --local-dir")),
        Code::TestbedFault => (Exit::Usage, None),
        Code::TestbedSocket => (Exit::CannotCreate, Some("--dir, or for a run --local-dir")),
        Code::TestbedSilent => (Exit::Unavailable, None),
        Code::TestbedAbsent => (Exit::Unavailable, Some("--dir")),
        Code::TestbedForbidden => (Exit::NotPermitted, Some("--dir")),
        Code::TestbedMalformed => (Exit::Protocol, None),
        Code::TestbedUnwritable => (Exit::CannotCreate, Some("--dir, or for a run --local-dir")),
        Code::TestbedData => (Exit::Data, Some("--dir, or for a run --local-dir")),
        Code::PortInUse => (Exit::Machine, Some("--port")),
        Code::PortForbidden => (Exit::Machine, Some("--port")),
        Code::PortUnusable => (Exit::Machine, Some("--port")),
        Code::TestbedMachine => (Exit::Machine, None),

        Code::Internal => (Exit::Internal, None),
    }
}

/// What to do about a failure, with the flags that it is done with.
pub(crate) fn advice(code: Code) -> String {
    match row(code).1 {
        Some(flags) => format!("{} ({flags})", code.hint()),
        None => code.hint().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    /// The rows of `docs/failures.md`.
    fn rows() -> String {
        let mut rows = String::new();
        for code in Code::ALL {
            let (meaning, flags) = row(*code);
            let flags = flags.map_or_else(String::new, |flags| format!(" ({flags})"));
            // Writing to a String cannot fail.
            let _ = writeln!(
                rows,
                "| `{code}` | {} | {} | {} | {} | {}{flags} |",
                code.blame(),
                code.retry(),
                meaning.code(),
                code.meaning(),
                code.hint(),
            );
        }
        rows
    }

    #[test]
    fn the_page_about_failures_has_every_code_and_no_other() {
        let page = include_str!("../../../docs/failures.md");
        let lines = page.lines().filter(|line| line.starts_with("| `"));
        let there: String = lines.map(|line| format!("{line}\n")).collect();
        let wanted = rows();
        assert!(
            there == wanted,
            "the table of docs/failures.md should be:\n{wanted}"
        );
    }

    #[test]
    fn advice_names_the_flags_of_this_program_and_the_libraries_name_none() {
        assert_eq!(
            advice(Code::StopFilePresent),
            "remove it to run, or name another (--stop-file)"
        );
        for code in Code::ALL {
            assert!(
                !code.hint().contains("--") || code.hint().contains("overlord "),
                "{code}"
            );
        }
    }
}
