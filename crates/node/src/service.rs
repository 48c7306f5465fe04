//! What a node answers to verified calls: the eighteen calls over the vessels of a node.
//!
//! Who may call was checked before (`overlord-nodemanager`). Texts of refusals are the original's.

mod partition;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use overlord_nodemanager::WireText;
use overlord_nodemanager::call::NodeCall;
use overlord_nodemanager::node_info::{KeyString, NodeInfo, VesselInfo};
use overlord_nodemanager::refusals;
use overlord_nodemanager::reply::Reply;
use overlord_nodemanager::resources::{Resource, ResourceFile};
use overlord_nodemanager::server::{NodeService, StoreError, VerifiedCall, VesselAccess};
use overlord_nodemanager::verification::LastAccepted;
use overlord_types::{NodeId, Platform, VesselName, VesselStatus};

use crate::config::NodeTiming;
use crate::faults::NodeFaults;
use crate::launch::LaunchedProgram;
use crate::platform::{Platforms, ProgramPlan, ProgramRequest};
use crate::process::{ProgramHost, blocking};
use crate::table::VesselTable;
use crate::vessel::{HostedVessel, StartAnswer};

/// Largest file that is answered, in bytes: as large as an upload may be, and what our client takes.
const RETRIEVED_BYTES_MAX: u64 = 64 * 1024 * 1024 - 1024;

/// A refusal, or a failure: both are replies.
type Answer = Result<Reply, Reply>;

/// What the calls need of a node.
pub(crate) struct NodeCalls {
    pub(crate) id: NodeId,
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) table: Arc<VesselTable>,
    pub(crate) offcut_resources: String,
    pub(crate) platforms: Platforms,
    pub(crate) host: ProgramHost,
    pub(crate) timing: NodeTiming,
    pub(crate) faults: NodeFaults,
}

/// A failure of the machine: told to the operator of the node, and to the caller as the original does.
fn internal(error: &dyn std::error::Error) -> Reply {
    tracing::error!(%error, "a call failed on this machine");
    Reply::internal_error()
}

/// Does file work of a vessel away from the threads that serve connections.
async fn on_disk<T: Send + 'static>(
    vessel: &Arc<HostedVessel>,
    work: impl FnOnce(&HostedVessel) -> io::Result<T> + Send + 'static,
) -> Result<T, Reply> {
    let vessel = Arc::clone(vessel);
    match blocking(move || work(&vessel)).await {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(internal(&error)),
        None => Err(Reply::internal_error()),
    }
}

#[async_trait]
impl NodeService for NodeCalls {
    fn node_id(&self) -> NodeId {
        self.id.clone()
    }

    fn vessel_access(&self, vessel: &VesselName) -> Option<VesselAccess> {
        let record = self.table.find(vessel.as_str().as_bytes())?.record();
        Some(VesselAccess {
            owner: record.owner,
            users: record.users,
            last_accepted: record.accepted,
        })
    }

    fn store_accepted(
        &self,
        vessel: &VesselName,
        accepted: &LastAccepted,
    ) -> Result<(), StoreError> {
        let found = self.table.find(vessel.as_str().as_bytes());
        // Split or joined since it was looked up.
        let vessel = found.ok_or(refusals::UNKNOWN_VESSEL)?;
        vessel.update(|record| record.accepted = Some(accepted.clone()))?;
        Ok(())
    }

    async fn handle(&self, call: VerifiedCall) -> Reply {
        match self.carry_out(call.call).await {
            Ok(reply) | Err(reply) => reply,
        }
    }
}

