//! Vessels: who may do what, files and disk, splitting and joining.

use overlord_keys::KeyPair;
use overlord_node::OFFCUT_RESOURCES;
use overlord_nodemanager::WireText;
use overlord_nodemanager::call::NodeCall;
use overlord_nodemanager::resources::{PortKind, Resource, ResourceFile};
use overlord_types::{NodeId, VesselStatus};

use crate::support::{TestNode, file, refusal, vessel};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_use_owners_own_and_strangers_do_neither() {
    let node = TestNode::start(1).await;
    let user = KeyPair::generate(1024).unwrap();
    let stranger = KeyPair::generate(1024).unwrap();
    let refused = "Insufficient Permissions";
    let as_user = node.calls_as("v1", user.clone());
    assert_eq!(refusal(as_user.list_files().await), refused);
    node.calls("v1")
        .change_users(&[user.public().clone()])
        .await
        .unwrap();
    as_user.add_file(&file("a"), b"x".to_vec()).await.unwrap();
    assert_eq!(refusal(as_user.change_advertise(false).await), refused);
    assert_eq!(
        refusal(node.calls_as("v1", stranger).list_files().await),
        refused
    );
    node.calls("v1").change_users(&[]).await.unwrap();
    assert_eq!(refusal(as_user.list_files().await), refused);

    node.calls("v1")
        .change_owner_information("mine")
        .await
        .unwrap();
    node.calls("v1").change_owner(user.public()).await.unwrap();
    assert_eq!(refusal(node.calls("v1").list_files().await), refused);
    let info = node.info().await;
    let changed = info.vessel(&vessel("v1")).unwrap();
    assert!(
        changed.owner_key.is(user.public()) && changed.owner_info.is_empty() && changed.advertise
    );
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_for_another_node_are_refused() {
    let node = TestNode::start(1).await;
    let other: NodeId = "65537 1119760416288262279614755947687".parse().unwrap();
    let handle = overlord_types::Handle::new(other, vessel("v1"));
    let timestamps = overlord_nodemanager::timestamps::TimestampSource::new(std::sync::Arc::new(
        overlord_time::SystemClock,
    ));
    let signer = overlord_nodemanager::client::Signer::new(
        crate::support::owner(),
        std::sync::Arc::new(timestamps),
    );
    let calls = node.client.vessel(&node.node.location(), &handle, &signer);
    let refused = refusal(calls.list_files().await);
    assert!(refused.contains("Not destined for this node"), "{refused}");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_up_and_down_unchanged_and_the_disk_has_an_end() {
    let node = TestNode::start(1).await;
    let calls = node.calls("v1");
    let content: Vec<u8> = (0..1_000_000u32).map(|i| (i % 256) as u8).collect();
    calls
        .add_file(&file("b.bin"), content.clone())
        .await
        .unwrap();
    calls
        .add_file(&file("a.txt"), b"a|b\n\n".to_vec())
        .await
        .unwrap();
    assert_eq!(
        calls.list_files().await.unwrap(),
        ["a.txt", "b.bin"].map(WireText::from)
    );
    assert_eq!(calls.retrieve(&file("b.bin")).await.unwrap(), content);
    assert_eq!(calls.retrieve(&file("a.txt")).await.unwrap(), b"a|b\n\n");
    assert_eq!(
        refusal(calls.retrieve(&file("c")).await),
        "Error, File Not Found"
    );
    // 20,000,000 in all, of which two files take their size and 4096 each.
    let rest = 20_000_000 - 1_000_000 - 5 - 2 * 4096;
    let full = calls.add_file(&file("c"), vec![0; rest + 1]).await;
    assert_eq!(refusal(full), "Not enough free disk space");
    calls.add_file(&file("c"), vec![0; rest]).await.unwrap();
    calls.delete(&file("c")).await.unwrap();
    assert_eq!(refusal(calls.delete(&file("c")).await), "File not found");
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_gives_what_was_asked_and_a_join_gives_all_of_it_back() {
    let node = TestNode::start(1).await;
    let calls = node.calls("v1");
    calls.change_owner_information("note").await.unwrap();
    calls.add_file(&file("gone"), b"x".to_vec()).await.unwrap();
    let whole = calls.resources().await.unwrap();
    let asked = ResourceFile::parse(
        b"resource cpu .005\nresource memory 10000000\nresource diskused 5000000\nresource connport 40010\n",
    )
    .unwrap();
    let (left, split) = calls.split(&asked).await.unwrap();
    assert_eq!((left.as_str(), split.as_str()), ("v2", "v3"));
    let info = node.info().await;
    let names: Vec<&str> = info
        .vessels
        .iter()
        .map(|vessel| vessel.name.as_str())
        .collect();
    assert_eq!(names, ["v2", "v3"]);
    assert!(
        info.vessels
            .iter()
            .all(|vessel| vessel.owner_info == "note")
    );
    assert_eq!(refusal(calls.list_files().await), "Unknown Vessel");
    assert!(!node.folder("v1").exists());

    let offcut = ResourceFile::parse(OFFCUT_RESOURCES.as_bytes()).unwrap();
    let left_has = node.calls("v2").resources().await.unwrap();
    let split_has = node.calls("v3").resources().await.unwrap();
    assert_eq!(split_has.resources().whole(Resource::Memory), 10_000_000);
    let memory = |file: &ResourceFile| file.resources().whole(Resource::Memory);
    assert_eq!(
        memory(&left_has),
        memory(&whole) - 10_000_000 - memory(&offcut)
    );
    assert!(
        !left_has
            .resources()
            .allows_port(PortKind::Connection, 40_010)
    );
    assert!(
        split_has
            .resources()
            .allows_port(PortKind::Connection, 40_010)
    );

    let node = node
        .restart_after(async |running| running.shutdown(false).await)
        .await;
    let joined = node.calls("v2").join(&split).await.unwrap();
    assert_eq!(joined.as_str(), "v4");
    let joined = node.calls("v4").resources().await.unwrap();
    for resource in Resource::ALL {
        let (back, before) = (
            joined.resources().quantity(resource),
            whole.resources().quantity(resource),
        );
        assert!(
            (back - before).abs() < 1e-9,
            "{resource}: {back} and {before}"
        );
    }
    assert_eq!(node.info().await.vessels.len(), 1);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_is_neither_split_nor_joined_and_nobody_joins_a_stranger() {
    let node = TestNode::start(3).await;
    let asked =
        ResourceFile::parse(b"resource cpu 0\nresource memory 0\nresource diskused 0\n").unwrap();
    node.run("v1", "exec sleep 100000", &[]).await;
    let calls = node.calls("v1");
    assert_eq!(
        refusal(calls.split(&asked).await),
        "Attempting to split a running vessel"
    );
    assert_eq!(
        refusal(calls.join(&vessel("v2")).await),
        "Attempting to join a running vessel"
    );
    assert_eq!(
        refusal(calls.join(&vessel("v9")).await),
        "No such vessel 'v9'"
    );
    let other = KeyPair::generate(1024).unwrap();
    node.calls("v3").change_owner(other.public()).await.unwrap();
    let joined = node.calls("v2").join(&vessel("v3")).await;
    assert_eq!(refusal(joined), "Vessels must have the same owner");
    assert!(node.calls("v2").join(&vessel("v2")).await.is_err());
    assert_eq!(node.info().await.vessels.len(), 3);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_refused_also_after_a_restart() {
    use overlord_nodemanager::signed_request::{Destination, Stamp, sign};
    use overlord_nodemanager::timestamp::Timestamp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let node = TestNode::start(1).await;
    let now = overlord_time::WallClock::unix_seconds(&overlord_time::SystemClock);
    let stamp = Stamp::at(
        Timestamp::from_unix_seconds(now),
        Some(Destination::from(node.node.id())),
    );
    let call = NodeCall::ListFilesInVessel {
        vessel: "v1".into(),
    };
    let request = sign(call.encode(), &crate::support::owner(), &stamp).unwrap();
    let request = overlord_nodemanager::framing::encode(request).to_vec();
    let send = async |address: std::net::SocketAddr| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert_eq!(send(node.node.address()).await, "8\n\nSuccess");
    let refused = "41\nSignature problem: Timestamps match\nError";
    assert_eq!(send(node.node.address()).await, refused);
    let node = node
        .restart_after(async |running| running.kill().await)
        .await;
    assert_eq!(send(node.node.address()).await, refused);
    node.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vessels_are_fresh_and_listed_by_their_numbers() {
    let node = TestNode::start(11).await;
    let info = node.info().await;
    let names: Vec<String> = info
        .vessels
        .iter()
        .map(|vessel| vessel.name.to_string())
        .collect();
    let expected: Vec<String> = (1..=11).map(|number| format!("v{number}")).collect();
    assert_eq!(names, expected);
    assert!(
        info.vessels
            .iter()
            .all(|vessel| vessel.status == VesselStatus::Fresh)
    );
    assert_eq!(info.name.to_string(), node.node.address().ip().to_string());
    node.end().await;
}
