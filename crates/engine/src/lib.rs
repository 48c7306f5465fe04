//! The overlord itself: what is decided, when, and why.
//!
//! ```text
//!            ┌────────────── Event ◄──────────────┐
//!            ▼                                    │
//!   Fleet::apply ──► plan(&desired, &fleet, now)  │  outcomes, timers, stop
//!   (what is true)   (what to do, what we wait    │
//!                     for and why; pure)          │
//!                           │ operations          │
//!                           ▼                     │
//!                        Runner ──► ports, hooks ─┘
//!                           │
//!                           └──► journal (intent before, outcome after), FleetEvent stream
//! ```
//!
//! The engine opens no socket or file, reads no clock and draws no random number of its own: all of that
//! comes through five small traits, the [`Ports`]. It needs no particular async runtime. It knows
//! neither the node managers' nor the clearinghouse's protocol.
//!
//! Start with [`Runner`] to use it, with [`plan`] to understand it.
#![forbid(unsafe_code)]

mod breaker;
mod control;
mod deployment;
mod directory;
mod error;
mod fleet;
mod fleet_event;
mod hooks;
pub mod journal;
mod memory_journal;
mod operation;
mod overlord_handle;
mod planner;
mod policy_period;
mod ports;
mod provenance;
mod quarantine;
mod report;
mod runner;
mod settings;
mod shared;
mod stage_name;
#[cfg(test)]
mod test_support;
mod text;
mod versioned;
mod vessel;
mod wishes;
mod workers;

pub use breaker::{Breaker, Silence};
pub use control::Control;
pub use deployment::{
    ArgumentsTemplate, CheckedProgram, Deployment, DeploymentRequest, DeploymentTerms,
    PROGRAM_BYTES_MAX, VESSELS_MAX,
};
pub use error::{
    Cause, ClearinghouseError, HookError, IllegalTransition, InitialiseError, JournalError,
    NodeError, ProgramFileError, RunError, SettingsError,
};
pub use fleet::{
    Absent, Acquisition, Circumstances, CopyRecord, Desired, Fleet, NodeWatch, Phase, Reading,
    ReplacedHooks, Retries, Retry, UnderWay, Verdict,
};
pub use fleet_event::{
    Change, CondemnReason, Delivery, EVENTS_KEPT, Evidence, FleetEvent, LeftVessel, RunReport,
    StopReason, Subscription, VesselLabel, WaitReason,
};
pub use hooks::{
    AcquireVessels, Hook, Hooks, InitOverlord, InitVessels, Maintenance, RemoveVessels,
};
pub use journal::{JournalRecord, JournalReplay, RecordBatch, StoredLedger, StoredRecord};
pub use memory_journal::MemoryJournal;
pub use operation::{
    AcquireError, AcquireRequest, Asker, Assignment, Brought, Doubt, Event, Operation, OperationId,
    OperationKind, Outcome, ReleaseError, RequestAnswer, StartResult, StartUpError, StartUpReport,
};
pub use overlord_handle::OverlordHandle;
pub use overlord_time::{Backoff, Clock, Moment, Now, Randomness, WallTime, WallTimeError};
pub use planner::{Plan, plan};
pub use policy_period::PolicyPeriod;
pub use ports::{
    AccountSummary, Clearinghouse, HeldVessel, Journal, NodeManagers, Ports, ProgramFile,
    StartCommand, StartOutcome, VesselAddress, VesselObservation,
};
pub use provenance::{DeploymentName, Generation, RECORD_VERSION};
pub use quarantine::Quarantine;
pub use report::{FleetWait, Report, VesselReport, VesselWait};
pub use runner::{Runner, Witness};
pub use settings::{CheckedPolicy, OnStart, OnStop, Policy};
pub use stage_name::StageName;
pub use text::with_causes;
pub use versioned::Versioned;
pub use vessel::{EvidenceLog, Lease, Stage, StartProgress, Step, Vessel};
