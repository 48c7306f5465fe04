//! From the bytes of a request to a call that its signer may make, in the original's order.
//!
//! The decisions about signatures are [`crate::verification`]'s; here they meet the node's state.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use overlord_keys::PublicKey;
use overlord_time::WallClock;
use overlord_types::VesselName;

use super::service::{NodeService, VerifiedCall, VesselAccess};
use crate::call::{CallKind, NodeCall, Permission};
use crate::refusals::{NO_SUCH_VESSEL, UNKNOWN_CALL, UNKNOWN_VESSEL};
use crate::reply::Reply;
use crate::timestamp::Timestamp;
use crate::verification::{
    AcceptedRequest, Judge, LastAccepted, Rejection, SignatureDoubt, SignedRequest, vessel_of,
};
use crate::wire_text::{WireText, rsplit_once};

/// How far ahead of the node's clock a user's request may be, in seconds: as far as a clock may be behind,
/// by the expiration that clients write.
///
/// The original takes any time. There a user can lock a vessel's owner out for as long as he likes, and keep
/// a vessel whose lease has ended: nothing older is accepted any more. An owner harms only himself.
const USER_AHEAD_MAX: u32 = 3600;

/// Authenticates requests against a node's vessels, and has the node store what they accepted.
pub struct Authenticator {
    service: Arc<dyn NodeService>,
    clock: Arc<dyn WallClock>,
    /// One request at a time is compared with what its vessel last accepted, and stored.
    accepting: Mutex<()>,
}

impl Authenticator {
    /// Authenticates for this node, by this clock.
    #[must_use]
    pub fn new(service: Arc<dyn NodeService>, clock: Arc<dyn WallClock>) -> Self {
        Self {
            service,
            clock,
            accepting: Mutex::new(()),
        }
    }

    /// Reads and authenticates a request. Blocks: big-number arithmetic, and the node's store.
    ///
    /// # Errors
    /// The answer to a request that is refused.
    pub fn authenticate(
        &self,
        request: impl Into<Bytes>,
        source: SocketAddr,
    ) -> Result<VerifiedCall, Reply> {
        let request = request.into();
        let kind = CallKind::of(&request).map_err(|_| Reply::error(UNKNOWN_CALL))?;
        if kind.permission == Permission::Public {
            return verified(request, None, source);
        }
        let named = vessel_of(&request).ok_or_else(Reply::internal_error)?;
        let vessel = read_vessel(&named).ok_or_else(|| Reply::error(UNKNOWN_VESSEL))?;
        let signer = self
            .accept(&request, kind, &vessel)
            .map_err(|refused| refused.reply(&request))?;
        let data = rsplit_once(&request, b'\n').map_or(&request[..], |(data, _)| data);
        verified(request.slice_ref(data), Some(signer), source)
    }

    /// Judges a signed request, and has the vessel remember it.
    fn accept(
        &self,
        request: &[u8],
        kind: CallKind,
        vessel: &VesselName,
    ) -> Result<PublicKey, Refused> {
        let access = self.access(vessel)?;
        let signed = SignedRequest::cut(request).ok_or(Rejection::Malformed)?;
        // Once without the lock: most refusals, and the arithmetic of all, disturb nobody.
        self.judge(&signed, kind, &access)?;
        let _one_at_a_time = self
            .accepting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let access = self.access(vessel)?;
        let accepted = self.judge(&signed, kind, &access)?;
        self.service
            .store_accepted(vessel, &accepted.remember)
            .map_err(|error| {
                tracing::error!(%vessel, %error, "what a vessel accepted could not be stored");
                Refused::NotStored
            })?;
        Ok(accepted.signer)
    }

    fn access(&self, vessel: &VesselName) -> Result<VesselAccess, Refused> {
        self.service
            .vessel_access(vessel)
            .ok_or(Refused::UnknownVessel)
    }

    fn judge(
        &self,
        signed: &SignedRequest<'_>,
        kind: CallKind,
        access: &VesselAccess,
    ) -> Result<AcceptedRequest, Rejection> {
        let mut allowed = vec![access.owner.clone()];
        if kind.permission == Permission::User {
            allowed.extend(access.users.iter().cloned());
        }
        let now = Timestamp::of(&*self.clock);
        let accepted = signed.judge(Judge {
            allowed: &allowed,
            last: access.last_accepted.as_ref(),
            node: self.service.node_id().as_str(),
            now,
        })?;
        if accepted.signer != access.owner && locks_others_out(&accepted.remember, now) {
            return Err(Rejection::Untrusted(vec![SignatureDoubt::OutOfOrder]));
        }
        Ok(accepted)
    }
}

/// Whether those whose clocks are right could not sign for the vessel for too long after this request. A time
/// that is no number can be compared with none.
fn locks_others_out(accepted: &LastAccepted, now: Timestamp) -> bool {
    let limit = now.plus_seconds(USER_AHEAD_MAX).seconds();
    accepted
        .timestamp
        .is_some_and(|time| time.seconds().is_nan() || time.seconds() > limit)
}

/// Why a signed request is not accepted.
enum Refused {
    UnknownVessel,
    Rejected(Rejection),
    NotStored,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl Refused {
    fn reply(&self, request: &[u8]) -> Reply {
        match self {
            Self::UnknownVessel => Reply::error(UNKNOWN_VESSEL),
            Self::Rejected(rejection) => rejection.reply(request),
            Self::NotStored => Reply::internal_error(),
        }
    }
}

/// Reads the call once it is known who makes it: missing arguments use up the time of a request too.
fn verified(
    data: Bytes,
    signer: Option<PublicKey>,
    source: SocketAddr,
) -> Result<VerifiedCall, Reply> {
    let call = NodeCall::parse(data).map_err(|_| Reply::internal_error())?;
    // A call whose only argument is the vessel takes all that follows for its name, `v3|x`.
    let vessel = match call.vessel() {
        Some(named) => Some(read_vessel(&named).ok_or_else(|| Reply::error(NO_SUCH_VESSEL))?),
        None => None,
    };
    Ok(VerifiedCall {
        call,
        vessel,
        signer,
        source,
    })
}

fn read_vessel(name: &WireText) -> Option<VesselName> {
    name.as_str()?.parse().ok()
}
