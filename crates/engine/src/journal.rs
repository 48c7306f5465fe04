//! What the journal's records mean: intent before each call, outcome after it.
//!
//! From the records alone, a [`Ledger`] tells which vessels are ours, which acquisitions are in doubt,
//! and which copy each vessel is. They are written in [`RecordBatch`]es, which say whose they are, and read as a
//! [`JournalReplay`]. Storing them is the port's business.

use overlord_time::WallTime;
use overlord_types::Handle;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::error::JournalError;
use crate::provenance::{DeploymentName, Generation};
use crate::versioned::Versioned;

/// A record as it is stored.
pub type StoredRecord = Versioned<JournalRecord>;
/// A ledger as it is stored.
pub type StoredLedger = Versioned<Ledger>;

/// Records that belong together: they are stored all, in this order, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordBatch {
    /// Whose they are.
    pub deployment: DeploymentName,
    /// Of which run.
    pub generation: Generation,
    /// What they say; never empty.
    pub records: Vec<StoredRecord>,
}

/// What a store knows of a deployment when a run of it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalReplay {
    /// The run's own.
    pub generation: Generation,
    /// What older records came to. A store that sums nothing up leaves it empty.
    pub ledger: StoredLedger,
    /// The records after those, oldest first.
    pub tail: Vec<StoredRecord>,
}

impl JournalReplay {
    /// What all of it comes to.
    ///
    /// # Errors
    /// When the ledger or a record was written by a later release, in a form that this one may misunderstand.
    pub fn into_ledger(self) -> Result<Ledger, JournalError> {
        let mut ledger = self.ledger.into_content()?;
        for stored in &self.tail {
            ledger.take(stored.read()?);
        }
        Ok(ledger)
    }
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
#[non_exhaustive]
pub enum JournalRecord {
    /// A run began.
    RunStarted {
        /// When.
        at: WallTime,
    },
    /// We are about to ask for vessels. Until its outcome is recorded, whatever the account holds
    /// beyond `baseline` and our own may be what it brought.
    AcquireIntended {
        /// Tells acquisitions apart within and across runs.
        acquisition: u64,
        /// How many are asked for.
        count: u32,
        /// What the account held before and is not ours.
        baseline: BTreeSet<Handle>,
        /// When.
        at: WallTime,
    },
    /// The acquisition ended with these vessels, none if it was refused. They are ours from now on.
    Acquired {
        /// Which acquisition.
        acquisition: u64,
        /// What it brought.
        vessels: BTreeSet<Handle>,
    },
    /// Vessels that the account held already are ours from now on.
    Adopted {
        /// Which.
        vessels: BTreeSet<Handle>,
    },
    /// We are about to make this vessel run the program as the copy of this index.
    InitialiseIntended {
        /// The vessel.
        handle: Handle,
        /// Which copy.
        index: u32,
        /// How often this copy has failed in a row.
        failures: u32,
    },
    /// We are about to give vessels back.
    ReleaseIntended {
        /// Which.
        vessels: BTreeSet<Handle>,
    },
    /// Vessels are no longer ours: given back, expired or taken back.
    Gone {
        /// Which.
        vessels: BTreeSet<Handle>,
    },
    /// The run ended as it was told to; these vessels were left with the account. They are not taken
    /// over unasked by the next run.
    RunEnded {
        /// What was left.
        left: BTreeSet<Handle>,
        /// When.
        at: WallTime,
    },
}

/// An acquisition whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubtfulAcquisition {
    /// How many were asked for.
    pub count: u32,
    /// What the account held before and was not ours.
    pub baseline: BTreeSet<Handle>,
    /// When it was asked for.
    pub at: WallTime,
}

/// Which copy a vessel was to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerVessel {
    /// The copy's index, once it was given one.
    pub index: Option<u32>,
    /// How often that copy had failed in a row.
    pub failures: u32,
}

/// What the journal says is ours. A store may keep it, as a [`StoredLedger`], in place of the records that it was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Vessels that are ours.
    pub vessels: BTreeMap<Handle, LedgerVessel>,
    /// Acquisitions of unknown outcome, by number.
    pub doubts: BTreeMap<u64, DoubtfulAcquisition>,
    /// The number for the next acquisition.
    pub next_acquisition: u64,
}

impl Ledger {
    /// Reads the records from the first to the last.
    #[must_use]
    pub fn of(records: &[JournalRecord]) -> Self {
        let mut ledger = Self::default();
        for record in records {
            ledger.take(record);
        }
        ledger
    }

