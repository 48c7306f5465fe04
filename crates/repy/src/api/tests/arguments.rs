//! Wrong arguments of every call: too few, too many, of another type, out of bounds, by keyword.

use std::fmt::Write;

use overlord_resources::Resource;

use crate::api::arguments::Parameter;
use crate::sandbox::testing::Trial;

/// Calls with wrong arguments, and what RepyArgumentError says.
const WRONG: &[(&str, &str)] = &[
    (
        "sleep()",
        "Function 'sleep' takes 1 arguments, not 0 as you provided.",
    ),
    (
        "sleep(1, 2)",
        "Function 'sleep' takes 1 arguments, not 2 as you provided.",
    ),
    (
        "sleep(seconds=1)",
        "Keyword arguments not allowed when calling sleep.",
    ),
    ("sleep(-1)", "Must be non-negative."),
    ("sleep(-0.5)", "Must be non-negative."),
    ("sleep(-5L)", "Must be non-negative."),
    ("sleep(1e300 * 1e300 * 0)", "Must be non-negative."),
    ("sleep('1')", "Invalid type <type 'str'>"),
    ("sleep(None)", "Invalid type <type 'NoneType'>"),
    ("sleep(True)", "Invalid type <type 'bool'>"),
    (
        "getruntime(1)",
        "Function 'getruntime' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "exitall(1)",
        "Function 'exitall' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "createlock(1)",
        "Function 'createlock' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "lock.acquire()",
        "Function 'acquire' takes 1 arguments, not 0 as you provided.",
    ),
    ("lock.acquire(1)", "Invalid type <type 'int'>"),
    (
        "lock.acquire(blocking=True)",
        "Keyword arguments not allowed when calling acquire.",
    ),
    (
        "lock.release(1)",
        "Function 'release' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "createthread()",
        "Function 'createthread' takes 1 arguments, not 0 as you provided.",
    ),
    ("createthread(1)", "Invalid type <type 'int'>"),
    ("createthread('f')", "Invalid type <type 'str'>"),
    (
        "createthread(f, 1)",
        "Function 'createthread' takes 1 arguments, not 2 as you provided.",
    ),
    (
        "getthreadname(1)",
        "Function 'getthreadname' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "getlasterror(1)",
        "Function 'getlasterror' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "getresources(1)",
        "Function 'get_resources' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "randombytes(1)",
        "Function 'randombytes' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "log(end='x')",
        "Keyword arguments not allowed when calling log.",
    ),
    (
        "openfile('x')",
        "Function 'emulated_open' takes 2 arguments, not 1 as you provided.",
    ),
    ("openfile('x', 1)", "Invalid type <type 'int'>"),
    ("openfile(1, True)", "Invalid type <type 'int'>"),
    ("openfile('x' * 121, True)", "Max string length is 120"),
    ("openfile(Text('x'), True)", "Invalid type <class '.Text'>"),
    (
        "listfiles(1)",
        "Function 'listfiles' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "removefile()",
        "Function 'removefile' takes 1 arguments, not 0 as you provided.",
    ),
    ("removefile(1)", "Invalid type <type 'int'>"),
    ("removefile('x' * 121)", "Max string length is 120"),
    (
        "file.close(1)",
        "Function 'close' takes 0 arguments, not 1 as you provided.",
    ),
    (
        "file.readat(1)",
        "Function 'readat' takes 2 arguments, not 1 as you provided.",
    ),
    ("file.readat('1', 0)", "Invalid type <type 'str'>"),
    ("file.readat(1.0, 0)", "Invalid type <type 'float'>"),
    ("file.readat(True, 0)", "Invalid type <type 'bool'>"),
    ("file.readat(-1, 0)", "Negative sizelimit specified!"),
    ("file.readat(-10 ** 30, 0)", "Negative sizelimit specified!"),
    ("file.readat(1, -1)", "Min value is 0."),
    ("file.readat(1, -10 ** 30)", "Min value is 0."),
    ("file.readat(1, None)", "Invalid type <type 'NoneType'>"),
    (
        "file.writeat('x')",
        "Function 'writeat' takes 2 arguments, not 1 as you provided.",
    ),
    ("file.writeat(1, 0)", "Invalid type <type 'int'>"),
    ("file.writeat('x', -1)", "Min value is 0."),
    ("file.writeat('x', 0.0)", "Invalid type <type 'float'>"),
    (
        "createvirtualnamespace('x')",
        "Function 'createvirtualnamespace' takes 2 arguments, not 1 as you provided.",
    ),
    (
        "createvirtualnamespace(1, 'x')",
        "Invalid type <type 'int'>",
    ),
    (
        "createvirtualnamespace('x', None)",
        "Invalid type <type 'NoneType'>",
    ),
    (
        "namespace.evaluate()",
        "Function 'evaluate' takes 1 arguments, not 0 as you provided.",
    ),
    ("namespace.evaluate([])", "Invalid type <type 'list'>"),
    ("namespace.evaluate(None)", "Invalid type <type 'NoneType'>"),
    (
        "namespace.evaluate(context={})",
        "Keyword arguments not allowed when calling evaluate.",
    ),
];

