//! Tests of the client against our server and against nodes that misbehave, over real sockets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use overlord_time::{Backoff, ManualClock, SeededRandomness, SystemClock, WallClock};
use overlord_types::failure::{Blame, Classified as _, Code};
use overlord_types::{FileName, NodeId, Platform, ProgramArguments, VesselName, VesselStatus};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;
use crate::refusals::ALREADY_STARTED;
use crate::reply::{StartReply, StopReply};
use crate::server::{FaultSettings, ServerOptions, WrongReply};
use crate::test_node::{RESOURCES, Served};
use crate::test_vectors::Random;
use crate::timestamps::TimestampSource;

/// A client whose deadlines and pauses do not keep a test waiting.
fn client(change: impl FnOnce(&mut NodeClientConfig)) -> NodeClient {
    let mut config = NodeClientConfig {
        backoff: Backoff {
            first: Duration::from_millis(5),
            most: Duration::from_millis(20),
        },
        ..NodeClientConfig::default()
    };
    change(&mut config);
    NodeClient::new(config, Arc::new(SeededRandomness::from_seed(1)))
}

fn signer(served: &Served, index: usize, clock: Arc<dyn WallClock>) -> Signer {
    let source = Arc::new(TimestampSource::new(clock));
    Signer::new(served.keys[index].clone(), source)
}

/// The user's calls about one vessel of a served node.
fn vessel(served: &Served, client: &NodeClient, name: &str) -> VesselCalls {
    let signer = signer(served, 3, Arc::new(SystemClock));
    client.vessel(&served.at, &served.handle(name), &signer)
}

fn program(name: &str) -> FileName {
    name.parse().unwrap()
}

/// A clock that is this far from the system's.
struct ShiftedClock(f64);

