//! The world as the engine reaches it: every message may be late, lost or wrong, and take effect all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use overlord_engine::{
    AccountSummary, Clearinghouse, ClearinghouseError, DeploymentName, HeldVessel, Journal,
    JournalError, JournalRecord, JournalReplay, NodeError, NodeManagers, ProgramFile, Randomness,
    RecordBatch, StartCommand, StartOutcome, VesselAddress, VesselObservation, journal::Ledger,
};
use overlord_types::{
    Handle, NodeId, NodeLocation, UserPort, VesselName, VesselStatus, VesselType,
};
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tokio::sync::oneshot;

use crate::rules::Ruler;
use crate::virtual_time::VirtualTime;
use crate::world::{Holder, World};

/// The latest that a request to the clearinghouse takes effect: later than the engine waits for the answer, but
/// within the time after which it believes a reading.
const LATE_MAX: Duration = Duration::from_secs(110);

/// The world and its time. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reach {
    pub(crate) time: VirtualTime,
    pub(crate) world: Arc<Mutex<World>>,
}

/// What becomes of a message and its answer.
struct Passage {
    there: Duration,
    back: Option<Duration>,
}

impl Reach {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Sends a message; what it does is done when it arrives, and the answer may never come.
    async fn send<T: Send + 'static>(
        &self,
        passage: Option<Passage>,
        effect: impl FnOnce(&mut World, Duration) -> Option<T> + Send + 'static,
        heard: impl FnOnce(&mut World, &T) + Send + 'static,
    ) -> T {
        let (give, take) = oneshot::channel();
        if let Some(Passage { there, back }) = passage {
            let reach = self.clone();
            self.time.after(there, move || {
                let now = reach.time.elapsed();
                let mut world = reach.world();
                world.expire(now);
                let answer = effect(&mut world, now);
                Ruler::rule_1_never_hold_too_many(&mut world);
                drop(world);
                let (Some(back), Some(answer)) = (back, answer) else {
                    // Lost on its way, or never given: the asker waits until its deadline.
                    std::mem::forget(give);
                    return;
                };
                let then = reach.clone();
                reach.time.after(back, move || {
                    if !give.is_closed() {
                        heard(&mut then.world(), &answer);
                    }
                    let _ = give.send(answer);
                });
            });
        } else {
            std::mem::forget(give);
        }
        match take.await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }

    fn crash_here(&self) -> bool {
        self.world().step()
    }

    /// How a message to the clearinghouse fares; `Err` if no connection comes about.
    fn to_clearinghouse(&self, name: &'static str) -> Result<Option<Passage>, Duration> {
        let now = self.time.elapsed();
        let mut world = self.world();
        world.ruler.rule_7_calls_pause(name, now);
        *world.asked.entry(name).or_default() += 1;
        world.note(now, || format!("clearinghouse: {name}"));
        let latency = world.options.latency_max;
        if world.clearinghouse_down > 0 {
            return Err(world.duration(latency));
        }
        if world.link_down > 0 {
            return if world.random.random_bool(0.5) {
                Err(Duration::ZERO)
            } else {
                Ok(None)
            };
        }
        let loss = world.options.loss;
        if world.chance(loss / 2) {
            return Ok(None);
        }
        let mut there = world.duration(latency);
        let hangs = world.clearinghouse_hangs > 0 || world.chance(loss / 4);
        if hangs {
            there = world.duration(LATE_MAX);
        }
        let back = world.duration(latency);
        let lost = world.chance(loss / 2);
        Ok(Some(Passage {
            there,
            back: (!lost).then_some(back),
        }))
    }

    async fn ask_clearinghouse<T: Send + 'static>(
        &self,
        name: &'static str,
        effect: impl FnOnce(&mut World, Duration) -> Result<T, ClearinghouseError> + Send + 'static,
        heard: impl FnOnce(&mut World, &Result<T, ClearinghouseError>) + Send + 'static,
    ) -> Result<T, ClearinghouseError> {
        if self.crash_here() {
            return std::future::pending().await;
        }
        let passage = match self.to_clearinghouse(name) {
            Ok(passage) => passage,
            Err(delay) => {
                let refused = |_: &mut World, _| Some(());
                let passage = Passage {
                    there: delay,
                    back: Some(Duration::ZERO),
                };
                self.send(Some(passage), refused, |_, ()| {}).await;
                return Err(ClearinghouseError::unreachable("connection refused"));
            }
        };
        let effect = move |world: &mut World, now: Duration| {
            if world.clearinghouse_down > 0 {
                return None;
            }
            Some(effect(world, now))
        };
        self.send(passage, effect, heard).await
    }

    async fn ask_node<T: Send + 'static>(
        &self,
        node: &NodeId,
        effect: impl FnOnce(&mut World, Duration) -> Result<T, NodeError> + Send + 'static,
        heard: impl FnOnce(&mut World, &Result<T, NodeError>) + Send + 'static,
    ) -> Result<T, NodeError> {
        if self.crash_here() {
            return std::future::pending().await;
        }
        let number = node_number(node);
        let (passage, refused) = {
            let mut world = self.world();
            let latency = world.options.latency_max;
            let loss = world.options.loss;
            let model = world.nodes[number].clone();
            let slow = if model.slow > 0 { 20 } else { 1 };
            let lost = world.chance(loss / 2);
            let answer_lost = world.chance(loss / 2);
            let passage = Passage {
                there: world.duration(latency * slow),
                back: (!answer_lost).then_some(world.duration(latency * slow)),
            };
            let quick_refusal = world.random.random_bool(0.5);
            if world.link_down > 0 {
                (None, quick_refusal)
            } else if model.dead > 0 {
                (None, true)
            } else if model.silent > 0 || lost {
                (None, false)
            } else {
                (Some(passage), false)
            }
        };
        if refused {
            let at = Passage {
                there: Duration::from_millis(1),
                back: Some(Duration::ZERO),
            };
            self.send(Some(at), |_, _| Some(()), |_, ()| {}).await;
            return Err(NodeError::Unreachable("connection refused".into()));
        }
        let effect = move |world: &mut World, now: Duration| {
            let model = &world.nodes[number];
            if model.dead > 0 || model.silent > 0 {
                return None;
            }
            if model.lying > 0 && world.random.random_bool(0.5) {
                return Some(Err(NodeError::Misbehaved("gibberish".into())));
            }
            Some(effect(world, now))
        };
        self.send(passage, effect, heard).await
    }
}

