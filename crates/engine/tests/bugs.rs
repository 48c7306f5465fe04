//! What a release does when a promise of our own is broken during a run: it goes on, and the operator is told, once for
//! each place. Alone in its program, since whether bugs end a test is the process's.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "simulation/virtual_time.rs"]
#[allow(dead_code, reason = "the simulation uses all of it")]
mod virtual_time;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use overlord_bug::{invariant, set_strict};
use overlord_engine::{
    AccountSummary, Cause, Change, CheckedProgram, ClearinghouseError, Delivery, Deployment,
    DeploymentRequest, FleetEvent, HeldVessel, Hooks, MemoryJournal, NodeError, NodeManagers,
    OverlordHandle, Policy, Ports, ProgramFile, Randomness, Runner, StartCommand, StartOutcome,
    StopReason, VesselAddress, VesselObservation,
};
use overlord_types::{Handle, NodeId, NodeLocation, UserPort, VesselName, VesselType};
use serde_json::Value;

use virtual_time::{Task, VirtualTime};

/// A clearinghouse without vessels, no nodes, and no chance.
struct EmptyWorld;

#[async_trait]
impl overlord_engine::Clearinghouse for EmptyWorld {
    async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        unreachable!("the engine does not ask for it by itself")
    }

    async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        Ok(Vec::new())
    }

    async fn acquire(&self, _: VesselType, _: u32) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        Ok(Vec::new())
    }

    async fn acquire_specific(&self, _: &[Handle]) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        unreachable!("the engine does not ask for given vessels")
    }

    async fn release(&self, _: &[Handle]) -> Result<(), ClearinghouseError> {
        unreachable!("nothing is held")
    }

    async fn renew(&self, _: &[Handle]) -> Result<(), ClearinghouseError> {
        unreachable!("nothing is held")
    }
}

#[async_trait]
impl NodeManagers for EmptyWorld {
    async fn vessels(
        &self,
        _: &NodeId,
        _: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError> {
        unreachable!("there is no node")
    }

    async fn upload(&self, _: &VesselAddress, _: &ProgramFile) -> Result<(), NodeError> {
        unreachable!("there is no node")
    }

    async fn start(&self, _: &VesselAddress, _: &StartCommand) -> Result<StartOutcome, NodeError> {
        unreachable!("there is no node")
    }

    async fn stop(&self, _: &VesselAddress) -> Result<(), NodeError> {
        unreachable!("there is no node")
    }

    async fn reset(&self, _: &VesselAddress) -> Result<(), NodeError> {
        unreachable!("there is no node")
    }

    async fn read_log(&self, _: &VesselAddress) -> Result<Vec<u8>, NodeError> {
        unreachable!("there is no node")
    }
}

impl Randomness for EmptyWorld {
    fn next_u64(&self) -> u64 {
        u64::MAX / 2
    }
}

fn deployment() -> Deployment {
    let program = CheckedProgram::new("server.r2py", b"pass\n".as_slice(), None).unwrap();
    let request = DeploymentRequest::new(1, VesselType::Wan, Some(program)).unwrap();
    let account = AccountSummary {
        user_name: "alice".parse().unwrap(),
        user_port: UserPort::try_from(63_100).unwrap(),
        max_vessels: 1,
    };
    Deployment::new(request, &account).unwrap()
}

/// A run of half an hour with these hooks: what the operator was told.
fn told_in_half_an_hour(hooks: Hooks) -> Vec<FleetEvent> {
    let time = VirtualTime::new();
    let ports = Ports {
        clearinghouse: Arc::new(EmptyWorld),
        nodes: Arc::new(EmptyWorld),
        journal: Arc::new(MemoryJournal::new()),
        clock: Arc::new(time.clone()),
        randomness: Arc::new(EmptyWorld),
    };
    let runner = Runner::new(
        deployment(),
        Policy::default().checked().unwrap(),
        hooks,
        ports,
    );
    let (mut events, control) = (runner.subscribe(), runner.control());
    time.after(Duration::from_secs(30 * 60), move || {
        control.stop(StopReason::Operator);
    });
    let mut task = Task::new(runner.run());
    loop {
        match task.run() {
            Some(ended) => break drop(ended.unwrap()),
            None => assert!(time.advance(), "nothing will ever happen again"),
        }
    }
    drop(task);
    let collect = async move {
        let mut told = Vec::new();
        while let Some(Delivery::Event(event)) = events.next().await {
            told.push(event);
        }
        told
    };
    Task::new(collect).run().unwrap()
}

/// Breaks a promise at the start, and another at each acquisition.
fn hooks_that_break_promises() -> Hooks {
    Hooks::default()
        .init_overlord(|_: OverlordHandle| async {
            for time in 0..3 {
                invariant!(time > 2, "the start's promise is broken, time {time}");
            }
            Ok::<_, Cause>(())
        })
        .acquire_vessels(|_: OverlordHandle, _: Vec<Handle>| {
            invariant!(1 > 2, "the acquisition's promise is broken");
            async { Ok::<_, Cause>(Vec::new()) }
        })
}

#[test]
fn the_operator_is_told_of_each_broken_promise_of_ours_once_and_with_its_code() {
    set_strict(false);
    let bugs = || -> Vec<Value> {
        let told = told_in_half_an_hour(hooks_that_break_promises());
        assert!(matches!(
            told.last().unwrap().change,
            Change::Stopped { .. }
        ));
        told.iter()
            .filter(|event| matches!(event.change, Change::Bug { .. }))
            .map(|event| serde_json::to_value(event).unwrap())
            .collect()
    };
    let before = overlord_bug::count();
    let [start, acquisition] = &bugs()[..] else {
        panic!("a place is told of once");
    };
    for (event, promise) in [
        (start, "the start's promise is broken, time 0"),
        (acquisition, "the acquisition's promise is broken"),
    ] {
        assert_eq!(event["event"], "bug");
        assert_eq!(event["code"], "internal");
        let message = event["message"].as_str().unwrap();
        assert!(message.contains(promise), "{message}");
        assert!(message.contains("bugs.rs:"), "{message}");
    }
    assert!(
        overlord_bug::count() - before > 4,
        "the acquisition's is broken again and again"
    );
    assert_eq!(
        bugs(),
        [""; 0],
        "a second run knows what the first has told"
    );
}