impl WallClock for ShiftedClock {
    fn unix_seconds(&self) -> f64 {
        SystemClock.unix_seconds() + self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_at_the_same_time_as_somebody_else_tries_again_at_the_next() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    const SOON: Duration = Duration::from_secs(30);
    let served = Served::start(ServerOptions::default()).await;
    // The ordinary pause would be noticed.
    let client = client(|config| (config.backoff.first, config.backoff.most) = (HOUR, HOUR));
    let now = SystemClock.unix_seconds();
    for _ in 0..2 {
        let signer = signer(&served, 3, Arc::new(ManualClock::new(now)));
        let calls = client.vessel(&served.at, &served.handle("v1"), &signer);
        let reset = tokio::time::timeout(SOON, calls.reset()).await;
        reset.expect("no long pause").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_a_user_does_with_a_vessel_goes_over_the_wire() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let vessel = vessel(&served, &client, "v1");
    let none = ProgramArguments::default();
    let binary: Vec<u8> = (0..=255).chain(*b"|\n!\nSuccess\n").collect();

    vessel.reset().await.unwrap();
    vessel
        .add_file(&program("a.bin"), binary.clone())
        .await
        .unwrap();
    vessel
        .add_file(&program("empty"), Vec::new())
        .await
        .unwrap();
    assert_eq!(vessel.list_files().await.unwrap(), ["a.bin", "empty"]);
    assert_eq!(vessel.retrieve(&program("a.bin")).await.unwrap(), binary);
    assert_eq!(vessel.retrieve(&program("empty")).await.unwrap(), b"");
    vessel.delete(&program("empty")).await.unwrap();
    let started = vessel
        .start(Platform::Native, &program("a.bin"), &none)
        .await
        .unwrap();
    assert_eq!(started, StartReply::Started);
    let info = client
        .list_vessels_of(&served.at, &served.handle("v1").node)
        .await
        .unwrap();
    assert_eq!(info.vessels[0].status, VesselStatus::Started);
    assert!(info.vessels[0].may_be_used_by(served.keys[3].public()));
    assert_eq!(
        vessel.stop().await.unwrap(),
        StopReply::Ended(VesselStatus::Stopped)
    );
    assert_eq!(vessel.read_log().await.unwrap(), b"line 1\n\nSuccess\n");
    assert_eq!(
        vessel.resources().await.unwrap().encode(),
        RESOURCES.as_bytes()
    );
    let offcut = client.offcut_resources(&served.at).await.unwrap();
    assert_eq!(offcut.encode(), RESOURCES.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_an_owner_does_with_a_vessel_goes_over_the_wire() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let owner = signer(&served, 2, Arc::new(SystemClock));
    let vessel = client.vessel(&served.at, &served.handle("v1"), &owner);
    let user = served.keys[4].public();
    vessel
        .change_users(&[user.clone(), served.keys[3].public().clone()])
        .await
        .unwrap();
    let info = client.list_vessels(&served.at).await.unwrap();
    assert!(info.vessels[0].user_keys[0].is(user));
    vessel.change_owner_information("a note").await.unwrap();
    vessel.change_advertise(false).await.unwrap();
    let resources = vessel.resources().await.unwrap();
    let (left, asked) = vessel.split(&resources).await.unwrap();
    assert_eq!((left.as_str(), asked.as_str()), ("v8", "v9"));
    assert_eq!(vessel.join(&asked).await.unwrap().as_str(), "v10");
    vessel.change_owner(user).await.unwrap();
    let refused = vessel.change_users(&[]).await.unwrap_err();
    assert!(refused.is_refusal("Insufficient Permissions"), "{refused}");
    assert_eq!(refused.code(), Code::NodeRefused);
}

/// The original sent the whole handle where the node wants the vessel's name.
#[tokio::test(flavor = "multi_thread")]
async fn the_resources_of_a_vessel_are_asked_for_by_its_name_and_not_by_its_handle() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let resources = vessel(&served, &client, "v1").resources().await.unwrap();
    assert_eq!(resources.encode(), RESOURCES.as_bytes());
    let asked = served.node.run.lock().unwrap().pop().unwrap();
    assert!(
        matches!(&asked, NodeCall::GetVesselResources { vessel } if vessel.as_bytes() == b"v1"),
        "{asked:?}"
    );
}

/// The original promised handles and gave the node's raw text.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_and_a_join_give_the_names_of_the_new_vessels() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let owner = signer(&served, 2, Arc::new(SystemClock));
    let vessel = client.vessel(&served.at, &served.handle("v1"), &owner);
    let resources = vessel.resources().await.unwrap();
    let (left, asked) = vessel.split(&resources).await.unwrap();
    let joined = vessel.join(&asked).await.unwrap();
    let names: Vec<VesselName> = ["v8", "v9", "v10"].map(|name| name.parse().unwrap()).into();
    assert_eq!([left, asked, joined], names[..]);
}

/// The original's `NO_SUCH_NODE` could never come.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_at_the_address_is_told_with_both_names() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let wanted: NodeId = "3 33".parse().unwrap();
    let error = client
        .list_vessels_of(&served.at, &wanted)
        .await
        .unwrap_err();
    let NodeCallError::OtherNode {
        expected, found, ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((expected, found), (wanted, served.handle("v1").node));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_a_start_and_a_refusal_are_told_apart() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let vessel = vessel(&served, &client, "v1");
    let none = ProgramArguments::default();
    let start = async |name| vessel.start(Platform::RepyV2, &program(name), &none).await;
    assert_eq!(start("runs").await.unwrap(), StartReply::Started);
    assert_eq!(start("late").await.unwrap(), StartReply::NotYet);
    let ended = StartReply::Ended(VesselStatus::Terminated);
    assert_eq!(start("ends").await.unwrap(), ended);
    let error = vessel.retrieve(&program("missing")).await.unwrap_err();
    assert!(
        matches!(&error, NodeCallError::Refused { text, .. } if *text == "Error, File Not Found")
    );
    assert!(!error.is_refusal(ALREADY_STARTED) && !error.may_have_run());
    assert_eq!(
        error.to_string(),
        format!(
            "the node at {} refused RetrieveFileFromVessel: Error, File Not Found",
            served.at
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_calls_to_one_vessel_are_all_accepted() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|_| {});
    let vessel = vessel(&served, &client, "v1");
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let vessel = vessel.clone();
            tokio::spawn(async move { vessel.read_log().await.map(drop) })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(served.node.runs(), 20, "none was repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_gets_no_more_connections_than_its_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at: NodeLocation = listener.local_addr().unwrap().into();
    let open = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let node = tokio::spawn({
        let most = Arc::clone(&most);
        async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let now_open = open.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now_open, Ordering::SeqCst);
                let open = Arc::clone(&open);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    // Before the answer: once the client has it, it may open the next.
                    open.fetch_sub(1, Ordering::SeqCst);
                    let _ = stream.write_all(b"8\n\nSuccess").await;
                });
            }
        }
    });
    let client = client(|_| {});
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (client, at) = (client.clone(), at.clone());
            tokio::spawn(async move {
                client
                    .call(&at, &NodeCall::GetOffcutResources {}, None)
                    .await
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), Reply::success(""));
    }
    assert_eq!(most.load(Ordering::SeqCst), 3);
    node.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_limit_closes_is_signed_anew_and_repeated() {
    let served = Served::start(ServerOptions::default()).await;
    served.faults.change(|faults| faults.refuse = true);
    let client = client(|config| config.repeats_max = 1000);
    let vessel = vessel(&served, &client, "v1");
    let call = tokio::spawn(async move { vessel.reset().await });
    // Refused at least once, since the knob is turned back only when the pauses have begun.
    tokio::time::sleep(Duration::from_millis(30)).await;
    served.faults.change(|faults| faults.refuse = false);
    call.await.unwrap().unwrap();
    assert_eq!(served.node.runs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_bounded_and_counted() {
    let served = Served::start(ServerOptions::default()).await;
    served.faults.change(|faults| faults.refuse = true);
    let client = client(|config| config.repeats_max = 3);
    let error = client.list_vessels(&served.at).await.unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::ClosedUnanswered {
            attempts: 4,
            may_have_run: false,
            ..
        }
    ));
    assert!(!error.may_have_run());
    // A long upload is cut while it is being sent; that is the same.
    let vessel = vessel(&served, &client, "v1");
    let error = vessel
        .add_file(&program("f"), vec![b'x'; 5_000_000])
        .await
        .unwrap_err();
    assert!(
        matches!(error, NodeCallError::ClosedUnanswered { attempts: 4, .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_crossed_with_another_signer_s_is_signed_anew() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|config| {
        config.repeats_max = 100;
        config.backoff.first = Duration::from_millis(50);
        config.backoff.most = Duration::from_millis(50);
    });
    // The clearinghouse, say: its clock is a little ahead.
    let ahead = signer(&served, 2, Arc::new(ShiftedClock(0.5)));
    let owner = client.vessel(&served.at, &served.handle("v1"), &ahead);
    owner.change_advertise(true).await.unwrap();
    vessel(&served, &client, "v1").read_log().await.unwrap();
    assert_eq!(served.node.runs(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_a_missed_deadline_and_delays_no_other() {
    let silent = Served::start(ServerOptions::default()).await;
    let served = Served::start(ServerOptions::default()).await;
    silent.faults.change(|faults| faults.silent = true);
    // Long enough for the other's answer on a busy machine too.
    let client = client(|config| config.receive_timeout = Duration::from_secs(2));
    let waiting = tokio::spawn({
        let (client, at) = (client.clone(), silent.at.clone());
        async move { client.list_vessels(&at).await }
    });
    client.list_vessels(&served.at).await.unwrap();
    assert!(!waiting.is_finished());
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::TimedOut {
            phase: ExchangePhase::Receive,
            ..
        }
    ));
    assert!(error.may_have_run());
    assert_eq!(error.blame(), Blame::Node);
    assert_eq!(
        error.to_string(),
        format!("the node at {} did not answer within 2s", silent.at)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_node_is_waited_for_until_its_deadline() {
    let served = Served::start(ServerOptions::default()).await;
    let latency = Duration::from_millis(100);
    served.faults.change(|faults| faults.latency = latency);
    let started = now();
    client(|_| {}).list_vessels(&served.at).await.unwrap();
    assert!(started.elapsed() >= latency);
    let hasty = client(|config| config.receive_timeout = Duration::from_millis(20));
    let error = hasty.list_vessels(&served.at).await.unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::TimedOut {
            phase: ExchangePhase::Receive,
            ..
        }
    ));
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a real socket takes"
)]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lies_is_told_apart_by_how() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|config| config.reply_bytes_max = 100_000);
    let lie = async |wrong: WrongReply| {
        served
            .faults
            .change(|faults| faults.wrong_reply = Some(wrong));
        client.list_vessels(&served.at).await.unwrap_err()
    };
    let error = lie(WrongReply::Endless).await;
    assert!(matches!(
        error,
        NodeCallError::ReplyTooLarge {
            length: 1_000_000_000_000_000,
            ..
        }
    ));
    let framing = |error: &NodeCallError| {
        matches!(
            error,
            NodeCallError::Malformed {
                source: MalformedReply::Framing(_),
                ..
            }
        )
    };
    assert!(framing(&lie(WrongReply::CutShort).await));
    assert!(framing(
        &lie(WrongReply::Bytes(b"HTTP/1.0 200 OK\r\n\r\n".to_vec())).await
    ));
    let error = lie(WrongReply::Bytes(b"5\nhello".to_vec())).await;
    assert!(matches!(
        error,
        NodeCallError::Malformed {
            source: MalformedReply::Reply(_),
            ..
        }
    ));
    let error = lie(WrongReply::Lie(Reply::success("no list"))).await;
    assert!(matches!(
        error,
        NodeCallError::Malformed {
            source: MalformedReply::NodeInfo(_),
            ..
        }
    ));
    assert_eq!(error.blame(), Blame::Node);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "its list of vessels cannot be read");
    let vessel = vessel(&served, &client, "v1");
    served
        .faults
        .change(|faults| faults.wrong_reply = Some(WrongReply::Lie(Reply::success("Dancing"))));
    let none = ProgramArguments::default();
    let error = vessel
        .start(Platform::Native, &program("p"), &none)
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::Malformed {
            source: MalformedReply::Reply(_),
            ..
        }
    ));
    served.faults.set(FaultSettings::default());
    let other = "3 33".parse().unwrap();
    let error = client
        .list_vessels_of(&served.at, &other)
        .await
        .unwrap_err();
    assert!(matches!(error, NodeCallError::OtherNode { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_repeated_since_the_call_may_have_run() {
    let served = Served::start(ServerOptions::default()).await;
    served
        .faults
        .change(|faults| faults.wrong_reply = Some(WrongReply::Lost));
    let client = client(|_| {});
    let error = vessel(&served, &client, "v1").reset().await.unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::ClosedUnanswered {
            attempts: 1,
            may_have_run: true,
            ..
        }
    ));
    assert!(error.may_have_run());
    assert_eq!(served.node.runs(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_nothing_is_a_missed_deadline_of_sending() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|config| config.send_timeout = Duration::from_millis(200));
    let signer = signer(&served, 3, Arc::new(SystemClock));
    let at = listener.local_addr().unwrap().into();
    let vessel = client.vessel(&at, &served.handle("v1"), &signer);
    // More than the system's buffers take.
    let error = vessel
        .add_file(&program("f"), vec![0; 30_000_000])
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            NodeCallError::TimedOut {
                phase: ExchangePhase::Send,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.may_have_run());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_drips_its_answer_is_a_missed_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().into();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"1000000\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let client = client(|config| config.receive_timeout = Duration::from_millis(300));
    let error = client.list_vessels(&at).await.unwrap_err();
    assert!(
        matches!(
            error,
            NodeCallError::TimedOut {
                phase: ExchangePhase::Receive,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_says_so_without_a_connection() {
    let client = client(|_| {});
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().into()
    };
    let error = client.list_vessels(&nobody).await.unwrap_err();
    assert!(matches!(error, NodeCallError::Connect { .. }));
    assert_eq!((error.blame(), error.may_have_run()), (Blame::Node, false));
    let behind = "NAT$abc:1224".parse().unwrap();
    let error = client.list_vessels(&behind).await.unwrap_err();
    assert!(matches!(error, NodeCallError::BehindForwarder { .. }));
    assert_eq!(error.blame(), Blame::Operator);
    let call = NodeCall::StopVessel {
        vessel: "v1".into(),
    };
    let error = client.call(&nobody, &call, None).await.unwrap_err();
    assert!(matches!(
        error,
        NodeCallError::SignerMissing { call: "StopVessel" }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_cannot_be_right_is_this_machine_s_fault() {
    let served = Served::start(ServerOptions::default()).await;
    let behind = signer(&served, 3, Arc::new(ShiftedClock(-7200.0)));
    let client = client(|config| config.repeats_max = 0);
    let vessel = client.vessel(&served.at, &served.handle("v1"), &behind);
    // Two hours behind: expired on arrival, which the original calls a bad signature.
    let error = vessel.read_log().await.unwrap_err();
    assert!(matches!(&error, NodeCallError::Refused { text, .. }
        if text.to_string().starts_with("Bad Signature on 'ReadVesselLog|v1")));
    assert!(error.to_string().len() < 600);
}

/// Seeded changes of a good answer: each gives a result or an error, none a panic or a hang.
#[tokio::test(flavor = "multi_thread")]
async fn mutated_answers_are_read_or_refused_and_never_bring_the_client_down() {
    let served = Served::start(ServerOptions::default()).await;
    let client = client(|config| {
        config.receive_timeout = Duration::from_secs(5);
        config.repeats_max = 0;
    });
    let payload = client.list_vessels(&served.at).await.unwrap().encode();
    let good = crate::framing::encode(Reply::success(payload).encode()).to_vec();
    let seed = 20_261_122_u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = good.clone();
        random.mutate(&mut bytes);
        served
            .faults
            .change(|faults| faults.wrong_reply = Some(WrongReply::Bytes(bytes)));
        match client.list_vessels(&served.at).await {
            Ok(_) => {}
            Err(NodeCallError::TimedOut { .. }) => panic!("a hang"),
            Err(error) => {
                assert_eq!(error.at(), Some(&served.at));
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}
