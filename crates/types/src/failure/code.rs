//! The codes of all failures: the one table of what each is called, who can do something about it, whether asking
//! again helps, and what to do.
//!
//! A code is a promise to programs: it stays as it is once it was released, and its meaning with it. `docs/failures.md`
//! is this table with the exit codes beside it, held true by a test of the command line.

use std::fmt;

use serde::{Serialize, Serializer};

use super::class::{Blame, RetryClass};

/// What is known of a code.
struct Row {
    text: &'static str,
    blame: Blame,
    retry: RetryClass,
    meaning: &'static str,
    hint: &'static str,
}

/// Makes the enum and its table from rows of: meaning, name, text, blame, retry, hint.
macro_rules! codes {
    ($(#[doc = $meaning:literal] $name:ident $text:literal $blame:ident $retry:ident $hint:literal)+) => {
        /// What a failure is called. The command line, events and other interfaces show it as [`Code::as_str`].
        ///
        /// A new code gets its exit code, and its row in `docs/failures.md`, where the command line's table asks for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        text: $text,
                        blame: Blame::$blame,
                        retry: RetryClass::$retry,
                        meaning: $meaning,
                        hint: $hint,
                    },)+
                }
            }
        }
    };
}

codes! {
    // What was asked for.

    /// a command line, a variable or a call that cannot be carried out as it is
    Usage "usage" Operator AfterChange
        "correct what was asked for"
    /// a configuration file with a mistake
    Configuration "configuration" Operator AfterChange
        "correct the file; docs/configuration.md lists what it may say"
    /// a text that is no user name
    UserName "user_name" Operator AfterChange
        "give the user name as the clearinghouse's web pages show it"
    /// a word that is no vessel type
    VesselType "vessel_type" Operator AfterChange
        "use wan, lan, nat or rand"
    /// a word that is no platform
    Platform "platform" Operator AfterChange
        "use repyV2, repyV1, or native (for a testbed of your own only)"
    /// a text that is no handle, node id or vessel name
    Handle "handle" Operator AfterChange
        "copy the handle from a list of vessels"
    /// a text that is no address of a node
    Location "location" Operator AfterChange
        "write HOST:PORT, such as 127.0.0.1:1224"
    /// a number that is no port of an account
    UserPort "user_port" Operator AfterChange
        "use a port that the clearinghouse gives to accounts"
    /// no vessel wanted, or more than one deployment holds
    VesselCount "vessel_count" Operator AfterChange
        "ask for another number of vessels"
    /// more vessels wanted than the account may hold
    OverCredit "over_credit" Operator AfterChange
        "ask for fewer vessels, or donate a node for more credit"
    /// an argument of the program that nodes refuse
    Arguments "arguments" Operator AfterChange
        "nodes take letters, digits, '.', '-' and '_' in arguments; put anything else into the program"
    /// a word in braces, in an argument of the program, that stands for nothing
    ArgumentTemplate "argument_template" Operator AfterChange
        "write {port}, {index} or {time}; nodes accept no other braces"
    /// a period, a deadline or a bound that is too small or too large
    Period "period" Operator AfterChange
        "give another time, such as 30s or 15m, within the bounds in the message"
    /// a stop file that is there already
    StopFilePresent "stop_file_present" Operator AfterChange
        "remove it to run, or name another"
    /// a replaced hook that failed, did not return in time, or panicked
    Hook "hook" Operator Again
        "mend the hook: what it said stands above"

    // The program.

    /// a program's file that is missing or cannot be read
    ProgramUnreadable "program_unreadable" Operator AfterChange
        "give the path of the file that is to run on each vessel"
    /// a program that is larger than a vessel's disk
    ProgramTooLarge "program_too_large" Operator AfterChange
        "let the program fetch what does not fit"
    /// a program whose file name nodes refuse
    ProgramName "program_name" Operator AfterChange
        "copy the program to a name that nodes take, such as my_program.r2py"
    /// a program that is not Repy, so that no node would run it
    ProgramRefused "program_refused" Operator AfterChange
        "mend the program, nodes do not run it as it is: docs/repy.md says what Repy is"
    /// a deployment without a program and without a hook that brings one
    ProgramMissing "program_missing" Operator AfterChange
        "name a program, or replace the init_vessels hook"
    /// a program that ended at once
    ProgramEnded "program_ended" Operator Again
        "see the end of its log; a program that has nothing more to do is started again all the same"

    // Keys.

    /// key files that are missing
    KeysMissing "keys_missing" Operator AfterChange
        "name the directory that holds USER.publickey and USER.privatekey, get them from the clearinghouse, or make a pair"
    /// a key file that cannot be read
    KeysUnreadable "keys_unreadable" Operator AfterChange
        "make the file readable for yourself (chmod 600)"
    /// a key file, or a text, that is no key
    KeysMalformed "keys_malformed" Operator AfterChange
        "get the file again from the clearinghouse or a backup; it holds decimal numbers separated by blanks and nothing else"
    /// two key files that are no pair
    KeysMismatched "keys_mismatched" Operator AfterChange
        "put two files of one pair there; they may come from different accounts, or one is from before a change of keys"
    /// key files that are there already, where new ones were to be written
    KeysExist "keys_exist" Operator AfterChange
        "choose another user or directory, or move the old keys away yourself"
    /// a key file that cannot be written
    KeysUnwritable "keys_unwritable" LocalMachine AfterChange
        "name a directory that you may write to"
    /// key files that are not those of the account
    KeysOfAnother "keys_of_another" Operator AfterChange
        "check the user name, the directory of the key files and the clearinghouse; the key files must be the ones whose public key the account has"
    /// an API key that cannot be one
    ApiKeyMalformed "api_key_malformed" Operator AfterChange
        "copy the API key from the clearinghouse's web pages, or leave it out"

    // The way to the clearinghouse.

    /// an address that is no URL of a clearinghouse
    ClearinghouseUrl "clearinghouse_url" Operator AfterChange
        "give a URL such as https://clearinghouse.example.org/xmlrpc/"
    /// an address without TLS
    ClearinghousePlainHttp "clearinghouse_plain_http" Operator AfterChange
        "use https; for a private testbed give its CA certificate"
    /// a file of root certificates that is missing or cannot be read
    CaFileUnreadable "ca_file_unreadable" Operator AfterChange
        "name a readable PEM file, such as cacert.pem of the testbed"
    /// a file of root certificates that holds something else
    CaFileMalformed "ca_file_malformed" Operator AfterChange
        "give a PEM file with one or more certificates, such as cacert.pem of the testbed or of curl"
    /// a system without root certificates
    SystemRootsMissing "system_roots_missing" LocalMachine AfterChange
        "install the system's certificates (Debian: ca-certificates), or give a file of them"
    /// no connection to the clearinghouse, so that nothing was asked
    ClearinghouseUnreachable "clearinghouse_unreachable" Clearinghouse Again
        "check the clearinghouse's URL, your network, and HTTPS_PROXY and NO_PROXY; or wait until it is back"
    /// a lost or late answer of the clearinghouse, which may have done what was asked
    ClearinghouseSilent "clearinghouse_silent" Clearinghouse Again
        "the clearinghouse is slow or was restarted; try again"
    /// a web server that answers and has no clearinghouse there
    ClearinghouseNotThere "clearinghouse_not_there" Operator Again
        "check the clearinghouse's URL: it ends in /xmlrpc/, and no proxy or login page may stand between"
    /// an answer of the clearinghouse that makes no sense
    ClearinghouseMalformed "clearinghouse_malformed" Clearinghouse Again
        "check the clearinghouse's URL: it ends in /xmlrpc/, and no proxy or login page may stand between"
    /// a certificate that none of the trusted roots vouches for
    TlsUnknownIssuer "tls_unknown_issuer" Operator AfterChange
        "give the testbed's own CA file if this is a testbed of yours; otherwise somebody may be listening in between"
    /// a certificate signed by itself
    TlsSelfSigned "tls_self_signed" Operator AfterChange
        "give the testbed's own CA file if this is a testbed of yours; otherwise somebody may be listening in between"
    /// a certificate whose time is over
    TlsExpired "tls_expired" Operator AfterChange
        "check this machine's clock; if it is right, the server's certificate must be renewed"
    /// a certificate whose time has not come
    TlsNotYetValid "tls_not_yet_valid" Operator AfterChange
        "check this machine's clock"
    /// a certificate for other hosts
    TlsWrongHost "tls_wrong_host" Operator AfterChange
        "use the host name that the certificate is for, or correct the URL"
    /// a certificate that cannot be used for a server
    TlsBadCertificate "tls_bad_certificate" Operator AfterChange
        "the server's operators must repair its certificate"
    /// a refused TLS handshake, as of a server that goes away behind its own front
    TlsRefused "tls_refused" Clearinghouse Again
        "try again; if it lasts, the server's operators must allow TLS 1.2 or 1.3"
    /// no TLS version or cipher in common
    TlsIncompatible "tls_incompatible" Operator AfterChange
        "the server's operators must allow TLS 1.2 or 1.3"
    /// a connection that ended during the TLS handshake
    TlsCut "tls_cut" Clearinghouse Again
        "try again; a server that is being restarted, or a firewall, looks like this"
    /// something else than TLS spoken on that port
    TlsNotSpoken "tls_not_spoken" Operator AfterChange
        "check the URL's port; plain http is not accepted where https is asked for"
    /// any other failure of TLS
    TlsFailed "tls_failed" Operator AfterChange
        "see what TLS says; report it if it makes no sense"

    // What the clearinghouse says.

    /// a failure inside the clearinghouse
    ClearinghouseFailed "clearinghouse_failed" Clearinghouse Again
        "the clearinghouse has a problem of its own; try again later, and tell its operators if it lasts"
    /// a user or key that the clearinghouse does not know (fault 101, or 102 where a user is all that was asked about)
    Authentication "authentication" Operator AfterChange
        "check the user name, the directory of the key files and the clearinghouse; the key files must be the ones whose public key the account has"
    /// a request that the clearinghouse calls invalid (fault 102)
    RequestInvalid "request_invalid" Operator Rarely
        "the clearinghouse does not know what was asked for; check user name, vessel type, count and handles"
    /// more vessels asked for than the account's credit allows (fault 103)
    CreditExhausted "credit_exhausted" Operator Rarely
        "ask for fewer vessels, release some, or donate a node to get more credit"
    /// vessels asked for that the clearinghouse has not to give (fault 105)
    VesselsUnavailable "vessels_unavailable" Clearinghouse Rarely
        "wait, ask for fewer vessels, or ask for another type (rand is the easiest to get)"
    /// a public key of the account, as the clearinghouse tells it, that is none
    AccountKeyMalformed "account_key_malformed" Clearinghouse AfterChange
        "set the account's public key, or download its key files again"

    // Nodes.

    /// no connection to a node
    NodeUnreachable "node_unreachable" Node Again
        "the node, or the way to it, is down; vessels that stay away are replaced"
    /// a node that took the connection and did not answer
    NodeSilent "node_silent" Node Again
        "the node is slow or busy; it is asked again"
    /// a node that will not
    NodeRefused "node_refused" Node Again
        "see the node's own words; a vessel that is another's by now is replaced"
    /// an answer of a node that makes no sense, or comes from another node
    NodeMalformed "node_malformed" Node Again
        "the node's answer cannot be trusted; its vessels are replaced if it lasts"
    /// a vessel that is no longer the account's, as its node or the clearinghouse says
    VesselLost "vessel_lost" Clearinghouse Rarely
        "nothing: another vessel takes its place"
    /// a node that can only be reached through a forwarder
    NodeBehindForwarder "node_behind_forwarder" Operator Rarely
        "ask for wan, lan or rand vessels"

    // This machine.

    /// as many files and sockets open as this process or machine may have
    OpenFilesExhausted "open_files_exhausted" LocalMachine Again
        "let the process have more open files (ulimit -n 4096), or use fewer nodes and copies"
    /// something that this machine refused: a socket, a process, memory
    MachineRefused "machine_refused" LocalMachine Again
        "see what the operating system says, and give the process what it lacks"
    /// a clock that was set back, so that nodes would refuse requests
    ClockSetBack "clock_set_back" LocalMachine Again
        "set this machine's clock, and keep it right"
    /// no random numbers from the operating system
    RandomnessMissing "randomness_missing" LocalMachine AfterChange
        "see that the operating system's random device works"
    /// a file that must be there and is missing or cannot be read
    FileUnreadable "file_unreadable" Operator AfterChange
        "name a regular file that is there and readable"
    /// a file, or a text in one, that is not what it should be
    FileMalformed "file_malformed" Operator AfterChange
        "correct the file, or get it again"
    /// a file or directory that cannot be made or written
    FileUnwritable "file_unwritable" LocalMachine AfterChange
        "name a place that you may write to, with room on its disk"
    /// a log file that cannot be written
    LogFileUnwritable "log_file_unwritable" LocalMachine AfterChange
        "name a file that you may write to, in a directory that exists"
    /// an output that cannot be written
    OutputUnwritable "output_unwritable" LocalMachine AfterChange
        "make room on the disk, or send the output elsewhere"
    /// a reader of the output that is gone
    OutputClosed "output_closed" Operator AfterChange
        "nothing: the reader of the output has seen enough"
    /// a journal that cannot be read or written
    Journal "journal" LocalMachine Again
        "repair the journal, or move it away; vessels of earlier runs are then not known as ours"
    /// a journal that a later release wrote
    JournalTooNew "journal_too_new" Operator AfterChange
        "use the release that wrote it, or a later one; the journal is good, so leave it where it is"
    /// a run of a deployment of which another run has begun since
    RunSuperseded "run_superseded" Operator AfterChange
        "leave the vessels and the journal to the later run; end that one before you start this again"
    /// an end that was asked for while work was under way
    Interrupted "interrupted" Operator Again
        "start it again if it was not meant"

    // The testbed on this machine.

    /// something asked of a testbed that it does not have: a node, a program, a fault
    TestbedRequest "testbed_request" Operator AfterChange
        "ask for what the testbed has: overlord testbed show prints it"
    /// a directory on which a testbed runs already
    TestbedInUse "testbed_in_use" Operator AfterChange
        "use it, end it, or choose another directory"
    /// a fault that nothing in a testbed can have, or words that are none
    TestbedFault "testbed_fault" Operator AfterChange
        "ask for a fault that there is: overlord testbed fault --help lists them"
    /// a control socket that cannot be made in a testbed's directory
    TestbedSocket "testbed_socket" LocalMachine AfterChange
        "choose a directory that you may write to, with a path below 90 characters"
    /// a testbed that took a question and did not answer
    TestbedSilent "testbed_silent" LocalMachine Again
        "try again; if that does not help, end the testbed and start it anew"
    /// no testbed that answers in this directory
    TestbedAbsent "testbed_absent" Operator AfterChange
        "start one with: overlord testbed up --dir DIR; or name its directory"
    /// a testbed that is another user's
    TestbedForbidden "testbed_forbidden" Operator AfterChange
        "ask as the user who started it, or start one of your own in another directory with: overlord testbed up --dir DIR"
    /// an answer of a testbed that makes no sense
    TestbedMalformed "testbed_malformed" Operator AfterChange
        "use the same version of overlord as the testbed runs"
    /// a directory or file in it that a testbed cannot use
    TestbedUnwritable "testbed_unwritable" LocalMachine AfterChange
        "choose another directory for the testbed"
    /// a directory that holds something else than a testbed's state
    TestbedData "testbed_data" Operator AfterChange
        "start in an empty directory, or repair what is in this one"
    /// a port on which something listens already
    PortInUse "port_in_use" Operator AfterChange
        "choose another port (0 takes a free one), or end what listens on this one"
    /// a port that the system keeps for itself
    PortForbidden "port_forbidden" Operator AfterChange
        "choose a port from 1024 on (0 takes a free one): this system keeps those below for itself"
    /// a port on which one cannot listen for another reason
    PortUnusable "port_unusable" LocalMachine AfterChange
        "choose another port (0 takes a free one)"
    /// what a testbed needs of this machine and does not get: loopback networks, processes, files
    TestbedMachine "testbed_machine" LocalMachine AfterChange
        "see that loopback networks (127.A.x.1, Linux) and enough processes and files are allowed"

    // Us.

    /// a bug of ours
    Internal "internal" Bug AfterChange
        "report it, please"
}

impl Code {
    /// The code as programs see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().text
    }

    /// Who can do something about it.
    #[must_use]
    pub fn blame(self) -> Blame {
        self.row().blame
    }

    /// Whether asking again can help.
    #[must_use]
    pub fn retry(self) -> RetryClass {
        self.row().retry
    }

    /// What has this code, in words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.row().meaning.trim_start()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        self.row().hint
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_a_text_of_its_own_in_small_letters() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        let small = |c: char| c.is_ascii_lowercase() || c == '_';
        for code in Code::ALL {
            assert!(code.as_str().chars().all(small), "{code}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn every_code_says_what_it_means_and_what_to_do() {
        for code in Code::ALL {
            let (meaning, hint) = (code.meaning(), code.hint());
            assert!(!meaning.is_empty() && !hint.is_empty(), "{code}");
            assert!(!hint.ends_with('.') && !hint.contains("--user "), "{code}");
        }
    }
}
