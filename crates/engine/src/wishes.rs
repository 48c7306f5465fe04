//! What hooks want done to the account: the runner does it for them, as operations that the fleet begins.
//!
//! So whatever is acquired or given back is known to the fleet from before the clearinghouse is asked, also
//! for hooks, and however the hook ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use overlord_types::Handle;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::error::Cause;
use crate::operation::{AcquireError, ReleaseError};

/// Most wishes that wait for the runner; it takes them up as fast as they come.
const WISHES_MAX: usize = 64;

/// There is no run that could do what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the run is over")]
pub(crate) struct RunOver;

/// How an acquisition went: which vessels are ours now.
pub(crate) type AcquireAnswer = Result<Vec<Handle>, Arc<AcquireError>>;
/// How a release went.
pub(crate) type ReleaseAnswer = Result<(), Arc<ReleaseError>>;

/// One wish, and where its answer goes. A hook that is gone by then misses it, and nobody else does.
#[derive(Debug)]
pub(crate) enum Wish {
    /// So many vessels.
    Acquire(u32, oneshot::Sender<AcquireAnswer>),
    /// Not to have these any more.
    Release(BTreeSet<Handle>, oneshot::Sender<ReleaseAnswer>),
    /// Not to have those of these any more that are not the run's own when the wish is granted.
    ReleaseOthers(BTreeSet<Handle>, oneshot::Sender<ReleaseAnswer>),
}

/// The hooks' end of the channel.
#[derive(Debug, Clone)]
pub(crate) struct Wishes(mpsc::Sender<Wish>);

impl Wishes {
    /// Both ends.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Wish>) {
        let (sender, receiver) = mpsc::channel(WISHES_MAX);
        (Self(sender), receiver)
    }

    /// Wishes for so many vessels, and waits until they are ours or are known not to come.
    pub(crate) async fn acquire(&self, count: u32) -> Result<Vec<Handle>, Cause> {
        let (answer, answered) = oneshot::channel();
        self.send(Wish::Acquire(count, answer)).await?;
        Ok(answered.await.map_err(|_| RunOver)??)
    }

    /// Wishes vessels to be given back, and waits until they are.
    pub(crate) async fn release(&self, vessels: BTreeSet<Handle>) -> Result<(), Cause> {
        let (answer, answered) = oneshot::channel();
        self.send(Wish::Release(vessels, answer)).await?;
        Ok(answered.await.map_err(|_| RunOver)??)
    }

    /// Wishes vessels to be given back, except those that have become the run's own meanwhile, and waits until they are.
    pub(crate) async fn release_others(&self, vessels: BTreeSet<Handle>) -> Result<(), Cause> {
        let (answer, answered) = oneshot::channel();
        self.send(Wish::ReleaseOthers(vessels, answer)).await?;
        Ok(answered.await.map_err(|_| RunOver)??)
    }

    async fn send(&self, wish: Wish) -> Result<(), RunOver> {
        self.0.send(wish).await.map_err(|_| RunOver)
    }
}