pub(crate) fn node_number(node: &NodeId) -> usize {
    let number: usize = node.as_str().rsplit(' ').next().unwrap().parse().unwrap();
    number - 100_000
}

fn held(world: &World, handle: &Handle, now: Duration) -> HeldVessel {
    let vessel = &world.vessels[handle];
    HeldVessel {
        handle: handle.clone(),
        location: world.location(vessel.node),
        // The wire has whole seconds.
        expires_in: Duration::from_secs(vessel.lease_until.saturating_sub(now).as_secs()),
        is_active: true,
    }
}

#[async_trait]
impl Clearinghouse for Reach {
    async fn account(&self) -> Result<AccountSummary, ClearinghouseError> {
        self.ask_clearinghouse(
            "account",
            |_, _| {
                Ok(AccountSummary {
                    user_name: "user".parse().unwrap(),
                    user_port: UserPort::try_from(63_100).unwrap(),
                    max_vessels: 100,
                })
            },
            |_, _| {},
        )
        .await
    }

    async fn held(&self) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        let effect = |world: &mut World, now| {
            let listed: Vec<Handle> = world
                .vessels
                .values()
                .filter(|vessel| vessel.holder != Holder::Nobody)
                .map(|vessel| vessel.handle.clone())
                .collect();
            let mut list: Vec<HeldVessel> = listed
                .iter()
                .map(|handle| held(world, handle, now))
                .collect();
            let lies = world.options.lies;
            if world.chance(lies) {
                let keep = world.random.random_range(0..=list.len());
                list.shuffle(&mut world.random);
                list.truncate(keep);
            }
            if world.chance(lies) {
                return Err(ClearinghouseError::Internal("a fault of 1".to_owned()));
            }
            let ours = world.ours().map(|vessel| vessel.handle.clone()).collect();
            Ok((list, ours))
        };
        let heard =
            |world: &mut World,
             answer: &Result<(Vec<HeldVessel>, BTreeSet<Handle>), ClearinghouseError>| {
                if let Ok((list, ours)) = answer {
                    let listed = list.iter().map(|vessel| vessel.handle.clone()).collect();
                    world.ruler.read(&listed, ours);
                }
            };
        self.ask_clearinghouse("held", effect, heard)
            .await
            .map(|(list, _)| list)
    }

    async fn acquire(
        &self,
        _kind: VesselType,
        count: u32,
    ) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        self.world().ruler.rule_2_never_ask_again_blindly();
        let effect = move |world: &mut World, now: Duration| {
            let mut free: Vec<Handle> = world
                .vessels
                .values()
                .filter(|vessel| vessel.holder == Holder::Nobody)
                .filter(|vessel| world.nodes[vessel.node].dead == 0)
                .map(|vessel| vessel.handle.clone())
                .collect();
            if world.gives_nothing > 0 || free.len() < count as usize {
                return Err(ClearinghouseError::UnableToAcquire(
                    "not as many".to_owned(),
                ));
            }
            free.shuffle(&mut world.random);
            free.truncate(count as usize);
            let lease = world.options.lease_on_acquisition;
            for handle in &free {
                let vessel = world.vessels.get_mut(handle).unwrap();
                vessel.holder = Holder::Us;
                vessel.wipe();
                vessel.lease_until = now + lease;
                vessel.lease_length = lease;
                world.ruler.acquired(handle);
            }
            world.note(now, || format!("granted {free:?}"));
            let lies = world.options.lies;
            if world.chance(lies) {
                // Done, and then it failed.
                return Err(ClearinghouseError::Internal("a fault of 1".to_owned()));
            }
            Ok(free.iter().map(|handle| held(world, handle, now)).collect())
        };
        let heard = |world: &mut World, answer: &Result<Vec<HeldVessel>, ClearinghouseError>| {
            let clear = answer
                .as_ref()
                .err()
                .is_none_or(|error| !error.may_have_been_done());
            if clear {
                world.ruler.acquisition_answered();
            }
        };
        let answer = self.ask_clearinghouse("acquire", effect, heard).await;
        if matches!(answer, Err(ClearinghouseError::Unreachable { .. })) {
            self.world().ruler.acquisition_answered();
        }
        answer
    }

    async fn acquire_specific(
        &self,
        _handles: &[Handle],
    ) -> Result<Vec<HeldVessel>, ClearinghouseError> {
        Err(ClearinghouseError::InvalidRequest(
            "not in this world".to_owned(),
        ))
    }

    async fn release(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        {
            let now = self.time.elapsed();
            let mut world = self.world();
            world.note(now, || format!("release of {handles:?}"));
            for handle in handles {
                let vessel = world.vessels[handle].clone();
                world.ruler.rule_6_hands_off(&vessel, "release");
                if vessel.holder == Holder::Us {
                    world.ruler.rule_3_two_rounds(&vessel, now);
                }
            }
        }
        let handles = handles.to_vec();
        let effect = move |world: &mut World, _| {
            let lies = world.options.lies;
            let fails = world.chance(lies);
            let done = if fails {
                handles.len() / 2
            } else {
                handles.len()
            };
            for handle in &handles[..done] {
                let vessel = world.vessels.get_mut(handle).unwrap();
                vessel.holder = Holder::Nobody;
                vessel.wipe();
            }
            if fails {
                Err(ClearinghouseError::Internal("half done".to_owned()))
            } else {
                Ok(())
            }
        };
        self.ask_clearinghouse("release", effect, |_, _| {}).await
    }

    async fn renew(&self, handles: &[Handle]) -> Result<(), ClearinghouseError> {
        {
            let now = self.time.elapsed();
            let mut world = self.world();
            world.ruler.renewed(handles, now);
            for handle in handles {
                let vessel = world.vessels[handle].clone();
                world.ruler.rule_6_hands_off(&vessel, "renewal");
            }
        }
        let handles = handles.to_vec();
        let effect = move |world: &mut World, now: Duration| {
            let lies = world.options.lies;
            let fails = world.chance(lies);
            let done = if fails {
                handles.len() / 2
            } else {
                handles.len()
            };
            let lease = world.options.lease_on_renewal;
            for handle in &handles[..done] {
                let vessel = world.vessels.get_mut(handle).unwrap();
                if vessel.holder == Holder::Us {
                    vessel.lease_until = now + lease;
                    vessel.lease_length = lease;
                }
            }
            if fails {
                Err(ClearinghouseError::Internal("half done".to_owned()))
            } else {
                Ok(())
            }
        };
        self.ask_clearinghouse("renew", effect, |_, _| {}).await
    }
}

