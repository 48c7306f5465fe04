//! Threads that wait within the callbacks of native functions: in any order, fairly, and with an end.

use overlord_resources::Resource;

use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;
use crate::scheduler::stacks::WAITING_MAX;

#[test]
fn threads_waiting_in_callbacks_go_on_in_the_order_in_which_their_waits_end() {
    let outcome = Trial::new(
        "def sleeper(seconds):
  def work():
    def wait(x):
      sleep(seconds)
      return x + seconds
    log(map(wait, [10, 20]), getruntime(), getthreadname()[-1], '\\n')
  return work
for seconds in [1, 5, 2, 4, 3]:
  createthread(sleeper(seconds))
sleep(20)
",
    )
    .logs("[11, 21] 2.0 1 \n[12, 22] 4.0 3 \n[13, 23] 6.0 5 \n[14, 24] 8.0 4 \n[15, 25] 10.0 2 \n");
    assert_eq!(outcome.seconds, 20.0);
}

#[test]
fn threads_that_hand_each_other_locks_within_callbacks_do_not_stand_still() {
    Trial::new(
        "a, b = createlock(), createlock()
a.acquire(True)
b.acquire(True)
def first(x):
  a.acquire(True)
  log('first ')
  b.release()
  return x
def second(x):
  a.release()
  b.acquire(True)
  log('second ')
  return x
class Text:
  def __str__(self):
    return str(map(first, [1]))
def work():
  log(str(Text()), '')
createthread(work)
sleep(1)
log(filter(second, [2]))
sleep(1)
",
    )
    .logs("first  [1]  second  [2]");
}

#[test]
fn a_callback_that_never_ends_keeps_nobody_from_running() {
    Trial::new(
        "done = []
def waiter():
  sleep(0)
  done.append(1)
  sleep(0)
  done.append(2)
createthread(waiter)
def busy(x):
  while len(done) < 2:
    pass
  return x
log([7].sort(None, busy), done)
",
    )
    .logs("None [1, 2]");
}

#[test]
fn many_short_callbacks_keep_nobody_from_running() {
    Trial::new(
        "done = []
def waiter():
  sleep(0)
  done.append(1)
createthread(waiter)
class Endless:
  def __iter__(self):
    return self
  def next(self):
    if done:
      raise StopIteration
    return 1
log(map(None, Endless())[0], done)
",
    )
    .logs("1 [1]");
}

#[test]
fn threads_beyond_the_bound_are_told_so_and_the_others_are_unharmed() {
    let program = "failed, woken = [], []
def by_key(x):
  sleep(1)
  return x
def work():
  try:
    [1].sort(None, by_key)
    woken.append(1)
  except RuntimeError, e:
    failed.append(str(e))
for i in range(200):
  createthread(work)
sleep(10)
log(len(woken), len(failed), failed[0])
";
    Trial::new(program).logs(&format!(
        "{WAITING_MAX} {} more than {WAITING_MAX} threads wait in callbacks of native functions",
        200 - WAITING_MAX
    ));
}

#[test]
fn each_native_stack_has_the_whole_depth() {
    Trial::new(
        "deep = []
for i in xrange(900):
  deep = [deep]
length = len(repr(deep))
class Deep:
  def __repr__(self):
    sleep(1)
    return repr(deep)
def nested(levels):
  if levels:
    return map(nested, [levels - 1])
  sleep(1)
  return 0
ended = []
def work():
  ended.append(len(repr(Deep())) == length)
  ended.append(len(repr(map(nested, [50]))))
for i in range(20):
  createthread(work)
sleep(10)
log(len(ended), ended.count(True), set(ended))
",
    )
    .limit(Resource::Events, 100.0)
    .logs("40 20 set([True, 103])");
}

#[test]
fn a_program_ends_while_threads_wait_within_callbacks() {
    let waiting = "class Waits:
  def __str__(self):
    try:
      sleep(1000)
    except Exception:
      log('not reached')
    finally:
      log('not reached')
    return ''
  def __del__(self):
    sleep(500)
    log('not reached')
def work():
  log(sorted([Waits(), Waits()]))
  log('not reached')
def sorted(items):
  items.sort(None, str)
  return items
for i in range(40):
  createthread(work)
sleep(1)
";
    let exited = Trial::new(&format!("{waiting}exitall()\n")).run();
    assert_eq!((exited.log.as_str(), exited.ending), ("", Ending::Exited));
    let raised = Trial::new(&format!("{waiting}1 / 0\n")).run();
    assert_eq!(raised.ending, Ending::Uncaught);
    assert!(!raised.log.contains("not reached"), "{}", raised.log);
    let within = Trial::new(&format!(
        "{waiting}def end(x):\n  sleep(1)\n  exitall()\nmap(end, [1])\n"
    ))
    .run();
    assert_eq!((within.log.as_str(), within.ending), ("", Ending::Exited));
}

#[test]
fn what_a_callback_raises_after_its_wait_reaches_who_called() {
    Trial::new(
        "def bad(x):
  sleep(1)
  raise KeyError(x)
def work():
  try:
    map(bad, [1, 2])
  except KeyError, e:
    log('caught', e, '')
for i in range(3):
  createthread(work)
sleep(5)
try:
  map(bad, ['main'])
except KeyError, e:
  log(e)
",
    )
    .logs("caught 1  caught 1  caught 1  'main'");
}

#[test]
fn waits_for_rates_within_callbacks_are_charged_one_after_the_other() {
    let outcome = Trial::new(
        "def work():
  map(log, ['x' * 100] * 5)
for i in range(4):
  createthread(work)
",
    )
    .limit(Resource::LogRate, 100.0)
    .run();
    assert_eq!(outcome.ending, Ending::Finished);
    assert_eq!(outcome.log.matches('x').count(), 2000);
    assert!(
        (18.0..=20.0).contains(&outcome.seconds),
        "{}",
        outcome.seconds
    );
}
