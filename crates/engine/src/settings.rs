//! What the operator wants: the deployment (what shall run) and the policy (how it is kept running).
//!
//! Reading flags, variables and files is left to the binary; here are the values, their defaults with
//! reasons, and their bounds. Both are readable by hooks.

use std::time::Duration;

use overlord_time::WallTime;
use overlord_types::{ArgumentError, Platform, ProgramArguments, UserName, UserPort, VesselType};
use serde::{Deserialize, Serialize};

use crate::error::SettingsError;
use crate::ports::{Account, ProgramFile};

/// Most vessels of one deployment: what one process can watch with one probe per node and poll.
pub const VESSELS_MAX: u32 = 10_000;
/// No period is longer: a year of seconds keeps all arithmetic far from overflow.
const PERIOD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// No period is shorter: below this the engine would ask nodes in a tight loop.
const PERIOD_MIN: Duration = Duration::from_millis(10);

/// The program that every vessel is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file that is uploaded and started.
    pub file: ProgramFile,
    /// What runs it on the vessel.
    pub platform: Platform,
}

/// The words that stand for something in arguments.
const WORDS: [&str; 3] = ["{port}", "{index}", "{time}"];

/// The last second that is written with ten digits, in the year 2286.
const LATE: WallTime = WallTime::from_unix_millis(9_999_999_999_000);

/// Arguments of the program, in which `{port}`, `{index}` and `{time}` stand for the user port, the copy's number and
/// the seconds since 1970 when the copy is started (again): programs in vessels have no calendar of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArgumentsTemplate(Vec<String>);

impl ArgumentsTemplate {
    /// Takes the texts as given; [`Deployment::check`] says what is wrong with them.
    #[must_use]
    pub fn new(arguments: Vec<String>) -> Self {
        Self(arguments)
    }

    /// The arguments as given.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The arguments for one copy. Words in braces that stand for nothing are left, and then refused
    /// as a character that nodes do not take.
    ///
    /// # Errors
    /// When what comes out is not accepted by nodes.
    pub fn resolve(
        &self,
        port: UserPort,
        index: u32,
        now: WallTime,
    ) -> Result<ProgramArguments, ArgumentError> {
        let (port, index) = (port.to_string(), index.to_string());
        let time = (now.unix_millis() / 1000).to_string();
        let fill = |text: &String| {
            text.replace("{port}", &port)
                .replace("{index}", &index)
                .replace("{time}", &time)
        };
        ProgramArguments::new(self.0.iter().map(fill).collect())
    }

    /// The first word in braces that stands for nothing.
    fn unknown_word(&self) -> Option<SettingsError> {
        self.0.iter().find_map(|template| {
            let rest = WORDS
                .iter()
                .fold(template.clone(), |rest, word| rest.replace(word, ""));
            let (_, after) = rest.split_once('{')?;
            let (word, _) = after.split_once('}')?;
            Some(SettingsError::UnknownTemplate {
                template: template.clone(),
                word: word.to_owned(),
            })
        })
    }
}

/// What shall run, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Whose vessels they are.
    pub user_name: UserName,
    /// The port that the account may use on each vessel (the original's `geni_port`).
    pub user_port: UserPort,
    /// How many copies.
    pub vessel_count: u32,
    /// On which machines.
    pub vessel_type: VesselType,
    /// What each copy is; `None` when a replaced init-vessels hook brings its own.
    pub program: Option<Program>,
    /// The program's arguments.
    pub arguments: ArgumentsTemplate,
}

impl Deployment {
    /// The name of the program's file, if there is one (the original's `program_filename`).
    #[must_use]
    pub fn program_name(&self) -> Option<&str> {
        self.program
            .as_ref()
            .map(|program| program.file.name.as_str())
    }

    /// Says what keeps this deployment from being run at all.
    ///
    /// # Errors
    /// The first thing that the operator has to change.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.vessel_count == 0 {
            return Err(SettingsError::NoVessels);
        }
        if self.vessel_count > VESSELS_MAX {
            return Err(SettingsError::TooManyVessels {
                wanted: self.vessel_count,
                max: VESSELS_MAX,
            });
        }
        if let Some(error) = self.arguments.unknown_word() {
            return Err(error);
        }
        // The highest index and a late time make the longest arguments.
        self.arguments
            .resolve(self.user_port, self.vessel_count, LATE)
            .map_err(SettingsError::Arguments)?;
        Ok(())
    }

    /// Says whether the account may hold as many vessels as are wanted.
    ///
    /// # Errors
    /// [`SettingsError::OverCredit`] if it may not.
    pub fn check_credit(&self, account: &Account) -> Result<(), SettingsError> {
        if self.vessel_count > account.max_vessels {
            return Err(SettingsError::OverCredit {
                wanted: self.vessel_count,
                credit: account.max_vessels,
                user: account.user_name.clone(),
            });
        }
        Ok(())
    }
}

/// What becomes, at the start, of vessels that the account holds already.
///
/// Vessels that the journal knows as ours from a run that crashed are taken over in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStart {
    /// The original's clean start: give back whatever the account holds.
    #[default]
    Release,
    /// Take over what it holds, running ones first, up to the number wanted; leave the others alone.
    Adopt,
}

/// What becomes of our vessels at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStop {
    /// As the original: leave them running until their leases end.
    #[default]
    Leave,
    /// Stop the programs, keep the vessels.
    Stop,
    /// Give the vessels back.
    Release,
}