impl Reach {
    /// The engine is about to use a vessel.
    fn use_vessel(&self, vessel: &VesselAddress, what: &'static str) {
        let now = self.time.elapsed();
        let mut world = self.world();
        world.note(now, || format!("{what} on {:?}", vessel.handle));
        *world.asked.entry(what).or_default() += 1;
        let journalled = world.ledger.vessels.contains_key(&vessel.handle);
        world
            .ruler
            .rule_2_journal_before_use(&vessel.handle, journalled);
        let model = world.vessels[&vessel.handle].clone();
        world.ruler.rule_6_hands_off(&model, what);
        world.ruler.looked(&vessel.handle);
        if what == "start" {
            world.ruler.rule_7_starts_pause(&vessel.handle, now);
        }
    }
}

fn ours(world: &World, handle: &Handle) -> Result<(), NodeError> {
    if world.vessels[handle].holder == Holder::Nobody {
        return Err(NodeError::Refused("Insufficient privileges".to_owned()));
    }
    Ok(())
}

#[async_trait]
impl NodeManagers for Reach {
    async fn vessels(
        &self,
        node: &NodeId,
        _location: &NodeLocation,
    ) -> Result<BTreeMap<VesselName, VesselObservation>, NodeError> {
        let number = node_number(node);
        {
            let mut world = self.world();
            *world.asked.entry("check").or_default() += 1;
            let on_node: Vec<Handle> = world
                .vessels
                .values()
                .filter(|vessel| vessel.node == number)
                .map(|vessel| vessel.handle.clone())
                .collect();
            for handle in on_node {
                world.ruler.looked(&handle);
            }
        }
        let node = node.clone();
        let effect = move |world: &mut World, now: Duration| {
            let lies = world.options.lies;
            let lie = world.chance(lies);
            let mut seen = BTreeMap::new();
            for vessel in world
                .vessels
                .values()
                .filter(|vessel| vessel.node == number)
            {
                let status = if lie {
                    VesselStatus::Stopped
                } else {
                    vessel.status(now)
                };
                let is_ours = vessel.holder != Holder::Nobody;
                seen.insert(
                    vessel.handle.vessel.clone(),
                    VesselObservation { status, is_ours },
                );
            }
            Ok(seen)
        };
        let heard =
            move |world: &mut World,
                  answer: &Result<BTreeMap<VesselName, VesselObservation>, NodeError>| {
                for (vessel, seen) in answer.iter().flatten() {
                    if seen.is_ours && seen.status == VesselStatus::Started {
                        world
                            .ruler
                            .heard_running(&Handle::new(node.clone(), vessel.clone()));
                    }
                }
            };
        let id: NodeId = format!("65537 {}", 100_000 + number).parse().unwrap();
        self.ask_node(&id, effect, heard).await
    }