const SCENE: &str = "\
class Text(str):
  pass
def f():
  pass
lock = createlock()
file = openfile('a', True)
namespace = createvirtualnamespace('pass', 'name')
";

#[test]
fn every_call_refuses_wrong_arguments_with_repyargumenterror() {
    let (mut program, mut expected) = (SCENE.to_owned(), String::new());
    for (call, message) in WRONG {
        let _ = write!(
            program,
            "try:\n  {call}\n  log('accepted\\n')\nexcept RepyArgumentError, e:\n  log(str(e) + '\\n')\n"
        );
        let _ = writeln!(expected, "{message}");
    }
    Trial::new(&program).logs(&expected);
}

#[test]
fn objects_of_the_api_take_attributes_and_missing_ones_raise_with_their_name() {
    Trial::new(
        "things = [createlock(), openfile('a', True), createvirtualnamespace('pass', 'n')]
for thing in things:
  try:
    thing.steal()
  except AttributeError, e:
    log(str(e), '')
  thing.foo = [1]
  thing.foo.append(2)
  thing.other = thing
  log(thing.foo, thing.other is thing, '')
  del thing.foo
  try:
    thing.foo
  except AttributeError, e:
    log(str(e), '')
  try:
    del thing.foo
  except AttributeError, e:
    log(str(e), '\\n')
lock = things[0]
lock.acquire(True)
lock.acquire = 5
log(lock.acquire, '')
del lock.acquire
log(lock.acquire(False))
",
    )
    .logs(&format!(
        "{}5  False",
        "steal  [1, 2] True  foo  foo \n".repeat(3)
    ));
}

#[test]
fn attributes_of_an_object_go_with_it() {
    Trial::new(
        "class Loud:
  def __del__(self):
    log('gone ')
lock = createlock()
lock.loud = Loud()
lock = None
log('after ')
circle = [createlock()]
circle[0].circle = circle
circle[0].more = 'x' * 10000000
before = getresources()[1]['memory']
circle = None
for i in range(10):
  x = ['y' * 10000000]
log('still running')
",
    )
    .limit(Resource::Memory, 100_000_000.0)
    .logs("gone  after  still running");
}

#[test]
fn no_call_takes_one_argument_too_many_or_a_keyword() {
    let calls: Vec<_> = crate::api::CALLS
        .iter()
        .copied()
        .flatten()
        .filter(|entry| entry.parameters.last() != Some(&Parameter::Rest))
        .collect();
    assert!(calls.len() >= 18, "{}", calls.len());
    let (mut program, mut expected) = (String::new(), String::new());
    for entry in calls {
        let (name, count) = (entry.name, entry.parameters.len());
        // The original's messages name the function behind the call.
        let told = match name {
            "openfile" => "emulated_open",
            "getresources" => "get_resources",
            other => other,
        };
        let many = vec!["None"; count + 1].join(", ");
        let _ = write!(
            program,
            "try:\n  {name}({many})\nexcept RepyArgumentError, e:\n  log(str(e) + '\\n')\n\
             try:\n  {name}(x=1)\nexcept RepyArgumentError, e:\n  log(str(e) + '\\n')\n"
        );
        let _ = writeln!(
            expected,
            "Function '{told}' takes {count} arguments, not {} as you provided.\n\
             Keyword arguments not allowed when calling {told}.",
            count + 1
        );
    }
    Trial::new(&program).logs(&expected);
}