impl NodeCalls {
    async fn carry_out(&self, call: NodeCall) -> Answer {
        match call {
            NodeCall::GetVessels {} => Ok(self.vessels()),
            NodeCall::GetVesselResources { vessel } => self.resources(&vessel).await,
            NodeCall::GetOffcutResources {} => Ok(Reply::success(self.offcut_resources.as_bytes())),
            NodeCall::StartVessel {
                vessel,
                program_line,
            } => {
                let platform = Platform::RepyV1.as_str().into();
                self.start(&vessel, &platform, &program_line).await
            }
            NodeCall::StartVesselEx {
                vessel,
                platform,
                program_line,
            } => self.start(&vessel, &platform, &program_line).await,
            NodeCall::StopVessel { vessel } => self.stop(&vessel).await,
            NodeCall::AddFileToVessel {
                vessel,
                file,
                content,
            } => self.add_file(&vessel, &file, content).await,
            NodeCall::ListFilesInVessel { vessel } => {
                let vessel = self.find(&vessel)?;
                let names = on_disk(&vessel, |vessel| vessel.files().list()).await?;
                Ok(Reply::success(names.join(&b' ')))
            }
            NodeCall::RetrieveFileFromVessel { vessel, file } => {
                self.retrieve(&vessel, &file).await
            }
            NodeCall::DeleteFileInVessel { vessel, file } => self.delete(&vessel, &file).await,
            NodeCall::ReadVesselLog { vessel } => {
                let vessel = self.find(&vessel)?;
                Ok(Reply::success(
                    on_disk(&vessel, HostedVessel::read_log).await?,
                ))
            }
            NodeCall::ResetVessel { vessel } => self.reset(&vessel).await,
            NodeCall::ChangeOwner { vessel, key } => {
                let vessel = self.find(&vessel)?;
                let owner = refusals::owner_key(&key)?;
                on_disk(&vessel, move |vessel| {
                    vessel.update(|record| {
                        record.owner = owner;
                        // A note and a hidden vessel were the last owner's wish.
                        record.owner_information.clear();
                        record.advertise = true;
                    })
                })
                .await?;
                Ok(Reply::success(""))
            }
            NodeCall::ChangeUsers { vessel, keys } => {
                let vessel = self.find(&vessel)?;
                let users = refusals::user_keys(&keys)?;
                on_disk(&vessel, |vessel| {
                    vessel.update(|record| record.users = users)
                })
                .await?;
                Ok(Reply::success(""))
            }
            NodeCall::ChangeOwnerInformation {
                vessel,
                information,
            } => {
                let vessel = self.find(&vessel)?;
                refusals::check_owner_information(&information)?;
                let information = information.into_bytes();
                on_disk(&vessel, |vessel| {
                    vessel.update(|record| record.owner_information = information)
                })
                .await?;
                Ok(Reply::success(""))
            }
            NodeCall::ChangeAdvertise { vessel, setting } => {
                let vessel = self.find(&vessel)?;
                let advertise = refusals::advertise_setting(&setting)?;
                on_disk(&vessel, move |vessel| {
                    vessel.update(|record| record.advertise = advertise)
                })
                .await?;
                Ok(Reply::success(""))
            }
            NodeCall::SplitVessel { vessel, resources } => self.split(&vessel, &resources).await,
            NodeCall::JoinVessels { vessel, other } => self.join(&vessel, &other).await,
            // A call that a newer protocol half knows and this node does not.
            _ => Err(Reply::error(refusals::UNKNOWN_CALL)),
        }
    }

    fn find(&self, name: &WireText) -> Result<Arc<HostedVessel>, Reply> {
        self.table
            .find(name.as_bytes())
            .ok_or_else(|| Reply::error(refusals::NO_SUCH_VESSEL))
    }

    fn vessels(&self) -> Reply {
        let vessels = self.table.all();
        let info = NodeInfo {
            version: self.version.as_str().into(),
            name: self.name.as_str().into(),
            key: self.id.clone(),
            vessels: vessels
                .iter()
                .map(|vessel| {
                    let record = vessel.record();
                    VesselInfo {
                        name: vessel.name().clone(),
                        status: record.status,
                        advertise: record.advertise,
                        owner_key: KeyString::from(&record.owner),
                        owner_info: record.owner_information.into(),
                        user_keys: record.users.iter().map(KeyString::from).collect(),
                    }
                })
                .collect(),
        };
        Reply::success(info.encode())
    }

    async fn resources(&self, name: &WireText) -> Answer {
        let vessel = self.find(name)?;
        let text = on_disk(&vessel, |vessel| std::fs::read(vessel.resource_file())).await?;
        Ok(Reply::success(text))
    }

    // ---- programs ----

    async fn start(&self, name: &WireText, platform: &WireText, line: &WireText) -> Answer {
        let vessel = self.find(name)?;
        let _operation = vessel.operation().await;
        if vessel.status() == VesselStatus::Started || vessel.run().is_some() {
            return Err(Reply::error(refusals::ALREADY_STARTED));
        }
        let platform = platform
            .as_str()
            .and_then(|word| self.platforms.for_word(word))
            .ok_or_else(|| Reply::error(refusals::UNSUPPORTED_PLATFORM))?;
        refusals::check_program_line(line)?;
        let resources = self.read_resources(&vessel).await?;
        let request = ProgramRequest {
            vessel: vessel.name().clone(),
            directory: vessel.files().directory().to_owned(),
            resource_file: vessel.resource_file(),
            resources,
            address: self.address,
            // The check above lets only ASCII through.
            words: line
                .to_string_lossy()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect(),
        };
        let platform = Arc::clone(platform);
        let plan = blocking(move || platform.plan(&request))
            .await
            .ok_or_else(Reply::internal_error)?;
        let (log, status) = match plan {
            ProgramPlan::Execute(command) => {
                return self
                    .launch(&vessel, LaunchedProgram::Command(command))
                    .await;
            }
            ProgramPlan::Sandbox(program) => {
                return self
                    .launch(&vessel, LaunchedProgram::Sandbox(program))
                    .await;
            }
            ProgramPlan::Fails { log } => (log, Some(VesselStatus::Terminated)),
            ProgramPlan::NeverStarts { log } => (log, None),
        };
        on_disk(&vessel, move |vessel| {
            vessel.append_log(&log)?;
            match status {
                Some(status) => vessel.update(|record| record.status = status),
                None => Ok(()),
            }
        })
        .await?;
        Ok(match status {
            Some(status) => Reply::success(status.as_str()),
            None => Reply::warning(refusals::NOT_STARTED_YET),
        })
    }

