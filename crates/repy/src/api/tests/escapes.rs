//! Ways out, with the language's wall alone: no wall of the operating system's stands around these programs.
//!
//! Attempts of the language itself are in `tests/escapes`, those over the network with real neighbours in
//! `tests/network_escapes.rs`; the other wall alone is tried by `tests/wall.rs`.

use overlord_resources::Resource;

use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

/// Calls something and logs the exception's name.
const RAISED: &str = "\
def raised(call, *arguments):
  try:
    call(*arguments)
  except Exception, e:
    log(repr(e).split('(')[0], '')
  else:
    log('nothing', '')
";

/// Runs the attempts, one line each, and asserts which exception each raised.
#[track_caller]
fn all_raise(trial: impl FnOnce(&str) -> Trial, exception: &str, attempts: &[&str]) {
    let lines: Vec<String> = attempts
        .iter()
        .map(|attempt| format!("raised({attempt})\n"))
        .collect();
    let outcome = trial(&format!("{RAISED}{}", lines.concat())).run();
    let expected = vec![exception; attempts.len()];
    let found: Vec<&str> = outcome.log.split_whitespace().collect();
    assert_eq!(found, expected, "{:?}", outcome.ending);
}

#[test]
fn names_lead_to_no_file_of_the_host_or_of_another_vessel() {
    let attempts = [
        "openfile, '/etc/passwd', False",
        "openfile, '../neighbour/secret', False",
        "openfile, '..', False",
        "openfile, './own', False",
        "openfile, 'own/../own', False",
        "openfile, 'own\\0', False",
        "openfile, '/proc/self/environ', False",
        "openfile, '/proc/self/mem', False",
        "openfile, '/dev/kmsg', True",
        "openfile, '', True",
        "openfile, '.hidden', True",
        "openfile, 'a' * 121, True",
        "removefile, '../neighbour/secret'",
        "removefile, '/etc/passwd'",
    ];
    all_raise(
        |program| Trial::new(program).file("own", b"x"),
        "RepyArgumentError",
        &attempts,
    );
}

#[test]
fn links_that_lie_in_the_folder_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let trial = |program: &str| {
        let trial = Trial::new(program);
        let links = [
            ("file", secret.as_path()),
            ("folder", outside.path()),
            ("proc", "/proc/self/environ".as_ref()),
            ("new", &outside.path().join("new")),
        ];
        for (name, target) in links {
            std::os::unix::fs::symlink(target, trial.directory.path().join(name)).unwrap();
        }
        std::fs::hard_link(&secret, trial.directory.path().join("Hard")).unwrap();
        trial
    };
    let none = [
        "openfile, 'file', False",
        "openfile, 'folder', False",
        "openfile, 'proc', False",
        "removefile, 'file'",
        "removefile, 'folder'",
    ];
    all_raise(trial, "FileNotFoundError", &none);
    // Made in the place of a link there is nothing either.
    all_raise(
        trial,
        "FileError",
        &["openfile, 'new', True", "openfile, 'file', True"],
    );
    assert!(!outside.path().join("new").exists());
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
}

#[test]
fn ports_and_addresses_of_others_are_forbidden() {
    let attempts = [
        "listenformessage, '127.0.0.1', 1",
        "listenforconnection, '127.0.0.1', 22",
        "listenforconnection, '127.0.0.1', 0",
        "sendmessage, '127.0.0.1', 12345, 'x', '127.0.0.1', 53",
        "openconnection, '127.0.0.1', 12345, '127.0.0.1', 12344, 1",
    ];
    for attempt in attempts {
        let outcome = Trial::new(&format!("{RAISED}raised({attempt})")).run();
        let raised = outcome.log.trim();
        // Port 0 is none at all.
        let is_refused = ["ResourceForbiddenError", "RepyArgumentError"].contains(&raised);
        assert!(is_refused, "{attempt}: {raised} {:?}", outcome.ending);
    }
}

#[test]
fn no_call_starts_signals_or_asks_for_anything_of_the_host() {
    for attempt in [
        "import os",
        "from signal import alarm",
        "exec 'import os'",
        "open('/etc/passwd')",
        "file('/proc/self/mem')",
        "eval('1')",
        "compile('1', 'x', 'eval')",
        "fork()",
        "kill(1, 9)",
        "system('true')",
        "__import__('os')",
        "getlasterror.__globals__",
        "openfile.func_globals",
        "exit(0)",
    ] {
        let outcome = Trial::new(attempt).run();
        let is_refused = matches!(outcome.ending, Ending::Refused { .. } | Ending::Uncaught);
        assert!(is_refused, "{attempt}: {:?}", outcome.ending);
        assert!(!outcome.log.contains("root:"), "{attempt}: {}", outcome.log);
    }
}

#[test]
fn floods_of_messages_descriptors_and_threads_end_at_what_is_allowed() {
    let program = "\
names = ['f%d' % number for number in range(100)]
def new_file():
  return openfile(names.pop(), True)
def wait():
  sleep(1)
def new_thread():
  createthread(wait)
def until_refused(call):
  held = []
  try:
    while True:
      held.append(call())
  except ResourceExhaustedError:
    return len(held)
log(until_refused(new_file), until_refused(new_thread))
";
    Trial::new(program)
        .limit(Resource::FilesOpened, 7.0)
        .limit(Resource::Events, 9.0)
        // One of the events is the main thread.
        .logs("7 8");
    all_raise(
        Trial::new,
        "RepyArgumentError",
        &[
            "sendmessage, '127.0.0.1', 12345, 'x' * 9217, '127.0.0.1', 12345",
            "sendmessage, '127.0.0.1', 12345, 'x' * 10000000, '127.0.0.1', 12345",
        ],
    );
}

#[test]
fn the_clock_can_neither_be_set_nor_be_waited_for_without_end_or_backwards() {
    all_raise(
        Trial::new,
        "RepyArgumentError",
        &["sleep, 'x'", "sleep, None", "getruntime, 5", "sleep"],
    );
    let program = "\
begun = getruntime()
for number in range(1000):
  try:
    sleep(-1)
    sleep(0)
  except RepyArgumentError:
    pass
after = getruntime()
log(0 <= after - begun < 1)
getruntime = 5
log(getruntime)
";
    Trial::new(program).logs("True 5");
}
