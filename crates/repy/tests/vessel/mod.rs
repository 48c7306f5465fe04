//! A program running as in a vessel: a process of the real runtime with an address, ports, resources and a directory of
//! its own.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The quantities that the original's installer gives a vessel, but for the processor, so that tests are quick.
const RESOURCES: &str = "resource cpu 0.5
resource memory 30000000
resource diskused 20000000
resource events 15
resource filewrite 100000
resource fileread 100000
resource filesopened 5
resource insockets 5
resource outsockets 5
resource netsend 10000
resource netrecv 10000
resource loopsend 1000000
resource looprecv 1000000
resource lograte 30000
resource random 100
";

/// The path of an example program.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

/// An address 127.x.y.z that no other test of this machine uses.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Ipv4Addr::new(
        127,
        128 | (high & 0x3f),
        low,
        u8::try_from(next % 254 + 1).unwrap(),
    )
}

/// A port that is free at this address, for TCP and UDP.
pub(crate) fn free_port(address: Ipv4Addr) -> u16 {
    loop {
        let tcp = TcpListener::bind((address, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind((address, port)).is_ok() {
            return port;
        }
    }
}

/// A running program; killed when dropped.
pub(crate) struct Vessel {
    pub(crate) address: Ipv4Addr,
    process: RefCell<Child>,
    directory: TempDir,
}

impl Vessel {
    /// Starts an example at an address of its own, without ports.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Vessel {
        Vessel::start_at(own_address(), &example(name), &[], "", arguments)
    }

    /// Starts a program that may use these ports, with further lines for its resource file, which go before others.
    pub(crate) fn start_at(
        address: Ipv4Addr,
        program: &Path,
        ports: &[u16],
        resources: &str,
        arguments: &[&str],
    ) -> Vessel {
        let runtime = Command::new(env!("CARGO_BIN_EXE_repy"));
        Vessel::run(runtime, address, program, ports, resources, arguments)
    }

    /// The same where the system allows the process only so many descriptors.
    pub(crate) fn start_with_descriptors(
        most: usize,
        address: Ipv4Addr,
        program: &Path,
        ports: &[u16],
        resources: &str,
        arguments: &[&str],
    ) -> Vessel {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_repy"));
        Vessel::run(shell, address, program, ports, resources, arguments)
    }

    /// Starts it with this command, to which the usual options are added.
    pub(crate) fn run(
        mut runtime: Command,
        address: Ipv4Addr,
        program: &Path,
        ports: &[u16],
        resources: &str,
        arguments: &[&str],
    ) -> Vessel {
        let directory = TempDir::new().unwrap();
        let mut text = resources.to_owned();
        for line in RESOURCES.lines() {
            let name = line.split(' ').nth(1).unwrap();
            if !resources.contains(&format!("resource {name} ")) {
                text.push_str(line);
                text.push('\n');
            }
        }
        for port in ports {
            writeln!(text, "resource messport {port}\nresource connport {port}").unwrap();
        }
        let resource_file = directory.path().join("resources");
        std::fs::write(&resource_file, text).unwrap();
        let files = directory.path().join("files");
        std::fs::create_dir(&files).unwrap();
        let name = program.file_name().unwrap();
        std::fs::copy(program, files.join(name)).unwrap();
        let output = File::create(directory.path().join("log")).unwrap();
        let process = runtime
            .args(["--ip", &address.to_string(), "--nootherips", "--cwd"])
            .arg(&files)
            .arg(&resource_file)
            .arg(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(output.try_clone().unwrap())
            .stdout(output)
            .spawn()
            .unwrap();
        Vessel {
            address,
            process: RefCell::new(process),
            directory,
        }
    }

    /// What the program has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// How many descriptors the process has.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.borrow().id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Waits for the program's end: its exit code and log.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        let status = eventually("the end of the program", || {
            self.process.borrow_mut().try_wait().unwrap()
        });
        (status.code(), self.log())
    }

    /// Ends the program as a crash would.
    pub(crate) fn kill(self) {
        self.process.borrow_mut().kill().unwrap();
        self.process.borrow_mut().wait().unwrap();
    }

    /// A connection to the program, as soon as it listens.
    pub(crate) fn connect(&self, port: u16) -> TcpStream {
        let stream = eventually(&format!("{}:{port} to listen", self.address), || {
            let ended = self.process.borrow_mut().try_wait().unwrap();
            assert!(ended.is_none(), "the program has ended: {ended:?}");
            TcpStream::connect((self.address, port)).ok()
        });
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a text over a new connection and reads what comes until its end.
    pub(crate) fn ask(&self, port: u16, text: &str) -> String {
        let mut stream = self.connect(port);
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .unwrap_or_else(|error| panic!("{error} after {answer:?}\n{}", self.log()));
        answer
    }
}

#[expect(
    clippy::print_stdout,
    reason = "a test that failed shows what the program wrote"
)]
impl Drop for Vessel {
    fn drop(&mut self) {
        let _ = self.process.get_mut().kill();
        let _ = self.process.get_mut().wait();
        if std::thread::panicking() {
            let log = self.log();
            println!("the log of {}:\n{log}", self.address);
        }
    }
}

/// Asks until there is an answer.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "another process is waited for, in real time"
)]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
