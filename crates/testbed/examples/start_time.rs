//! Measures how long a testbed takes to start: `start_time NODES VESSELS_PER_NODE`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement at the command line"
)]

use overlord_testbed::{Testbed, TestbedConfig};
use tokio::time::Instant;

fn main() {
    overlord_node::launch::enter_if_asked();
    tokio::runtime::Runtime::new().unwrap().block_on(measure());
}

async fn measure() {
    let number = |position| {
        std::env::args()
            .nth(position)
            .and_then(|text| text.parse().ok())
    };
    let directory = tempfile::tempdir().unwrap();
    let mut config = TestbedConfig::new(directory.path().to_owned());
    config.platforms = config.platforms.and_danger_native();
    config.nodes = number(1).unwrap_or(10);
    config.vessels_per_node = number(2).unwrap_or(4);
    for what in ["new directory", "same directory"] {
        let before = Instant::now();
        let testbed = Testbed::start(config.clone()).await.unwrap();
        println!(
            "{what}: {} nodes up in {:?}",
            testbed.nodes().len(),
            before.elapsed()
        );
        let before = Instant::now();
        let keys = overlord_keys::KeyPair::generate(1024).unwrap();
        println!("key generated in {:?}", before.elapsed());
        let before = Instant::now();
        let name = if what == "new directory" {
            "alice"
        } else {
            "bob"
        };
        testbed
            .create_user(&name.parse().unwrap(), keys.public())
            .await
            .unwrap();
        println!("account made in {:?}", before.elapsed());
        let before = Instant::now();
        testbed.shutdown().await;
        println!("down in {:?}", before.elapsed());
    }
}
