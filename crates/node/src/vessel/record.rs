//! What a node remembers of a vessel over a restart.

use overlord_keys::{KeyError, PublicKey};
use overlord_nodemanager::verification::LastAccepted;
use overlord_types::VesselStatus;
use serde::{Deserialize, Serialize};

/// What a node remembers of a vessel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredRecord", into = "StoredRecord")]
pub(crate) struct VesselRecord {
    pub(crate) owner: PublicKey,
    pub(crate) users: Vec<PublicKey>,
    /// Any bytes but newlines, at most 256: the protocol has no encoding.
    pub(crate) owner_information: Vec<u8>,
    pub(crate) advertise: bool,
    pub(crate) status: VesselStatus,
    /// Time and sequence of the last accepted request; none yet in a new vessel.
    pub(crate) accepted: Option<LastAccepted>,
}

/// The record as it is written down: keys as their text, bytes as one character each.
#[derive(Serialize, Deserialize)]
struct StoredRecord {
    owner: String,
    users: Vec<String>,
    owner_information: String,
    advertise: bool,
    status: VesselStatus,
    accepted: Option<LastAccepted>,
}

impl From<VesselRecord> for StoredRecord {
    fn from(record: VesselRecord) -> Self {
        Self {
            owner: record.owner.to_string(),
            users: record.users.iter().map(ToString::to_string).collect(),
            owner_information: record
                .owner_information
                .iter()
                .map(|&byte| char::from(byte))
                .collect(),
            advertise: record.advertise,
            status: record.status,
            accepted: record.accepted,
        }
    }
}

impl TryFrom<StoredRecord> for VesselRecord {
    type Error = KeyError;

    fn try_from(stored: StoredRecord) -> Result<Self, KeyError> {
        Ok(Self {
            owner: PublicKey::parse_str(&stored.owner)?,
            users: stored
                .users
                .iter()
                .map(|user| PublicKey::parse_str(user))
                .collect::<Result<_, _>>()?,
            owner_information: stored
                .owner_information
                .chars()
                // Characters above one byte can only come from another hand; '?' marks them.
                .map(|c| u8::try_from(c).unwrap_or(b'?'))
                .collect(),
            advertise: stored.advertise,
            status: stored.status,
            accepted: stored.accepted,
        })
    }
}