    async fn upload(&self, vessel: &VesselAddress, file: &ProgramFile) -> Result<(), NodeError> {
        self.use_vessel(vessel, "upload");
        let handle = vessel.handle.clone();
        let name = file.name.clone();
        let effect = move |world: &mut World, _| {
            ours(world, &handle)?;
            let node = world.vessels[&handle].node;
            if world
                .refuses_file
                .is_some_and(|(n, refused)| n == node && refused == name.as_str())
            {
                return Err(NodeError::Refused("the disk is full".to_owned()));
            }
            world.vessels.get_mut(&handle).unwrap().file_is_whole = true;
            Ok(())
        };
        self.ask_node(&vessel.handle.node, effect, |_, _| {}).await
    }

    async fn start(
        &self,
        vessel: &VesselAddress,
        _command: &StartCommand,
    ) -> Result<StartOutcome, NodeError> {
        self.use_vessel(vessel, "start");
        let handle = vessel.handle.clone();
        let for_later = handle.clone();
        let effect = move |world: &mut World, now: Duration| {
            ours(world, &handle)?;
            if !world.vessels[&handle].file_is_whole {
                return Err(NodeError::Refused("no such file".to_owned()));
            }
            if world.vessels[&handle].runs(now) {
                return Err(NodeError::Refused("it runs already".to_owned()));
            }
            let exits = world.options.exits;
            let ends_at = if world.chance(exits) {
                let soon = if world.random.random_bool(0.5) { 0 } else { 40 };
                Some(now + world.duration(Duration::from_secs(soon)))
            } else {
                None
            };
            let not_yet = world.chance(20);
            let model = world.vessels.get_mut(&handle).unwrap();
            model.set_status(VesselStatus::Started, ends_at);
            Ok(match model.status(now) {
                _ if not_yet => StartOutcome::NotYet,
                VesselStatus::Started => StartOutcome::Started,
                status => StartOutcome::Ended(status),
            })
        };
        let heard = move |world: &mut World, answer: &Result<StartOutcome, NodeError>| {
            if matches!(answer, Ok(StartOutcome::Started)) {
                world.ruler.heard_running(&for_later);
            }
        };
        self.ask_node(&vessel.handle.node, effect, heard).await
    }

