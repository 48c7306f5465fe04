//! The original's five hooks: what each takes, what it gives back, and how one is replaced.
//!
//! Each is a trait with one function, and any closure of its shape that returns a future is one, so
//! `Hooks::default().init_overlord(|overlord| async move { … })` replaces the start-up and leaves the other
//! four alone. The defaults are public methods of [`OverlordHandle`], so a replacement can call them.
//!
//! A replacement gets lists and gives a list back, as in the original. It is bounded by the policy's
//! `hook_deadline`; one that returns an error, panics or takes too long has changed nothing as far as
//! the planner is concerned, and is called again after a pause.
//!
//! The engine calls hooks in the run's own task, as it does everything: it knows no runtime. One that blocks its
//! thread would stop the engine and its deadlines; the facade puts each on a task of its own.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use overlord_time::Moment;
use overlord_types::Handle;

use crate::error::Cause;
use crate::overlord_handle::OverlordHandle;

/// What `run` does first. Default: [`OverlordHandle::default_init_overlord`].
///
/// A replacement takes the place of `on_start`: nothing is released unless it does so, and, as in the
/// original, whatever the account holds afterwards is taken over, up to the number wanted.
#[async_trait]
pub trait InitOverlord: Send + Sync {
    /// Called once. An error ends the run before it began.
    async fn init_overlord(&self, overlord: OverlordHandle) -> Result<(), Cause>;
}

/// How vessels are got. Default: [`OverlordHandle::default_acquire_vessels`].
#[async_trait]
pub trait AcquireVessels: Send + Sync {
    /// Called when fewer vessels are owned than wanted. Gives back the new ones, which the account must hold.
    async fn acquire_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause>;
}

/// How vessels are made to run the program. Default: [`OverlordHandle::default_init_vessels`].
#[async_trait]
pub trait InitVessels: Send + Sync {
    /// Called with vessels that do not run the program (new ones, and ones whose program ended), with all
    /// owned ones, and with the arguments of `run`. Gives back all that are owned after it: fresh ones that are
    /// missing have failed, and are tried again or replaced.
    async fn init_vessels(
        &self,
        overlord: OverlordHandle,
        fresh: Vec<Handle>,
        owned: Vec<Handle>,
        arguments: Vec<String>,
    ) -> Result<Vec<Handle>, Cause>;
}

/// How bad vessels are weeded out. Default: [`OverlordHandle::default_remove_vessels`].
#[async_trait]
pub trait RemoveVessels: Send + Sync {
    /// Called in each polling period with the vessels that should run the program. Gives back those to keep;
    /// the others are given back to the clearinghouse, if the hook has not done so itself.
    async fn remove_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause>;
}

/// How ownership is kept. Default: [`OverlordHandle::default_maintenance`].
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Called in each polling period with the renewal period, the moment that it gave back last time (the
    /// beginning of the run at first), and the owned vessels. Gives back when maintenance was last done.
    async fn maintenance(
        &self,
        overlord: OverlordHandle,
        delay: Duration,
        last: Moment,
        owned: Vec<Handle>,
    ) -> Result<Moment, Cause>;
}

#[async_trait]
impl<F, R> InitOverlord for F
where
    F: Fn(OverlordHandle) -> R + Send + Sync,
    R: Future<Output = Result<(), Cause>> + Send,
{
    async fn init_overlord(&self, overlord: OverlordHandle) -> Result<(), Cause> {
        self(overlord).await
    }
}

#[async_trait]
impl<F, R> AcquireVessels for F
where
    F: Fn(OverlordHandle, Vec<Handle>) -> R + Send + Sync,
    R: Future<Output = Result<Vec<Handle>, Cause>> + Send,
{
    async fn acquire_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause> {
        self(overlord, owned).await
    }
}

#[async_trait]
impl<F, R> InitVessels for F
where
    F: Fn(OverlordHandle, Vec<Handle>, Vec<Handle>, Vec<String>) -> R + Send + Sync,
    R: Future<Output = Result<Vec<Handle>, Cause>> + Send,
{
    async fn init_vessels(
        &self,
        overlord: OverlordHandle,
        fresh: Vec<Handle>,
        owned: Vec<Handle>,
        arguments: Vec<String>,
    ) -> Result<Vec<Handle>, Cause> {
        self(overlord, fresh, owned, arguments).await
    }
}

#[async_trait]
impl<F, R> RemoveVessels for F
where
    F: Fn(OverlordHandle, Vec<Handle>) -> R + Send + Sync,
    R: Future<Output = Result<Vec<Handle>, Cause>> + Send,
{
    async fn remove_vessels(
        &self,
        overlord: OverlordHandle,
        owned: Vec<Handle>,
    ) -> Result<Vec<Handle>, Cause> {
        self(overlord, owned).await
    }
}

#[async_trait]
impl<F, R> Maintenance for F
where
    F: Fn(OverlordHandle, Duration, Moment, Vec<Handle>) -> R + Send + Sync,
    R: Future<Output = Result<Moment, Cause>> + Send,
{
    async fn maintenance(
        &self,
        overlord: OverlordHandle,
        delay: Duration,
        last: Moment,
        owned: Vec<Handle>,
    ) -> Result<Moment, Cause> {
        self(overlord, delay, last, owned).await
    }
}

/// Which of the five are replaced. Set before `run`.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) init_overlord: Option<Arc<dyn InitOverlord>>,
    pub(crate) acquire_vessels: Option<Arc<dyn AcquireVessels>>,
    pub(crate) init_vessels: Option<Arc<dyn InitVessels>>,
    pub(crate) remove_vessels: Option<Arc<dyn RemoveVessels>>,
    pub(crate) maintenance: Option<Arc<dyn Maintenance>>,
}

impl Hooks {
    /// Replaces what `run` does first (the original's `init_overlord_func`).
    #[must_use]
    pub fn init_overlord(mut self, hook: impl InitOverlord + 'static) -> Self {
        self.init_overlord = Some(Arc::new(hook));
        self
    }

    /// Replaces how vessels are got (the original's `acquire_vessels_func`).
    #[must_use]
    pub fn acquire_vessels(mut self, hook: impl AcquireVessels + 'static) -> Self {
        self.acquire_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how vessels are made to run the program (the original's `init_vessels_func`).
    #[must_use]
    pub fn init_vessels(mut self, hook: impl InitVessels + 'static) -> Self {
        self.init_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how bad vessels are weeded out (the original's `remove_vessels_func`).
    #[must_use]
    pub fn remove_vessels(mut self, hook: impl RemoveVessels + 'static) -> Self {
        self.remove_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how ownership is kept (the original's `maintenance_func`).
    #[must_use]
    pub fn maintenance(mut self, hook: impl Maintenance + 'static) -> Self {
        self.maintenance = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            ("init_overlord", self.init_overlord.is_some()),
            ("acquire_vessels", self.acquire_vessels.is_some()),
            ("init_vessels", self.init_vessels.is_some()),
            ("remove_vessels", self.remove_vessels.is_some()),
            ("maintenance", self.maintenance.is_some()),
        ];
        let replaced = names
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(name, _)| name);
        f.debug_set().entries(replaced).finish()
    }
}
