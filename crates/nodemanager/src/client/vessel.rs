//! The calls about one vessel, each with its arguments checked and its answer read.

use bytes::Bytes;
use overlord_keys::PublicKey;
use overlord_types::{FileName, Handle, NodeLocation, Platform, ProgramArguments, VesselName};

use super::{NodeCallError, NodeClient, Signer};
use crate::call::NodeCall;
use crate::reply::{ReplyError, StartReply, StopReply};
use crate::resources::ResourceFile;
use crate::wire_text::{WireText, words};

/// Calls about one vessel, signed for its node. Made by [`NodeClient::vessel`].
///
/// All fail as [`NodeClient::call`] does, with [`NodeCallError::Refused`] when the node refuses, and with
/// [`NodeCallError::Malformed`] when the answer is not the call's.
#[derive(Debug, Clone)]
pub struct VesselCalls {
    client: NodeClient,
    at: NodeLocation,
    vessel: VesselName,
    signer: Signer,
}

impl NodeClient {
    /// Calls about the vessel `handle` on the node at `at`, signed by `signer` for that node.
    #[must_use]
    pub fn vessel(&self, at: &NodeLocation, handle: &Handle, signer: &Signer) -> VesselCalls {
        VesselCalls {
            client: self.clone(),
            at: at.clone(),
            vessel: handle.vessel.clone(),
            signer: signer.for_node(&handle.node),
        }
    }
}

impl VesselCalls {
    /// What the vessel may use.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn resources(&self) -> Result<ResourceFile, NodeCallError> {
        let call = NodeCall::GetVesselResources {
            vessel: self.name(),
        };
        let payload = self.payload(&call).await?;
        ResourceFile::parse(&payload).map_err(|error| NodeCallError::malformed(&self.at, error))
    }

    /// Starts an uploaded program. That it was not seen to start in time is no error.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn start(
        &self,
        platform: Platform,
        program: &FileName,
        arguments: &ProgramArguments,
    ) -> Result<StartReply, NodeCallError> {
        let call = NodeCall::start(&self.vessel, platform, program, arguments);
        let reply = self
            .client
            .unrefused(&self.at, &call, self.signer())
            .await?;
        StartReply::of(&reply).map_err(|error| NodeCallError::malformed(&self.at, error))
    }

    /// Stops the program. That it was not seen to end in time is no error.
    ///
    /// # Errors
    /// See [`VesselCalls`]. A vessel that does not run is refused.
    pub async fn stop(&self) -> Result<StopReply, NodeCallError> {
        let call = NodeCall::StopVessel {
            vessel: self.name(),
        };
        let reply = self
            .client
            .unrefused(&self.at, &call, self.signer())
            .await?;
        StopReply::of(&reply).map_err(|error| NodeCallError::malformed(&self.at, error))
    }

    /// Stops the program, deletes all files and the log.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn reset(&self) -> Result<(), NodeCallError> {
        let call = NodeCall::ResetVessel {
            vessel: self.name(),
        };
        self.payload(&call).await.map(drop)
    }

    /// Uploads a file, over one of the same name. The content is shared with those who hold it, not copied.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn add_file(
        &self,
        file: &FileName,
        content: impl Into<Bytes>,
    ) -> Result<(), NodeCallError> {
        let call = NodeCall::add_file(&self.vessel, file, content);
        self.payload(&call).await.map(drop)
    }

    /// The names of all files. Names with blanks, which a program can make, come in pieces.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn list_files(&self) -> Result<Vec<WireText>, NodeCallError> {
        let call = NodeCall::ListFilesInVessel {
            vessel: self.name(),
        };
        let payload = self.payload(&call).await?;
        Ok(words(&payload).map(WireText::from).collect())
    }

    /// A file's content.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn retrieve(&self, file: &FileName) -> Result<Vec<u8>, NodeCallError> {
        let call = NodeCall::RetrieveFileFromVessel {
            vessel: self.name(),
            file: file.into(),
        };
        self.payload(&call).await.map(Vec::from)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn delete(&self, file: &FileName) -> Result<(), NodeCallError> {
        let call = NodeCall::DeleteFileInVessel {
            vessel: self.name(),
            file: file.into(),
        };
        self.payload(&call).await.map(drop)
    }

    /// The last 16 KiB of the log.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn read_log(&self) -> Result<Vec<u8>, NodeCallError> {
        let call = NodeCall::ReadVesselLog {
            vessel: self.name(),
        };
        self.payload(&call).await.map(Vec::from)
    }

    /// Sets who may use the vessel, besides its owner.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_users(&self, users: &[PublicKey]) -> Result<(), NodeCallError> {
        let call = NodeCall::change_users(&self.vessel, users);
        self.payload(&call).await.map(drop)
    }

    /// Gives the vessel to another owner; the owner's note is cleared.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_owner(&self, owner: &PublicKey) -> Result<(), NodeCallError> {
        let call = NodeCall::change_owner(&self.vessel, owner);
        self.payload(&call).await.map(drop)
    }

    /// Sets the owner's note: one line of at most 256 bytes.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_owner_information(
        &self,
        information: impl Into<WireText>,
    ) -> Result<(), NodeCallError> {
        let call = NodeCall::ChangeOwnerInformation {
            vessel: self.name(),
            information: information.into(),
        };
        self.payload(&call).await.map(drop)
    }

    /// Sets whether the vessel is advertised.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_advertise(&self, advertise: bool) -> Result<(), NodeCallError> {
        let call = NodeCall::change_advertise(&self.vessel, advertise);
        self.payload(&call).await.map(drop)
    }

    /// Splits the vessel: gives the names of what is left and of what was asked for.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn split(
        &self,
        asked: &ResourceFile,
    ) -> Result<(VesselName, VesselName), NodeCallError> {
        let call = NodeCall::SplitVessel {
            vessel: self.name(),
            resources: asked.encode().into(),
        };
        let payload = self.payload(&call).await?;
        let names = read_names(&payload).map(<[VesselName; 2]>::try_from);
        let Some(Ok([left, asked])) = names else {
            return Err(self.unexpected("SplitVessel", "two vessels' names", &payload));
        };
        Ok((left, asked))
    }

    /// Joins the vessel with another of the same owner: gives the new one's name.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn join(&self, other: &VesselName) -> Result<VesselName, NodeCallError> {
        let call = NodeCall::JoinVessels {
            vessel: self.name(),
            other: other.into(),
        };
        let payload = self.payload(&call).await?;
        let names = read_names(&payload).map(<[VesselName; 1]>::try_from);
        let Some(Ok([joined])) = names else {
            return Err(self.unexpected("JoinVessels", "a vessel's name", &payload));
        };
        Ok(joined)
    }

    fn name(&self) -> WireText {
        (&self.vessel).into()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "the client takes an optional signer"
    )]
    fn signer(&self) -> Option<&Signer> {
        Some(&self.signer)
    }

    async fn payload(&self, call: &NodeCall) -> Result<Bytes, NodeCallError> {
        self.client.payload(&self.at, call, self.signer()).await
    }

    fn unexpected(&self, call: &'static str, expected: &'static str, got: &[u8]) -> NodeCallError {
        NodeCallError::malformed(&self.at, ReplyError::payload(call, expected, got))
    }
}

/// Names of vessels with blanks between.
fn read_names(payload: &[u8]) -> Option<Vec<VesselName>> {
    std::str::from_utf8(payload)
        .ok()?
        .split(' ')
        .map(|name| name.parse().ok())
        .collect()
}
