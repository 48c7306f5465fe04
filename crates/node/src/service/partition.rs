//! Splitting a vessel in two and joining two to one.

use std::sync::Arc;

use overlord_nodemanager::WireText;
use overlord_nodemanager::refusals;
use overlord_nodemanager::reply::Reply;
use overlord_nodemanager::resources::{ResourceFile, split_refusal};
use overlord_types::{VesselName, VesselStatus};

use super::{Answer, NodeCalls, internal};
use crate::process::blocking;
use crate::vessel::{HostedVessel, VesselRecord};

impl NodeCalls {
    /// Splits a vessel: what is left after the offcut and what was asked for.
    pub(super) async fn split(&self, name: &WireText, asked: &WireText) -> Answer {
        let vessel = self.find(name)?;
        let _operation = vessel.operation().await;
        if is_running(&vessel) {
            return Err(Reply::error(refusals::SPLIT_RUNNING));
        }
        // Names are used up before the resources are looked at, as the original's are.
        let left_name = self.new_name()?;
        let asked_name = self.new_name()?;
        let whole = self.read_resources(&vessel).await?;
        let (left, asked) = whole
            .split(&self.offcut()?, asked.as_bytes())
            .map_err(|error| split_refusal(&error))?;
        let answer = format!("{left_name} {asked_name}");
        self.exchange(&[&vessel], vec![(left_name, left), (asked_name, asked)])
            .await?;
        Ok(Reply::success(answer))
    }

    /// Joins two vessels of one owner, and the offcut that their split cost.
    pub(super) async fn join(&self, name: &WireText, other: &WireText) -> Answer {
        let find = |name: &WireText| {
            self.table
                .find(name.as_bytes())
                .ok_or_else(|| refusals::no_such_vessel_named(name))
        };
        let (first, second) = (find(name)?, find(other)?);
        if first.name() == second.name() {
            // The original gives twice the resources for one vessel, and then fails.
            return Err(Reply::internal_error());
        }
        // Always in the order of the names, so that two joins cannot wait for each other.
        let (_one, _two) = if first.name() < second.name() {
            let one = first.operation().await;
            (one, second.operation().await)
        } else {
            let two = second.operation().await;
            (first.operation().await, two)
        };
        if first.record().owner != second.record().owner {
            return Err(Reply::error(refusals::OTHER_OWNER));
        }
        if is_running(&first) || is_running(&second) {
            return Err(Reply::error(refusals::JOIN_RUNNING));
        }
        let joined_name = self.new_name()?;
        let one = self.read_resources(&first).await?;
        let other = self.read_resources(&second).await?;
        let resources = one.join(&other, &self.offcut()?);
        let answer = joined_name.to_string();
        self.exchange(&[&first, &second], vec![(joined_name, resources)])
            .await?;
        Ok(Reply::success(answer))
    }

    fn new_name(&self) -> Result<VesselName, Reply> {
        self.table.new_name().map_err(|error| internal(&error))
    }

    fn offcut(&self) -> Result<ResourceFile, Reply> {
        ResourceFile::parse(self.offcut_resources.as_bytes()).map_err(|error| internal(&error))
    }

    /// Makes vessels in the image of the first of `old`, and takes `old` away.
    async fn exchange(
        &self,
        old: &[&Arc<HostedVessel>],
        new: Vec<(VesselName, ResourceFile)>,
    ) -> Result<(), Reply> {
        let Some(image) = old.first() else {
            return Ok(());
        };
        let record = VesselRecord {
            status: VesselStatus::Fresh,
            ..image.record()
        };
        let durability = image.durability();
        let new: Vec<_> = new
            .into_iter()
            .map(|(name, resources)| (self.table.folder(&name), name, resources))
            .collect();
        let old: Vec<Arc<HostedVessel>> = old.iter().map(|&vessel| Arc::clone(vessel)).collect();
        let table = Arc::clone(&self.table);
        blocking(move || {
            let made = new
                .into_iter()
                .map(|(folder, name, resources)| {
                    let text = resources.encode();
                    HostedVessel::create(folder, name, record.clone(), text, durability)
                })
                .collect::<std::io::Result<Vec<_>>>()?;
            table.replace(&old, made)
        })
        .await
        .ok_or_else(Reply::internal_error)?
        .map_err(|error| internal(&error))
    }
}

fn is_running(vessel: &HostedVessel) -> bool {
    vessel.status() == VesselStatus::Started || vessel.run().is_some()
}
