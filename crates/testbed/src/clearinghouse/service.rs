//! The clearinghouse's ten calls: checks who asks, changes the registry, tells the nodes, answers.
//! HTTP is left to `web`, cleaning and expiry to `upkeep`.
//!
//! Every change is made under one short lock that is never held across a wait; nodes are told between a
//! reservation and its confirmation. A call goes on when its client hangs up: its answer is lost, not its work.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use overlord_clearinghouse::server::{
    AccountCall, ClearinghouseResponse, Fault, Incoming, PasswordCall,
};
use overlord_clearinghouse::{AccountInfo, ApiKey, LeasedVessel, Password};
use overlord_keys::PublicKey;
use overlord_time::WallClock;
use overlord_types::failure::with_causes;
use overlord_types::{UserName, VesselType};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::account::{Account, UserKey};
use super::candidate::{Candidate, Subnet, VesselKey};
use super::clock::UnixMicros;
use super::control::{ControlError, VesselControl, VesselPlace};
use super::lease_terms::LeaseTerms;
use super::placement::{Placement, Shortage, Shortlist, Wanted, shortlist};
use super::registry::{Census, OwnedVessel, Registry};
use super::secrets::{ApiKeySource, secret_randomness};
use super::state_file::StateFile;

/// Longest time in which further vessels are tried for one request …
const ACQUIRE_TIME_MAX: Duration = Duration::from_secs(25);
/// … and longest time of one attempt, which may start at the end of that: together less than the 60 s after
/// which clients give up. Enough for ten vessels on one node of the original, which takes a second for each.
const ASSIGN_TIME_MAX: Duration = Duration::from_secs(30);
/// Nodes told at once for one request: enough for any request within the usual credit.
const ASSIGN_CONCURRENCY: usize = 64;
/// Longest wait until a node has emptied what was given back before another vessel of it is handed out: emptying takes a
/// fraction of a second, on one of the original's nodes a few; one that does not get it done is used all the same.
const EMPTYING_TIME_MAX: Duration = Duration::from_secs(5);
/// Calls carried out at once. One goes on when its client hangs up, so the bound on connections is none on
/// calls; as many as there are connections, so that nobody who stays waits for a place.
const CALLS_MAX: u32 = 1024;
/// Longest time for calls under way when the clearinghouse stops; what they did not save is as after a crash.
const CALLS_DRAIN_MAX: Duration = Duration::from_secs(5);
/// Passwords checked at once: each check takes a core for a tenth of a second or more, and somebody who guesses
/// must not keep everybody else from theirs.
const PASSWORD_CHECKS_MAX: usize = 2;

/// What a clearinghouse is made of.
pub(crate) struct Parts {
    pub(crate) registry: Registry,
    pub(crate) state_file: Option<StateFile>,
    pub(crate) control: Arc<dyn VesselControl>,
    pub(crate) placement: Arc<dyn Placement>,
    pub(crate) clock: Arc<dyn WallClock>,
    pub(crate) api_keys: ApiKeySource,
    pub(crate) terms: LeaseTerms,
}

/// The shared state behind every connection and the upkeep.
pub(crate) struct Service {
    registry: Mutex<Registry>,
    state_file: Option<StateFile>,
    /// What is on disk; locked while writing, so that writers wait together.
    written: Arc<tokio::sync::Mutex<Written>>,
    /// A place for each call under way.
    calls: Arc<Semaphore>,
    password_checks: Semaphore,
    version: AtomicU64,
    /// Counts changes, so that upkeep and tests can wait for one.
    changes: watch::Sender<u64>,
    pub(super) control: Arc<dyn VesselControl>,
    placement: Arc<dyn Placement>,
    clock: Arc<dyn WallClock>,
    api_keys: ApiKeySource,
    terms: LeaseTerms,
}

/// What is known of the state file.
#[derive(Debug, Default)]
struct Written {
    /// The version of the registry that it holds.
    version: u64,
    /// Whether the clearinghouse has ended: the file, and its directory, are somebody else's now.
    closed: bool,
}

