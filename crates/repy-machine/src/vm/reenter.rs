//! Native code that calls back into programs: a nested run of the interpreter, bounded in depth.
//!
//! Calls between functions of programs never come here; sorting with a key, `map`, `__repr__` and the like do.

use overlord_bug::bug;

use super::{Machine, Wait};
use crate::depth::{self, CALLBACK, NATIVE_CALL};
use crate::machine::Ended;
use crate::machine::frame::{Finalizing, Thread};
use crate::object::exception::Request;
use crate::object::{ExceptionKind, Res, Signal, Str, Thrown, Value};
use crate::work;

/// What a callback counts as beside its instructions.
const CALLBACK_UNITS: usize = 16;

const CALLING: &str = " while calling a Python object";

impl Machine<'_> {
    /// Calls a value and waits for its result.
    pub fn call_value(&mut self, callable: &Value, args: Vec<Value>) -> Res {
        self.call_with(callable, args, Vec::new())
    }

    /// Calls a value with keyword arguments and waits for its result.
    pub(crate) fn call_with(
        &mut self,
        callable: &Value,
        args: Vec<Value>,
        keywords: Vec<(Str, Value)>,
    ) -> Res {
        let _at_work = self.at_work();
        if let Value::Native(native) = callable {
            let _level = depth::enter(NATIVE_CALL, CALLING)?;
            let mut args = args;
            let result = self.call_native(native, &mut args, &keywords);
            return self.settle(result);
        }
        // A callback that ends before its slice does not look up itself.
        work::spend(CALLBACK_UNITS)?;
        self.nested_budget -= CALLBACK_UNITS as i64;
        if self.nested_budget <= 0 {
            self.end_nested_turn()?;
        }
        let level = depth::enter(CALLBACK, CALLING)?;
        let mut thread = self
            .spare
            .pop()
            .unwrap_or_else(|| Thread::new(Value::None, Vec::new()));
        thread.frames.clear();
        thread.stack.clear();
        thread.handled = None;
        thread.finalizing.clear();
        let since = self.finalizes_since;
        thread.finalizing.push(Finalizing {
            since,
            instance: None,
        });
        thread.budget = super::SLICE;
        thread.state = crate::machine::frame::State::Running;
        self.outer_frames += 1;
        let result = self.run_nested(&mut thread, callable, args, keywords);
        self.outer_frames -= 1;
        self.finalizes_since = since;
        drop(level);
        thread.stack.clear();
        thread.handled = None;
        if self.spare.len() < 8 {
            self.spare.push(thread);
        }
        result
    }

    fn run_nested(
        &mut self,
        thread: &mut Thread,
        callable: &Value,
        args: Vec<Value>,
        keywords: Vec<(Str, Value)>,
    ) -> Res {
        thread.push(callable.clone());
        thread.stack.extend(args);
        let before = self.outer_frames;
        if !self.call(thread, 0, 0, keywords, crate::machine::frame::Then::Push)? {
            return thread.pop();
        }
        loop {
            let ended = self.execute(thread);
            self.outer_frames = before;
            match ended {
                Ended::Finished(value) => return Ok(value),
                Ended::Raised(raised) => return Err(Thrown::from_signal(Signal::Raised(raised))),
                Ended::Stopped(stop) => return Err(Thrown::stop(stop)),
                Ended::Budget => {
                    thread.budget = super::SLICE;
                    self.instructions += super::SLICE as u64;
                    self.check_stop().map_err(Thrown::stop)?;
                    // Nobody further out looks at the clock until the native function is done.
                    work::spend(usize::try_from(super::SLICE).unwrap_or(usize::MAX))?;
                    self.nested_budget -= super::SLICE;
                    if self.nested_budget <= 0 || self.is_turn_over() {
                        self.end_nested_turn()?;
                    }
                }
                Ended::Blocked(wait) => match self.wait_nested(wait) {
                    Ok(value) => {
                        thread.state = crate::machine::frame::State::Running;
                        thread.push(value);
                    }
                    Err(thrown) => {
                        let pc = thread.frames.last().map_or(0, |frame| frame.pc as usize);
                        match self.unwind(thread, thrown, pc) {
                            Some(Ended::Raised(raised)) => {
                                return Err(Thrown::from_signal(Signal::Raised(raised)));
                            }
                            Some(Ended::Stopped(stop)) => return Err(Thrown::stop(stop)),
                            Some(_) => {
                                return Err(Thrown::bug(bug!(
                                    "what was thrown by a wait was neither raised nor a stop"
                                )));
                            }
                            None => {}
                        }
                    }
                },
            }
        }
    }

    /// Waits where a native function is in the middle of its work.
    fn wait_nested(&mut self, wait: Wait) -> Res {
        let Some(nested) = self.nested_wait.clone() else {
            return Err(Thrown::new(
                ExceptionKind::RuntimeError,
                "cannot wait inside a native function",
            ));
        };
        nested(self, wait)
    }

    /// Lets others run where a native function is in the middle of its work.
    fn end_nested_turn(&mut self) -> Res<()> {
        if let Some(turn) = self.nested_turn.clone() {
            turn(self)?;
        }
        self.nested_budget = super::NESTED_TURN;
        Ok(())
    }

    /// The result of a native function called by another one, waited for and with its request fulfilled.
    fn settle(&mut self, result: Res) -> Res {
        let Err(thrown) = result else {
            return result;
        };
        match thrown.into_signal() {
            Signal::Block(wait) => self.wait_nested(wait),
            Signal::Request(Request::Enter { function, result }) => {
                self.call_value(&function, Vec::new())?;
                Ok(result)
            }
            Signal::Request(Request::LastError) => Ok(Value::None),
            other => Err(Thrown::from_signal(other)),
        }
    }
}
