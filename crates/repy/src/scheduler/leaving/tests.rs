//! What is left of threads that wait within native functions when the program is over, or the interpreter has failed.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::surroundings::Surroundings;
use super::super::system::RealSystem;
use crate::accounting::Accounting;
use crate::api;
use crate::files::FileTable;
use crate::network::{AddressRules, Network};
use crate::sandbox::{Ending, LogWriter, MemoryWatch, Sandbox};
use overlord_repy_machine::HostType;
use overlord_repy_machine::{Args, Res, Value};
use overlord_repy_machine::{Limits, Machine};
use overlord_repy_machine::{Program, depth};

/// Counts those of its kind.
struct Handle(Rc<Cell<usize>>);

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

/// Lets twenty threads wait, each with handles in its frames and deep in native functions, and then calls this.
fn while_twenty_wait(last: &str) -> (Option<Ending>, usize) {
    let source = format!(
        "class Shown:
  def __repr__(self):
    held = handle()
    sleep(1000)
    return ''
def wait(x):
  held = [handle()]
  return repr([[Shown()]])
def work():
  map(wait, [1])
for i in xrange(20):
  createthread(work)
while opened() < 40:
  sleep(0)
{last}
"
    );
    let sandbox = Rc::new(Sandbox::new(
        &crate::dialect::V2,
        Accounting::new(None),
        Box::new(RealSystem::new()),
        FileTable::none(),
        Network::new(AddressRules::default()),
        LogWriter::new(Box::new(std::io::sink()), crate::sandbox::Reports::InLog),
        MemoryWatch::heap_only(None),
    ));
    let mut machine = Machine::new(Limits::default());
    let globals = machine.new_globals();
    api::v2_globals(&sandbox, &mut machine, &globals, &[]);
    let open = Rc::new(Cell::new(0));
    let count = open.clone();
    let handle = machine.host_function("handle", move |machine, _| {
        count.set(count.get() + 1);
        Ok(machine.host_object(Handle(count.clone())))
    });
    let count = open.clone();
    let opened = machine.host_function("opened", move |_, _| Ok(Value::Int(count.get() as i64)));
    let fault = machine.host_function("fault", |_, _| panic!("a fault of the interpreter"));
    for (name, function) in [("handle", handle), ("opened", opened), ("fault", fault)] {
        globals.set_variable(&mut machine, name, function);
    }
    let program = Program::new(source.as_bytes(), "program.r2py").unwrap();
    let main = machine.load(&program, &globals).unwrap();
    let thread = machine.thread(main, Vec::new());
    sandbox.scheduler.add_main(thread, None);
    let depth_before = depth::left();
    let surroundings: Rc<dyn Surroundings> = sandbox.clone();
    let ended = catch_unwind(AssertUnwindSafe(|| {
        sandbox.scheduler.run(&surroundings, machine)
    }));
    let ending = ended.ok().map(|(ending, machine)| {
        assert!(machine.is_some(), "a stack could not be ended");
        ending
    });
    sandbox.scheduler.clear();
    assert_eq!(depth::left(), depth_before);
    (ending, open.get())
}

#[test]
fn a_thread_that_waits_lets_go_of_everything_when_the_program_ends() {
    assert_eq!(while_twenty_wait("exitall()"), (Some(Ending::Exited), 0));
    assert_eq!(while_twenty_wait("1 / 0"), (Some(Ending::Uncaught), 0));
    let within = "def end(x):\n  exitall()\nmap(end, [1])";
    assert_eq!(while_twenty_wait(within), (Some(Ending::Exited), 0));
}

#[test]
fn a_thread_that_waits_lets_go_of_everything_when_the_interpreter_fails() {
    assert_eq!(while_twenty_wait("fault()"), (None, 0));
    assert_eq!(while_twenty_wait("map(fault, [1])"), (None, 0));
}