impl Service {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            registry: Mutex::new(parts.registry),
            state_file: parts.state_file,
            written: Arc::default(),
            calls: Arc::new(Semaphore::new(CALLS_MAX as usize)),
            password_checks: Semaphore::new(PASSWORD_CHECKS_MAX),
            version: AtomicU64::new(1),
            changes: watch::Sender::new(0),
            control: parts.control,
            placement: parts.placement,
            clock: parts.clock,
            api_keys: parts.api_keys,
            terms: parts.terms,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // No change to the registry can be left half done by a panic: each is one assignment.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the registry.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Registry) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the registry and tells everybody who waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Registry) -> T) -> T {
        let mut registry = self.lock();
        let result = change(&mut registry);
        self.version.fetch_add(1, Ordering::SeqCst);
        drop(registry);
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn census(&self) -> Census {
        self.read(Registry::census)
    }

    pub(crate) fn api_keys(&self) -> &ApiKeySource {
        &self.api_keys
    }

    pub(crate) fn now(&self) -> UnixMicros {
        UnixMicros::of_unix_seconds(self.clock.unix_seconds())
    }

    /// Returns when everything that was changed before the call is on disk.
    ///
    /// # Errors
    /// The original's internal error; what went wrong is logged.
    pub(crate) async fn persist(&self) -> Result<(), Fault> {
        let Some(file) = self.state_file.clone() else {
            return Ok(());
        };
        let wanted = self.version.load(Ordering::SeqCst);
        let mut written = Arc::clone(&self.written).lock_owned().await;
        if written.version >= wanted {
            return Ok(());
        }
        if written.closed {
            tracing::warn!("a change came after the clearinghouse's end and is not saved");
            return Err(Fault::internal());
        }
        let (version, content) = self.read(|registry| {
            (
                self.version.load(Ordering::SeqCst),
                StateFile::content(registry),
            )
        });
        let path = file.path().display().to_string();
        // The lock goes with the work: that goes on when the caller that asked for it is dropped, and neither another
        // write nor the end of the clearinghouse may overtake it.
        let write = move || {
            let outcome = content.map(|content| file.write(&content));
            if matches!(outcome, Ok(Ok(()))) {
                written.version = version;
            }
            drop(written);
            outcome
        };
        let failure = match tokio::task::spawn_blocking(write).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                format!("{error}: {}", source.unwrap_or_default())
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(%path, %failure, "the clearinghouse's state was not saved; a restart would lose it");
        Err(Fault::internal())
    }

    /// Ends the service: calls under way come to their end, further ones are refused, and when this returns
    /// the state file is written no more.
    pub(crate) async fn close(&self) {
        let all = tokio::time::timeout(CALLS_DRAIN_MAX, self.calls.acquire_many(CALLS_MAX)).await;
        if all.is_err() {
            tracing::warn!("some calls were not carried out before the clearinghouse stopped");
        }
        self.calls.close();
        self.written.lock().await.closed = true;
    }

