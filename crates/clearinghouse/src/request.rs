//! The ten calls as values, and how they are written. Reading them is left to `server`.

use overlord_types::VesselType;

use crate::api::Method;
use crate::secret::{ApiKey, Password};
use crate::xml::Writer;

/// A call as it goes over the wire, with who makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearinghouseRequest {
    /// `get_encrypted_api_key`: anybody may ask.
    EncryptedApiKey {
        /// The account's name, bare.
        user: String,
    },
    /// A call made with user name and API key.
    WithApiKey {
        /// The account's name.
        user: String,
        /// Its API key.
        api_key: ApiKey,
        /// What is asked.
        call: AccountCall,
    },
    /// A call made with user name and password.
    WithPassword {
        /// The account's name.
        user: String,
        /// Its password.
        password: Password,
        /// What is asked.
        call: PasswordCall,
    },
}

/// A call made with an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCall {
    /// `get_account_info`.
    GetAccountInfo,
    /// `get_public_key`.
    GetPublicKey,
    /// `acquire_resources`.
    AcquireResources {
        /// Which machines.
        vessel_type: VesselType,
        /// How many vessels, at least 1.
        count: u32,
    },
    /// `acquire_specific_vessels`; handles as sent, not yet looked at.
    AcquireSpecificVessels(Vec<String>),
    /// `release_resources`; handles as sent, not yet looked at.
    ReleaseResources(Vec<String>),
    /// `renew_resources`; handles as sent, not yet looked at.
    RenewResources(Vec<String>),
    /// `get_resource_info`.
    GetResourceInfo,
}

/// A call made with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordCall {
    /// `regenerate_api_key`.
    RegenerateApiKey,
    /// `set_public_key` with a key string, not yet looked at.
    SetPublicKey(String),
}

impl AccountCall {
    /// Which of the ten calls this is.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::GetAccountInfo => Method::GetAccountInfo,
            Self::GetPublicKey => Method::GetPublicKey,
            Self::AcquireResources { .. } => Method::AcquireResources,
            Self::AcquireSpecificVessels(_) => Method::AcquireSpecificVessels,
            Self::ReleaseResources(_) => Method::ReleaseResources,
            Self::RenewResources(_) => Method::RenewResources,
            Self::GetResourceInfo => Method::GetResourceInfo,
        }
    }
}

impl PasswordCall {
    /// Which of the ten calls this is.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::RegenerateApiKey => Method::RegenerateApiKey,
            Self::SetPublicKey(_) => Method::SetPublicKey,
        }
    }
}

impl ClearinghouseRequest {
    /// Which of the ten calls this is.
    #[must_use]
    pub fn method(&self) -> Method {
        match self {
            Self::EncryptedApiKey { .. } => Method::GetEncryptedApiKey,
            Self::WithApiKey { call, .. } => call.method(),
            Self::WithPassword { call, .. } => call.method(),
        }
    }

    /// The body of the HTTP request, byte for byte as the original's client writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        Writer::call(self.method().as_str(), |w| match self {
            Self::EncryptedApiKey { user } => w.parameter(|w| w.string(user)),
            Self::WithApiKey {
                user,
                api_key,
                call,
            } => {
                who(w, user, "api_key", api_key.expose());
                call.write_arguments(w);
            }
            Self::WithPassword {
                user,
                password,
                call,
            } => {
                who(w, user, "password", password.expose());
                if let PasswordCall::SetPublicKey(key) = call {
                    w.parameter(|w| w.string(key));
                }
            }
        })
    }
}

impl AccountCall {
    fn write_arguments(&self, w: &mut Writer) {
        match self {
            Self::GetAccountInfo | Self::GetPublicKey | Self::GetResourceInfo => {}
            Self::AcquireResources { vessel_type, count } => w.parameter(|w| {
                // The server refuses counts that do not fit; a count beyond its integers is as wrong as the largest.
                let count = i32::try_from(*count).unwrap_or(i32::MAX);
                w.structure(|w| {
                    w.member("number_of_nodes", |w| w.integer(count));
                    w.member("rspec_type", |w| w.string(vessel_type.rspec_type()));
                });
            }),
            Self::AcquireSpecificVessels(handles)
            | Self::ReleaseResources(handles)
            | Self::RenewResources(handles) => w.parameter(|w| {
                w.array(|w| handles.iter().for_each(|handle| w.string(handle)));
            }),
        }
    }
}

fn who(w: &mut Writer, user: &str, secret_name: &str, secret: &str) {
    w.parameter(|w| {
        w.structure(|w| {
            w.member("username", |w| w.string(user));
            w.member(secret_name, |w| w.string(secret));
        });
    });
}
