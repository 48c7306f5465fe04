//! Calls in the name of an account: what it is, what it holds, acquiring, renewing, giving back.

use std::sync::Arc;

use overlord_types::{Handle, UserName, VesselType};

use super::ClearinghouseClient;
use crate::api::{AccountInfo, LeasedVessel};
use crate::error::{BoxedSource, ClearinghouseCallError};
use crate::request::{AccountCall, ClearinghouseRequest};
use crate::response;
use crate::secret::Credentials;
use crate::xml::RpcValue;

/// Most handles sent in one call; longer lists are sent in parts. Keeps a request below 1 MiB.
pub const HANDLES_PER_CALL_MAX: usize = 1000;

/// A clearinghouse, asked in the name of an account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ClearinghouseAccount {
    client: ClearinghouseClient,
    credentials: Arc<Credentials>,
}

impl ClearinghouseClient {
    /// The same clearinghouse, asked in the name of an account. Nothing is sent yet.
    #[must_use]
    pub fn with(&self, credentials: Credentials) -> ClearinghouseAccount {
        ClearinghouseAccount {
            client: self.clone(),
            credentials: Arc::new(credentials),
        }
    }
}

impl ClearinghouseAccount {
    /// The account's name.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.credentials.user
    }

    /// The clearinghouse without the account.
    #[must_use]
    pub fn client(&self) -> &ClearinghouseClient {
        &self.client
    }

    /// `get_account_info`: user port, credit, affiliation.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn account_info(&self) -> Result<AccountInfo, ClearinghouseCallError> {
        self.call(AccountCall::GetAccountInfo, |value| {
            response::read_account(&value)
        })
        .await
    }

    /// `get_public_key`: the account's key string, as it was set; it may have blanks around it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn public_key(&self) -> Result<String, ClearinghouseCallError> {
        self.call(AccountCall::GetPublicKey, response::read_text)
            .await
    }

    /// `acquire_resources`: that many vessels, or none. Asking for none is no call.
    ///
    /// Never repeated by itself once it may have been heard: see [`ClearinghouseCallError::may_have_happened`].
    ///
    /// # Errors
    /// When the call fails; faults 103 and 105 when they cannot be had.
    pub async fn acquire(
        &self,
        vessel_type: VesselType,
        count: u32,
    ) -> Result<Vec<LeasedVessel>, ClearinghouseCallError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let call = AccountCall::AcquireResources { vessel_type, count };
        self.call(call, |value| response::read_vessels(&value))
            .await
    }

    /// `acquire_specific_vessels`: those of the named vessels that can be had. An empty list is no call.
    ///
    /// # Errors
    /// When the call fails; fault 103 when they are more than the account may hold, all counted.
    pub async fn acquire_specific(
        &self,
        handles: &[Handle],
    ) -> Result<Vec<LeasedVessel>, ClearinghouseCallError> {
        if handles.is_empty() {
            return Ok(Vec::new());
        }
        let call = AccountCall::AcquireSpecificVessels(texts(handles));
        self.call(call, |value| response::read_vessels(&value))
            .await
    }

    /// `release_resources`: gives vessels back; those that are not the account's are ignored. An empty list
    /// is no call.
    ///
    /// # Errors
    /// When a call fails; fault 102 when a handle names no vessel.
    pub async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseCallError> {
        for part in handles.chunks(HANDLES_PER_CALL_MAX) {
            self.call(AccountCall::ReleaseResources(texts(part)), |value| {
                response::read_done(&value)
            })
            .await?;
        }
        Ok(())
    }

    /// `renew_resources`: their leases start anew; what the server grants is read back with
    /// [`ClearinghouseAccount::resource_info`]. An empty list is no call.
    ///
    /// # Errors
    /// When a call fails; fault 102 when a handle names no vessel, 103 when the account holds too many.
    pub async fn renew(&self, handles: &[Handle]) -> Result<(), ClearinghouseCallError> {
        for part in handles.chunks(HANDLES_PER_CALL_MAX) {
            self.call(AccountCall::RenewResources(texts(part)), |value| {
                response::read_done(&value)
            })
            .await?;
        }
        Ok(())
    }

    /// `get_resource_info`: what the account holds.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn resource_info(&self) -> Result<Vec<LeasedVessel>, ClearinghouseCallError> {
        self.call(AccountCall::GetResourceInfo, |value| {
            response::read_vessels(&value)
        })
        .await
    }

    async fn call<T>(
        &self,
        call: AccountCall,
        read: impl Fn(RpcValue) -> Result<T, BoxedSource>,
    ) -> Result<T, ClearinghouseCallError> {
        let request = ClearinghouseRequest::WithApiKey {
            user: self.credentials.user.as_str().to_owned(),
            api_key: self.credentials.api_key.clone(),
            call,
        };
        self.client.call(&request, read).await
    }
}

fn texts(handles: &[Handle]) -> Vec<String> {
    handles.iter().map(ToString::to_string).collect()
}
