//! createthread, getthreadname, sleep: who runs when, and how threads end.

use overlord_resources::Resource;

use crate::sandbox::Ending;
use crate::sandbox::testing::Trial;

#[test]
fn the_program_ends_when_its_last_thread_does() {
    let outcome = Trial::new(
        "def late():
  sleep(3)
  log('late')
createthread(late)
log('main')
",
    )
    .logs("main late");
    assert_eq!(outcome.seconds, 3.0);
}

#[test]
fn threads_have_names_and_methods_can_be_threads() {
    Trial::new(
        "class Worker:
  def work(self):
    log(getthreadname(), '\\n')
log(getthreadname(), '\\n')
createthread(Worker().work)
createthread(Worker().work)
",
    )
    .logs("MainThread \n_EVENT:Thread:1 \n_EVENT:Thread:2 \n");
}

#[test]
fn threads_are_events_and_no_more_run_than_allowed() {
    let outcome = Trial::new(
        "def wait():
  sleep(1)
made = 0
try:
  while True:
    createthread(wait)
    made = made + 1
except ResourceExhaustedError, e:
  log(made, str(e), getresources()[1]['events'], '\\n')
sleep(2)
log(getresources()[1]['events'])
createthread(wait)
",
    )
    .limit(Resource::Events, 7.0)
    .logs("6 Resource 'events' limit exceeded!! 7 \n1");
    assert_eq!(outcome.seconds, 3.0);
}

#[test]
fn the_main_thread_is_an_event_until_it_ends() {
    Trial::new(
        "def first():
  try:
    createthread(second)
  except ResourceExhaustedError:
    log('too early', '')
  sleep(2)
  createthread(second)
def second():
  sleep(1)
  log(getthreadname(), getresources()[1]['events'])
createthread(first)
sleep(1)
",
    )
    .limit(Resource::Events, 2.0)
    .logs("too early  _EVENT:Thread:2 1");
}

#[test]
fn a_program_without_events_has_its_main_thread_and_no_other() {
    Trial::new(
        "def other():
  pass
try:
  createthread(other)
except ResourceExhaustedError:
  log(getthreadname(), getresources()[1]['events'])
",
    )
    .limit(Resource::Events, 0.0)
    .logs("MainThread 0");
}

#[test]
fn an_exception_nobody_catches_in_a_thread_ends_the_program_with_30() {
    let outcome = Trial::new(
        "def fail():
  raise KeyError('k')
createthread(fail)
sleep(1)
log('not reached')
",
    )
    .run();
    assert_eq!(outcome.ending, Ending::UncaughtInThread);
    assert_eq!(outcome.ending.code(&crate::dialect::V2.codes), 30);
    assert!(
        outcome.log.contains("Uncaught exception!"),
        "{}",
        outcome.log
    );
    assert!(!outcome.log.contains("not reached"));
}

#[test]
fn busy_threads_all_get_on_at_the_same_pace() {
    let outcome = Trial::new(
        "counts = [0] * 10
def busy_at(i):
  def busy():
    while counts[0] < 20000:
      counts[i] = counts[i] + 1
  return busy
for i in range(10):
  createthread(busy_at(i))
while counts[0] < 20000:
  pass
log(min(counts) * 10 > max(counts) * 6)
",
    )
    .run();
    assert_eq!(outcome.log, "True");
}

#[test]
fn a_thread_that_never_waits_does_not_keep_others_from_waking() {
    Trial::new(
        "done = []
def waiter():
  sleep(0)
  done.append(1)
createthread(waiter)
while not done:
  pass
log('woken')
",
    )
    .logs("woken");
}

#[test]
fn what_only_a_threads_function_held_goes_when_the_thread_ends() {
    Trial::new(
        "class Loud:
  def __init__(self, name):
    self.name = name
  def __del__(self):
    log('gone:', self.name, '\\n')
def holding(name):
  loud = Loud(name)
  def run():
    log('runs:', loud.name, '\\n')
  return run
createthread(holding('first'))
sleep(1)
log('later\\n')
createthread(holding('last'))
",
    )
    .logs("runs: first \ngone: first \nlater\nruns: last \ngone: last \n");
}

