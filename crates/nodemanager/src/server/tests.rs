//! Tests of the server over real sockets, the original's recorded connections among them.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use overlord_keys::PublicKey;
use overlord_time::{SystemClock, WallClock};
use overlord_types::NodeId;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::call::NodeCall;
use crate::framing::{self, MessageDecoder};
use crate::reply::Reply;
use crate::signed_request::{Sequence, Stamp, sign};
use crate::test_node::{Served, TestNode};
use crate::test_vectors::{self, Json};
use crate::timestamp::Timestamp;

/// How much faster than the recording the test goes. The recorded client that pauses 9 of the 10 s that
/// a node waits must still be in time on a busy machine.
const SPEED: f64 = 2.5;

/// What a connection gave, and how long it stayed open.
async fn talk(address: SocketAddr, pieces: &[Json], half_close: bool) -> (Vec<u8>, Duration) {
    let started = now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        if let Some(seconds) = piece["sleep"].as_f64() {
            tokio::time::sleep(Duration::from_secs_f64(seconds / SPEED)).await;
        } else {
            let bytes = test_vectors::bytes(piece, "hex");
            // A server may close a hopeless connection before all is sent.
            let _ = stream.write_all(&bytes).await;
        }
    }
    if half_close {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    (answer, started.elapsed())
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a real socket stays open"
)]
fn now() -> Instant {
    Instant::now()
}

async fn ask(address: SocketAddr, message: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all_buf(&mut framing::encode(message.to_vec()))
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let message = MessageDecoder::new(1 << 30).receive(&answer).unwrap()?;
    Some(Reply::parse(message).unwrap())
}

