//! The table of settings: one row each. From a row come the flag and its help, the variable, the key of the
//! configuration file, the documentation, and the tests that it can be given in each place.
//!
//! To add a setting, write its row under the group whose commands take it, and use it:
//! `layers.value(&NAME)?` for one that has a default, `layers.optional(&NAME)?` for one that has none. Then
//! `OVERLORD_UPDATE_DOCS=1 cargo test -p overlord-cli configuration_page` writes `docs/configuration.md`.
//!
//! A row is: what it is; `NAME: Setting<TYPE>` with its default, or `NAME: Optional<TYPE>` with words for what happens
//! without it; the flag; what stands for its value; how it is written; how it is read.

use std::path::PathBuf;
use std::time::Duration;

use overlord::CLEARINGHOUSE_DEFAULT;
use overlord::clearinghouse::ApiKey;
use overlord::engine::{OnStart, OnStop, PolicyPeriod};
use overlord::keys::{GENERATED_KEY_BITS_MAX, GENERATED_KEY_BITS_MIN};
use overlord::types::{Platform, UserName, VesselType};

use super::row::{Form, Optional, Reach, Row, Scope, Section, Setting, add_flags};
use crate::failure::Failure;
use crate::output::{Colours, Format};

/// Most nodes of a testbed: one loopback network each.
pub(crate) const NODES_MAX: u32 = 254;
/// Most nodes of the embedded testbed: one loopback network each.
pub(crate) const LOCAL_NODES_MAX: u32 = 200;
/// Vessels of each node at most; a machine of the original has some tens.
pub(crate) const VESSELS_PER_NODE_MAX: u32 = 100;
/// Most vessels that an account may hold: as many as there ever are.
const CREDITS_MAX: u32 = NODES_MAX * VESSELS_PER_NODE_MAX;

/// What the rows of a group share unless it says otherwise.
const SCOPE: Scope = Scope {
    heading: None,
    commands: "",
    prefix: "",
    reach: Reach::Flag,
    is_global: false,
};

