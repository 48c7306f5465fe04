//! What uploads cost in memory: one program goes to many nodes at once, and is in memory once.
//!
//! The peak is the kernel's, of the whole process. So the nodes are in another process (this test's program
//! again), and no other test is in this one.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use overlord::ports::NodesPort;
use overlord_engine::{NodeManagers, ProgramFile, VesselAddress};
use overlord_keys::KeyPair;
use overlord_types::{Handle, NodeLocation};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Bytes of the program.
const PROGRAM_BYTES: usize = 20_000_000;
/// Vessels that it is sent to at once, each on a node of its own.
const VESSELS: usize = 50;
/// Most memory of the sending process, in bytes: all that it is made of, and the program.
const MEMORY_MAX: usize = 2 * PROGRAM_BYTES;
/// What the nodes' process says before the ports that its nodes listen on.
const PORTS: &str = "ports:";

/// In the environment of the nodes' process.
const AS_NODES: &str = "OVERLORD_TEST_AS_NODES";

/// The nodes' process, ended with the test.
struct Nodes {
    process: Child,
    ports: Vec<u16>,
}

impl Nodes {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "model_nodes", "--nocapture"])
            .env(AS_NODES, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ports = lines
            .find_map(|line| Some(line.unwrap().split_once(PORTS)?.1.to_owned()))
            .expect("the nodes say where they listen");
        Self {
            process,
            ports: ports
                .split_whitespace()
                .map(|port| port.parse().unwrap())
                .collect(),
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Takes one request, and answers it with how long it was.
async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut header = String::new();
    stream.read_line(&mut header).await?;
    let announced: u64 = header.trim().parse().unwrap();
    let mut message = (&mut stream).take(announced);
    let came = tokio::io::copy(&mut message, &mut tokio::io::sink()).await?;
    assert_eq!(came, announced);
    stream.write_all(b"8\n\nSuccess").await
}

/// The nodes, in the process that the test below starts; in this one there is nothing to do.
#[test]
fn model_nodes() {
    if std::env::var_os(AS_NODES).is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut ports = Vec::new();
        for _ in 0..VESSELS {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push(listener.local_addr().unwrap().port().to_string());
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(answer(stream));
                }
            });
        }
        println!("{PORTS}{}", ports.join(" "));
    });
    // Until the test that started this process has ended.
    let _ = std::io::stdin().read(&mut [0]);
}

/// The most memory that this process has had, in bytes.
fn memory_peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().split_whitespace().next().unwrap();
    kibibytes.parse::<usize>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sent_to_fifty_vessels_at_once_is_in_memory_once() {
    let nodes = Nodes::start();
    let keys = KeyPair::generate(1024).unwrap();
    let id = keys.public().node_id();
    let chance = overlord::ports::SeededRandomness::from_seed(1);
    let port = NodesPort::new(keys, std::sync::Arc::new(chance));
    let program = ProgramFile {
        name: "program.r2py".parse().unwrap(),
        contents: vec![b'#'; PROGRAM_BYTES].into(),
    };
    let before = memory_peak();
    let mut uploads = JoinSet::new();
    for (number, at) in nodes.ports.iter().enumerate() {
        let vessel = VesselAddress {
            handle: Handle::new(id.clone(), format!("v{number}").parse().unwrap()),
            location: format!("127.0.0.1:{at}").parse::<NodeLocation>().unwrap(),
        };
        let (port, program) = (port.clone(), program.clone());
        uploads.spawn(async move { port.upload(&vessel, &program).await });
    }
    while let Some(uploaded) = uploads.join_next().await {
        uploaded.unwrap().unwrap();
    }
    let peak = memory_peak();
    println!("{before} bytes before, {peak} bytes at the most");
    assert!(
        peak <= MEMORY_MAX,
        "{peak} bytes in memory, {before} of them before the uploads"
    );
}