fn offcut_of_the_recorded_node() -> bytes::Bytes {
    let file = test_vectors::load("nm_calls.json");
    let calls = test_vectors::list(&file, "calls");
    let case = calls
        .iter()
        .find(|case| case["name"] == "GetOffcutResources")
        .unwrap();
    let response = test_vectors::bytes(case, "response_hex");
    let message = MessageDecoder::new(1 << 20)
        .receive(&response)
        .unwrap()
        .unwrap();
    Reply::parse(message).unwrap().payload
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_the_framing_vector_ends_as_it_did_with_the_original() {
    let file = test_vectors::load("session_framing.json");
    let receive_timeout = Duration::from_secs_f64(10.0 / SPEED);
    let mut options = ServerOptions::default();
    options.limits.receive_timeout = receive_timeout;
    options.limits.connections_per_source = 100;
    let keys = test_vectors::key_pairs();
    let mut node = TestNode::new(keys[0].public().node_id());
    node.offcut = offcut_of_the_recorded_node();
    let served = Served::serve(node, keys, options).await;
    let mut cases = tokio::task::JoinSet::new();
    for case in test_vectors::list(&file, "cases").iter().cloned() {
        let address = served.address;
        cases.spawn(async move {
            let pieces = case["sent"].as_array().unwrap().clone();
            let talk = talk(address, &pieces, case["half_close"] == true);
            let talk = tokio::time::timeout(Duration::from_secs(30), talk).await;
            (case, talk)
        });
    }
    while let Some(done) = cases.join_next().await {
        let (case, talk) = done.unwrap();
        let name = test_vectors::text(&case, "name");
        // All recorded connections were closed by the node; ours have ended, or this is a timeout.
        assert_eq!(case["end"], "closed", "{name}");
        let (answer, open) = talk.unwrap_or_else(|_| panic!("{name}: not closed"));
        assert_eq!(
            hex::encode(&answer),
            test_vectors::text(&case, "response_hex"),
            "{name}"
        );
        // Only those that waited for the original's deadline of 10 s wait for ours; and not those that
        // announce what we would never take.
        let pauses = |piece: &Json| piece["sleep"].as_f64().unwrap_or_default();
        let sent = case["sent"].as_array().unwrap();
        let paused: f64 = sent.iter().map(pauses).sum();
        if paused == 0.0 && !is_too_long(sent) {
            let waited_for_deadline = case["seconds"].as_f64().unwrap() > 10.0;
            assert_eq!(
                open >= receive_timeout,
                waited_for_deadline,
                "{name}: {open:?}"
            );
        }
    }
}

/// Whether the recorded client announces a request beyond our bound.
fn is_too_long(sent: &[Json]) -> bool {
    let mut decoder = MessageDecoder::new(ServerLimits::default().request_bytes_max);
    sent.iter().any(|piece| {
        let decoded = decoder.receive(&test_vectors::bytes(piece, "hex"));
        matches!(decoded, Err(framing::FramingError::TooLong { .. }))
    })
}

#[test]
fn every_signed_request_of_the_vector_is_authenticated_as_by_the_original() {
    let file = test_vectors::load("nm_calls.json");
    let calls = test_vectors::list(&file, "calls");
    let whole = |case: &Json, field| {
        let bytes = test_vectors::whole_bytes(case, field)?;
        MessageDecoder::new(1 << 30).receive(&bytes).unwrap()
    };
    let id = test_vectors::text(&file, "node_identity").parse().unwrap();
    let node = TestNode::new(id);
    let first = Reply::parse(whole(&calls[0], "response_hex").unwrap()).unwrap();
    for vessel in crate::node_info::NodeInfo::parse(&first.payload)
        .unwrap()
        .vessels
    {
        let users: Vec<PublicKey> = vessel
            .user_keys
            .iter()
            .filter_map(|user| user.key())
            .collect();
        node.add_vessel(
            vessel.name.as_str(),
            &vessel.owner_key.key().unwrap(),
            &users,
        );
    }
    let node = Arc::new(node);
    let clock = Arc::new(overlord_time::ManualClock::default());
    let service = Arc::clone(&node) as Arc<dyn NodeService>;
    let authenticator = Authenticator::new(service, Arc::clone(&clock) as Arc<dyn WallClock>);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for case in calls {
        let name = test_vectors::text(case, "name");
        let (Some(request), Some(answer)) =
            (whole(case, "request_hex"), whole(case, "response_hex"))
        else {
            continue;
        };
        if let Some(signed) = crate::signed_request::SignedText::cut(&request)
            && let Some(time) = Timestamp::parse(signed.timestamp)
        {
            clock.set(time.seconds() - crate::timestamp::UNIX_EPOCH_SECONDS);
        }
        let answer = Reply::parse(answer).unwrap();
        match authenticator.authenticate(request.clone(), "127.0.0.1:1".parse().unwrap()) {
            Err(refusal) => {
                assert_eq!(refusal, answer, "{name}");
                refused += 1;
            }
            Ok(call) => {
                // Authenticated: the recorded refusal, if any, is about arguments or the vessel's state.
                let text = answer.text().to_string();
                let signature = ["Signature", "Bad Sig", "Insufficient", "Unknown"];
                assert!(
                    !signature.iter().any(|start| text.starts_with(start)),
                    "{name}: {text}"
                );
                // Owners and users change along the way.
                let _ = runtime.block_on(node.handle(call));
                accepted += 1;
            }
        }
    }
    assert!(
        accepted > 0 && refused > 0,
        "{accepted} accepted, {refused} refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_block_nobody() {
    let served = Served::start(ServerOptions::default()).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(served.address).await.unwrap());
    }
    let reply = tokio::time::timeout(Duration::from_secs(5), ask(served.address, b"GetVessels"));
    assert_eq!(
        reply.await.unwrap().unwrap().outcome,
        crate::reply::ReplyOutcome::Success
    );
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_too_many_is_closed_at_once_and_others_are_served() {
    let mut options = ServerOptions::default();
    options.limits.connections_per_source = 2;
    let served = Served::start(options).await;
    let held = [
        TcpStream::connect(served.address).await.unwrap(),
        TcpStream::connect(served.address).await.unwrap(),
    ];
    let mut third = TcpStream::connect(served.address).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), third.read_to_end(&mut answer));
    // Ended or cut, but without a byte.
    let _ = ended.await.expect("closed at once");
    assert!(answer.is_empty());
    drop(held);
    loop {
        // The places come back as soon as the server sees the ends.
        if let Some(reply) = ask_if_served(served.address).await {
            assert_eq!(reply.payload, served.node.offcut);
            break;
        }
    }
}

