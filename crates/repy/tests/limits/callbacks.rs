//! Threads that wait within callbacks of native functions, behind both walls.

use super::Scene;

/// Each waits in the middle of a native function that has gone deep.
const PROGRAM: &str = "
deep = []
for i in xrange(500):
  deep = [deep]
waiting = []
done = []
class Waits(object):
  def __repr__(self):
    waiting.append(1)
    sleep(0.2)
    while len(waiting) < 60:
      sleep(0.05)
    return repr(deep)
def work():
  repr([[Waits()]])
  done.append(1)
for i in xrange(60):
  createthread(work)
while len(done) < 60:
  sleep(0.05)
sleep(0.5)
log(len(done))
";

#[test]
fn sixty_threads_wait_deep_in_native_functions_behind_the_walls() {
    let scene = Scene::new(PROGRAM, &[("events", "61"), ("memory", "400000000")]);
    assert_eq!(scene.run(), (Some(0), "60".to_owned()));
}

#[test]
fn what_they_take_of_their_stacks_counts_as_the_programs_memory() {
    let scene = Scene::new(PROGRAM, &[("events", "61"), ("memory", "9000000")]);
    let (code, text) = scene.run();
    assert_eq!(code, Some(98), "{text}");
}
