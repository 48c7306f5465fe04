//! The original's five hooks: what each takes, what it gives back, and how one is replaced.
//!
//! All are one trait, [`Hook`], with other arguments and other results, and any closure of its shape that returns a
//! future is one, so `Hooks::default().init_overlord(|overlord: OverlordHandle| async move { … })` replaces the start-up
//! and leaves the other four alone. The defaults are public methods of [`OverlordHandle`], so a replacement can call
//! them.
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

/// Something that a user does in the engine's place: takes the overlord and the arguments, and gives something back.
#[async_trait]
pub trait Hook<Arguments, Gives>: Send + Sync {
    /// Does it.
    ///
    /// # Errors
    /// Whatever kept it from being done; it has changed nothing then, as far as the engine is concerned.
    async fn call(&self, overlord: OverlordHandle, arguments: Arguments) -> Result<Gives, Cause>;
}

/// A closure of so many arguments is a hook that takes them as a tuple.
macro_rules! closures_are_hooks {
    ($($argument:ident: $Type:ident),*) => {
        #[async_trait]
        impl<F, R, Gives, $($Type),*> Hook<($($Type,)*), Gives> for F
        where
            F: Fn(OverlordHandle, $($Type),*) -> R + Send + Sync,
            R: Future<Output = Result<Gives, Cause>> + Send,
            $($Type: Send + 'static,)*
        {
            async fn call(
                &self,
                overlord: OverlordHandle,
                ($($argument,)*): ($($Type,)*),
            ) -> Result<Gives, Cause> {
                self(overlord, $($argument),*).await
            }
        }
    };
}

closures_are_hooks!();
closures_are_hooks!(a: A);
closures_are_hooks!(a: A, b: B, c: C);

/// What `run` does first. Default: [`OverlordHandle::default_init_overlord`].
///
/// A replacement takes the place of `on_start`: nothing is released unless it does so, and, as in the
/// original, whatever the account holds afterwards is taken over, up to the number wanted. Called once. An error ends the
/// run before it began.
pub type InitOverlord = dyn Hook<(), ()>;

/// How vessels are got. Default: [`OverlordHandle::default_acquire_vessels`].
///
/// Called with the owned vessels when fewer are owned than wanted. Gives back the new ones, which the account must hold.
pub type AcquireVessels = dyn Hook<(Vec<Handle>,), Vec<Handle>>;

/// How vessels are made to run the program. Default: [`OverlordHandle::default_init_vessels`].
///
/// Called with vessels that do not run the program (new ones, and ones whose program ended), with all
/// owned ones, and with the arguments of `run`. Gives back all that are owned after it: fresh ones that are
/// missing have failed, and are tried again or replaced.
pub type InitVessels = dyn Hook<(Vec<Handle>, Vec<Handle>, Vec<String>), Vec<Handle>>;

/// How bad vessels are weeded out. Default: [`OverlordHandle::default_remove_vessels`].
///
/// Called in each polling period with the vessels that should run the program. Gives back those to keep;
/// the others are given back to the clearinghouse, if the hook has not done so itself.
pub type RemoveVessels = dyn Hook<(Vec<Handle>,), Vec<Handle>>;

/// How ownership is kept. Default: [`OverlordHandle::default_maintenance`].
///
/// Called in each polling period with the renewal period, the moment that it gave back last time (the
/// beginning of the run at first), and the owned vessels. Gives back when maintenance was last done.
pub type Maintenance = dyn Hook<(Duration, Moment, Vec<Handle>), Moment>;

/// Which of the five are replaced. Set before `run`.
#[derive(Clone, Default)]
pub struct Hooks {
    pub(crate) init_overlord: Option<Arc<InitOverlord>>,
    pub(crate) acquire_vessels: Option<Arc<AcquireVessels>>,
    pub(crate) init_vessels: Option<Arc<InitVessels>>,
    pub(crate) remove_vessels: Option<Arc<RemoveVessels>>,
    pub(crate) maintenance: Option<Arc<Maintenance>>,
}

impl Hooks {
    /// Replaces what `run` does first (the original's `init_overlord_func`).
    #[must_use]
    pub fn init_overlord(mut self, hook: impl Hook<(), ()> + 'static) -> Self {
        self.init_overlord = Some(Arc::new(hook));
        self
    }

    /// Replaces how vessels are got (the original's `acquire_vessels_func`).
    #[must_use]
    pub fn acquire_vessels(
        mut self,
        hook: impl Hook<(Vec<Handle>,), Vec<Handle>> + 'static,
    ) -> Self {
        self.acquire_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how vessels are made to run the program (the original's `init_vessels_func`).
    #[must_use]
    pub fn init_vessels(
        mut self,
        hook: impl Hook<(Vec<Handle>, Vec<Handle>, Vec<String>), Vec<Handle>> + 'static,
    ) -> Self {
        self.init_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how bad vessels are weeded out (the original's `remove_vessels_func`).
    #[must_use]
    pub fn remove_vessels(
        mut self,
        hook: impl Hook<(Vec<Handle>,), Vec<Handle>> + 'static,
    ) -> Self {
        self.remove_vessels = Some(Arc::new(hook));
        self
    }

    /// Replaces how ownership is kept (the original's `maintenance_func`).
    #[must_use]
    pub fn maintenance(
        mut self,
        hook: impl Hook<(Duration, Moment, Vec<Handle>), Moment> + 'static,
    ) -> Self {
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
