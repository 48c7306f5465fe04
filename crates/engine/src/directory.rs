//! What hooks may ask about the fleet: a picture of it that the runner makes anew when it changes.
//!
//! It goes one way only, from the runner to the hooks. What hooks want changed, they wish for: `wishes`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use overlord_types::{Handle, NodeLocation};

use crate::provenance::Generation;

/// What is known of a vessel outside the fleet.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryEntry {
    pub(crate) location: NodeLocation,
    pub(crate) index: Option<u32>,
}

/// The fleet as it was at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    pub(crate) vessels: BTreeMap<Handle, DirectoryEntry>,
    /// What the journal called ours when the run began.
    pub(crate) ours_before: Arc<BTreeSet<Handle>>,
    /// Which run of the deployment this is, once it has begun.
    pub(crate) generation: Generation,
}
