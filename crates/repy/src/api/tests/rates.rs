//! log, randombytes, and what they are charged.

use overlord_resources::Resource;

use crate::accounting::RENEWABLE;
use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

#[test]
fn the_log_has_the_softspace_of_python_2() {
    Trial::new(
        "log('a')\nlog('b', 'c\\n')\nlog('d', 1, None, [1, 'x'])\nlog('')\nlog()\nlog('e\\t', 'f')",
    )
    .logs("a b c\nd 1 None [1, 'x']  e\tf");
}

#[test]
fn logging_is_charged_by_the_byte_and_slowed_to_the_limit() {
    let outcome = Trial::new(
        "log('x' * 1000)
log(getruntime(), '\\n')
for i in range(9):
  log('y' * 998 + '\\n')
",
    )
    .limit(Resource::LogRate, 1000.0)
    .run();
    assert_eq!(outcome.ending, Ending::Finished);
    assert!(outcome.log.contains("x 0.0 \n"), "a second's worth is free");
    // 10,000 bytes, and some, of which 1,000 pass at once.
    let total = outcome.log.len() as f64;
    assert!(
        (outcome.seconds - (total - 1000.0) / 1000.0).abs() < 0.01,
        "{}",
        outcome.seconds
    );
}

#[test]
fn random_bytes_come_by_the_kibibyte() {
    let outcome = Trial::new(
        "for i in range(5):
  log(len(randombytes()), getresources()[1]['random'])
",
    )
    .limit(Resource::Random, 2048.0)
    .run();
    assert_eq!(
        outcome.log,
        "1024 1024.0 1024 2048.0 1024 2048.0 1024 2048.0 1024 2048.0"
    );
    assert_eq!(outcome.seconds, 1.5);
}

#[test]
fn a_call_that_needs_a_resource_with_limit_nought_is_forbidden_before_it_acts() {
    for (resource, call) in [
        (Resource::LogRate, "log('x')"),
        (Resource::Random, "randombytes()"),
        (Resource::FileRead, "listfiles()"),
        (Resource::FileRead, "openfile('a', True)"),
        (Resource::FileWrite, "openfile('a', True)"),
        (Resource::FileWrite, "removefile('b')"),
    ] {
        let outcome = Trial::new(&format!(
            "try:\n  {call}\nexcept ResourceForbiddenError, e:\n  mycontext['e'] = str(e)\nif mycontext['e'] != \
             \"the program may not use the resource '{resource}': its limit is 0\":\n  raise ValueError(mycontext['e'])\n"
        ))
        .file("b", b"")
        .limit(resource, 0.0)
        .run();
        assert_eq!(outcome.ending, Ending::Finished, "{call}: {}", outcome.log);
        assert_eq!(outcome.log, "", "{call}");
        assert!(!outcome.directory.path().join("a").exists());
        assert!(outcome.directory.path().join("b").exists());
    }
    assert_eq!(RENEWABLE.len(), 8);
}

#[test]
fn those_who_wait_for_a_resource_are_served_in_turn() {
    Trial::new(
        "order = []
def worker():
  for i in range(3):
    randombytes()
    order.append(getthreadname()[-1])
for i in range(3):
  createthread(worker)
sleep(100)
log(''.join(order))
",
    )
    .limit(Resource::Random, 1024.0)
    // One finds its second call within the burst; from then on they are served in the order in which they came.
    .logs(&["1", "123", "123", "23"].concat());
}

#[test]
fn an_exception_of_str_goes_to_the_caller_of_log() {
    Trial::new(
        "class Bad:
  def __str__(self):
    raise ValueError('no')
try:
  log('before', Bad())
except ValueError, e:
  log('caught', e)
",
    )
    .logs("caught no");
}
