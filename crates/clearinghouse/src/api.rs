//! What the calls are named and what they are about: accounts and vessels. How they are written as XML is
//! left to `request` and `response`.

use std::fmt;
use std::time::Duration;

use overlord_types::{Handle, LocationError, NodeId, NodeLocation, UserName, UserPort, VesselName};

/// The ten calls of the clearinghouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `get_encrypted_api_key`: the API key, readable with the account's private key only.
    GetEncryptedApiKey,
    /// `get_account_info`: user port, credit, affiliation.
    GetAccountInfo,
    /// `get_public_key`: the account's key string.
    GetPublicKey,
    /// `acquire_resources`: vessels of a type, all or nothing.
    AcquireResources,
    /// `acquire_specific_vessels`: named vessels, as many as can be had.
    AcquireSpecificVessels,
    /// `release_resources`: gives vessels back.
    ReleaseResources,
    /// `renew_resources`: leases start anew.
    RenewResources,
    /// `get_resource_info`: what the account holds.
    GetResourceInfo,
    /// `regenerate_api_key`: a new API key; the old one ends.
    RegenerateApiKey,
    /// `set_public_key`: another key pair for the account.
    SetPublicKey,
}

impl Method {
    /// Every call.
    pub const ALL: [Self; 10] = [
        Self::GetEncryptedApiKey,
        Self::GetAccountInfo,
        Self::GetPublicKey,
        Self::AcquireResources,
        Self::AcquireSpecificVessels,
        Self::ReleaseResources,
        Self::RenewResources,
        Self::GetResourceInfo,
        Self::RegenerateApiKey,
        Self::SetPublicKey,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GetEncryptedApiKey => "get_encrypted_api_key",
            Self::GetAccountInfo => "get_account_info",
            Self::GetPublicKey => "get_public_key",
            Self::AcquireResources => "acquire_resources",
            Self::AcquireSpecificVessels => "acquire_specific_vessels",
            Self::ReleaseResources => "release_resources",
            Self::RenewResources => "renew_resources",
            Self::GetResourceInfo => "get_resource_info",
            Self::RegenerateApiKey => "regenerate_api_key",
            Self::SetPublicKey => "set_public_key",
        }
    }

    /// The call of that name on the wire, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether doing it twice is the same as doing it once, so that a call whose answer was lost may be
    /// repeated. An acquisition repeated blindly holds twice the vessels; a regenerated API key would be
    /// lost with its answer, and repeating would hide that.
    #[must_use]
    pub fn is_safe_to_repeat(self) -> bool {
        match self {
            Self::GetEncryptedApiKey
            | Self::GetAccountInfo
            | Self::GetPublicKey
            | Self::GetResourceInfo
            | Self::ReleaseResources
            | Self::RenewResources
            | Self::SetPublicKey => true,
            Self::AcquireResources | Self::AcquireSpecificVessels | Self::RegenerateApiKey => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What `get_account_info` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// The account's name.
    pub user_name: UserName,
    /// The port that the account may use on each of its vessels.
    pub user_port: UserPort,
    /// How many vessels the account may hold at once.
    pub max_vessels: u32,
    /// Where the user said to come from; free text.
    pub affiliation: String,
}

/// A vessel as the clearinghouse describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedVessel {
    /// The vessel's name everywhere; always `node_id` and `vessel_id` together.
    pub handle: Handle,
    /// The node that hosts it.
    pub node_id: NodeId,
    /// Where the node was last seen: an address, a host name, or `NAT$id` behind a forwarder.
    pub node_ip: String,
    /// The node manager's port there.
    pub node_port: u16,
    /// The vessel's name on its node.
    pub vessel_id: VesselName,
    /// Whether the clearinghouse saw the node lately.
    pub is_active: bool,
    /// What is left of the lease, in whole seconds; zero when it has run out.
    pub expires_in: Duration,
}

impl LeasedVessel {
    /// Where the node manager is reached.
    ///
    /// # Errors
    /// When the clearinghouse told something that is no place; records read by the client never do.
    pub fn location(&self) -> Result<NodeLocation, LocationError> {
        NodeLocation::new(&self.node_ip, self.node_port)
    }
}