    /// Takes one record in.
    pub fn take(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::AcquireIntended {
                acquisition,
                count,
                baseline,
                at,
            } => {
                let doubt = DoubtfulAcquisition {
                    count: *count,
                    baseline: baseline.clone(),
                    at: *at,
                };
                self.doubts.insert(*acquisition, doubt);
                self.next_acquisition = self.next_acquisition.max(acquisition.saturating_add(1));
            }
            JournalRecord::Acquired {
                acquisition,
                vessels,
            } => {
                self.doubts.remove(acquisition);
                self.own(vessels);
            }
            JournalRecord::Adopted { vessels } => self.own(vessels),
            JournalRecord::InitialiseIntended {
                handle,
                index,
                failures,
            } => {
                if let Some(vessel) = self.vessels.get_mut(handle) {
                    vessel.index = Some(*index);
                    vessel.failures = *failures;
                }
            }
            // Whether it was carried out, only the clearinghouse can tell.
            JournalRecord::RunStarted { .. } | JournalRecord::ReleaseIntended { .. } => {}
            JournalRecord::Gone { vessels } => {
                self.vessels.retain(|handle, _| !vessels.contains(handle));
            }
            JournalRecord::RunEnded { .. } => {
                self.vessels.clear();
                self.doubts.clear();
            }
        }
    }

    fn own(&mut self, vessels: &BTreeSet<Handle>) {
        for handle in vessels {
            self.vessels.insert(handle.clone(), LedgerVessel::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::RECORD_VERSION;

    fn handles(vessels: &[&str]) -> BTreeSet<Handle> {
        let parse = |vessel: &&str| format!("3 33:{vessel}").parse().unwrap();
        vessels.iter().map(parse).collect()
    }

    fn intended(acquisition: u64) -> JournalRecord {
        JournalRecord::AcquireIntended {
            acquisition,
            count: 2,
            baseline: handles(&["v9"]),
            at: WallTime::default(),
        }
    }

    fn acquired(acquisition: u64, vessels: &[&str]) -> JournalRecord {
        JournalRecord::Acquired {
            acquisition,
            vessels: handles(vessels),
        }
    }

    fn owned(records: &[JournalRecord]) -> BTreeSet<Handle> {
        Ledger::of(records).vessels.into_keys().collect()
    }

    #[test]
    fn an_intent_without_outcome_is_a_doubt_and_its_number_is_not_given_again() {
        let ledger = Ledger::of(&[intended(0), acquired(0, &["v1"]), intended(1)]);
        assert_eq!(ledger.doubts.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(ledger.doubts[&1].baseline, handles(&["v9"]));
        assert_eq!(ledger.next_acquisition, 2);
    }

    #[test]
    fn what_was_intended_to_be_given_back_is_ours_until_it_is_gone() {
        let mut records = vec![
            intended(0),
            acquired(0, &["v1", "v2"]),
            JournalRecord::ReleaseIntended {
                vessels: handles(&["v1"]),
            },
        ];
        assert_eq!(owned(&records), handles(&["v1", "v2"]));
        records.push(JournalRecord::Gone {
            vessels: handles(&["v1"]),
        });
        assert_eq!(owned(&records), handles(&["v2"]));
    }

    #[test]
    fn after_an_orderly_end_nothing_is_ours_unasked() {
        let ended = JournalRecord::RunEnded {
            left: handles(&["v1"]),
            at: WallTime::default(),
        };
        let ledger = Ledger::of(&[intended(0), acquired(0, &["v1"]), intended(1), ended]);
        assert!(ledger.vessels.is_empty() && ledger.doubts.is_empty());
        assert_eq!(ledger.next_acquisition, 2);
    }

    #[test]
    fn a_ledger_and_the_records_after_it_mean_what_all_of_them_mean() {
        let initialised = JournalRecord::InitialiseIntended {
            handle: "3 33:v2".parse().unwrap(),
            index: 4,
            failures: 3,
        };
        let gone = JournalRecord::Gone {
            vessels: handles(&["v1"]),
        };
        let records = [
            intended(0),
            acquired(0, &["v1", "v2", "v3"]),
            initialised,
            intended(1),
            intended(2),
            acquired(2, &[]),
            gone,
        ];
        let all = Ledger::of(&records);
        for upto in 0..=records.len() {
            let summed_up = StoredLedger::from(Ledger::of(&records[..upto]));
            let text = serde_json::to_string(&summed_up).unwrap();
            let replay = JournalReplay {
                ledger: serde_json::from_str(&text).unwrap(),
                tail: records[upto..].iter().cloned().map(Into::into).collect(),
                ..JournalReplay::default()
            };
            assert_eq!(replay.into_ledger().unwrap(), all, "after {upto} records");
        }
    }

    fn refusal(replay: JournalReplay) -> JournalError {
        replay.into_ledger().unwrap_err()
    }

    #[test]
    fn what_a_later_release_wrote_is_refused_by_its_version_whatever_it_is() {
        let later = RECORD_VERSION + 1;
        let unknown_kind = r#"{"record":"lent","vessels":["3 33:v1"],"to":{"bob":[1]}}"#;
        let known_kind_of_another_form = r#"{"record":"acquired","vessels":7}"#;
        let not_even_a_map = "12";
        for record in [unknown_kind, known_kind_of_another_form, not_even_a_map] {
            let stored = serde_json::from_str(&format!("[{later},{record}]")).unwrap();
            let error = refusal(JournalReplay {
                tail: vec![intended(0).into(), stored],
                ..JournalReplay::default()
            });
            assert!(
                matches!(error, JournalError::TooNew { version } if version == later),
                "{record}: {error:?}"
            );
        }
        let summed_up = format!(r#"[{later},{{"vessels":[],"lent":{{}}}},"and more"]"#);
        let error = refusal(JournalReplay {
            ledger: serde_json::from_str(&summed_up).unwrap(),
            ..JournalReplay::default()
        });
        assert!(matches!(error, JournalError::TooNew { version } if version == later));
    }

    #[test]
    fn a_broken_record_of_this_release_cannot_be_read_and_one_of_a_later_cannot_be_written() {
        let unknown_kind = r#"[1,{"record":"lent"}]"#;
        let error = serde_json::from_str::<StoredRecord>(unknown_kind).unwrap_err();
        assert!(error.to_string().contains("lent"), "{error}");
        for torn in ["[]", "[1]", r#"{"record":"run_started","at":0}"#] {
            assert!(
                serde_json::from_str::<StoredRecord>(torn).is_err(),
                "{torn}"
            );
        }
        let later: StoredRecord = serde_json::from_str("[2,{}]").unwrap();
        let error = serde_json::to_string(&later).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        for record in [intended(7), acquired(7, &["v1"])] {
            let stored = StoredRecord::from(record.clone());
            let text = serde_json::to_string(&stored).unwrap();
            assert!(text.starts_with("[1,{"), "{text}");
            let again: StoredRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(again.read().unwrap(), &record);
        }
    }
}