#[test]
fn a_thousand_threads_wait_at_once() {
    let outcome = Trial::new(
        "woken = []
def wait():
  sleep(10)
  woken.append(getthreadname())
for i in range(1000):
  createthread(wait)
log(getresources()[1]['events'])
sleep(11)
log(len(woken), len(set(woken)))
",
    )
    .limit(Resource::Events, 1001.0)
    .logs("1001 1000 1000");
    assert_eq!(outcome.seconds, 11.0);
}

#[test]
fn sleeping_takes_as_long_as_asked_and_values_around_it_are_kept() {
    Trial::new(
        "def f(a, b, c):
  return [a, b, c]
log(f(1, sleep(2.5), 3), [sleep(1L), 'x'], getruntime(), '\\n')
for i in range(1000):
  sleep(0)
log(getruntime())
",
    )
    .logs("[1, None, 3] [None, 'x'] 3.5 \n3.5");
}

#[test]
fn exitall_ends_at_once_without_finally() {
    let outcome = Trial::new(
        "def other():
  sleep(1)
  log('other')
createthread(other)
try:
  exitall()
finally:
  log('finally')
",
    )
    .run();
    assert_eq!(
        (outcome.log.as_str(), outcome.ending.clone()),
        ("", Ending::Exited)
    );
    assert_eq!(outcome.ending.code(&crate::dialect::V2.codes), 0);
}

#[test]
fn many_threads_waiting_inside_native_callbacks_are_told_so_and_do_no_harm() {
    let outcome = Trial::new(
        "failed = []
def by_key(x):
  sleep(1)
  return x
def work():
  try:
    [1].sort(None, by_key)
  except RuntimeError:
    failed.append(1)
for i in range(200):
  createthread(work)
sleep(10)
log(len(failed) < 200)
",
    )
    .run();
    assert_eq!(outcome.log, "True", "{:?}", outcome.ending);
}

#[test]
fn calls_of_the_api_can_be_threads_and_other_builtins_cannot() {
    let outcome = Trial::new(
        "lock = createlock()
lock.acquire(True)
createthread(lock.release)
lock.acquire(True)
try:
  createthread(len)
except RepyArgumentError, e:
  log(e)
createthread(exitall)
sleep(1)
log('not reached')
",
    )
    .run();
    assert_eq!(
        (outcome.log.as_str(), outcome.ending),
        (
            "Invalid type <type 'builtin_function_or_method'>",
            Ending::Exited
        )
    );
}

#[test]
fn a_thousand_native_functions_that_wait_for_native_callbacks_do_not_exhaust_the_stack() {
    let outcome = Trial::new(
        "failed = []
def work():
  try:
    [1].sort(None, sleep)
  except RuntimeError:
    failed.append(1)
for i in range(1000):
  createthread(work)
sleep(100)
log(len(failed) > 0, len(failed) < 1000)
",
    )
    .run();
    assert_eq!(outcome.log, "True True", "{:?}", outcome.ending);
}

#[test]
fn times_without_end_are_waited_for_without_harm() {
    let outcome = Trial::new(
        "def wait_for(seconds):
  def wait():
    sleep(seconds)
    log('woken')
  return wait
for seconds in [1e300, 1e300 * 1e300, 10 ** 40, 2 ** 63, 9e15]:
  createthread(wait_for(seconds))
sleep(1e-320)
sleep(100)
exitall()
",
    )
    .run();
    assert_eq!((outcome.log.as_str(), outcome.ending), ("", Ending::Exited));
    assert!(
        (100.0..101.0).contains(&outcome.seconds),
        "{}",
        outcome.seconds
    );
}

#[test]
fn a_destructor_at_the_end_of_a_loop_does_not_begin_the_loop_again() {
    Trial::new(
        "class A:
  def __del__(self):
    log('del ')
def items():
  return [A(), 1]
def f():
  for x in items():
    x = None
    log('body ')
  log('after')
f()
",
    )
    .logs("body  body  del  after");
}