    async fn launch(&self, vessel: &Arc<HostedVessel>, program: LaunchedProgram) -> Answer {
        let started = vessel.start(program, &self.host, self.timing).await;
        match started.map_err(|error| internal(&error))? {
            StartAnswer::Status(status) => Ok(Reply::success(status.as_str())),
            StartAnswer::NotInTime => Ok(Reply::warning(refusals::NOT_STARTED_YET)),
            StartAnswer::Refused => Err(Reply::error(refusals::NOT_OF_PLATFORM)),
        }
    }

    async fn stop(&self, name: &WireText) -> Answer {
        let vessel = self.find(name)?;
        let _operation = vessel.operation().await;
        let status = vessel.status();
        if status != VesselStatus::Started {
            return Err(refusals::cannot_stop(status));
        }
        if vessel.stop_run(self.timing).await {
            Ok(Reply::success(vessel.status().as_str()))
        } else {
            Ok(Reply::warning(refusals::NOT_STOPPED_YET))
        }
    }

    async fn reset(&self, name: &WireText) -> Answer {
        let vessel = self.find(name)?;
        let _operation = vessel.operation().await;
        // The original tries for ever and answers nobody meanwhile; a warning can be repeated.
        if !vessel.stop_run(self.timing).await {
            return Ok(Reply::warning(refusals::NOT_STOPPED_YET));
        }
        on_disk(&vessel, HostedVessel::clear).await?;
        Ok(Reply::success(""))
    }

    // ---- files ----

    async fn add_file(&self, vessel: &WireText, file: &WireText, content: Bytes) -> Answer {
        let vessel = self.find(vessel)?;
        let _operation = vessel.operation().await;
        refusals::check_reserved_name(file)?;
        // As with the original the disk is looked at before the rest of the name is, and an upload over
        // a file of the same name needs room beside it.
        let limit = self.disk_limit(&vessel).await?;
        let used = on_disk(&vessel, |vessel| vessel.files().disk_use()).await?;
        if used.saturating_add(content.len() as u64) > limit || self.faults.disk_is_full() {
            return Err(Reply::error(refusals::DISK_FULL));
        }
        let file = refusals::file_name(file)?;
        let writer = Arc::clone(&vessel);
        let written = blocking(move || writer.files().write(&file, &content, writer.durability()))
            .await
            .ok_or_else(Reply::internal_error)?;
        match written {
            Ok(()) => Ok(Reply::success("")),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                Err(Reply::error(refusals::DISK_FULL))
            }
            Err(error) => Err(internal(&error)),
        }
    }

    async fn retrieve(&self, vessel: &WireText, file: &WireText) -> Answer {
        let vessel = self.find(vessel)?;
        let file = refusals::file_name(file)?;
        let content = on_disk(&vessel, move |vessel| {
            vessel.files().read(&file, RETRIEVED_BYTES_MAX)
        })
        .await?;
        content
            .map(Reply::success)
            .ok_or_else(|| Reply::error(refusals::FILE_NOT_FOUND))
    }

    async fn delete(&self, vessel: &WireText, file: &WireText) -> Answer {
        let vessel = self.find(vessel)?;
        let _operation = vessel.operation().await;
        let file = refusals::file_name(file)?;
        if on_disk(&vessel, move |vessel| vessel.files().delete(&file)).await? {
            Ok(Reply::success(""))
        } else {
            Err(Reply::error(refusals::NO_FILE_TO_DELETE))
        }
    }

    // ---- resources ----

    async fn read_resources(&self, vessel: &Arc<HostedVessel>) -> Result<ResourceFile, Reply> {
        let text = on_disk(vessel, |vessel| std::fs::read(vessel.resource_file())).await?;
        ResourceFile::parse(&text).map_err(|error| internal(&error))
    }

    async fn disk_limit(&self, vessel: &Arc<HostedVessel>) -> Result<u64, Reply> {
        Ok(self
            .read_resources(vessel)
            .await?
            .resources()
            .whole(Resource::DiskUsed))
    }
}
