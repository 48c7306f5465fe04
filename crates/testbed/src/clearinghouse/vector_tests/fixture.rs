//! What a recording presupposes, derived from it: who had accounts, which nodes and vessels there were, and
//! what chance chose.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use overlord_clearinghouse::server::{AccountCall, Incoming, PasswordCall, parse, split_handle};
use overlord_clearinghouse::{ApiKey, Password};
use overlord_keys::PublicKey;
use overlord_time::WallClock;
use overlord_types::{
    Handle, NodeId, NodeLocation, USER_PORTS, UserName, UserPort, VESSELS_WITHOUT_DONATION,
    VesselName, VesselType,
};

use super::recording::{Exchange, Recording, members, text};
use crate::clearinghouse::registry::{EnrolledNode, EnrolledVessel};
use crate::clearinghouse::{
    Candidate, ClearinghouseConfig, ClearinghouseServer, ControlError, NewAccount, Placement,
    VesselControl, VesselPlace, Wanted,
};

/// A key for accounts of which the recording shows none.
const SOME_KEY: &str = "65537 99384923155333721908437261356521571781180298354479541939152595029538881793203180586748349441628492823536154335757252977277547045920548597676028284535116407681082166463138181775783068520365086571991780461271136838265482713419456656786318205398838247434871140822513546493402402149984425035382925492397411555987";

#[derive(Default)]
struct AccountFixture {
    name: Option<String>,
    api_key: Option<String>,
    /// Whether the key in use came from a `regenerate_api_key` of the recording.
    regenerated: bool,
    password: Option<String>,
    port: Option<u16>,
    public_key: Option<String>,
    key_was_set: bool,
    affiliation: Option<String>,
    max_vessels: Option<u32>,
}

#[derive(Default)]
struct NodeFixture {
    address: Option<(String, u16)>,
    /// By number, so that `v9` comes before `v10`.
    vessels: BTreeSet<(u64, String)>,
}

/// What chance, the nodes or other users decided in the exchange that is being replayed.
#[derive(Default)]
struct Decided {
    chosen: Vec<String>,
    left: Left,
    backend_is_down: bool,
}

/// How many of the free vessels were there for this exchange, as far as its answer says; the rest were others'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Left {
    #[default]
    All,
    /// Those of so many networks.
    Subnets(usize),
    /// So many.
    Vessels(usize),
    /// At most so many on each network.
    EachSubnet(usize),
}

impl Left {
    /// What a refusal to acquire says of what there was.
    fn of(exchange: &Exchange) -> Self {
        let text = exchange.fault().map(|(_, text)| text).unwrap_or_default();
        let number = |from: &str, to: &str| {
            let (_, rest) = text.split_once(from)?;
            rest.split_once(to)?.0.parse::<usize>().ok()
        };
        if let Some(subnets) = number(" available on ", " subnets.") {
            Self::Subnets(subnets)
        } else if let Some(vessels) = number("but we only have ", " vessels with port ") {
            Self::Vessels(vessels)
        } else if let Some(wanted) = number(
            "No subnets exist with at least ",
            " active nodes that have a vessel available",
        ) {
            Self::EachSubnet(wanted.saturating_sub(1))
        } else {
            Self::All
        }
    }

    fn take(self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let mut subnets = BTreeMap::<_, usize>::new();
        let mut taken = 0;
        candidates.retain(|candidate| {
            let known = subnets.len();
            let on_subnet = match subnets.get_mut(&candidate.subnet) {
                Some(count) => count,
                None if self == Self::Subnets(known) => return false,
                None => subnets.entry(candidate.subnet.clone()).or_default(),
            };
            *on_subnet += 1;
            taken += 1;
            match self {
                Self::All | Self::Subnets(_) => true,
                Self::Vessels(most) => taken <= most,
                Self::EachSubnet(most) => *on_subnet <= most,
            }
        });
        candidates
    }
}

