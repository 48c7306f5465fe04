// What the examples of the documentation run on: a testbed inside the example's own process, and a folder with
// the user's keys, the testbed's CA and the program, as the original's page asks for. Included by the
// examples, hidden; a plain file because an example is a program of its own.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

struct DocTestbed {
    testbed: overlord_testbed::Testbed,
    url: String,
    _folder: tempfile::TempDir,
}

impl DocTestbed {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = overlord_testbed::TestbedConfig::new(folder.path().join("testbed"));
        let testbed = overlord_testbed::Testbed::start(config).await.unwrap();
        let user = "alice".parse().unwrap();
        let keys = overlord_keys::KeyPair::generate(1024).unwrap();
        overlord_keys::KeyDirectory::new(folder.path())
            .save(&user, &keys)
            .unwrap();
        testbed.create_user(&user, keys.public()).await.unwrap();
        std::fs::copy(testbed.ca_file(), folder.path().join("cacert.pem")).unwrap();
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let program = "time_server.pl";
        std::fs::copy(examples.join(program), folder.path().join(program)).unwrap();
        std::env::set_current_dir(folder.path()).unwrap();
        Self {
            url: testbed.clearinghouse_url().to_string(),
            testbed,
            _folder: folder,
        }
    }

    /// Stops the overlord once so many copies answer, each on an address of its own, with the time.
    fn stop_when_copies_answer(&self, wanted: usize, overlord: &overlord::Overlord) {
        let port = overlord.config().user_port().number();
        let addresses: Vec<SocketAddr> = self
            .testbed
            .nodes()
            .iter()
            .map(|node| SocketAddr::new(node.location.host().parse().unwrap(), port))
            .collect();
        let stop = overlord.stop_handle();
        std::thread::spawn(move || {
            let mut answering = BTreeSet::<SocketAddr>::new();
            while answering.len() < wanted {
                answering.extend(addresses.iter().copied().filter(answers));
            }
            stop.stop();
        });
    }
}

/// Whether a time server answers there: its line begins with the year.
fn answers(address: &SocketAddr) -> bool {
    let pause = Duration::from_millis(20);
    let mut line = String::new();
    let Ok(mut stream) = TcpStream::connect_timeout(address, pause) else {
        // Nobody there yet: do not ask in a tight loop.
        std::thread::park_timeout(pause);
        return false;
    };
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.read_to_string(&mut line).is_ok() && line.starts_with("20")
}
