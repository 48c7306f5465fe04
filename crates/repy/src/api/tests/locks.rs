//! createlock, acquire, release.

use crate::sandbox::testing::Trial;

#[test]
fn a_lock_is_held_once_and_released_once() {
    Trial::new(
        "lock = createlock()
log(lock.acquire(True), lock.acquire(False), lock.release(), lock.acquire(False), lock.release(), '\\n')
try:
  lock.release()
except LockDoubleReleaseError, e:
  log(str(e) + '\\n')
try:
  createlock().release()
except RepyException, e:
  log(str(e) + '\\n')
",
    )
    .logs("True False None True None \nReleasing an un-locked lock!\nReleasing an un-locked lock!\n");
}

#[test]
fn threads_get_a_lock_in_the_order_in_which_they_asked() {
    Trial::new(
        "lock = createlock()
lock.acquire(True)
def ask():
  lock.acquire(True)
  log(getthreadname(), getruntime(), '\\n')
  sleep(1)
  lock.release()
for i in range(3):
  createthread(ask)
sleep(5)
lock.release()
",
    )
    .logs("_EVENT:Thread:1 5.0 \n_EVENT:Thread:2 6.0 \n_EVENT:Thread:3 7.0 \n");
}

#[test]
fn a_thread_may_release_what_another_holds() {
    Trial::new(
        "lock = createlock()
lock.acquire(True)
def release():
  lock.release()
createthread(release)
log(lock.acquire(True), '\\n')
",
    )
    .logs("True \n");
}

#[test]
fn nobody_overtakes_those_who_wait() {
    Trial::new(
        "lock = createlock()
lock.acquire(True)
def ask():
  lock.acquire(True)
  log('first\\n')
  lock.release()
createthread(ask)
sleep(1)
lock.release()
log(lock.acquire(False))
sleep(1)
log(lock.acquire(False), '\\n')
",
    )
    .logs("False first\nTrue \n");
}

#[test]
fn a_lock_is_waited_for_inside_of_callbacks_of_native_functions_too() {
    Trial::new(
        "lock = createlock()
lock.acquire(True)
def ask(a, b):
  lock.acquire(True)
  lock.release()
  return cmp(a, b)
def release():
  sleep(2)
  lock.release()
createthread(release)
x = [3, 1, 2]
x.sort(ask)
class Shown:
  def __str__(self):
    sleep(1)
    return 'shown'
log(x, getruntime(), str(Shown()), getruntime(), '\\n')
",
    )
    .logs("[1, 2, 3] 2.0 shown 3.0 \n");
}

#[test]
fn what_a_lock_guards_is_never_changed_by_two_at_a_time() {
    let outcome = Trial::new(
        "lock = createlock()
count = [0]
state = [12345]
def draw(below):
  state[0] = (state[0] * 1103515245 + 12345) % 2147483648
  return state[0] / 65536 % below
def work():
  for i in range(20):
    sleep(draw(10) / 10.0)
    if draw(3) or not lock.acquire(False):
      lock.acquire(True)
    seen = count[0]
    sleep(draw(3) / 100.0)
    count[0] = seen + 1
    lock.release()
def release_when_free():
  for i in range(100):
    sleep(0.05)
    if lock.acquire(False):
      lock.release()
for i in range(50):
  createthread(work)
createthread(release_when_free)
sleep(1000)
log(count[0], lock.acquire(False), getresources()[1]['events'])
",
    )
    .run();
    assert_eq!(outcome.log, "1000 True 1", "{:?}", outcome.ending);
}