/// The network of an address, as `wan` and `lan` mean it.
fn subnet(address: &str) -> &str {
    address.rsplit_once('.').map_or(address, |(net, _)| net)
}

pub(super) struct Fixture {
    accounts: BTreeMap<String, AccountFixture>,
    nodes: BTreeMap<String, NodeFixture>,
    /// Nodes in the order in which the recording lists them.
    order: Vec<String>,
    new_api_keys: Arc<Mutex<VecDeque<String>>>,
    decided: Arc<Mutex<Decided>>,
    clock: Arc<TickingClock>,
    /// Public keys as they change in the replay, by lower-case name.
    present_keys: Mutex<BTreeMap<String, String>>,
}

impl Fixture {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut fixture = Self {
            accounts: BTreeMap::new(),
            nodes: BTreeMap::new(),
            order: Vec::new(),
            new_api_keys: Arc::default(),
            decided: Arc::default(),
            clock: Arc::default(),
            present_keys: Mutex::default(),
        };
        let mut lists: Vec<Vec<String>> = Vec::new();
        let (mut spare_vessels, mut subnets) = (1, 1);
        for exchange in &recording.exchanges {
            let answer = exchange.answer();
            fixture.learn_vessels_of_answer(&answer);
            match parse(exchange.body()) {
                Ok(Incoming::EncryptedApiKey { user }) if exchange.fault().is_none() => {
                    fixture.account(&user);
                }
                Ok(Incoming::WithApiKey {
                    user,
                    api_key,
                    call,
                }) if !refused(exchange) => {
                    let account = fixture.account(&user);
                    if account.api_key.is_none() && !account.regenerated {
                        account.api_key = Some(api_key.expose().to_owned());
                    }
                    if let Ok(call) = call {
                        if matches!(call, AccountCall::GetResourceInfo) {
                            lists.push(members(&answer, "node_id"));
                        }
                        fixture.learn_from_call(&user, &call, exchange);
                        // The recording shows that there were enough vessels, and that they failed.
                        if let AccountCall::AcquireResources { vessel_type, count } = call
                            && exchange.fault().is_some_and(|(code, text)| {
                                let failed = ["Details: ", "enough vessels to fulfill the request"];
                                code == 105 && failed.iter().any(|end| text.ends_with(end))
                            })
                        {
                            if vessel_type == VesselType::Wan {
                                subnets = subnets.max(count as usize);
                            } else {
                                spare_vessels = spare_vessels.max(u64::from(count));
                            }
                        }
                    }
                }
                Ok(Incoming::WithPassword {
                    user,
                    password,
                    call,
                }) if !refused(exchange) => {
                    fixture.learn_from_password_call(&user, &password, call.ok(), exchange);
                }
                _ => {}
            }
            match Left::of(exchange) {
                Left::Subnets(number) => subnets = subnets.max(number),
                Left::Vessels(number) => spare_vessels = spare_vessels.max(number as u64),
                Left::EachSubnet(_) | Left::All => {}
            }
        }
        lists.sort_by_key(|list| std::cmp::Reverse(list.iter().collect::<BTreeSet<_>>().len()));
        fixture.complete_nodes(spare_vessels, subnets);
        fixture.order_nodes(&lists);
        let keys = fixture.accounts.iter().map(|(name, account)| {
            (
                name.clone(),
                account
                    .public_key
                    .clone()
                    .unwrap_or_else(|| SOME_KEY.to_owned()),
            )
        });
        *fixture.present_keys.lock().unwrap() = keys.collect();
        fixture
    }

    fn account(&mut self, user: &str) -> &mut AccountFixture {
        self.accounts.entry(user.to_lowercase()).or_default()
    }

    fn learn_vessels_of_answer(&mut self, answer: &str) {
        let handles = members(answer, "handle");
        let addresses = members(answer, "node_ip")
            .into_iter()
            .zip(members(answer, "node_port"));
        for (handle, (ip, port)) in handles.iter().zip(addresses) {
            let node = self.learn_vessel(handle);
            node.address = Some((ip, port.parse().expect("a port")));
        }
    }

    fn learn_vessel(&mut self, handle: &str) -> &mut NodeFixture {
        let (node, vessel) = split_handle(handle).expect("a handle that the original took");
        let entry = self.nodes.entry(node.to_owned()).or_default();
        let number = vessel.trim_start_matches(|c: char| !c.is_ascii_digit());
        entry
            .vessels
            .insert((number.parse().unwrap_or(0), vessel.to_owned()));
        entry
    }

    fn learn_from_call(&mut self, user: &str, call: &AccountCall, exchange: &Exchange) {
        let answer = exchange.answer();
        match call {
            AccountCall::GetAccountInfo => {
                let first = |name| members(&answer, name).into_iter().next();
                let account = self.account(user);
                account.name = first("user_name");
                account.port = first("user_port").and_then(|port| port.parse().ok());
                account.max_vessels = first("max_vessels").and_then(|number| number.parse().ok());
                account.affiliation = first("user_affiliation");
            }
            AccountCall::GetPublicKey => {
                let account = self.account(user);
                if !account.key_was_set {
                    account.public_key = text(&answer);
                }
            }
            AccountCall::AcquireSpecificVessels(handles)
            | AccountCall::ReleaseResources(handles)
            | AccountCall::RenewResources(handles) => {
                let refusal = exchange.fault().map(|(_, text)| text).unwrap_or_default();
                for handle in handles {
                    // Whatever comes before a handle that was refused must have been found.
                    let Ok((node, vessel)) = split_handle(handle) else {
                        break;
                    };
                    if refusal.ends_with(&format!("{node} and vessel name: {vessel}")) {
                        break;
                    }
                    self.learn_vessel(handle);
                }
            }
            AccountCall::AcquireResources { .. } | AccountCall::GetResourceInfo => {}
        }
        if let Some((_, text)) = exchange.fault()
            && let Some((_, rest)) = text.split_once(" with port ")
            && let Some((port, _)) = rest.split_once(' ')
        {
            self.account(user).port = port.parse().ok();
        }
    }

    fn learn_from_password_call(
        &mut self,
        user: &str,
        password: &Password,
        call: Option<PasswordCall>,
        exchange: &Exchange,
    ) {
        let answer = exchange.answer();
        let succeeded = exchange.fault().is_none();
        let account = self.account(user);
        account.password = Some(password.expose().to_owned());
        match call {
            Some(PasswordCall::SetPublicKey(_)) if succeeded => account.key_was_set = true,
            Some(PasswordCall::RegenerateApiKey) if succeeded => {
                account.regenerated = true;
                self.new_api_keys.lock().unwrap().extend(text(&answer));
            }
            _ => {}
        }
    }

    /// Gives every node an address and spare vessels, and adds nodes until there are as many networks as
    /// the recording says.
    fn complete_nodes(&mut self, spare_vessels: u64, subnets: usize) {
        let taken: BTreeSet<String> = self
            .nodes
            .values()
            .filter_map(|node| Some(subnet(&node.address.as_ref()?.0).to_owned()))
            .collect();
        let without = self.nodes.values().filter(|node| node.address.is_none());
        for number in taken.len() + without.count()..subnets {
            let node = format!("65537 {}", 1_000_003 + number);
            self.nodes.entry(node).or_default();
        }
        let mut free = (1..255).map(|third| format!("127.254.{third}.1"));
        for node in self.nodes.values_mut() {
            if node.address.is_none() {
                let address = free
                    .by_ref()
                    .find(|address| !taken.contains(subnet(address)));
                node.address = Some((address.expect("enough addresses"), 1224));
            }
            let last = node.vessels.last().map_or(0, |(number, _)| *number);
            let spare = (last + 1..=last + spare_vessels).map(|n| (n, format!("v{n}")));
            node.vessels.extend(spare);
        }
    }

    /// Every list of what an account holds shows the order of its nodes. What none says follows the longest
    /// list (they come sorted by length), then the address.
    fn order_nodes(&mut self, lists: &[Vec<String>]) {
        let mut before: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for pair in lists.iter().flat_map(|list| list.windows(2)) {
            if pair[0] != pair[1] {
                before.entry(&pair[1]).or_default().insert(&pair[0]);
            }
        }
        let place = |id: &String| {
            let mut longest = lists.first().into_iter().flatten();
            longest.position(|listed| listed == id)
        };
        let mut rest: Vec<&String> = self.nodes.keys().collect();
        rest.sort_by_key(|id| {
            let place = place(id).unwrap_or(usize::MAX);
            (place, self.nodes[*id].address.clone(), *id)
        });
        let mut order = Vec::new();
        while !rest.is_empty() {
            let is_next = |id: &&String| {
                let mut before = before.get(id).into_iter().flatten();
                !before.any(|earlier| rest.contains(earlier))
            };
            // Lists that contradict each other have no order; the replay shows it.
            let next = rest.iter().position(is_next).unwrap_or(0);
            order.push(rest.remove(next).clone());
        }
        self.order = order;
    }

    /// Starts a clearinghouse that knows what the recording presupposes.
    pub(super) async fn start(&self, directory: &Path) -> ClearinghouseServer {
        let decided = Arc::clone(&self.decided);
        let control = Arc::new(RecordedNodes(Arc::clone(&decided)));
        let address = "127.0.0.1:0".parse().unwrap();
        let mut config = ClearinghouseConfig::new(directory.to_owned(), address, control);
        config.placement = Arc::new(RecordedPlacement(decided));
        config.clock = Arc::clone(&self.clock) as Arc<dyn WallClock>;
        let keys = Arc::clone(&self.new_api_keys);
        let first_keys: Mutex<VecDeque<String>> = Mutex::default();
        for (number, account) in self.accounts.values().enumerate() {
            let key = account
                .api_key
                .clone()
                .unwrap_or_else(|| format!("UNUSED{number}"));
            first_keys.lock().unwrap().push_back(key);
        }
        config.api_keys = Arc::new(move || {
            let first = first_keys.lock().unwrap().pop_front();
            let key = first.or_else(|| keys.lock().unwrap().pop_front());
            ApiKey::new(&key.expect("as many new API keys as the recording has")).unwrap()
        });
        let clearinghouse = ClearinghouseServer::start(config)
            .await
            .expect("a clearinghouse");
        for (number, (lookup_name, account)) in self.accounts.iter().enumerate() {
            let name: UserName = account
                .name
                .as_ref()
                .unwrap_or(lookup_name)
                .parse()
                .unwrap();
            let key = account
                .public_key
                .clone()
                .unwrap_or_else(|| SOME_KEY.to_owned());
            let port = account
                .port
                .unwrap_or_else(|| USER_PORTS.start() + number as u16);
            let mut new = NewAccount::new(name, key);
            new.port = Some(UserPort::try_from(i64::from(port)).unwrap());
            new.password = account.password.clone().map(Password::new);
            new.affiliation = account.affiliation.clone().unwrap_or_default();
            new.free_credits = account.max_vessels.unwrap_or(VESSELS_WITHOUT_DONATION);
            clearinghouse.create_account(new).await.expect("an account");
        }
        let nodes = self.order.iter().map(|id| self.enrolled(id)).collect();
        clearinghouse
            .enrol(nodes)
            .await
            .expect("the nodes are taken in");
        clearinghouse
    }

    fn enrolled(&self, id: &str) -> EnrolledNode {
        let node = &self.nodes[id];
        let (ip, port) = node.address.as_ref().expect("an address");
        let mut ports: BTreeSet<u16> = USER_PORTS.collect();
        ports.extend(self.accounts.values().filter_map(|account| account.port));
        let vessel = |(_, name): &(u64, String)| EnrolledVessel {
            name: name.parse::<VesselName>().expect("a vessel's name"),
            ports: ports.clone(),
            users: Vec::new(),
            fresh: true,
        };
        EnrolledNode {
            id: id.parse::<NodeId>().expect("a node's id"),
            location: NodeLocation::new(ip, *port).expect("a place"),
            donor: None,
            vessels: node.vessels.iter().map(vessel).collect(),
        }
    }

    /// Sets time and chance as they were for this exchange.
    pub(super) fn prepare(&self, exchange: &Exchange) {
        self.clock.set(exchange.date());
        *self.decided.lock().unwrap() = Decided {
            chosen: members(&exchange.answer(), "handle"),
            left: Left::of(exchange),
            backend_is_down: exchange.fault().is_some_and(|(code, _)| code == 1),
        };
        if let Ok(Incoming::WithPassword {
            user,
            call: Ok(PasswordCall::SetPublicKey(key)),
            ..
        }) = parse(exchange.body())
            && exchange.fault().is_none()
        {
            self.present_keys
                .lock()
                .unwrap()
                .insert(user.to_lowercase(), key);
        }
    }

    /// How many digits the modulus of the account's present key has.
    pub(super) fn modulus_digits(&self, user: &str) -> usize {
        let keys = self.present_keys.lock().unwrap();
        let key = keys
            .get(&user.to_lowercase())
            .expect("an account of the recording");
        key.split_whitespace().nth(1).map_or(0, str::len)
    }
}

