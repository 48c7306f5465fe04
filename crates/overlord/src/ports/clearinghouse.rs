//! The engine's clearinghouse: XML-RPC in the name of an account.

use async_trait::async_trait;
use overlord_clearinghouse::{ClearinghouseAccount, LeasedVessel};
use overlord_engine::{AccountSummary, Clearinghouse, ClearinghouseError, HeldVessel};
use overlord_types::{Handle, VesselType};

use super::errors::of_clearinghouse;

/// A clearinghouse over HTTPS.
///
/// Safe to drop at any await: a call that was sent may then have been carried out, as the port says.
#[derive(Debug, Clone)]
pub struct ClearinghousePort {
    account: ClearinghouseAccount,
}

impl ClearinghousePort {
    /// Speaks in the name of that account.
    #[must_use]
    pub fn new(account: ClearinghouseAccount) -> Self {
        Self { account }
    }
}

#[async_trait]
impl Clearinghouse for ClearinghousePort {
    async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        let info = self
            .account
            .account_info()
            .await
            .map_err(of_clearinghouse)?;
        Ok(AccountSummary {
            user_name: info.user_name,
            user_port: info.user_port,
            max_vessels: info.max_vessels,
        })
    }

    async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        let records = self.account.resource_info().await;
        Ok(held(records.map_err(of_clearinghouse)?))
    }

    async fn acquire(
        &self,
        kind: VesselType,
        count: u32,
    ) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        let records = self.account.acquire(kind, count).await;
        Ok(held(records.map_err(of_clearinghouse)?))
    }

    async fn acquire_specific(
        &self,
        handles: &[Handle],
    ) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        let records = self.account.acquire_specific(handles).await;
        Ok(held(records.map_err(of_clearinghouse)?))
    }

    async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        self.account
            .release(handles)
            .await
            .map_err(of_clearinghouse)
    }

    async fn renew(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        self.account.renew(handles).await.map_err(of_clearinghouse)
    }
}

fn held(records: Vec<LeasedVessel>) -> Vec<HeldVessel> {
    records
        .into_iter()
        .filter_map(|record| match record.location() {
            Ok(location) => Some(HeldVessel {
                handle: record.handle,
                location,
                expires_in: record.expires_in,
                is_active: record.is_active,
            }),
            // The client leaves such records out already; nothing could be asked of such a node anyhow.
            Err(error) => {
                tracing::warn!(vessel = %record.handle.short(), %error, "a vessel without a place is left out");
                None
            }
        })
        .collect()
}
