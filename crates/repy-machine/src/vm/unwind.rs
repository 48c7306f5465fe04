//! Raising, catching and reporting exceptions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use overlord_bug::bug;

use super::{Machine, Uncaught};
use crate::machine::Ended;
use crate::machine::frame::{Frame, Then, Thread};
use crate::object::exception::Request;
use crate::object::exception::type_error;
use crate::object::instance::Payload;
use crate::object::{ExceptionKind, Raised, Res, Signal, Thrown, TraceEntry, Value, reclaim};
use crate::stop::Stop;
use crate::{memory, work};

/// Lines of a traceback shown at each end when it is longer than twice this.
const SHOWN_LINES: usize = 500;

impl Machine<'_> {
    /// Makes what was thrown an exception instance on its way, or says why the machine must do something else.
    pub(crate) fn raised(&mut self, signal: Signal) -> Result<(Rc<Raised>, bool), Ended> {
        match signal {
            Signal::Stop(stop) => Err(Ended::Stopped(stop)),
            Signal::Block(wait) => Err(Ended::Blocked(wait)),
            Signal::Raised(raised) => Ok((raised, true)),
            Signal::Again(raised) => Ok((raised, false)),
            // The caller of a native function fulfils its requests: none comes this far.
            Signal::Request(_) => Err(Ended::bug(bug!("nobody fulfilled a request"))),
            Signal::New(kind, args) => {
                let value = self.new_exception(kind, args);
                let raised = new_raised(value);
                raised.is_native.set(true);
                Ok((raised, true))
            }
        }
    }

    /// Finds who handles what was thrown by the instruction before `pc`. None: go on with the top frame.
    pub(super) fn unwind(
        &mut self,
        thread: &mut Thread,
        thrown: Thrown,
        mut pc: usize,
    ) -> Option<Ended> {
        let signal = match thrown.into_signal() {
            Signal::Request(request) => match self.fulfil(thread, request, pc) {
                Ok(()) => return None,
                Err(thrown) => thrown.into_signal(),
            },
            other => other,
        };
        let (raised, mut add) = match self.raised(signal) {
            Ok(found) => found,
            Err(ended) => {
                if let Some(frame) = thread.frames.last_mut() {
                    frame.pc = pc as u32;
                }
                if matches!(ended, Ended::Blocked(_)) {
                    thread.state = crate::machine::frame::State::Blocked(None);
                }
                return Some(ended);
            }
        };
        let is_stop = matches!(&raised.value, Value::Instance(instance)
            if instance.class.exception == Some(ExceptionKind::StopIteration));
        while let Some(frame) = thread.frames.last_mut() {
            let code = frame.function.code.clone();
            let at = pc.saturating_sub(1);
            if add {
                let line = code.line(at);
                raised.trace.borrow_mut().push(TraceEntry {
                    code: code.clone(),
                    line,
                });
            }
            add = true;
            let handler = code
                .handlers
                .iter()
                .find(|handler| (handler.start as usize..handler.end as usize).contains(&at));
            if let Some(handler) = handler {
                let height = frame.base as usize + code.slots as usize + handler.depth as usize;
                if thread.stack.len() < height {
                    return Some(Ended::bug(bug!(
                        "a handler of {} wants {height} values and there are {}",
                        code.name.lossy(),
                        thread.stack.len()
                    )));
                }
                frame.pc = handler.target;
                let before = thread.handled.replace(raised.clone());
                let rare = frame.rare.get_or_insert_default();
                if rare.handled_before.is_none() {
                    rare.handled_before = Some(before);
                }
                thread.stack.truncate(height);
                thread.push(Value::Raised(raised));
                return None;
            }
            let then = frame.then;
            if let Some(frame) = thread.frames.pop() {
                self.leave_frame(thread, frame, &raised);
            }
            match then {
                Then::NextItem { end, .. } if is_stop => {
                    let (Some(caller), Some(_iterator)) =
                        (thread.frames.last_mut(), thread.stack.pop())
                    else {
                        return Some(Ended::bug(bug!("there is no loop that ends")));
                    };
                    caller.pc = end;
                    return None;
                }
                Then::Discard => {
                    self.report_ignored(thread, &raised);
                    drop(raised);
                    self.finalized(thread);
                    return None;
                }
                _ => {}
            }
            pc = thread.frames.last().map_or(0, |frame| frame.pc as usize);
        }
        Some(Ended::Raised(raised))
    }

    /// Finishes a call of the thread's top frame as its native function asked.
    fn fulfil(&mut self, thread: &mut Thread, request: Request, pc: usize) -> Res<()> {
        if let Some(frame) = thread.frames.last_mut() {
            frame.pc = pc as u32;
        }
        match request {
            Request::LastError => {
                let report = match thread.handled.clone() {
                    Some(raised) => Value::from_vec(self.exception_report(&Uncaught(raised))?),
                    None => Value::None,
                };
                // Who has asked has dealt with it, as in the original.
                thread.handled = None;
                thread.push(report);
            }
            Request::Enter { function, result } => {
                let at = thread.stack.len();
                thread.push(function);
                if !self.call(thread, at, at, Vec::new(), Then::Replace)? {
                    thread.pop()?;
                    thread.push(result);
                } else if let Some(frame) = thread.frames.last_mut() {
                    frame.rare.get_or_insert_default().result = Some(result);
                }
            }
        }
        Ok(())
    }

    /// Gives back what a frame had on the value stack.
    fn leave_frame(&mut self, thread: &mut Thread, frame: Frame, raised: &Rc<Raised>) {
        if let Some(before) = frame.rare.and_then(|rare| rare.handled_before) {
            thread.handled = before;
        }
        if self.has_finalizers {
            // The traceback keeps the variables, so destructors run when it goes, as in CPython.
            let values = thread
                .stack
                .drain(frame.keep as usize..)
                .filter(reclaim::can_nest);
            let mut held = raised.held.borrow_mut();
            held.extend(values.filter(|value| !matches!(value, Value::Raised(_))));
        } else {
            thread.stack.truncate(frame.keep as usize);
        }
    }

    /// `raise` with these operands: what to throw.
    pub(crate) fn raise(
        &mut self,
        thread: &Thread,
        exception: Value,
        value: Value,
        traceback: &Value,
    ) -> Thrown {
        if exception.is_nil() {
            return match &thread.handled {
                Some(raised) => Thrown::from_signal(Signal::Again(raised.clone())),
                None => type_error(
                    "exceptions must be old-style classes or derived from BaseException, not NoneType",
                ),
            };
        }
        if !matches!(traceback, Value::Nil | Value::None) {
            return type_error("raise: arg 3 must be a traceback or None");
        }
        match self.make_exception(exception, value) {
            Ok(instance) => Thrown::from_signal(Signal::Raised(new_raised(instance))),
            Err(thrown) => thrown,
        }
    }

    fn make_exception(&mut self, exception: Value, value: Value) -> Res {
        // `raise (a, b), c` raises the first of the first.
        let mut exception = exception;
        while let Value::Tuple(tuple) = &exception {
            match tuple.first() {
                Some(first) => exception = first.clone(),
                None => break,
            }
        }
        match &exception {
            Value::Class(class) if class.is_old() || class.extends_exception() => {
                if let Value::Instance(given) = &value
                    && given.class.is_subclass_of(class)
                {
                    return Ok(value);
                }
                let args = match value {
                    Value::Nil | Value::None => Vec::new(),
                    Value::Tuple(tuple) => tuple.to_vec(),
                    other => vec![other],
                };
                self.call_value(&exception, args)
            }
            Value::Instance(instance)
                if instance.class.is_old() || instance.class.extends_exception() =>
            {
                if !matches!(value, Value::Nil | Value::None) {
                    return Err(type_error(
                        "instance exception may not have a separate value",
                    ));
                }
                Ok(exception)
            }
            other => Err(type_error(format!(
                "exceptions must be old-style classes or derived from BaseException, not {}",
                self.type_name(other)
            ))),
        }
    }

    /// `except wanted`: whether an exception is of a class or of one of a tuple's.
    ///
    /// # Errors
    /// If the machine must stop meanwhile: tuples of tuples can be long.
    pub(crate) fn exception_matches(&self, raised: &Value, wanted: &Value) -> Res<bool> {
        let is = |wanted: &Value| match wanted {
            Value::Class(class) => {
                matches!(raised, Value::Instance(instance) if instance.class.is_subclass_of(class))
            }
            other => raised.is_same(other),
        };
        let Value::Tuple(_) = wanted else {
            return Ok(is(wanted));
        };
        let mut left = vec![wanted];
        while let Some(wanted) = left.pop() {
            work::spend(1)?;
            match wanted {
                Value::Tuple(tuple) => left.extend(tuple.iter().rev()),
                other if is(other) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }

    /// An instance of a builtin exception.
    pub(crate) fn new_exception(&mut self, kind: ExceptionKind, args: Vec<Value>) -> Value {
        let class = self.exceptions[kind as usize].clone();
        let part = crate::builtins::exceptions::plain_part(args);
        self.new_instance(class, Payload::Exception(Box::new(RefCell::new(part))))
    }

    /// The message of what was thrown as `str()` shows it, None if that is no exception.
    ///
    /// # Errors
    /// Whatever a `__str__` of the program throws.
    pub fn message_of(&mut self, thrown: Thrown) -> Res<Option<Vec<u8>>> {
        match self.raised(thrown.into_signal()) {
            Ok((raised, _)) => self.str_of(&raised.value).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// An exception made as a program makes it: by calling the class, which works out what else it tells.
    pub fn called_exception(&mut self, kind: ExceptionKind, args: Vec<Value>) -> Thrown {
        let class = Value::Class(self.exceptions[kind as usize].clone());
        match self.call_value(&class, args) {
            Ok(instance) => Thrown::from_signal(Signal::Raised(new_raised(instance))),
            Err(thrown) => thrown,
        }
    }

    /// `str(e)`, however it fails, unless the machine must stop meanwhile.
    fn exception_text(&mut self, value: &Value) -> Res<Vec<u8>> {
        match self.str_of(value) {
            Err(thrown) if !matches!(thrown.signal(), Signal::Stop(_)) => {
                Ok(b"<unprintable exception>".to_vec())
            }
            other => other,
        }
    }

    /// The report of an uncaught exception in the original's layout: both tracebacks, then class and message.
    ///
    /// # Errors
    /// Why the machine must stop, if it must meanwhile: because memory is short, say.
    pub fn format_exception(&mut self, uncaught: &Uncaught) -> Result<Vec<u8>, Stop> {
        self.exception_report(uncaught)
            .map_err(|thrown| match thrown.into_signal() {
                Signal::Stop(stop) => stop,
                _ => Stop::Bug(bug!("the report of an exception has thrown another")),
            })
    }

    fn exception_report(&mut self, uncaught: &Uncaught) -> Res<Vec<u8>> {
        let raised = &uncaught.0;
        let mut lines = Vec::new();
        let trace = raised.trace.borrow().clone();
        let hidden = trace.len().saturating_sub(2 * SHOWN_LINES);
        for (at, entry) in trace.iter().rev().enumerate() {
            if hidden > 0 && at == SHOWN_LINES {
                lines.extend(format!("  ... {hidden} more ...\n").into_bytes());
            }
            if hidden > 0 && (SHOWN_LINES..SHOWN_LINES + hidden).contains(&at) {
                continue;
            }
            lines.extend(
                format!("  \"{}\", line {}, in ", entry.code.filename, entry.line).into_bytes(),
            );
            lines.extend_from_slice(entry.code.name.as_bytes());
            lines.push(b'\n');
        }
        let mut report = b"---\nFollowing is a full traceback, and a user traceback.\n\
The user traceback excludes non-user modules. The most recent call is displayed last.\n\n\
Full debugging traceback:\n"
            .to_vec();
        report.extend_from_slice(&lines);
        report.extend_from_slice(b"\nUser traceback:\n");
        report.extend_from_slice(&lines);
        report.push(b'\n');
        let text = self.exception_text(&raised.value)?;
        let label = match &raised.value {
            Value::Instance(instance) => match instance.class.exception {
                Some(ExceptionKind::CheckNodeException) => {
                    "Unsafe call with line number / type: ".to_owned()
                }
                Some(ExceptionKind::CheckStrException) => {
                    "Unsafe string on line number / string: ".to_owned()
                }
                Some(ExceptionKind::RunBuiltinException) => "Unsafe call: ".to_owned(),
                _ => {
                    let name =
                        String::from_utf8_lossy(&instance.class.qualified_name()).into_owned();
                    if instance.class.is_old() {
                        format!("Exception (with type {name}): ")
                    } else if instance
                        .class
                        .exception
                        .is_some_and(|kind| kind.module() == "exceptions")
                    {
                        format!("Exception (with type '{name}'): ")
                    } else {
                        format!("Exception (with class '{name}'): ")
                    }
                }
            },
            _ => "Exception: ".to_owned(),
        };
        report.extend(label.into_bytes());
        let end = b"\n---";
        memory::grow(&mut report, text.len() + end.len())?;
        report.extend(text);
        report.extend_from_slice(end);
        Ok(report)
    }

    /// The class and `str()` of an uncaught exception: `SystemExit` has the class `SystemExit`.
    pub fn exception_kind(&self, uncaught: &Uncaught) -> Option<ExceptionKind> {
        match &uncaught.0.value {
            Value::Instance(instance) => self
                .exceptions
                .iter()
                .rev()
                .find(|class| instance.class.is_subclass_of(class))
                .and_then(|class| class.exception),
            _ => None,
        }
    }
}

impl Uncaught {
    /// The exception instance.
    pub fn value(&self) -> Value {
        self.0.value.clone()
    }
}

/// An exception at the place it is raised.
pub(crate) fn new_raised(value: Value) -> Rc<Raised> {
    Rc::new(Raised {
        value,
        trace: RefCell::default(),
        is_native: Cell::new(false),
        held: RefCell::default(),
    })
}
