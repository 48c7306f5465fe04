//! The virtual machine: classes, names and limits shared by all threads of a program, and how threads are run.
//!
//! Repy threads are not threads of the operating system: each is a stack of frames on the heap that
//! [`Machine::run_slice`] advances by a number of instructions. The program that embeds the machine decides which thread
//! runs next and what a blocked thread waits for.

mod arguments;
mod attributes;
mod call;
pub(crate) mod class;
mod destructor;
mod items;
mod iterate;
mod names;
mod operators;
pub(crate) mod reenter;
pub(crate) mod run;
pub(crate) mod setup;
mod slow_path;
pub(crate) mod stack;
#[cfg(test)]
mod tests;
pub(crate) mod unwind;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use overlord_bug::bug;

use crate::depth;
use crate::machine::{
    Ended, Globals, METHOD_CACHE, Machine, MethodEntry, SliceEnd, Thread, Uncaught,
};
use crate::memory;
use crate::meter::watched;
use crate::object::budget::{AtWork, Budget};
use crate::object::cycles;
use crate::object::{
    Class, DictObject, ExceptionKind, Function, NativeFunction, Res, Str, Sym, Thrown, TupleObject,
    TypeTag, Value,
};
use crate::pages::Pages;
use crate::stop::{Stop, Wait};
use crate::string;

/// Python 2's recursion limit.
const RECURSION_LIMIT: usize = 1000;

/// Instructions between two looks at the stop flag and at the clock: some microseconds, and little even if each of
/// them does as much as one may without looking up by itself.
const SLICE: i64 = 500;

/// Instructions of a callback's turn, after which others may run: as many as a turn of a thread has.
const NESTED_TURN: i64 = 20_000;

/// What a machine allows.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Most bytes the thread may have allocated, less what other machines on it took, counted by
    /// [`memory::CountingAllocator`] if the process uses it.
    pub memory: Option<usize>,
}

/// What native code is in the middle of, on this native stack.
#[derive(PartialEq, Eq, Debug)]
struct UnderWay {
    /// Levels that it may still nest.
    levels_left: u32,
    /// Frames of programs below those of the thread at work.
    outer_frames: usize,
    /// Containers whose `repr` is being made.
    shown: usize,
}