/// How the deployment is kept running: periods, deadlines and bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How often each node is asked for its vessels. The original's 15 minutes is how long a dead copy
    /// stayed unnoticed; one small question per node and half a minute costs next to nothing.
    pub poll_period: Duration,
    /// How soon a node is asked again that was silent, or whose vessel looked wrong.
    pub suspect_period: Duration,
    /// Leases are renewed at least so often (and in any case before half of them is over). The original's two days.
    pub renew_period: Duration,
    /// At least so often is read what the account holds: leases, moved nodes, vessels taken back.
    pub ownership_period: Duration,
    /// What becomes of held vessels at the start.
    pub on_start: OnStart,
    /// What becomes of ours at the end.
    pub on_stop: OnStop,
    /// How long the final phase may take before the run ends anyhow and says what is left undone.
    pub final_phase_max: Duration,
    /// Deadline of a call to the clearinghouse; the original hangs now and then.
    pub clearinghouse_deadline: Duration,
    /// Deadline of asking a node for its vessels.
    pub probe_deadline: Duration,
    /// Deadline of an upload.
    pub upload_deadline: Duration,
    /// Deadline of a start; the original's nodes wait up to 10 s before they answer.
    pub start_deadline: Duration,
    /// Deadline of each replaced hook.
    pub hook_deadline: Duration,
    /// First pause of every backoff.
    pub backoff_first: Duration,
    /// Longest pause of every backoff.
    pub backoff_most: Duration,
    /// A copy that has run so long starts its backoff afresh when it fails.
    pub stable_after: Duration,
    /// How often a program is started again on its vessel before the vessel is replaced.
    pub restarts_in_place: u32,
    /// How many vessels may be held above the number wanted while replacing (0: give back first, then ask).
    pub surge: u32,
    /// Most operations on nodes at a time, over all.
    pub operations_max: usize,
    /// Most operations at a time on one node: the original's nodes close the fifth connection of an address.
    pub operations_per_node_max: usize,
    /// The breaker opens when at least this share, in percent, of our nodes is silent at once (and at least two).
    pub breaker_percent: u32,
    /// How long an open breaker holds before silent vessels are replaced one by one.
    pub breaker_hold: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            poll_period: seconds(30),
            suspect_period: seconds(5),
            renew_period: seconds(2 * 24 * 60 * 60),
            ownership_period: seconds(5 * 60),
            on_start: OnStart::default(),
            on_stop: OnStop::default(),
            final_phase_max: seconds(20),
            clearinghouse_deadline: seconds(60),
            probe_deadline: seconds(15),
            upload_deadline: seconds(90),
            start_deadline: seconds(30),
            hook_deadline: seconds(10 * 60),
            backoff_first: seconds(1),
            backoff_most: seconds(5 * 60),
            stable_after: seconds(60),
            restarts_in_place: 3,
            surge: 0,
            operations_max: 128,
            operations_per_node_max: 3,
            breaker_percent: 50,
            breaker_hold: seconds(2 * 60),
        }
    }
}

impl Policy {
    /// The default policy with another polling period; what depends on it follows.
    #[must_use]
    pub fn with_poll_period(poll_period: Duration) -> Self {
        let policy = Self::default();
        Self {
            suspect_period: policy.suspect_period.min(poll_period),
            poll_period,
            ..policy
        }
    }

    /// Says which period is out of its bounds, or that nothing could ever be done.
    ///
    /// # Errors
    /// [`SettingsError::OutOfBounds`] naming the first such period, or [`SettingsError::NoOperations`].
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.operations_max == 0 || self.operations_per_node_max == 0 {
            return Err(SettingsError::NoOperations);
        }
        let periods = [
            ("poll period", self.poll_period),
            ("suspect period", self.suspect_period),
            ("renew period", self.renew_period),
            ("ownership period", self.ownership_period),
            ("final phase", self.final_phase_max),
            ("clearinghouse deadline", self.clearinghouse_deadline),
            ("probe deadline", self.probe_deadline),
            ("upload deadline", self.upload_deadline),
            ("start deadline", self.start_deadline),
            ("hook deadline", self.hook_deadline),
            ("first backoff", self.backoff_first),
            ("longest backoff", self.backoff_most),
            ("stable time", self.stable_after),
            ("breaker hold", self.breaker_hold),
        ];
        for (name, value) in periods {
            if !(PERIOD_MIN..=PERIOD_MAX).contains(&value) {
                return Err(SettingsError::OutOfBounds {
                    name,
                    value,
                    least: PERIOD_MIN,
                    most: PERIOD_MAX,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> UserPort {
        UserPort::try_from(63_100).unwrap()
    }

    #[test]
    fn port_index_and_time_are_filled_in_wherever_they_stand() {
        let words = ["{port}", "x{index}-{index}", "{time}", "plain"].map(str::to_owned);
        let template = ArgumentsTemplate::new(words.to_vec());
        assert_eq!(template.unknown_word(), None);
        let now = WallTime::from_unix_millis(1_700_000_000_999);
        let filled = template.resolve(port(), 7, now).unwrap();
        assert_eq!(filled.as_slice(), ["63100", "x7-7", "1700000000", "plain"]);
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_named() {
        let template = ArgumentsTemplate::new(vec!["{port}{when}".to_owned()]);
        let error = template.unknown_word().unwrap();
        assert_eq!(
            error.to_string(),
            "\"{port}{when}\" has {when}; known are {port}, {index} and {time}"
        );
    }
}
