//! Recordings of the original's node, run through ours: same requests in the same order, same answers.
//!
//! Programs of the recordings are Repy; here a platform of the test's own runs in their place real
//! processes that print what the recorded log shows and then do what the recorded status says. So every
//! status that is answered is that of a process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overlord_keys::{KeyPair, PrivateKey, PublicKey};
use overlord_node::platform::{
    Platforms, ProcessLimits, ProgramCommand, ProgramPlan, ProgramPlatform, ProgramRequest,
};
use overlord_node::{NewVessel, Node, NodeConfig, NodeIdentity, NodeTiming};
use overlord_nodemanager::call::NodeCall;
use overlord_nodemanager::framing;
use overlord_nodemanager::node_info::NodeInfo;
use overlord_nodemanager::reply::{Reply, ReplyOutcome};
use overlord_nodemanager::signed_request::{Destination, SignedText, Stamp, sign};
use overlord_nodemanager::timestamp::{Timestamp, UNIX_EPOCH_SECONDS};
use overlord_time::ManualClock;
use overlord_types::{Platform, VesselName};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{eventually, launcher};

/// Longest wait for an answer; the original took up to 11 s.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

pub(crate) fn load(file: &str) -> Value {
    let directory = std::env::var_os("OVERLORD_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")),
        PathBuf::from,
    );
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// How much the size of a file may differ from what is left of its upload without all else: a signature
/// has a digit more or less per block.
const SIGNATURE_SLACK: usize = 64;

/// The key pairs of a recording's users.
pub(crate) fn guest_keys(file: &Value) -> Vec<KeyPair> {
    let texts = |list: &str| -> Vec<String> {
        let list = file[list].as_array().unwrap();
        list.iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    texts("guest_publickeys")
        .iter()
        .zip(texts("guest_privatekeys"))
        .map(|(public, private)| {
            let public = PublicKey::parse_str(public).unwrap();
            KeyPair::new(public, PrivateKey::parse(private.as_bytes()).unwrap()).unwrap()
        })
        .collect()
}

/// Recorded bytes; long ones were cut short, and only their length is known as a whole.
#[derive(Clone, Debug)]
struct Recorded {
    start: Vec<u8>,
    length: usize,
}

impl Recorded {
    fn read(value: &Value) -> Self {
        let text = value.as_str().unwrap();
        let (digits, rest) = text.split_once("...(").unwrap_or((text, ""));
        let start = hex::decode(digits).unwrap();
        let length = rest
            .split_once(' ')
            .map_or(start.len(), |(count, _)| count.parse().unwrap());
        Self { start, length }
    }

    /// The length of what follows the header.
    fn message_length(&self) -> usize {
        self.length - (self.start.len() - self.message().len())
    }

    fn is_whole(&self) -> bool {
        self.start.len() == self.length
    }

    /// What follows the header.
    fn message(&self) -> &[u8] {
        let header = self.start.iter().position(|&byte| byte == b'\n').unwrap();
        &self.start[header + 1..]
    }
}

struct Case {
    name: String,
    request: Recorded,
    response: Recorded,
}

impl Case {
    /// The call, if it is one; of an upload that was cut short, its start.
    fn call(&self) -> Option<NodeCall> {
        let message = self.request.message();
        let data = SignedText::cut(message).map_or(message, |signed| signed.data);
        NodeCall::parse(data.to_vec()).ok()
    }

    /// How long the file is that a successful answer carries.
    fn payload_length(&self) -> Option<usize> {
        if self.response.is_whole() && self.reply().outcome != ReplyOutcome::Success {
            return None;
        }
        self.response
            .message_length()
            .checked_sub(b"\nSuccess".len())
    }

    /// The answer; of a file that was cut short, its start.
    fn reply(&self) -> Reply {
        let message = self.response.message();
        if self.response.is_whole() {
            Reply::parse(message.to_vec()).unwrap()
        } else {
            Reply::success(message)
        }
    }

    /// What the node says that a split costs, if this case shows it.
    fn offcut(&self) -> Option<String> {
        let reply = self.reply();
        let asked = matches!(self.call(), Some(NodeCall::GetOffcutResources {}));
        (asked && reply.outcome == ReplyOutcome::Success)
            .then(|| String::from_utf8(reply.payload.into()).unwrap())
    }

    fn start_of(&self) -> Option<String> {
        match self.call()? {
            NodeCall::StartVessel { vessel, .. } | NodeCall::StartVesselEx { vessel, .. } => {
                Some(vessel.to_string())
            }
            _ => None,
        }
    }
}

/// What the next program does.
#[derive(Clone, Debug)]
enum Script {
    RunsOn(PathBuf),
    Ends(PathBuf),
    NeverStarts(String),
}

/// Runs for each start the script that was set for it.
struct Scripted {
    word: Platform,
    next: Arc<Mutex<Option<Script>>>,
}

impl ProgramPlatform for Scripted {
    fn platform(&self) -> Platform {
        self.word
    }

    fn plan(&self, _request: &ProgramRequest) -> ProgramPlan {
        let script = self.next.lock().unwrap().take();
        let (line, output) = match script.expect("the recording has no such start") {
            Script::RunsOn(output) => ("cat \"$0\"; exec sleep 1000000", output),
            Script::Ends(output) => ("cat \"$0\"", output),
            Script::NeverStarts(log) => return ProgramPlan::NeverStarts { log },
        };
        ProgramPlan::Execute(ProgramCommand {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), line.into(), output.display().to_string()],
            environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
            limits: ProcessLimits::default(),
            log_header: String::new(),
            thread_error_code: None,
        })
    }
}