async fn ask_if_served(address: SocketAddr) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = framing::encode("GetOffcutResources").to_vec();
    stream.write_all(&request).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let message = MessageDecoder::new(1 << 20).receive(&answer).ok()??;
    Reply::parse(message).ok()
}

/// A time that has come and whose requests have not expired, the same for the whole run, in hundredths of a
/// second.
fn base() -> i64 {
    static BASE: LazyLock<i64> =
        LazyLock::new(|| crate::timestamps::hundredths(Timestamp::of(&SystemClock)));
    *BASE
}

/// A request signed by `keys[index]`, `late` hundredths of a second after [`base`].
fn signed(served: &Served, index: usize, call: &[u8], late: i64) -> Vec<u8> {
    let mut stamp = Stamp::at(Timestamp::from_hundredths(base() + late), None);
    stamp.sequence = None;
    let request = sign(call.to_vec(), &served.keys[index], &stamp);
    request.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_uses_up_its_time_whatever_becomes_of_it() {
    let served = Served::start(ServerOptions::default()).await;
    let request = signed(&served, 2, b"StopVessel|v1", 1);
    let reply = ask(served.address, &request).await.unwrap();
    assert_eq!(
        reply,
        Reply::error("Cannot stop vessel with status 'Fresh'")
    );
    let again = ask(served.address, &request).await.unwrap();
    assert_eq!(again, Reply::error("Signature problem: Timestamps match"));
    // Another key of the same vessel is held to the same times, another vessel is not.
    let earlier = signed(&served, 3, b"ReadVesselLog|v1", 0);
    let reply = ask(served.address, &earlier).await.unwrap();
    assert_eq!(
        reply,
        Reply::error("Signature problem: Timestamps out of order")
    );
    let other = signed(&served, 3, b"ReadVesselLog|v2", 0);
    assert_eq!(
        ask(served.address, &other).await.unwrap().payload,
        b"line 1\n\nSuccess\n"[..]
    );
    // Missing arguments are noticed only after the time was used up.
    let missing = signed(&served, 2, b"AddFileToVessel|v1|name", 2);
    assert_eq!(
        ask(served.address, &missing).await.unwrap(),
        Reply::internal_error()
    );
    let replayed = ask(served.address, &missing).await.unwrap();
    assert_eq!(
        replayed,
        Reply::error("Signature problem: Timestamps match")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_equal_requests_is_run() {
    let served = Served::start(ServerOptions::default()).await;
    let request = signed(&served, 2, b"ReadVesselLog|v1", 0);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            let (address, request) = (served.address, request.clone());
            tokio::spawn(async move { ask(address, &request).await.unwrap() })
        })
        .collect();
    let mut served_ones = 0;
    for reply in asked {
        let reply = reply.await.unwrap();
        if reply.outcome == crate::reply::ReplyOutcome::Success {
            served_ones += 1;
        } else {
            assert_eq!(reply, Reply::error("Signature problem: Timestamps match"));
        }
    }
    assert_eq!((served_ones, served.node.runs()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_users_and_strangers_may_do_what_is_theirs() {
    let served = Served::start(ServerOptions::default()).await;
    let denied = Reply::error("Insufficient Permissions");
    let mut late = 0;
    let mut ask_as = |index: usize, call: &'static [u8]| {
        late += 1;
        let request = signed(&served, index, call, late);
        let address = served.address;
        async move { ask(address, &request).await.unwrap() }
    };
    assert_eq!(ask_as(3, b"ResetVessel|v1").await, Reply::success(""));
    assert_eq!(ask_as(3, b"ChangeUsers|v1|").await, denied);
    assert_eq!(ask_as(1, b"ResetVessel|v1").await, denied);
    assert_eq!(ask_as(2, b"ChangeUsers|v1|").await, Reply::success(""));
    assert_eq!(
        ask_as(3, b"ResetVessel|v1").await,
        denied,
        "no user any more"
    );
    assert_eq!(
        ask_as(2, b"ResetVessel|v7").await,
        Reply::error("Unknown Vessel")
    );
    assert_eq!(
        ask_as(2, b"ResetVessel|v1|x").await,
        Reply::error("No such vessel")
    );
    assert_eq!(
        ask(served.address, b"GetVesselResources|v7").await.unwrap(),
        Reply::error("No such vessel")
    );
    assert_eq!(
        ask(served.address, b"StopVessel|v1").await.unwrap(),
        Reply::internal_error()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_cannot_lock_the_owner_out_by_a_time_far_ahead() {
    let served = Served::start(ServerOptions::default()).await;
    let denied = Reply::error("Signature problem: Timestamps out of order");
    let days = 100 * 86_400;
    let far = signed(&served, 3, b"ReadVesselLog|v1", 2 * days);
    assert_eq!(ask(served.address, &far).await.unwrap(), denied);
    for time in ["inf", "nan", "1e300"] {
        let mut text = b"ReadVesselLog|v1\n!".to_vec();
        text.extend(served.keys[3].public().as_str().bytes());
        text.extend(format!("!{time}!inf!None!None").bytes());
        let digest = Sha1::digest(&text);
        let signature = served.keys[3].private().sign(&digest).unwrap();
        text.push(b'!');
        text.extend(signature.bytes());
        assert_eq!(ask(served.address, &text).await.unwrap(), denied, "{time}");
    }
    // Clocks that differ by less than an hour are no obstacle, and the owner's request does what it says.
    let ahead = signed(&served, 3, b"ReadVesselLog|v1", 100 * 3_500);
    assert_ne!(ask(served.address, &ahead).await.unwrap(), denied);
    let owner = signed(&served, 2, b"ChangeUsers|v1|", days);
    assert_eq!(
        ask(served.address, &owner).await.unwrap(),
        Reply::success("")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_node_or_out_of_its_row_is_refused() {
    let served = Served::start(ServerOptions::default()).await;
    let mut stamp = Stamp::at(
        Timestamp::from_hundredths(base()),
        Some((&"3 33".parse::<NodeId>().unwrap()).into()),
    );
    let sign = |stamp: &Stamp| {
        let request = sign("ReadVesselLog|v1", &served.keys[2], stamp);
        request.unwrap().to_vec()
    };
    let reply = ask(served.address, &sign(&stamp)).await.unwrap();
    assert_eq!(
        reply,
        Reply::error("Signature problem: Not destined for this node")
    );
    stamp.destination = Some((&served.node.node_id()).into());
    stamp.sequence = Some(Sequence::new("row", 4).unwrap());
    let reply = ask(served.address, &sign(&stamp)).await.unwrap();
    assert!(
        reply
            .payload
            .starts_with(b"Illegal sequence id on 'ReadVesselLog|v1\n!")
    );
    stamp.sequence = Some(Sequence::start("row").unwrap());
    let reply = ask(served.address, &sign(&stamp)).await.unwrap();
    assert_eq!(reply.outcome, crate::reply::ReplyOutcome::Success);
    stamp.timestamp = stamp.timestamp.map(|time| time.plus_seconds(1));
    let reply = ask(served.address, &sign(&stamp)).await.unwrap();
    assert_eq!(
        reply,
        Reply::error("Signature problem: Invalid sequence transition")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_is_not_run_and_a_failing_call_fails_alone() {
    let served = Served::start(ServerOptions::default()).await;
    served
        .node
        .disk_full
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let request = signed(&served, 2, b"ReadVesselLog|v1", 0);
    assert_eq!(
        ask(served.address, &request).await.unwrap(),
        Reply::internal_error()
    );
    assert_eq!(served.node.runs(), 0);
    served
        .node
        .disk_full
        .store(false, std::sync::atomic::Ordering::SeqCst);
    // A bug of the node's: its lock is poisoned for this test's node, so ask for what needs none.
    let request = signed(&served, 2, b"StartVesselEx|v1|native|panics", 1);
    assert_eq!(
        ask(served.address, &request).await.unwrap(),
        Reply::internal_error()
    );
    let reply = ask(served.address, b"GetOffcutResources").await.unwrap();
    assert_eq!(reply.outcome, crate::reply::ReplyOutcome::Success);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_upload_is_refused_without_being_repeated() {
    let served = Served::start(ServerOptions::default()).await;
    let content = vec![b'x'; 3_000_000];
    let vessel = "v1".parse().unwrap();
    let call = NodeCall::add_file(&vessel, &"f".parse().unwrap(), content);
    let mut request = signed(&served, 2, &call.encode().to_vec(), 0);
    request[30] = b'y';
    let reply = ask(served.address, &request).await.unwrap();
    assert!(
        reply
            .payload
            .starts_with(b"Bad Signature on 'AddFileToVessel|v1|f|xxx")
    );
    assert!(reply.payload.len() < 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_beyond_the_bounds_is_closed_unanswered() {
    let mut options = ServerOptions::default();
    options.limits.request_bytes_max = 1000;
    let served = Served::start(options).await;
    assert_eq!(ask(served.address, &[b'x'; 1001]).await, None);
    let mut options = ServerOptions::default();
    options.limits.request_bytes_in_all = 4096;
    let served = Served::start(options).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let _ = stream.write_all(b"100000\n").await;
    let _ = stream.write_all(&[b'x'; 50_000]).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_told_to_stop_finishes_what_is_running_and_ends() {
    let mut served = Served::start(ServerOptions::default()).await;
    served
        .node
        .hold_logs
        .store(true, std::sync::atomic::Ordering::SeqCst);
    let request = signed(&served, 2, b"ReadVesselLog|v1", 0);
    let address = served.address;
    let running = tokio::spawn(async move { ask(address, &request).await });
    while served.node.runs() == 0 {
        tokio::task::yield_now().await;
    }
    drop(served.stop.take());
    served.node.release_logs.notify_one();
    assert!(running.await.unwrap().is_some());
    served.server.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

/// Seeded changes of good requests: none may bring the server down, or be accepted.
#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_are_never_accepted_and_never_bring_the_server_down() {
    let served = Served::start(ServerOptions::default()).await;
    let service = Arc::clone(&served.node) as Arc<dyn NodeService>;
    let authenticator = Authenticator::new(service, Arc::new(SystemClock));
    let good = signed(&served, 2, b"AddFileToVessel|v1|name|a|b\n!c", 5);
    let seed = 20_261_122_u64;
    println!("seed {seed}");
    let mut random = crate::test_vectors::Random::new(seed);
    for round in 0..3000 {
        let mut request = good.clone();
        random.mutate(&mut request);
        if request == good {
            continue;
        }
        let answer = authenticator.authenticate(request.clone(), served.address);
        // White space and leading zeros around numbers of the signature, and what else Python reads
        // alike, leave the signature right: what was signed must be unchanged then.
        if let Ok(call) = answer {
            let public = call.signer.is_none();
            let same = call.call.encode().to_vec() == b"AddFileToVessel|v1|name|a|b\n!c";
            assert!(public || same, "round {round}: {call:?}");
        }
    }
}
