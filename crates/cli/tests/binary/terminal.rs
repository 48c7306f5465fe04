//! What a person sees: colours when they are wanted, and the living line on a terminal.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::pty::{Winsize, openpty};

use crate::support::{Folder, Running, time_server};

/// Longest silence that is waited through.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// What begins a colour.
const COLOUR: &str = "\u{1b}[3";

/// Flags, variables, whether there are colours on a pipe, and on a terminal.
type ColourCase<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], bool, bool);

/// A program on a terminal of its own, and what it has written there.
struct OnTerminal {
    child: std::process::Child,
    written: Receiver<Vec<u8>>,
    seen: String,
}

impl OnTerminal {
    fn start(mut command: Command) -> Self {
        let size = Winsize {
            ws_row: 40,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let terminal = openpty(Some(&size), None).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(terminal.slave.try_clone().unwrap())
            .stderr(terminal.slave)
            .spawn()
            .unwrap();
        // Holds the terminal's other end: while it is there, reading never ends.
        drop(command);
        let mut master = File::from(terminal.master);
        let (sender, written) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut part) {
                if sender.send(part[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            written,
            seen: String::new(),
        }
    }

    #[track_caller]
    fn wait_for(&mut self, words: &str) {
        while !self.seen.contains(words) {
            let Ok(part) = self.written.recv_timeout(SILENCE_MAX) else {
                let _ = self.child.kill();
                panic!("{words:?} was not written\n{}", self.seen);
            };
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
    }

    /// Waits for the end; gives the exit code and all that was written.
    fn end(mut self) -> (Option<i32>, String) {
        while let Ok(part) = self.written.recv_timeout(SILENCE_MAX) {
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
        (self.child.wait().unwrap().code(), self.seen)
    }
}

#[test]
fn colours_come_when_they_are_asked_for_and_not_otherwise() {
    let folder = Folder::new();
    let up = [
        "testbed", "up", "--dir", "bed", "--nodes", "1", "--user", "alice",
    ];
    let mut testbed = Running::start(folder.command(&up));
    let described = testbed.wait_for("testbed_up", |_| true);
    folder.configure(&described);
    folder.run(&["vessels", "acquire"]).expect(0, &[]);

    let cases: &[ColourCase<'_>] = &[
        (&[], &[], false, true),
        (&["--color", "always"], &[], true, true),
        (&["--color", "always"], &[("NO_COLOR", "1")], true, true),
        (
            &["--color", "never"],
            &[("CLICOLOR_FORCE", "1")],
            false,
            false,
        ),
        (&[], &[("OVERLORD_COLOR", "always")], true, true),
        (&[], &[("NO_COLOR", "1")], false, false),
        (&[], &[("NO_COLOR", "")], false, true),
        (&[], &[("CLICOLOR_FORCE", "1")], true, true),
        (
            &[],
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
            false,
            false,
        ),
        (&[], &[("TERM", "dumb")], false, false),
    ];
    for (flags, variables, on_pipe, on_terminal) in cases {
        let command = || {
            let mut command = folder.command(&[&["status"], *flags].concat());
            command.env("TERM", "xterm").envs(variables.iter().copied());
            command
        };
        let piped = crate::support::Ended::of(command());
        piped.expect(0, &[]);
        assert!(piped.stdout.contains("Fresh"), "{piped}");
        assert_eq!(
            piped.stdout.contains(COLOUR),
            *on_pipe,
            "{variables:?}\n{piped}"
        );
        let (code, shown) = OnTerminal::start(command()).end();
        assert_eq!(code, Some(0), "{shown}");
        assert_eq!(
            shown.contains(COLOUR),
            *on_terminal,
            "{flags:?} {variables:?}\n{shown}"
        );
    }
    // Programs are never sent colours.
    let json = folder.run(&["status", "--color", "always", "--output", "json"]);
    assert!(!json.stdout.contains('\u{1b}'), "{json}");
}

#[test]
fn a_terminal_has_one_living_line_that_counts_and_goes_at_the_end() {
    let folder = Folder::new();
    let program = time_server();
    let arguments = [
        "run",
        program.to_str().unwrap(),
        "--local",
        "--local-dir",
        "bed",
        "--count",
        "2",
        "--color",
        "never",
        "--",
        "{port}",
    ];
    let mut command = folder.command(&arguments);
    command.env("TERM", "xterm");
    let mut run = OnTerminal::start(command);
    run.wait_for("2 of 2 running");
    run.wait_for("2 answering");
    run.wait_for("--node ");
    // The line that says how to break something names a node that hosts a copy.
    let after = run.seen.split("--node ").nth(1).unwrap();
    let node: u64 = after.split(' ').next().unwrap().parse().unwrap();
    let shown = folder.run(&["--output", "json", "testbed", "show", "--dir", "bed"]);
    let record = &shown.records()[0];
    let nodes = record["nodes"].as_array().unwrap();
    let host = nodes.iter().find(|other| other["number"] == node).unwrap();
    let vessels = host["vessels"].as_array().unwrap();
    assert!(
        vessels.iter().any(|vessel| vessel["process"].is_number()),
        "{host}"
    );

    folder.file("stop", "");
    let (code, shown) = run.end();
    assert_eq!(code, Some(0), "{shown}");
    // The living line is drawn over itself, and single steps are left to it.
    assert!(
        shown.contains("\u{1b}[2K") || shown.contains("\u{1b}[1A"),
        "{shown:?}"
    );
    assert!(!shown.contains("program uploaded"), "{shown}");
    let last = shown.trim_end().lines().last().unwrap();
    assert!(last.contains("nothing is left running"), "{shown:?}");
}