/// One recording on its way through our node.
struct Replay {
    cases: Vec<Case>,
    node: Node,
    clock: Arc<ManualClock>,
    keys: Vec<KeyPair>,
    next: Arc<Mutex<Option<Script>>>,
    logs: BTreeMap<String, Vec<u8>>,
    seconds: f64,
    directory: tempfile::TempDir,
}

impl Replay {
    async fn new(file: &Value) -> Self {
        let cases: Vec<Case> = file["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|case| Case {
                name: case["name"].as_str().unwrap().to_owned(),
                request: Recorded::read(&case["request_hex"]),
                response: Recorded::read(&case["response_hex"]),
            })
            .collect();
        let keys = guest_keys(file);
        let before = cases
            .iter()
            .find(|case| matches!(case.call(), Some(NodeCall::GetVessels {})))
            .expect("the recording shows the node before anything is changed");
        let info = NodeInfo::parse(&before.reply().payload).unwrap();
        let clock = Arc::new(ManualClock::default());
        let next = Arc::new(Mutex::new(None));
        let directory = tempfile::tempdir().unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut config = NodeConfig::new(directory.path().join("node"), address);
        config.name = Some(info.name.to_string());
        config.version = info.version.to_string();
        config.identity =
            NodeIdentity::PublicOnly(PublicKey::parse_str(info.key.as_str()).unwrap());
        config.vessels = info
            .vessels
            .iter()
            .map(|vessel| NewVessel {
                name: vessel.name.clone(),
                owner: vessel.owner_key.key().unwrap(),
                users: vessel
                    .user_keys
                    .iter()
                    .map(|key| key.key().unwrap())
                    .collect(),
                owner_information: vessel.owner_info.to_string(),
                advertise: vessel.advertise,
                resources: resources_of(&cases, &vessel.name),
            })
            .collect();
        config.platforms = [Platform::RepyV1, Platform::RepyV2].into_iter().fold(
            Platforms::none(),
            |platforms, word| {
                platforms.with(Arc::new(Scripted {
                    word,
                    next: Arc::clone(&next),
                }))
            },
        );
        if let Some(offcut) = cases.iter().find_map(Case::offcut) {
            config.offcut_resources = offcut;
        }
        config.launcher = launcher();
        config.clock = Arc::clone(&clock) as _;
        config.timing = NodeTiming {
            // Long enough for `cat` to end on a busy machine; each start that lasts costs it once.
            start_settle: Duration::from_secs(2),
            ..NodeTiming::default()
        };
        Self {
            cases,
            node: Node::start(config).await.unwrap(),
            clock,
            keys,
            next,
            logs: BTreeMap::new(),
            seconds: 0.0,
            directory,
        }
    }

    /// The time at which a request was recorded: just after it was signed, never before the last one.
    fn set_clock(&mut self, message: &[u8]) {
        let signed = SignedText::cut(message).and_then(|text| Timestamp::parse(text.timestamp));
        if let Some(timestamp) = signed {
            self.seconds = self.seconds.max(timestamp.seconds() + 0.001);
        }
        self.clock.set(self.seconds - UNIX_EPOCH_SECONDS);
    }

    /// The bytes to send: those recorded, or for an upload that was cut short one of the same length,
    /// signed by the vessel's owner a moment after the last request.
    fn request_bytes(&self, index: usize) -> Vec<u8> {
        let recorded = &self.cases[index].request;
        if recorded.is_whole() {
            return recorded.start.clone();
        }
        let Some(NodeCall::AddFileToVessel {
            vessel,
            file,
            content,
        }) = self.cases[index].call()
        else {
            panic!("{} was cut short and is no upload", self.cases[index].name);
        };
        let period = (1..=content.len() / 2)
            .find(|&period| content.iter().zip(&content[period..]).all(|(a, b)| a == b))
            .expect("a long upload repeats a short pattern");
        let name: VesselName = vessel.as_str().unwrap().parse().unwrap();
        let owner = self.owner_of(&name, index);
        let stamp = Stamp::at(
            Timestamp::from_hundredths((self.seconds * 100.0).ceil() as i64 + 1),
            Some(Destination::from(self.node.id())),
        );
        let upload = |length: usize| {
            let content = content[..period]
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect();
            let call = NodeCall::AddFileToVessel {
                vessel: vessel.clone(),
                file: file.clone(),
                content,
            };
            framing::encode(sign(call.encode(), owner, &stamp).unwrap()).to_vec()
        };
        let around = recorded.length - upload(0).len();
        // The signature's length is not known to the digit. If the file is read later, that tells the size;
        // else nothing depends on a few bytes.
        let read_later = self.cases[index..]
            .iter()
            .find_map(|case| match case.call()? {
                NodeCall::RetrieveFileFromVessel {
                    vessel: from,
                    file: read,
                } if from == vessel && read == file => case.payload_length(),
                _ => None,
            });
        upload(match read_later {
            Some(length) if length.abs_diff(around) <= SIGNATURE_SLACK => length,
            _ => (around + 32) / 64 * 64,
        })
    }

    /// Who owned the vessel, by what the node said of it last.
    fn owner_of(&self, vessel: &VesselName, index: usize) -> &KeyPair {
        let listed = self.cases[..index].iter().rev().find_map(|case| {
            matches!(case.call(), Some(NodeCall::GetVessels {})).then_some(())?;
            let info = NodeInfo::parse(&case.reply().payload).ok()?;
            Some(info.vessel(vessel)?.owner_key.clone())
        });
        let owner = listed.expect("the recording shows the vessel before the upload");
        self.keys
            .iter()
            .find(|pair| owner.is(pair.public()))
            .unwrap()
    }

    /// What the log of a vessel shows next, before it is cleared or another program runs.
    fn log_read_after(&self, index: usize, vessel: &str) -> Option<Vec<u8>> {
        for case in &self.cases[index + 1..] {
            match case.call() {
                Some(NodeCall::ReadVesselLog { vessel: read })
                    if read == vessel && case.reply().outcome == ReplyOutcome::Success =>
                {
                    return Some(case.reply().payload.into());
                }
                Some(NodeCall::ResetVessel { vessel: reset }) if reset == vessel => return None,
                Some(_)
                    if case.start_of().as_deref() == Some(vessel)
                        && case.reply().outcome != ReplyOutcome::Error =>
                {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// Prepares for a start what its program is to do, from what was recorded of it.
    fn prepare_program(&mut self, index: usize) {
        let Some(vessel) = self.cases[index].start_of() else {
            return;
        };
        let reply = self.cases[index].reply();
        if reply.outcome == ReplyOutcome::Error {
            return;
        }
        let before = self.logs.entry(vessel.clone()).or_default().clone();
        let after = self
            .log_read_after(index, &vessel)
            .unwrap_or_else(|| before.clone());
        let output = after.strip_prefix(&before[..]).unwrap_or(&after).to_vec();
        self.logs.insert(vessel, after);
        let file = self.directory.path().join(format!("output-{index}"));
        std::fs::write(&file, &output).unwrap();
        *self.next.lock().unwrap() = Some(match reply.payload.as_ref() {
            b"Started" => Script::RunsOn(file),
            b"Terminated" => Script::Ends(file),
            _ => Script::NeverStarts(String::from_utf8(output).unwrap()),
        });
    }

    /// Before a log is read, all that its program was to print must be in it.
    async fn await_log(&self, index: usize) {
        let Some(NodeCall::ReadVesselLog { vessel }) = self.cases[index].call() else {
            return;
        };
        let name = vessel.to_string();
        let Ok(vessel) = name.parse::<VesselName>() else {
            return;
        };
        let wanted = self.logs.get(&name).cloned().unwrap_or_default();
        eventually("the recorded log", || {
            let log = self.node.vessel_log(&vessel).unwrap();
            log.is_none_or(|log| log.ends_with(&wanted) && log.len() >= wanted.len().min(16_384))
        })
        .await;
    }

    async fn run(mut self) -> usize {
        for index in 0..self.cases.len() {
            let bytes = self.request_bytes(index);
            let header = bytes.iter().position(|&byte| byte == b'\n').unwrap();
            self.set_clock(&bytes[header + 1..]);
            self.prepare_program(index);
            self.await_log(index).await;
            let answer = exchange(&self.node, &bytes).await;
            let case = &self.cases[index];
            let (recorded, name) = (&case.response, &case.name);
            if let (Some(NodeCall::ResetVessel { vessel }), ReplyOutcome::Success) =
                (case.call(), case.reply().outcome)
            {
                self.logs.remove(&vessel.to_string());
            }
            assert!(
                answer.len() == recorded.length && answer.starts_with(&recorded.start),
                "#{index} {name}:\nrecorded {} bytes {:?}\nanswered {} bytes {:?}",
                recorded.length,
                shown(&recorded.start),
                answer.len(),
                shown(&answer),
            );
        }
        let count = self.cases.len();
        self.node.shutdown(true).await;
        count
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(3000)]).into_owned()
}

/// A vessel's resource file, as recorded. Of vessels whose file was not recorded only the quantities
/// are known (those of the others), that no two share a port, and the ports that were split off.
fn resources_of(cases: &[Case], vessel: &VesselName) -> String {
    let recorded = |wanted: Option<&VesselName>| {
        cases.iter().find_map(|case| match case.call()? {
            NodeCall::GetVesselResources { vessel }
                if case.reply().outcome == ReplyOutcome::Success
                    && wanted.is_none_or(|wanted| vessel == wanted.as_str()) =>
            {
                Some(String::from_utf8(case.reply().payload.into()).unwrap())
            }
            _ => None,
        })
    };
    if let Some(own) = recorded(Some(vessel)) {
        return own;
    }
    let is_port = |line: &&str| line.contains("messport") || line.contains("connport");
    let other = recorded(None).expect("some vessel's resources were recorded");
    let quantities: String = other
        .lines()
        .filter(|line| !is_port(line))
        .map(|line| format!("{line}\n"))
        .collect();
    // Nodes number their vessels without end, so the number is cut to what there are ports for.
    let number: u64 = vessel.as_str()[1..].parse().unwrap();
    let first = 20_000 + (number % 1_000) as u16 * 10;
    let ports = first..first + 4;
    let mut file = overlord_node::vessel_resources_with_ports(&quantities, ports);
    for case in cases {
        if let Some(NodeCall::SplitVessel {
            vessel: split,
            resources,
        }) = case.call()
            && split == vessel.as_str()
            && case.reply().outcome == ReplyOutcome::Success
        {
            for line in resources.to_string_lossy().lines().filter(is_port) {
                file.push_str(&format!("{line}\n"));
            }
        }
    }
    file
}

async fn exchange(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let exchange = async {
        let mut stream = TcpStream::connect(node.address()).await.unwrap();
        // A node that refuses an upload may close before all of it was sent.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    tokio::time::timeout(ANSWER_WAIT, exchange)
        .await
        .expect("an answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorded_calls_of_the_vector_get_the_recorded_answers() {
    let file = load("nm_calls.json");
    let replayed = Replay::new(&file).await.run().await;
    assert!(replayed > 0, "the recording is empty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_framing_of_the_vector_is_answered_or_closed_as_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let mut config = NodeConfig::new(directory.path().join("node"), address);
    config.identity = NodeIdentity::PublicOnly(
        PublicKey::parse_str("65537 1119760416288262279614755947687").unwrap(),
    );
    config.launcher = launcher();
    let file = load("session_framing.json");
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty(), "the recording is empty");
    if let Some(offcut) = cases.iter().find_map(recorded_offcut) {
        config.offcut_resources = offcut;
    }
    let node = Node::start(config).await.unwrap();
    // Some wait ten seconds for a silent client; side by side they wait together, but each source has
    // a bound on its connections, so each case comes from an address of its own.
    let running = cases.iter().enumerate().map(|(index, case)| {
        let address = node.address();
        let source = format!("127.0.{}.{}:0", 100 + index / 200, 1 + index % 200);
        async move {
            let answer =
                tokio::time::timeout(ANSWER_WAIT, framing_case(address, &source, case)).await;
            let expected = hex::decode(case["response_hex"].as_str().unwrap()).unwrap();
            let answer = answer.unwrap_or_else(|_| panic!("{} is not closed", case["name"]));
            assert_eq!(shown(&answer), shown(&expected), "{}", case["name"]);
        }
    });
    futures_util::future::join_all(running).await;
    node.shutdown(true).await;
}

/// The offcut's resources, which are all that the framing's requests ask for, if the case was answered with them.
fn recorded_offcut(case: &Value) -> Option<String> {
    let bytes = hex::decode(case["response_hex"].as_str()?).ok()?;
    let header = bytes.iter().position(|&byte| byte == b'\n')?;
    let reply = Reply::parse(bytes[header + 1..].to_vec()).ok()?;
    (reply.outcome == ReplyOutcome::Success && reply.payload.starts_with(b"resource "))
        .then(|| String::from_utf8(reply.payload.into()).ok())?
}

async fn framing_case(node: std::net::SocketAddr, source: &str, case: &Value) -> Vec<u8> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(source.parse().unwrap()).unwrap();
    let mut stream = socket.connect(node).await.unwrap();
    for step in case["sent"].as_array().unwrap() {
        if let Some(seconds) = step["sleep"].as_f64() {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        } else {
            let bytes = hex::decode(step["hex"].as_str().unwrap()).unwrap();
            // A node that has closed already does not want the rest.
            let _ = stream.write_all(&bytes).await;
        }
    }
    if case["half_close"] == true {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    // A connection reset after the answer is as good as a close.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}