    /// Carries out a request to its end, even when the caller that waits for the answer goes away.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        incoming: Incoming,
    ) -> Result<ClearinghouseResponse, Fault> {
        let service = Arc::clone(self);
        let place = Arc::clone(&self.calls).acquire_owned().await;
        // The clearinghouse is ending.
        let place = place.map_err(|_| Fault::internal())?;
        let work = tokio::spawn(async move {
            let answer = service.carry_out(incoming).await;
            drop(place);
            answer
        });
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a call did not end as it should");
            Err(Fault::internal())
        })
    }

    async fn carry_out(
        self: &Arc<Self>,
        incoming: Incoming,
    ) -> Result<ClearinghouseResponse, Fault> {
        match incoming {
            Incoming::EncryptedApiKey { user } => {
                let account = self.account(&user).ok_or_else(Fault::no_such_user)?;
                let encrypted = account.encrypted_api_key(&mut secret_randomness())?;
                Ok(ClearinghouseResponse::Text(encrypted))
            }
            Incoming::WithApiKey {
                user,
                api_key,
                call,
            } => {
                let account = self.account(&user).filter(|a| a.api_key.matches(&api_key));
                let account = account.ok_or_else(Fault::authentication_failed)?;
                self.call(account, call?).await
            }
            Incoming::WithPassword {
                user,
                password,
                call,
            } => {
                let account = self.check_password(&user, password).await?;
                self.password_call(account, call?).await
            }
        }
    }

    fn account(&self, name: &str) -> Option<Account> {
        self.read(|registry| registry.account(name).cloned())
    }

    async fn check_password(&self, user: &str, password: Password) -> Result<Account, Fault> {
        let account = self
            .account(user)
            .ok_or_else(Fault::authentication_failed)?;
        let hash = account.password.clone();
        // The semaphore is never closed; were it, the bound would go and nothing else.
        let _turn = self.password_checks.acquire().await;
        match tokio::task::spawn_blocking(move || hash.matches(&password)).await {
            Ok(Ok(true)) => Ok(account),
            Ok(Ok(false)) => Err(Fault::authentication_failed()),
            Ok(Err(error)) => {
                tracing::error!(%error, "a password could not be checked");
                Err(Fault::internal())
            }
            Err(error) => {
                tracing::error!(%error, "a password could not be checked");
                Err(Fault::internal())
            }
        }
    }

    async fn call(
        self: &Arc<Self>,
        account: Account,
        call: AccountCall,
    ) -> Result<ClearinghouseResponse, Fault> {
        match call {
            AccountCall::GetAccountInfo => Ok(ClearinghouseResponse::Account(AccountInfo {
                max_vessels: self.read(|registry| registry.credits(&account)),
                user_name: account.name,
                user_port: account.port,
                affiliation: account.affiliation,
            })),
            AccountCall::GetPublicKey => Ok(ClearinghouseResponse::Text(account.public_key)),
            AccountCall::GetResourceInfo => {
                let now = self.now();
                let owned = self.read(|registry| registry.owned(&account.name, now));
                Ok(ClearinghouseResponse::Vessels(records(owned, now)))
            }
            AccountCall::AcquireResources { vessel_type, count } => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                self.acquire(account, vessel_type, count).await
            }
            AccountCall::AcquireSpecificVessels(handles) => {
                self.acquire_these(account, &handles).await
            }
            AccountCall::ReleaseResources(handles) => {
                let keys = self.resolve(&handles)?;
                let now = self.now();
                self.change(|registry| {
                    for key in keys {
                        registry.release(key, &account.name, now);
                    }
                });
                self.persist().await?;
                Ok(ClearinghouseResponse::Done)
            }
            AccountCall::RenewResources(handles) => {
                let keys = self.resolve(&handles)?;
                let now = self.now();
                self.change(|registry| {
                    registry
                        .require_credit(&account, 0, now)
                        .map_err(|overdraft| Fault::over_credit_limit(&overdraft.to_string()))?;
                    for key in keys {
                        registry.renew(key, &account.name, now, self.terms);
                    }
                    Ok(())
                })?;
                self.persist().await?;
                Ok(ClearinghouseResponse::Done)
            }
        }
    }

    async fn password_call(
        &self,
        account: Account,
        call: PasswordCall,
    ) -> Result<ClearinghouseResponse, Fault> {
        match call {
            PasswordCall::RegenerateApiKey => {
                let api_key: ApiKey = (self.api_keys)();
                self.change(|registry| {
                    if let Some(account) = registry.account_mut(account.name.as_str()) {
                        account.api_key = api_key.clone();
                    }
                });
                self.persist().await?;
                Ok(ClearinghouseResponse::Text(api_key.expose().to_owned()))
            }
            PasswordCall::SetPublicKey(text) => {
                UserKey::judge(&text)?;
                self.change(|registry| {
                    if let Some(account) = registry.account_mut(account.name.as_str()) {
                        account.public_key = text;
                    }
                    registry.mark_keys_out_of_sync(&account.name);
                });
                self.persist().await?;
                Ok(ClearinghouseResponse::Done)
            }
        }
    }

    /// The vessels that handles name, in the original's order of checks: one handle after the other.
    fn resolve(&self, handles: &[String]) -> Result<Vec<VesselKey>, Fault> {
        self.read(|registry| {
            handles
                .iter()
                .map(|handle| registry.resolve(handle))
                .collect()
        })
    }

    // Acquisition.

    /// `count` vessels of a type, or none.
    async fn acquire(
        self: &Arc<Self>,
        account: Account,
        vessel_type: VesselType,
        count: usize,
    ) -> Result<ClearinghouseResponse, Fault> {
        let now = self.now();
        let (candidates, subnets) = self.read(|registry| {
            registry
                .require_credit(&account, count, now)
                .map_err(|_| Fault::not_enough_credits())?;
            let candidates = registry.available(&account.name, account.port);
            Ok((candidates, registry.active_subnets()))
        })?;
        let wanted = Wanted::Any(vessel_type, count);
        let ordered = self.placement.order(&account.name, &wanted, candidates);
        let shortlist = shortlist(vessel_type, count, account.port, ordered, &subnets)
            .map_err(|shortage| Fault::unable_to_acquire(&shortage.to_string()))?;
        let key = user_key(&account)?;
        let got = self.acquire_from(&account, &key, count, shortlist).await?;
        let keys: Vec<VesselKey> = got.iter().map(|candidate| candidate.key).collect();
        self.lease(&account, &key, &keys).await
    }

    /// Tries the groups of a shortlist until one gives `count` vessels. What was had in vain is given back.
    async fn acquire_from(
        self: &Arc<Self>,
        account: &Account,
        key: &PublicKey,
        count: usize,
        shortlist: Shortlist,
    ) -> Result<Vec<Candidate>, Fault> {
        let give_up = Instant::now() + ACQUIRE_TIME_MAX;
        for group in shortlist.groups {
            let mut got: Vec<Candidate> = Vec::with_capacity(count);
            let mut remaining = VecDeque::from(group);
            while got.len() < count && Instant::now() < give_up {
                let batch = self.reserve(
                    account,
                    count,
                    shortlist.distinct_subnets,
                    &got,
                    &mut remaining,
                )?;
                if batch.is_empty() {
                    break;
                }
                let assigned = self.assign_all(&batch, key).await;
                let assigned = assigned.inspect_err(|_| self.abandon(&got))?;
                got.extend(
                    batch
                        .into_iter()
                        .filter(|candidate| assigned.contains(&candidate.key)),
                );
            }
            if got.len() == count {
                return Ok(got);
            }
            self.abandon(&got);
        }
        let shortage: Shortage = shortlist.exhausted;
        Err(Fault::unable_to_acquire(&shortage.to_string()))
    }

    /// Reserves what is still missing of `count`, in order, as far as it is still to be had. Credit is
    /// checked again with the reservation: requests of one user run side by side.
    fn reserve(
        &self,
        account: &Account,
        count: usize,
        distinct_subnets: bool,
        got: &[Candidate],
        remaining: &mut VecDeque<Candidate>,
    ) -> Result<Vec<Candidate>, Fault> {
        let mut subnets: BTreeSet<Subnet> = got
            .iter()
            .filter_map(|candidate| candidate.subnet.clone())
            .collect();
        let missing = count.saturating_sub(got.len());
        let mut passed_over = VecDeque::new();
        let now = self.now();
        let batch = self.change(|registry| {
            registry.require_credit(account, missing, now)?;
            let mut batch = Vec::with_capacity(missing);
            while batch.len() < missing {
                let Some(candidate) = remaining.pop_front() else {
                    break;
                };
                if distinct_subnets
                    && candidate
                        .subnet
                        .as_ref()
                        .is_some_and(|subnet| subnets.contains(subnet))
                {
                    // Needed again if the one that was tried on this network fails.
                    passed_over.push_back(candidate);
                } else if registry.reserve(candidate.key, &account.name, account.port) {
                    subnets.extend(candidate.subnet.clone());
                    batch.push(candidate);
                }
            }
            Ok(batch)
        });
        passed_over.append(remaining);
        *remaining = passed_over;
        batch.map_err(|_: super::registry::Overdraft| {
            self.abandon(got);
            Fault::not_enough_credits()
        })
    }

    /// As many of the named vessels as can be had.
    async fn acquire_these(
        self: &Arc<Self>,
        account: Account,
        handles: &[String],
    ) -> Result<ClearinghouseResponse, Fault> {
        let keys: BTreeSet<VesselKey> = self.resolve(handles)?.into_iter().collect();
        let now = self.now();
        let candidates = self.read(|registry| {
            registry
                .require_credit(&account, keys.len(), now)
                .map_err(|_| Fault::not_enough_credits())?;
            Ok(registry.available_of(&keys, &account.name, account.port))
        })?;
        if candidates.is_empty() {
            return Ok(ClearinghouseResponse::Vessels(Vec::new()));
        }
        let key = user_key(&account)?;
        let wanted = candidates.iter().map(|candidate| candidate.handle.clone());
        let wanted = Wanted::These(wanted.collect());
        let ordered = self.placement.order(&account.name, &wanted, candidates);
        let count = ordered.len();
        let batch = self.reserve(&account, count, false, &[], &mut VecDeque::from(ordered))?;
        let assigned = self.assign_all(&batch, &key).await?;
        let keys = batch.iter().map(|candidate| candidate.key);
        let keys: Vec<VesselKey> = keys.filter(|key| assigned.contains(key)).collect();
        self.lease(&account, &key, &keys).await
    }

    /// Tells the nodes of a batch of reserved vessels, all at once. Gives back which took it; the others are
    /// no longer reserved.
    ///
    /// # Errors
    /// The internal error, when the clearinghouse cannot tell nodes anything: then none is reserved.
    async fn assign_all(
        self: &Arc<Self>,
        batch: &[Candidate],
        key: &PublicKey,
    ) -> Result<BTreeSet<VesselKey>, Fault> {
        let places = Arc::new(Semaphore::new(ASSIGN_CONCURRENCY));
        let mut attempts = JoinSet::new();
        for candidate in batch {
            let (service, places) = (Arc::clone(self), Arc::clone(&places));
            let (vessel, key) = (candidate.key, key.clone());
            attempts.spawn(async move {
                // The semaphore is never closed; were it, the bound would go and nothing else.
                let _place = places.acquire().await;
                service.emptied(vessel.node).await;
                (vessel, service.assign(vessel, &key).await)
            });
        }
        let mut outcomes = BTreeMap::new();
        while let Some(attempt) = attempts.join_next().await {
            match attempt {
                Ok((vessel, outcome)) => {
                    outcomes.insert(vessel, outcome);
                }
                Err(error) => tracing::error!(%error, "an assignment did not end as it should"),
            }
        }
        let unable = outcomes
            .values()
            .any(|outcome| matches!(outcome, Err(ControlError::Unable(_))));
        let took = |vessel: &VesselKey| !unable && matches!(outcomes.get(vessel), Some(Ok(())));
        let keys = || batch.iter().map(|candidate| candidate.key);
        self.change(|registry| {
            for vessel in keys().filter(|vessel| !took(vessel)) {
                registry.abandon(vessel);
            }
        });
        if unable {
            return Err(Fault::internal());
        }
        Ok(keys().filter(took).collect())
    }

    /// Waits until no program of a former holder holds a port of the node that the next one will want: all vessels of a
    /// node have one address, and accounts keep their port.
    async fn emptied(&self, node: usize) {
        let mut changes = self.changes();
        let emptied = async {
            while self.read(|registry| registry.is_emptying(node)) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(EMPTYING_TIME_MAX, emptied)
            .await
            .is_err()
        {
            tracing::warn!(
                node,
                "a vessel is handed out on a node that has not emptied another one"
            );
        }
    }

    /// Gives one vessel to a key. A node that does not answer is left out from now on.
    pub(super) async fn assign(
        &self,
        key: VesselKey,
        user: &PublicKey,
    ) -> Result<(), ControlError> {
        let address = self.address(key)?;
        let attempt = tokio::time::timeout(ASSIGN_TIME_MAX, self.control.assign(&address, user));
        let outcome = attempt.await.unwrap_or_else(|_| {
            let reason = format!("nothing came of it within {ASSIGN_TIME_MAX:?}");
            Err(ControlError::Silent(reason.into()))
        });
        self.note(key, &outcome);
        outcome
    }

    pub(super) fn address(&self, key: VesselKey) -> Result<VesselPlace, ControlError> {
        let address = self.read(|registry| registry.address(key));
        let (node, location, vessel) =
            address.ok_or_else(|| ControlError::Unable("no such vessel".into()))?;
        Ok(VesselPlace {
            node,
            location,
            vessel,
        })
    }

    /// Draws the conclusion of a call to a node for the node.
    pub(super) fn note(&self, key: VesselKey, outcome: &Result<(), ControlError>) {
        match outcome {
            Ok(()) => {}
            Err(ControlError::Silent(reason)) => {
                self.set_active(key.node, false, &with_causes(&**reason));
            }
            Err(error) => {
                let vessel = self
                    .address(key)
                    .map(|a| format!("…{}:{}", a.node.short(), a.vessel));
                let error = with_causes(error);
                tracing::warn!(
                    vessel = vessel.unwrap_or_default(),
                    error,
                    "a node did not do as asked"
                );
            }
        }
    }

    /// Notes whether a node answers, and says so when that is news.
    pub(super) fn set_active(&self, node: usize, active: bool, reason: &str) {
        if self.change(|registry| registry.set_active(node, active)) {
            let location = self.read(|r| r.node(node).map(|entry| entry.location.to_string()));
            let location = location.unwrap_or_default();
            if active {
                tracing::info!(%location, "a node answers again");
            } else {
                tracing::warn!(%location, %reason, "a node does not answer; it is left out until it does");
            }
        }
    }

    fn abandon(&self, vessels: &[Candidate]) {
        self.change(|registry| {
            for candidate in vessels {
                registry.abandon(candidate.key);
            }
        });
    }

    /// Turns reservations into leases, and answers them in the order given.
    async fn lease(
        &self,
        account: &Account,
        key: &PublicKey,
        vessels: &[VesselKey],
    ) -> Result<ClearinghouseResponse, Fault> {
        let leased = self.now();
        let expires = leased.after(self.terms.on_acquisition);
        let owned = self.change(|registry| {
            // The account's key may have changed while the nodes were told the old one.
            let present = registry.account(account.name.as_str());
            let in_sync = present.is_some_and(|a| is_key(&a.public_key, key));
            for vessel in vessels {
                registry.confirm(*vessel, expires, in_sync);
            }
            let owned = vessels
                .iter()
                .filter_map(|vessel| registry.owned_vessel(*vessel));
            owned.collect::<Vec<_>>()
        });
        self.persist().await?;
        Ok(ClearinghouseResponse::Vessels(records(owned, self.now())))
    }

    /// The account's name and key, for a caller outside of the calls.
    pub(crate) fn account_credits(&self, name: &UserName) -> Option<u32> {
        self.read(|registry| registry.account(name.as_str()).map(|a| registry.credits(a)))
    }
}

fn is_key(text: &str, key: &PublicKey) -> bool {
    PublicKey::parse_str(text).is_ok_and(|parsed| parsed == *key)
}

/// The key that nodes are told for an account.
fn user_key(account: &Account) -> Result<PublicKey, Fault> {
    match UserKey::judge(&account.public_key)? {
        UserKey::Usable(key) => Ok(key),
        UserKey::TooSmall(bits) => Err(Fault::unable_to_acquire(&format!(
            "the account's public key has {bits} bits, and nothing can be signed with so few; set another key"
        ))),
    }
}

fn records(owned: Vec<OwnedVessel>, now: UnixMicros) -> Vec<LeasedVessel> {
    let record = |vessel: OwnedVessel| LeasedVessel {
        node_id: vessel.handle.node.clone(),
        node_ip: vessel.location.host().to_owned(),
        node_port: vessel.location.port(),
        vessel_id: vessel.handle.vessel.clone(),
        is_active: vessel.active,
        expires_in: vessel.expires.remaining(now),
        handle: vessel.handle,
    };
    owned.into_iter().map(record).collect()
}

#[cfg(test)]
mod tests;
