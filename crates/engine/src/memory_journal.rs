//! A journal that lives as long as the process: for runs that need not survive it, and for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::JournalError;
use crate::journal::{JournalReplay, Ledger, RecordBatch, StoredRecord};
use crate::ports::Journal;
use crate::provenance::{DeploymentName, Generation};

/// It keeps what its records mean, not the records, so that it does not grow with the length of the run.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<BTreeMap<DeploymentName, (Generation, Ledger)>>);

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn deployments(&self) -> MutexGuard<'_, BTreeMap<DeploymentName, (Generation, Ledger)>> {
        // Taking a record in does not panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open(&self, deployment: &DeploymentName) -> Result<JournalReplay, JournalError> {
        let mut deployments = self.deployments();
        let (generation, ledger) = deployments.entry(deployment.clone()).or_default();
        *generation = generation.next();
        Ok(JournalReplay {
            generation: *generation,
            ledger: ledger.clone().into(),
            tail: Vec::new(),
        })
    }

    async fn append(&self, batch: &RecordBatch) -> Result<(), JournalError> {
        let mut deployments = self.deployments();
        let (newest, ledger) = deployments.entry(batch.deployment.clone()).or_default();
        if batch.generation != *newest {
            return Err(JournalError::Stale {
                deployment: batch.deployment.clone(),
                generation: batch.generation,
                newest: *newest,
            });
        }
        let records: Vec<_> = batch
            .records
            .iter()
            .map(StoredRecord::read)
            .collect::<Result<_, _>>()?;
        for record in records {
            ledger.take(record);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::JournalRecord;

    fn adopted(deployment: &DeploymentName, generation: Generation) -> RecordBatch {
        let vessels = ["3 33:v1".parse().unwrap()].into();
        RecordBatch {
            deployment: deployment.clone(),
            generation,
            records: vec![JournalRecord::Adopted { vessels }.into()],
        }
    }

    #[tokio::test]
    async fn what_is_recorded_is_there_for_the_next_run_of_that_deployment_and_no_other() {
        let journal = MemoryJournal::new();
        let name = |program: &str| DeploymentName::of_program(&program.parse().unwrap());
        let (one, other) = (name("one.py"), name("other.py"));
        let first = journal.open(&one).await.unwrap().generation;
        journal.append(&adopted(&one, first)).await.unwrap();
        let again = journal.open(&one).await.unwrap();
        assert_eq!(again.into_ledger().unwrap().vessels.len(), 1);
        let elsewhere = journal.open(&other).await.unwrap();
        assert!(elsewhere.into_ledger().unwrap().vessels.is_empty());
    }

    #[tokio::test]
    async fn a_run_that_has_a_successor_writes_nothing_any_more() {
        let journal = MemoryJournal::new();
        let name = DeploymentName::without_program();
        let first = journal.open(&name).await.unwrap().generation;
        let second = journal.open(&name).await.unwrap().generation;
        assert!(second > first);
        let refused = journal.append(&adopted(&name, first)).await.unwrap_err();
        assert!(matches!(refused, JournalError::Stale { newest, .. } if newest == second));
        journal.append(&adopted(&name, second)).await.unwrap();
    }
}
