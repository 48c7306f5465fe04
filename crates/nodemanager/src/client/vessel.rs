//! The calls about one vessel, each with its arguments checked and its answer read.

use bytes::Bytes;
use overlord_keys::PublicKey;
use overlord_types::{FileName, Handle, NodeLocation, Platform, ProgramArguments, VesselName};

use super::{NodeClient, NodeError, Signer};
use crate::call::Call;
use crate::reply::{ReplyError, StartOutcome, StopOutcome};
use crate::resources::ResourceFile;
use crate::wire_text::{WireText, words};

/// Calls about one vessel, signed for its node. Made by [`NodeClient::vessel`].
///
/// All fail as [`NodeClient::call`] does, with [`NodeError::Refused`] when the node refuses, and with
/// [`NodeError::Malformed`] when the answer is not the call's.
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
    pub async fn resources(&self) -> Result<ResourceFile, NodeError> {
        let call = Call::GetVesselResources {
            vessel: self.name(),
        };
        let payload = self.payload(&call).await?;
        ResourceFile::parse(&payload).map_err(|error| NodeError::malformed(&self.at, error))
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
    ) -> Result<StartOutcome, NodeError> {
        let call = Call::start(&self.vessel, platform, program, arguments);
        let reply = self
            .client
            .unrefused(&self.at, &call, self.signer())
            .await?;
        StartOutcome::of(&reply).map_err(|error| NodeError::malformed(&self.at, error))
    }

    /// Stops the program. That it was not seen to end in time is no error.
    ///
    /// # Errors
    /// See [`VesselCalls`]. A vessel that does not run is refused.
    pub async fn stop(&self) -> Result<StopOutcome, NodeError> {
        let call = Call::StopVessel {
            vessel: self.name(),
        };
        let reply = self
            .client
            .unrefused(&self.at, &call, self.signer())
            .await?;
        StopOutcome::of(&reply).map_err(|error| NodeError::malformed(&self.at, error))
    }

    /// Stops the program, deletes all files and the log.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn reset(&self) -> Result<(), NodeError> {
        let call = Call::ResetVessel {
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
    ) -> Result<(), NodeError> {
        let call = Call::add_file(&self.vessel, file, content);
        self.payload(&call).await.map(drop)
    }

    /// The names of all files. Names with blanks, which a program can make, come in pieces.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn list_files(&self) -> Result<Vec<WireText>, NodeError> {
        let call = Call::ListFilesInVessel {
            vessel: self.name(),
        };
        let payload = self.payload(&call).await?;
        Ok(words(&payload).map(WireText::from).collect())
    }

    /// A file's content.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn retrieve(&self, file: &FileName) -> Result<Vec<u8>, NodeError> {
        let call = Call::RetrieveFileFromVessel {
            vessel: self.name(),
            file: file.into(),
        };
        self.payload(&call).await.map(Vec::from)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn delete(&self, file: &FileName) -> Result<(), NodeError> {
        let call = Call::DeleteFileInVessel {
            vessel: self.name(),
            file: file.into(),
        };
        self.payload(&call).await.map(drop)
    }

    /// The last 16 KiB of the log.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn read_log(&self) -> Result<Vec<u8>, NodeError> {
        let call = Call::ReadVesselLog {
            vessel: self.name(),
        };
        self.payload(&call).await.map(Vec::from)
    }

    /// Sets who may use the vessel, besides its owner.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_users(&self, users: &[PublicKey]) -> Result<(), NodeError> {
        let call = Call::change_users(&self.vessel, users);
        self.payload(&call).await.map(drop)
    }

    /// Gives the vessel to another owner; the owner's note is cleared.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_owner(&self, owner: &PublicKey) -> Result<(), NodeError> {
        let call = Call::change_owner(&self.vessel, owner);
        self.payload(&call).await.map(drop)
    }

    /// Sets the owner's note: one line of at most 256 bytes.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_owner_information(
        &self,
        information: impl Into<WireText>,
    ) -> Result<(), NodeError> {
        let call = Call::ChangeOwnerInformation {
            vessel: self.name(),
            information: information.into(),
        };
        self.payload(&call).await.map(drop)
    }

    /// Sets whether the vessel is advertised.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn change_advertise(&self, advertise: bool) -> Result<(), NodeError> {
        let call = Call::change_advertise(&self.vessel, advertise);
        self.payload(&call).await.map(drop)
    }

    /// Splits the vessel: gives the names of what is left and of what was asked for.
    ///
    /// # Errors
    /// See [`VesselCalls`].
    pub async fn split(&self, asked: &ResourceFile) -> Result<(VesselName, VesselName), NodeError> {
        let call = Call::SplitVessel {
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
    pub async fn join(&self, other: &VesselName) -> Result<VesselName, NodeError> {
        let call = Call::JoinVessels {
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

    async fn payload(&self, call: &Call) -> Result<Bytes, NodeError> {
        self.client.payload(&self.at, call, self.signer()).await
    }

    fn unexpected(&self, call: &'static str, expected: &'static str, got: &[u8]) -> NodeError {
        NodeError::malformed(&self.at, ReplyError::payload(call, expected, got))
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
