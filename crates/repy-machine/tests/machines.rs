//! Several machines on one thread: each is held to its own limits, and leaves nothing to the others.

#![expect(clippy::expect_used, reason = "a test that cannot set the scene fails")]

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use overlord_repy_machine::{
    Args, CountingAllocator, Globals, HostType, Limits, Machine, Program, Res, SliceEnd, Stop,
    Thread, Value, memory_used,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Instructions of a slice here: few, so that machines alternate often.
const TURN: u64 = 300;

/// A handle of the host, which knows how many of its kind are open.
struct Handle(Rc<Cell<i64>>);

impl HostType for Handle {
    fn type_name(&self) -> &str {
        "handle"
    }

    fn methods(&self) -> &[&'static str] {
        &[]
    }

    fn call(&self, _: &mut Machine, _: &str, _: &mut Args<'_>) -> Res {
        Ok(Value::None)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A machine with a program in it.
struct Scene {
    thread: Thread,
    globals: Globals,
    logged: Rc<RefCell<String>>,
    open: Rc<Cell<i64>>,
    machine: Machine<'static>,
}

impl Scene {
    /// A program that may take so many bytes more than the thread has; it has `log` and `handle`.
    fn new(more: usize, source: &str) -> Scene {
        let program = Program::new(source.as_bytes(), "program").expect("a program");
        let mut machine = Machine::new(Limits {
            memory: Some(memory_used() + more),
        });
        let globals = machine.new_globals();
        let logged = Rc::new(RefCell::new(String::new()));
        let written = logged.clone();
        let log = machine.host_function("log", move |machine, args| {
            let text = machine.str_of(&args.take(0))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            written.borrow_mut().push_str(&text);
            written.borrow_mut().push(' ');
            Ok(Value::None)
        });
        globals.set_variable(&mut machine, "log", log);
        let open = Rc::new(Cell::new(0));
        let opened = open.clone();
        let handle = machine.host_function("handle", move |machine, _| {
            opened.set(opened.get() + 1);
            Ok(machine.host_object(Handle(opened.clone())))
        });
        globals.set_variable(&mut machine, "handle", handle);
        let main = machine.load(&program, &globals).expect("compiles");
        let thread = machine.thread(main, Vec::new());
        Scene {
            thread,
            globals,
            logged,
            open,
            machine,
        }
    }

    /// One slice; how the program ended, if it did.
    fn turn(&mut self) -> Option<Result<(), Stop>> {
        match self.machine.run_slice(&mut self.thread, TURN) {
            SliceEnd::Budget => None,
            SliceEnd::Finished(_) => Some(Ok(())),
            SliceEnd::Stopped(stop) => Some(Err(stop)),
            SliceEnd::Blocked(_) => panic!("nothing blocks here"),
            SliceEnd::Raised(uncaught) => {
                let report = self.machine.format_exception(&uncaught).unwrap_or_default();
                panic!("{}", String::from_utf8_lossy(&report));
            }
        }
    }

    /// Runs it to its end.
    fn run(&mut self) -> Result<(), Stop> {
        loop {
            if let Some(end) = self.turn() {
                return end;
            }
        }
    }

    fn logged(&self) -> String {
        self.logged.borrow().clone()
    }
}

/// Gives each its turn until all have ended; how each did.
fn alternate<const N: usize>(scenes: [&mut Scene; N]) -> [Result<(), Stop>; N] {
    let mut ends = [const { None }; N];
    let mut scenes = scenes;
    while ends.contains(&None) {
        for (scene, end) in scenes.iter_mut().zip(&mut ends) {
            if end.is_none() {
                *end = scene.turn();
            }
        }
    }
    ends.map(|end| end.expect("all have ended"))
}

const GROWS: &str = "held = []\nwhile True:\n  held.append('x' * 5000)\n  log(len(held))\n";

#[test]
fn each_is_stopped_by_its_own_memory_limit() {
    let mut small = Scene::new(4 << 20, GROWS);
    let mut large = Scene::new(16 << 20, GROWS);
    let ends = alternate([&mut small, &mut large]);
    for (end, scene, least, most) in [
        (&ends[0], &small, 3 << 20, 4 << 20),
        (&ends[1], &large, 14 << 20, 16 << 20),
    ] {
        assert!(matches!(end, Err(Stop::Memory { .. })), "{end:?}");
        let logged = scene.logged();
        let held: usize = (logged.split_whitespace().next_back())
            .and_then(|number| number.parse().ok())
            .expect("a number");
        assert!(
            (least..most).contains(&(held * 5000)),
            "held {held} strings"
        );
    }
    let [
        Err(Stop::Memory { limit: first }),
        Err(Stop::Memory { limit: second }),
    ] = ends
    else {
        panic!("checked above");
    };
    assert!(first + (11 << 20) < second, "{first} and {second}");
}

#[test]
fn what_one_takes_does_not_count_for_another() {
    let mut small = Scene::new(
        4 << 20,
        "held = []\nfor i in xrange(300):\n  held.append('x' * 5000)\nlog('fits')\n",
    );
    let mut large = Scene::new(
        64 << 20,
        "held = ['x' * (1 << 20) for i in xrange(40)]\nlog('has 40')\n",
    );
    assert_eq!(large.run(), Ok(()));
    assert!(memory_used() > 40 << 20);
    assert_eq!(small.run(), Ok(()));
    assert_eq!(small.logged(), "fits ");
    // And what it gives back makes no room for others.
    drop(large);
    let mut small = Scene::new(4 << 20, GROWS);
    let mut large = Scene::new(
        64 << 20,
        "held = ['x' * (1 << 20) for i in xrange(40)]\nlog('has 40')\n",
    );
    assert_eq!(large.run(), Ok(()));
    drop(large);
    assert!(matches!(small.run(), Err(Stop::Memory { .. })));
    assert!(memory_used() < 12 << 20, "{}", memory_used());
}

#[test]
fn each_looks_at_its_own_stop_flag_and_calls_its_own_host_within_a_long_operation() {
    let endless = "log('begun')\nn = sum(xrange(10 ** 12))\n";
    let mut stopped = Scene::new(4 << 20, endless);
    let mut other = Scene::new(
        4 << 20,
        "for i in xrange(100000):\n  pass\nlog(sum(xrange(3000000)))\n",
    );
    let pulses = [Rc::new(Cell::new(0)), Rc::new(Cell::new(0))];
    let (count, flag) = (pulses[0].clone(), stopped.machine.stop_flag());
    stopped.machine.set_pulse(move || {
        count.set(count.get() + 1);
        if count.get() == 20 {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let count = pulses[1].clone();
    other.machine.set_pulse(move || count.set(count.get() + 1));
    // Whichever was made or ran last.
    assert_eq!(other.turn(), None);
    assert_eq!(stopped.run(), Err(Stop::Interrupted));
    assert_eq!(pulses[0].get(), 20);
    assert_eq!(stopped.logged(), "begun ");
    let before = pulses[1].get();
    assert_eq!(other.run(), Ok(()));
    assert_eq!(other.logged(), "4499998500000 ");
    assert!(pulses[1].get() > before);
    assert_eq!(pulses[0].get(), 20);
}

/// Nests callbacks until that is too deep, and says how many there were.
const NESTS: &str = "depth = [0]
def deeper(x):
  depth[0] += 1
  map(deeper, [x])
try:
  deeper(0)
except RuntimeError:
  pass
log(depth[0])
";

#[test]
fn each_has_the_whole_depth() {
    let mut alone = Scene::new(16 << 20, NESTS);
    assert_eq!(alone.run(), Ok(()));
    let mut first = Scene::new(16 << 20, NESTS);
    let mut second = Scene::new(16 << 20, NESTS);
    assert_eq!(alternate([&mut first, &mut second]), [Ok(()), Ok(())]);
    for scene in [&first, &second] {
        assert_eq!(scene.logged(), alone.logged());
    }
}

#[test]
fn one_that_runs_within_another_has_what_is_left_of_the_stack_and_its_own_limits() {
    let inner = Rc::new(RefCell::new(Some(Scene::new(16 << 20, NESTS))));
    let mut alone = Scene::new(16 << 20, NESTS);
    assert_eq!(alone.run(), Ok(()));
    let source = "held = ['x' * 1000000]\ndef run(x):\n  inner()\ndef nest(x):\n  map(run, [x])\nmap(nest, [1])\nlog('back')\n";
    let mut outer = Scene::new(4 << 20, source);
    let scene = inner.clone();
    let run_inner = outer.machine.host_function("inner", move |_, _| {
        let mut scene = scene.borrow_mut().take().expect("once");
        let before = memory_used();
        assert_eq!(scene.run(), Ok(()));
        // More than the outer one may have.
        let mut greedy = Scene::new(32 << 20, "held = ['x' * (1 << 20) for i in xrange(20)]\n");
        assert_eq!(greedy.run(), Ok(()));
        assert!(memory_used() > before + (20 << 20));
        Ok(Value::text(&scene.logged()))
    });
    outer
        .globals
        .set_variable(&mut outer.machine, "inner", run_inner);
    let source = source.replace("  inner()", "  log(inner())");
    let program = Program::new(source.as_bytes(), "outer").expect("a program");
    let main = outer
        .machine
        .load(&program, &outer.globals)
        .expect("compiles");
    outer.thread = outer.machine.thread(main, Vec::new());
    assert_eq!(outer.run(), Ok(()));
    let words: Vec<String> = outer
        .logged()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let [nested, back] = &words[..] else {
        panic!("{words:?}");
    };
    assert_eq!(back, "back");
    let number = |text: &str| text.trim().parse::<u32>().expect("a number");
    assert!(number(nested) < number(&alone.logged()), "{nested}");
    assert!(number(nested) + 5 > number(&alone.logged()), "{nested}");
}

const DIES: &str = "class A:\n  def __del__(self):\n    log('dies')\na = A()\nfor i in xrange(1000):\n  pass\nlog('end')\n";

#[test]
fn a_destructor_runs_in_its_own_machine_wherever_the_object_died() {
    // In the hands of the host, between slices.
    let mut scene = Scene::new(4 << 20, DIES);
    assert_eq!(scene.turn(), None);
    let held = scene.globals.variable("a").expect("it is there");
    scene
        .globals
        .set_variable(&mut scene.machine, "a", Value::None);
    drop(held);
    assert_eq!(scene.logged(), "");
    assert_eq!(scene.run(), Ok(()));
    assert_eq!(scene.logged(), "dies end ");

    // While another machine is at work.
    let mut scene = Scene::new(4 << 20, DIES);
    assert_eq!(scene.turn(), None);
    let held = RefCell::new(scene.globals.variable("a"));
    scene
        .globals
        .set_variable(&mut scene.machine, "a", Value::None);
    let mut other = Scene::new(
        4 << 20,
        "class A:\n  def __del__(self):\n    log('wrong')\nlet_go()\nlog('other')\n",
    );
    let let_go = other.machine.host_function("let_go", move |_, _| {
        held.borrow_mut().take();
        Ok(Value::None)
    });
    other
        .globals
        .set_variable(&mut other.machine, "let_go", let_go);
    assert_eq!(other.run(), Ok(()));
    assert_eq!(other.logged(), "other ");
    assert_eq!(scene.logged(), "");
    assert_eq!(scene.run(), Ok(()));
    assert_eq!(scene.logged(), "dies end ");
}

#[test]
fn an_object_that_outlives_its_machine_goes_without_its_destructor() {
    let mut scene = Scene::new(
        4 << 20,
        "class A:\n  def __del__(self):\n    log('dies')\na = A()\na.h = handle()\n",
    );
    assert_eq!(scene.run(), Ok(()));
    let held = scene.globals.variable("a").expect("it is there");
    scene
        .globals
        .set_variable(&mut scene.machine, "a", Value::None);
    let (logged, open) = (scene.logged.clone(), scene.open.clone());
    drop(scene);
    assert_eq!(open.get(), 1);
    drop(held);
    assert_eq!(open.get(), 0);
    assert_eq!(&*logged.borrow(), "");
}

#[test]
fn a_machine_that_is_gone_has_left_nothing() {
    let source = "class Node:\n  pass\ndef make():\n  a = Node()\n  b = Node()\n  a.other = b\n  b.other = [a, handle()]\nfor i in xrange(200):\n  make()\nkept = Node()\nkept.me = kept\nkept.all = [handle() for i in xrange(20)]\nclass Dies:\n  def __del__(self):\n    log('dies')\nd = Dies()\nd.kept = kept\n";
    // The first makes what all machines of a thread have in common.
    drop(Scene::new(4 << 20, source));
    let before = memory_used();
    let mut beside = Scene::new(4 << 20, GROWS);
    assert_eq!(beside.turn(), None);
    let mut scene = Scene::new(4 << 20, source);
    assert_eq!(scene.run(), Ok(()));
    assert!(scene.open.get() >= 20);
    let open = scene.open.clone();
    drop(scene);
    assert_eq!(open.get(), 0);
    drop(beside);
    let left = memory_used().saturating_sub(before);
    // Room in the lists of the thread, and what a process makes once.
    assert!(left < 8 << 10, "{left} bytes are left");
}

#[test]
fn a_panic_in_one_leaves_the_others_as_they_were() {
    let mut outer = Scene::new(4 << 20, "fault()\n");
    let open = Rc::new(RefCell::new(None));
    let opened = open.clone();
    let fault = outer.machine.host_function("fault", move |_, _| {
        let mut inner = Scene::new(32 << 20, "held = [handle() for i in xrange(10)]\nfault()\n");
        let fault = inner
            .machine
            .host_function("fault", |_, _| panic!("a fault of the host"));
        inner
            .globals
            .set_variable(&mut inner.machine, "fault", fault);
        opened.replace(Some(inner.open.clone()));
        let _ = inner.run();
        Ok(Value::None)
    });
    outer
        .globals
        .set_variable(&mut outer.machine, "fault", fault);
    assert!(catch_unwind(AssertUnwindSafe(|| outer.run())).is_err());
    let open = open.take().expect("the inner one was made");
    assert_eq!(open.get(), 0);
    // Others begin as ever.
    let mut other = Scene::new(16 << 20, NESTS);
    let mut alone = Scene::new(16 << 20, NESTS);
    assert_eq!(alternate([&mut other, &mut alone]), [Ok(()), Ok(())]);
    assert_eq!(other.logged(), alone.logged());
    assert!(matches!(
        Scene::new(2 << 20, GROWS).run(),
        Err(Stop::Memory { .. })
    ));
}

#[test]
fn a_host_that_says_for_whom_it_works_takes_nothing_from_others() {
    let mut first = Scene::new(4 << 20, "log('done')\n");
    let mut second = Scene::new(
        4 << 20,
        "held = []\nfor i in xrange(500):\n  held.append('x' * 5000)\nlog('fits')\n",
    );
    let value = {
        let _at_work = first.machine.at_work();
        Value::from_vec(vec![0; 32 << 20])
    };
    assert_eq!(second.run(), Ok(()));
    let _at_work = first.machine.at_work();
    drop(value);
    assert_eq!(first.run(), Ok(()));
}