impl Machine<'_> {
    /// A machine with all builtins.
    pub fn new(limits: Limits) -> Machine<'static> {
        string::prepare();
        drop(TupleObject::empty());
        let budget = Budget::new(limits.memory, cycles::COLLECTOR);
        let _at_work = budget.begin();
        let machine = setup::machine(budget);
        watched(|watched| watched.stop = Some(machine.stop.clone()));
        machine
    }

    /// The machine is at work on this thread as long as the result lives, as it is during a slice: what is allocated and
    /// given back is its own, and its limits hold. For a host with several machines on a thread that does something for
    /// one of them between slices, and for one that moves a machine between native stacks ([`crate::NativeStack`]), around all
    /// of it: slices that begin and end on different stacks do not end in turn.
    pub fn at_work(&self) -> AtWork {
        self.budget.begin()
    }

    /// The pages of the process count for this machine too.
    pub fn limit_pages(&mut self, pages: Rc<Pages>) {
        let _at_work = self.at_work();
        watched(|watched| watched.pages = Some(pages));
        memory::look_soon();
    }

    /// The flag that, once set, stops the machine within a slice.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// What to do when code called by a native function (a destructor, a sort's comparison) must wait: the native
    /// function is in the middle of its work, so the host waits, running other threads meanwhile if it can.
    pub fn set_nested_wait(&mut self, wait: impl Fn(&mut Machine, Wait) -> Res + 'static) {
        self.nested_wait = Some(Rc::new(wait));
    }

    /// What to do when code called by a native function has run long enough: the host may let others run meanwhile, if
    /// it can.
    pub fn set_nested_turn(&mut self, turn: impl Fn(&mut Machine) -> Res<()> + 'static) {
        self.nested_turn = Some(Rc::new(turn));
    }

    /// What to do now and then, at least about every millisecond, while a single operation takes long: the host gets
    /// no other chance then. It may take its time (to hold a program to its share of the processor, say), but it
    /// cannot get at the machine, and must not allocate without end.
    pub fn set_pulse(&mut self, pulse: impl Fn() + 'static) {
        let _at_work = self.at_work();
        let before = watched(|watched| watched.pulse.replace(Rc::new(pulse)));
        drop(before);
    }

    /// Asked every few hundred instructions: whether the thread that runs has run long enough. Its slice then ends,
    /// whatever is left of its budget.
    pub fn set_turn_over(&mut self, is_over: impl Fn() -> bool + 'static) {
        self.turn_over = Some(Rc::new(is_over));
    }

    /// Asked behind each call of a function or method of the host: whether the thread's turn ends with it.
    pub fn set_call_over(&mut self, is_over: impl Fn() -> bool + 'static) {
        self.call_over = Some(Rc::new(is_over));
    }

    /// A call of the host has ended.
    pub(crate) fn after_host_call(&mut self) {
        if self.call_over.as_ref().is_some_and(|is_over| is_over()) {
            self.turn_given_up = true;
            crate::object::reclaim::call_attention();
        }
    }

    /// Whether the thread that runs has run long enough.
    fn is_turn_over(&mut self) -> bool {
        std::mem::take(&mut self.turn_given_up)
            || self.turn_over.as_ref().is_some_and(|is_over| is_over())
    }

    /// Where notes on errors in destructors are written.
    pub fn set_warnings(&mut self, write: impl FnMut(&[u8]) + 'static) {
        self.warnings = Some(Box::new(write));
    }

    /// A new, empty namespace for a program's global variables.
    pub fn new_globals(&mut self) -> Globals {
        let _at_work = self.at_work();
        self.globals(DictObject::namespace())
    }

    /// The globals as an object of the program: a SafeDict that is the namespace itself.
    pub fn context_of(&mut self, globals: &Globals) -> Value {
        let context = crate::machine::safe_dict::SafeDict::over(globals.names.clone());
        self.host_object(context)
    }

    /// The namespace behind a SafeDict or dictionary, to run code in.
    pub fn globals_of(&self, context: &Value) -> Option<Globals> {
        match context {
            Value::Dict(dict) => {
                if dict.borrow().version() == 0 {
                    dict.borrow_mut().track();
                }
                Some(self.globals(dict.clone()))
            }
            other => {
                crate::machine::safe_dict::of(other).map(|dict| self.globals(dict.namespace()))
            }
        }
    }

    fn globals(&self, names: Rc<DictObject>) -> Globals {
        Globals {
            names,
            _budget: self.budget.clone(),
        }
    }

    /// Makes a function of the host callable under a name.
    pub fn host_function(
        &mut self,
        name: &str,
        call: impl Fn(&mut Machine, &mut crate::object::Args<'_>) -> Res + 'static,
    ) -> Value {
        Value::Native(Rc::new(NativeFunction {
            name: name.to_owned(),
            code: crate::object::NativeCode::Host(Box::new(call)),
            arity: crate::object::Arity::Any,
            owner: None,
            shortcut: crate::object::function::Shortcut::None,
        }))
    }

    /// Compiles a checked program for these globals; the value is a function of no arguments that runs it.
    pub fn load(
        &mut self,
        program: &crate::Program,
        globals: &Globals,
    ) -> Result<Value, crate::ProgramError> {
        let _at_work = self.at_work();
        let name = program.filename();
        overlord_repy_syntax::compile_rules::check(program.module()).map_err(|error| {
            crate::ProgramError::new(name, error.pos.line, error.message.into())
        })?;
        let code = crate::compiler::compile(program.module(), name, &mut self.names)
            .map_err(|error| crate::ProgramError::new(name, error.line, error.message))?;
        Ok(Value::Function(Rc::new(Function {
            code,
            globals: globals.names.clone(),
            defaults: Vec::new(),
            closure: Vec::new(),
            attrs: std::cell::RefCell::default(),
        })))
    }

    /// A thread that will call `callable` with these arguments.
    pub fn thread(&mut self, callable: Value, args: Vec<Value>) -> Thread {
        Thread::of(self.budget.clone(), callable, args)
    }

    /// Runs a thread for about `budget` instructions, or until its turn is over.
    ///
    /// What must hold where a slice begins and where it ends is looked at both times: a mistake of ours stops the
    /// program where it is found ([`Stop::Bug`]) and does not run on with it.
    pub fn run_slice(&mut self, thread: &mut Thread, budget: u64) -> SliceEnd {
        let _at_work = self.at_work();
        if let Err(bug) = thread.check_before() {
            return SliceEnd::Stopped(Stop::Bug(bug));
        }
        let before = self.under_way();
        let end = self.run_parts(thread, budget);
        let after = self.under_way();
        let checked = if after == before {
            thread.check_after(&end)
        } else {
            Err(bug!(
                "a slice has left {after:?} of what it found as {before:?}"
            ))
        };
        match checked {
            Ok(()) => end,
            Err(bug) => SliceEnd::Stopped(Stop::Bug(bug)),
        }
    }

    /// What native code is in the middle of; a slice leaves it as it was.
    fn under_way(&self) -> UnderWay {
        UnderWay {
            levels_left: depth::left(),
            outer_frames: self.outer_frames,
            shown: self.showing.len(),
        }
    }

    /// Runs a thread in parts, between which is looked at what may end the slice.
    fn run_parts(&mut self, thread: &mut Thread, budget: u64) -> SliceEnd {
        let mut left = i64::try_from(budget).unwrap_or(i64::MAX);
        self.nested_budget = left;
        self.turn_given_up = false;
        loop {
            thread.budget = left.min(SLICE);
            let given = thread.budget;
            let end = self.resume(thread);
            let used = given - thread.budget;
            self.instructions += used.max(0) as u64;
            left -= used.max(1);
            match end {
                Ended::Finished(value) => return SliceEnd::Finished(value),
                Ended::Blocked(wait) => return SliceEnd::Blocked(wait),
                Ended::Raised(raised) => return SliceEnd::Raised(Uncaught(raised)),
                Ended::Stopped(stop) => return SliceEnd::Stopped(stop),
                Ended::Budget => {
                    if cycles::due() {
                        self.collect_garbage();
                    }
                    if let Err(stop) = self.check_stop() {
                        return SliceEnd::Stopped(stop);
                    }
                    if left <= 0 || self.is_turn_over() {
                        return SliceEnd::Budget;
                    }
                }
            }
        }
    }

    /// Gives back objects that hold each other and that nobody else holds. The machine does it by itself whenever the
    /// memory in use has grown by half; a host may when a program is idle.
    pub fn collect_garbage(&mut self) {
        let _at_work = self.at_work();
        // What was found in classes is remembered, and held by that.
        self.method_cache.fill(MethodEntry::default());
        cycles::collect();
    }

    /// Looks at the stop flag and the memory limit.
    pub(crate) fn check_stop(&self) -> Result<(), Stop> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stop::Interrupted);
        }
        match memory::exceeded() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    /// Asks for `bytes` more before a large operation; the machine stops if they would exceed the limit.
    ///
    /// # Errors
    /// As [`memory::reserve`].
    pub fn reserve(&self, bytes: usize) -> Res<()> {
        Ok(memory::reserve(bytes)?)
    }

    /// The class of a builtin type.
    pub(crate) fn type_class(&self, tag: TypeTag) -> Rc<Class> {
        self.types[tag as usize].clone()
    }

    /// The class of a builtin exception.
    pub fn exception_class(&self, kind: ExceptionKind) -> Value {
        Value::Class(self.exceptions[kind as usize].clone())
    }

    pub(crate) fn fresh_version(&mut self) -> u32 {
        self.next_version += 1;
        self.next_version
    }

    /// An attribute of a class or its ancestors, through the cache.
    #[inline]
    pub(crate) fn class_attr(&mut self, class: &Class, name: Sym) -> Value {
        let version = class.version.get();
        let at = (version.wrapping_mul(31) ^ name.0) as usize & (METHOD_CACHE - 1);
        let entry = &mut self.method_cache[at];
        if entry.version == version && entry.name == name.0 {
            return entry.value.clone();
        }
        let value = class.lookup(name).unwrap_or_default();
        *entry = MethodEntry {
            version,
            name: name.0,
            value: value.clone(),
        };
        value
    }

    /// An attribute of a builtin type, through the cache.
    #[inline]
    pub(crate) fn type_attr(&mut self, tag: TypeTag, name: Sym) -> Value {
        let class = &self.types[tag as usize];
        let version = class.version.get();
        let at = (version.wrapping_mul(31) ^ name.0) as usize & (METHOD_CACHE - 1);
        let entry = &mut self.method_cache[at];
        if entry.version == version && entry.name == name.0 {
            return entry.value.clone();
        }
        let value = class.lookup(name).unwrap_or_default();
        *entry = MethodEntry {
            version,
            name: name.0,
            value: value.clone(),
        };
        value
    }

    /// The string of a name.
    pub(crate) fn name(&self, sym: Sym) -> Str {
        self.names.string(sym)
    }
}

