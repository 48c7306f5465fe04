//! getlasterror, getresources, the variables every program has, uncaught exceptions.

use overlord_resources::Resource;

use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

#[test]
fn the_last_error_is_that_of_the_calling_thread() {
    let outcome = Trial::new(
        "log(getlasterror(), '\\n')
def other():
  log(getlasterror(), '\\n')
def fail():
  raise ValueError('the reason')
try:
  fail()
except ValueError:
  createthread(other)
  sleep(0)
  text = getlasterror()
log(text, '\\n')
",
    )
    .run();
    assert_eq!(outcome.ending, Ending::Finished);
    let text = outcome.log.strip_prefix("None \nNone \n").unwrap();
    assert!(text.contains("User traceback:\n  \"program.r2py\", line 7, in <module>\n  \"program.r2py\", line 5, in fail\n"), "{text}");
    assert!(
        text.contains("Exception (with type 'exceptions.ValueError'): the reason"),
        "{text}"
    );
}

#[test]
fn the_last_error_is_told_once_and_an_outer_one_is_still_there() {
    Trial::new(
        "def told():
  text = getlasterror()
  if text is None:
    return None
  return text.split('exceptions.')[1].split(\"'\")[0]
def inner():
  try:
    1 / 0
  except ZeroDivisionError:
    pass
  log(told(), told(), '\\n')
try:
  int('x')
except ValueError:
  inner()
  log(told(), told(), '\\n')
  try:
    raise
  except TypeError, e:
    log(e, '\\n')
log(told(), told(), '\\n')
inner()
log(told(), '\\n')
",
    )
    .logs(
        "ZeroDivisionError None \nValueError None \nexceptions must be old-style classes or derived from \
BaseException, not NoneType \nTypeError None \nZeroDivisionError None \nNone \n",
    );
}

#[test]
fn getresources_tells_limits_and_usage_as_they_are() {
    Trial::new(
        "limits, usage, stops = getresources()
log(limits['cpu'], limits['events'], limits['fileread'], sorted_ports(limits['connport']), stops, '\\n')
"
        .replace("sorted_ports(limits['connport'])", "list(limits['connport'])")
        .as_str(),
    )
    .limit(Resource::Cpu, 0.5)
    .limit(Resource::Events, 7.0)
    .logs("0.5 7 1000000000.0 [12345] [] \n");
    Trial::new(
        "f = openfile('new', True)
def wait():
  sleep(1)
createthread(wait)
usage = getresources()[1]
for name in ['events', 'filesopened', 'fileread', 'filewrite', 'diskused', 'insockets', 'outsockets', 'netsend']:
  log(name, usage[name], '\\n')
log(type(usage['memory']), usage['threadcpu'] >= 0, usage['cpu'] >= 0, '\\n')
usage['events'] = 99
log(getresources()[1]['events'], '\\n')
",
    )
    .file("old", &[0; 10_000])
    .logs(
        "events 2 \nfilesopened 1 \nfileread 4096.0 \nfilewrite 4096.0 \ndiskused 18192 \ninsockets 0 \n\
outsockets 0 \nnetsend 0.0 \n<type 'int'> True True \n2 \n",
    );
}

#[test]
fn every_program_begins_with_the_same_variables() {
    Trial::new(
        "log(callfunc, callargs, mycontext, type(_context), '\\n')
_context['added'] = 5
log(added, _context['callfunc'], _context.has_key('log'), '\\n')
mycontext['x'] = 1
log(_context['mycontext'])
",
    )
    .arguments(&["one", "two words"])
    .logs(
        "initialize ['one', 'two words'] {} <class 'safe.SafeDict'> \n5 initialize True \n{'x': 1}",
    );
}

#[test]
fn each_kind_of_end_has_its_code() {
    for (program, ending, code) in [
        ("pass", Ending::Finished, 0),
        ("exitall()", Ending::Exited, 0),
        ("raise SystemExit(3)", Ending::SystemExit, 4),
        ("import os", Ending::Refused { syntax: false }, 5),
        ("x = = 1", Ending::Refused { syntax: true }, 5),
        ("break", Ending::Refused { syntax: true }, 5),
        ("raise ValueError()", Ending::Uncaught, 6),
        (
            "def f():\n  raise SystemExit\ncreatethread(f)",
            Ending::UncaughtInThread,
            30,
        ),
    ] {
        let outcome = Trial::new(program).run();
        assert_eq!(outcome.ending, ending, "{program}: {}", outcome.log);
        assert_eq!(
            outcome.ending.code(&crate::dialect::V2.codes),
            code,
            "{program}"
        );
    }
}

#[test]
fn what_the_api_hands_out_tells_its_kind_and_nothing_else() {
    Trial::new(
        "\
for handle in [createlock(), openfile('f', True), createvirtualnamespace('pass', 'n')]:
  name = repr(handle).split(' object at 0x')[0]
  log(name, str(handle) == repr(handle), type(handle) == type(handle), '')
  try:
    handle.fileno
  except AttributeError, e:
    log(e, '\\n')
",
    )
    .logs(
        "<lock True True  fileno \n\
<file True True  fileno \n\
<VirtualNamespace True True  fileno \n",
    );
}

#[test]
fn messages_of_builtin_exceptions_can_be_read() {
    Trial::new("try:\n  raise ValueError('m')\nexcept ValueError, e:\n  log(e.message)").logs("m");
}

#[test]
fn format_fields_do_not_walk_attributes() {
    let outcome = Trial::new("log('{0.__class__.__bases__}'.format(1))").run();
    assert_eq!(outcome.ending, Ending::Uncaught);
    assert!(!outcome.log.contains("<type 'object'>"), "{}", outcome.log);
}