/// Makes of each row a static that is its setting, of each group the flags that a command takes by flattening them, and
/// the list of all rows.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])+
        $flags:ident($scope:expr) {
            $(
                $(#[doc = $help:literal])+
                $name:ident: $kind:ident<$type:ty> = $default:expr,
                    $flag:literal, $value:literal, $form:ident, $read:expr;
            )+
        }
    )+) => {
        $($(
            $(#[doc = $help])+
            pub(crate) static $name: $kind<$type> = $kind {
                row: Row {
                    flag: $flag,
                    value_name: $value,
                    form: Form::$form,
                    preset: $kind::<$type>::preset($default),
                    help: concat!($($help),+),
                    scope: $scope,
                },
                read: $read,
            };
        )+)+
        $(
            $(#[doc = $about])+
            #[derive(Debug, Clone, Copy, Default)]
            pub(crate) struct $flags;

            impl clap::Args for $flags {
                fn augment_args(command: clap::Command) -> clap::Command {
                    add_flags(command, &[$(&$name.row),+])
                }

                fn augment_args_for_update(command: clap::Command) -> clap::Command {
                    Self::augment_args(command)
                }
            }

            impl clap::FromArgMatches for $flags {
                fn from_arg_matches(_: &clap::ArgMatches) -> Result<Self, clap::Error> {
                    Ok(Self)
                }

                fn update_from_arg_matches(&mut self, _: &clap::ArgMatches) -> Result<(), clap::Error> {
                    Ok(())
                }
            }
        )+
        /// All rows, in the order of the table.
        pub(crate) static ROWS: &[&Row] = &[$($(&$name.row),+),+];
    };
}

settings! {
    /// Which configuration file.
    ConfigFlags(Scope { heading: Some("Everywhere"), commands: "every command", reach: Reach::FlagOrVariable, is_global: true, ..SCOPE }) {
        /// Configuration file
        CONFIG: Optional<PathBuf> = "./overlord.toml, else overlord/config.toml in $XDG_CONFIG_HOME or ~/.config",
            "config", "FILE", Path, |given| given.path();
    }

    /// How a command talks.
    TalkFlags(Scope { heading: Some("Everywhere"), commands: "every command", reach: Reach::Everywhere(Section::Top), is_global: true, ..SCOPE }) {
        /// What is printed: `text` for people, `json` for programs, one object a line
        OUTPUT: Setting<Format> = "text",
            "output", "FORMAT", Text, |given| given.one_of(&[("text", Format::Text), ("json", Format::Json)]);
        /// Colours: auto (on a terminal, unless NO_COLOR is set or TERM is dumb; CLICOLOR_FORCE forces them), always or never
        COLOR: Setting<Colours> = "auto",
            "color", "WHEN", Text, |given| given.one_of(&[("auto", Colours::Auto), ("always", Colours::Always), ("never", Colours::Never)]);
    }

    /// Whose keys, and where they are.
    KeysFlags(Scope { heading: Some("Account"), commands: "run, vessels, status, keys", reach: Reach::Everywhere(Section::Top), ..SCOPE }) {
        /// User name of the account; its keys are USER.publickey and USER.privatekey
        USER: Optional<UserName> = "none; `run --local` takes `local`",
            "user", "USER", Text, |given| given.parse();
        /// Directory of the key files
        KEYS_DIR: Setting<PathBuf> = ".",
            "keys-dir", "DIR", Path, |given| given.path();
    }

    /// The account's clearinghouse.
    ClearinghouseFlags(Scope { heading: Some("Account"), commands: "run, vessels, status", reach: Reach::Everywhere(Section::Top), ..SCOPE }) {
        /// Address of the clearinghouse's XML-RPC interface
        CLEARINGHOUSE: Setting<String> = CLEARINGHOUSE_DEFAULT,
            "clearinghouse", "URL", Text, |given| given.text().map(str::to_owned);
        /// PEM file of certificate authorities to trust, in place of the system's (the original's cacert.pem)
        CA_FILE: Optional<PathBuf> = "the system's authorities",
            "ca-file", "FILE", Path, |given| given.path();
        /// File with the account's API key
        API_KEY_FILE: Optional<PathBuf> = "the private key gets it; OVERLORD_API_KEY holds one too",
            "api-key-file", "FILE", Path, |given| given.path();
        /// DANGER: accept any certificate of the clearinghouse; anybody in between can then take the account over
        DANGER_ACCEPT_INVALID_CERTS: Setting<bool> = "false",
            "danger-accept-invalid-certs", "", Switch, |given| given.switch();
    }

    /// The API key itself.
    ApiKeyVariable(Scope { commands: "run, vessels, status", reach: Reach::Variable, ..SCOPE }) {
        /// The account's API key; there is no flag, since others on the machine can read flags
        API_KEY: Optional<ApiKey> = "the private key gets it",
            "api-key", "", Text, |given| {
                // What is no text is no key either: the replacement characters make it one that is refused.
                ApiKey::new(given.raw.to_string_lossy().trim()).map_err(|error| {
                    let advice = format!("correct the API key in {}", given.origin);
                    Failure::from(error).advise(advice)
                })
            };
    }

    /// What is deployed, on what.
    DeploymentFlags(Scope { heading: Some("Deployment"), commands: "run", reach: Reach::Everywhere(Section::Run), ..SCOPE }) {
        /// How many copies
        COUNT: Setting<u32> = "10",
            "count", "N", Number, |given| given.vessels();
        /// On which machines: wan (different networks), lan (one network), nat, rand (any)
        TYPE: Setting<VesselType> = "wan",
            "type", "TYPE", Text, |given| given.parse();
        /// What runs the program: auto (`.repy` is repyV1, `.r2py` and `.py` repyV2, others native), repyV2, repyV1, native
        PLATFORM: Setting<Option<Platform>> = "auto",
            "platform", "PLATFORM", Text, |given| match given.text()? {
                "auto" => Ok(None),
                _ => given.parse().map(Some).map_err(|failure| {
                    failure.advise("use auto, repyV2, repyV1, or native (for a testbed of your own only)")
                }),
            };
        /// What becomes of vessels held at the start: release (the original's clean start, gives back whatever the
        /// account holds) or adopt (what runs is taken to be this program: vessels do not tell)
        ON_START: Setting<OnStart> = "release",
            "on-start", "WHAT", Text, |given| given.one_of(&[("release", OnStart::Release), ("adopt", OnStart::Adopt)]);
        /// What becomes of the vessels at the end: leave (they run on; not with --local), stop, release
        ON_STOP: Optional<OnStop> = "leave; with --local release",
            "on-stop", "WHAT", Text, |given| {
                given.one_of(&[("leave", OnStop::Leave), ("stop", OnStop::Stop), ("release", OnStop::Release)])
            };
    }

    /// Whether the program is looked at first.
    CheckFlags(Scope { heading: Some("Deployment"), commands: "run", ..SCOPE }) {
        /// Deploy a Repy program even if nodes will not run it, by the safety check of this program
        NO_CHECK: Setting<bool> = "false",
            "no-check", "", Switch, |given| given.switch();
    }

    /// How a run is watched, and when it ends.
    WatchingFlags(Scope { heading: Some("Watching"), commands: "run", reach: Reach::Everywhere(Section::Run), ..SCOPE }) {
        /// How often nodes are asked
        POLL_PERIOD: Setting<Duration> = "30s",
            "poll-period", "TIME", Text, |given| given.period(PolicyPeriod::Poll);
        /// How often leases are renewed at least
        RENEW_PERIOD: Setting<Duration> = "2days",
            "renew-period", "TIME", Text, |given| given.period(PolicyPeriod::Renew);
        /// File that every change is written to besides; appended to, never truncated. When it takes no more lines, that
        /// is told once, on standard error, and the run goes on
        LOG_FILE: Optional<PathBuf> = "none",
            "log-file", "FILE", Path, |given| given.path();
        /// File whose appearance ends the run; its directory must be there
        STOP_FILE: Setting<PathBuf> = "stop",
            "stop-file", "FILE", Path, |given| given.path();
        /// End the run after this time
        RUN_FOR: Optional<Duration> = "until stopped",
            "run-for", "TIME", Text, |given| given.positive_duration();
        /// Ask each copy on this TCP port for a line and show the answers
        PROBE_PORT: Optional<u16> = "the account's port if ARGS have {port}, else they are not asked; 0: do not ask",
            "probe-port", "PORT", Number, |given| given.port();
    }

    /// Whether to run on a testbed of one's own.
    LocalFlag(Scope { heading: Some("Embedded testbed"), commands: "run", ..SCOPE }) {
        /// Run on a testbed inside this process: no account, no network needed
        LOCAL: Setting<bool> = "false",
            "local", "", Switch, |given| given.switch();
    }

    /// What that testbed is like.
    LocalFlags(Scope { heading: Some("Embedded testbed"), commands: "run", reach: Reach::Everywhere(Section::Run), ..SCOPE }) {
        /// Nodes of the embedded testbed
        LOCAL_NODES: Optional<u32> = "two more than copies",
            "local-nodes", "N", Number, |given| given.number(1, LOCAL_NODES_MAX);
        /// Directory of the embedded testbed, kept at the end
        LOCAL_DIR: Optional<PathBuf> = "a temporary one, removed at the end",
            "local-dir", "DIR", Path, |given| given.path();
        /// How much later each node of the embedded testbed answers
        LOCAL_LATENCY: Setting<Duration> = "0s",
            "local-latency", "TIME", Text, |given| given.duration();
    }

    /// What to acquire.
    AcquireFlags(Scope { commands: "vessels acquire", reach: Reach::FlagOrVariable, ..SCOPE }) {
        /// How many
        ACQUIRE_COUNT: Setting<u32> = "1",
            "count", "N", Number, |given| given.vessels();
        /// On which machines: wan, lan, nat, rand
        ACQUIRE_TYPE: Setting<VesselType> = "wan",
            "type", "TYPE", Text, |given| given.parse();
    }

    /// What keys to make.
    GenerateFlags(Scope { commands: "keys generate", reach: Reach::FlagOrVariable, ..SCOPE }) {
        /// Length of the modulus, 1024 to 8192
        BITS: Setting<u32> = "2048",
            "bits", "BITS", Number, |given| given.number(GENERATED_KEY_BITS_MIN, GENERATED_KEY_BITS_MAX);
    }

    /// Which testbed.
    TestbedFlags(Scope { commands: "testbed", prefix: "testbed-", reach: Reach::FlagOrVariable, ..SCOPE }) {
        /// Directory of the testbed: keys, CA certificate, state, control socket
        TESTBED_DIR: Setting<PathBuf> = "testbed",
            "dir", "DIR", Path, |given| given.path();
    }

    /// What testbed to start.
    UpFlags(Scope { commands: "testbed up", prefix: "testbed-", ..SCOPE }) {
        /// How many nodes, each on a network of its own unless --nodes-per-network says otherwise; 0 leaves them to others
        UP_NODES: Setting<u32> = "12",
            "nodes", "N", Number, |given| given.number(0, NODES_MAX);
        /// How many nodes share a network (/24), and so are a lan; kept from the first start in the directory
        UP_NODES_PER_NETWORK: Setting<u32> = "1",
            "nodes-per-network", "N", Number, |given| given.number(1, NODES_MAX);
        /// How many vessels each node has
        UP_VESSELS_PER_NODE: Setting<u32> = "4",
            "vessels-per-node", "N", Number, |given| given.number(1, VESSELS_PER_NODE_MAX);
        /// How much later each node answers
        UP_LATENCY: Setting<Duration> = "0s",
            "latency", "TIME", Text, |given| given.duration();
        /// TCP port of the clearinghouse; 0 takes a free one
        UP_PORT: Setting<u16> = "0",
            "port", "PORT", Number, |given| given.port();
        /// How many vessels each account that is made may hold; the original's accounts begin with ten
        UP_CREDITS: Setting<u32> = "10",
            "credits", "N", Number, |given| given.number(0, CREDITS_MAX);
        /// Also run programs that are not Repy, with the rights of this process: not a sandbox
        UP_DANGER_NATIVE: Setting<bool> = "false",
            "danger-native", "", Switch, |given| given.switch();
        /// Length of leases on acquisition
        UP_LEASE: Optional<Duration> = "4h",
            "lease", "TIME", Text, |given| given.positive_duration();
        /// Length of leases after a renewal
        UP_RENEWED_LEASE: Optional<Duration> = "7days",
            "renewed-lease", "TIME", Text, |given| given.positive_duration();
    }
}