/// Whether the answer says that the caller is not who they say.
fn refused(exchange: &Exchange) -> bool {
    exchange.fault().is_some_and(|(code, _)| code == 101)
}

/// Shows what it was set to, and goes on a little with each look, as a real clock does.
#[derive(Default)]
struct TickingClock(AtomicU64);

impl TickingClock {
    fn set(&self, since_1970: Duration) {
        self.0
            .store(since_1970.as_micros() as u64, Ordering::SeqCst);
    }
}

impl WallClock for TickingClock {
    fn unix_seconds(&self) -> f64 {
        Duration::from_micros(self.0.fetch_add(1, Ordering::SeqCst)).as_secs_f64()
    }
}

/// Chooses what chance chose in the recording, in its order, of what was there.
struct RecordedPlacement(Arc<Mutex<Decided>>);

impl Placement for RecordedPlacement {
    fn order(&self, _: &UserName, _: &Wanted, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let decided = self.0.lock().unwrap();
        let place = |handle: &Handle| {
            let handle = handle.to_string();
            let place = decided.chosen.iter().position(|chosen| *chosen == handle);
            place.unwrap_or(usize::MAX)
        };
        candidates.sort_by_key(|candidate| place(&candidate.handle));
        decided.left.take(candidates)
    }
}

/// Nodes that take exactly the vessels that were acquired in the recording.
struct RecordedNodes(Arc<Mutex<Decided>>);

#[async_trait]
impl VesselControl for RecordedNodes {
    async fn assign(&self, vessel: &VesselPlace, _: &PublicKey) -> Result<(), ControlError> {
        let decided = self.0.lock().unwrap();
        let handle = Handle::new(vessel.node.clone(), vessel.vessel.clone()).to_string();
        if decided.backend_is_down {
            Err(ControlError::Unable(
                "the recording's backend is down".into(),
            ))
        } else if decided.chosen.contains(&handle) {
            Ok(())
        } else {
            Err(ControlError::Refused(
                "not acquired in the recording".into(),
            ))
        }
    }

    async fn clean(&self, _: &VesselPlace) -> Result<(), ControlError> {
        Ok(())
    }

    async fn probe(&self, _: &NodeId, _: &NodeLocation) -> Result<(), ControlError> {
        Ok(())
    }
}