    async fn stop(&self, vessel: &VesselAddress) -> Result<(), NodeError> {
        self.use_vessel(vessel, "stop");
        let handle = vessel.handle.clone();
        let effect = move |world: &mut World, _| {
            let model = world.vessels.get_mut(&handle).unwrap();
            model.set_status(VesselStatus::Stopped, None);
            Ok(())
        };
        self.ask_node(&vessel.handle.node, effect, |_, _| {}).await
    }

    async fn reset(&self, vessel: &VesselAddress) -> Result<(), NodeError> {
        self.use_vessel(vessel, "reset");
        let handle = vessel.handle.clone();
        let effect = move |world: &mut World, _| {
            world.vessels.get_mut(&handle).unwrap().wipe();
            Ok(())
        };
        self.ask_node(&vessel.handle.node, effect, |_, _| {}).await
    }

    async fn read_log(&self, vessel: &VesselAddress) -> Result<Vec<u8>, NodeError> {
        let log = |_: &mut World, _| Ok(b"the last words".to_vec());
        self.ask_node(&vessel.handle.node, log, |_, _| {}).await
    }
}

#[async_trait]
impl Journal for Reach {
    async fn open(&self, _: &DeploymentName) -> Result<JournalReplay, JournalError> {
        let mut world = self.world();
        world.generation = world.generation.next();
        // What was there at the last crash is summed up, or not: both mean the same.
        let summed_up = world.summed_up;
        world.summed_up = !summed_up;
        Ok(JournalReplay {
            generation: world.generation,
            ledger: if summed_up {
                world.ledger.clone().into()
            } else {
                Ledger::default().into()
            },
            tail: if summed_up {
                Vec::new()
            } else {
                world.journal.clone()
            },
        })
    }

    async fn append(&self, batch: &RecordBatch) -> Result<(), JournalError> {
        // A crash may come before the batch is stored, and, counted as a step of its own, after it.
        if self.crash_here() {
            return std::future::pending().await;
        }
        {
            let mut world = self.world();
            if world.journal_fails > 0 {
                return Err(JournalError::write("the disk is full"));
            }
            if world.journal_forgets {
                return Ok(());
            }
            assert_eq!(batch.generation, world.generation, "only one run is alive");
            for stored in &batch.records {
                world.journal.push(stored.clone());
                let record = stored.read()?;
                world.ledger.take(record);
                if let JournalRecord::Adopted { vessels } = record {
                    for handle in vessels {
                        world.vessels.get_mut(handle).unwrap().holder = Holder::Us;
                        world.ruler.acquired(handle);
                    }
                }
            }
        }
        if self.crash_here() {
            return std::future::pending().await;
        }
        Ok(())
    }
}

/// The engine's own chance, apart from the world's.
pub(crate) struct Dice(Mutex<ChaCha12Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha12Rng::seed_from_u64(seed ^ 0xD1CE)))
    }
}

impl Randomness for Dice {
    fn next_u64(&self) -> u64 {
        self.0.lock().unwrap().next_u64()
    }
}