impl Globals {
    /// The value of a variable.
    pub fn variable(&self, name: &str) -> Option<Value> {
        self.names
            .borrow()
            .get_name(&Str::new(name.as_bytes()))
            .cloned()
    }

    /// Sets a variable.
    pub fn set_variable(&self, machine: &mut Machine, name: &str, value: Value) {
        let sym = machine.names.intern(name.as_bytes());
        let name = machine.names.string(sym);
        let old = self.names.borrow_mut().insert_name(&name, value);
        drop(old);
    }

    /// A loaded program (what [`Machine::load`] gave) with these globals in place of its own.
    pub fn bind(&self, body: &Value) -> Value {
        match body {
            Value::Function(function) => Value::Function(Rc::new(Function {
                code: function.code.clone(),
                globals: self.names.clone(),
                defaults: Vec::new(),
                closure: Vec::new(),
                attrs: std::cell::RefCell::default(),
            })),
            other => other.clone(),
        }
    }

    /// All variables as a dictionary value that is the namespace itself: changing one changes the other.
    pub fn as_value(&self) -> Value {
        Value::Dict(self.names.clone())
    }
}

impl Thrown {
    /// Not allowed here, with the message of the original's safety layer.
    pub(crate) fn run_builtin(message: &str) -> Thrown {
        Thrown::new(ExceptionKind::RunBuiltinException, message)
    }
}
