//! Running `__del__`: when, in which order, and where its errors go.
//!
//! Instances that wait for it are queued by [`reclaim`].

use std::rc::Rc;

use overlord_bug::{bug, invariant};

use super::run::Left;
use super::unwind::new_raised;
use crate::machine::Ended;
use crate::machine::Machine;
use crate::machine::frame::{Finalizing, Then, Thread};
use crate::memory;
use crate::object::cycles;
use crate::object::{ExceptionKind, Instance, Raised, Signal, Thrown, Value, reclaim};
use crate::stop::{Reason, Stop};
use crate::symbol::known;
use crate::work;

impl Machine<'_> {
    /// Looks up from work: stops if memory has run out, runs a destructor if one waits.
    #[cold]
    #[inline(never)]
    pub(super) fn attend(&mut self, thread: &mut Thread) -> Left {
        if memory::is_over() || cycles::due() {
            self.collect_garbage();
        }
        if let Some(stop) = memory::exceeded() {
            return Left::Ended(Ended::Stopped(stop));
        }
        match work::catch_up() {
            // The caller that runs the thread looks at the clock.
            Ok(true) => thread.budget = 0,
            Ok(false) => {}
            Err(denied) => {
                return Left::Ended(match denied.reason() {
                    Reason::Stop(stop) => Ended::Stopped(stop),
                    _ => Ended::bug(bug!("looking up from work has thrown an exception")),
                });
            }
        }
        let since = thread.finalizes_since();
        if thread.frames.is_empty() {
            // The thread's last function has returned: destructors run by themselves.
            let ended = thread.take_result();
            while let Some(instance) = reclaim::next_to_finalize(since) {
                if let Err(stop) = self.finalize_now(instance) {
                    return Left::Ended(Ended::Stopped(stop));
                }
            }
            reclaim::attended();
            return Left::Ended(ended);
        }
        let Some(instance) = reclaim::next_to_finalize(since) else {
            reclaim::attended();
            // Right behind the call, not at the end of a loop: that is where races are.
            return if self.turn_given_up {
                Left::Ended(Ended::Budget)
            } else {
                Left::Switched
            };
        };
        let del = self.class_attr(&instance.class.clone(), known::del);
        let function = match del {
            Value::Function(function) if function.code.simple && function.code.params == 1 => {
                function
            }
            _ => {
                return match self.finalize_now(instance) {
                    Ok(()) => Left::Switched,
                    Err(stop) => Left::Ended(Ended::Stopped(stop)),
                };
            }
        };
        let keep = thread.stack.len();
        thread.stack.push(Value::Instance(instance.clone()));
        thread.finalizing.push(Finalizing {
            since: reclaim::next_number(),
            instance: Some(instance),
        });
        self.finalizes_since = thread.finalizes_since();
        if let Err(thrown) = self.push_frame(thread, function, keep, keep, Then::Discard) {
            thread.stack.truncate(keep);
            match self.raised(thrown.into_signal()) {
                Ok((raised, _)) => self.report_ignored(thread, &raised),
                Err(ended) => return Left::Ended(ended),
            }
            self.finalized(thread);
        }
        Left::Switched
    }

    /// The thread's innermost destructor has ended.
    pub(super) fn finalized(&mut self, thread: &mut Thread) {
        let ended = thread.finalizing.pop();
        invariant!(
            ended.as_ref().is_some_and(|ended| ended.instance.is_some()),
            "a destructor has ended that was not begun"
        );
        self.finalizes_since = thread.finalizes_since();
        if let Some(instance) = ended.and_then(|ended| ended.instance) {
            let_go(instance);
        }
        reclaim::finalized_one();
    }

    /// Runs a destructor outside of any frame.
    ///
    /// # Errors
    /// If the machine must stop.
    fn finalize_now(&mut self, instance: Rc<Instance>) -> Result<(), Stop> {
        let del = self.class_attr(&instance.class.clone(), known::del);
        if del.is_nil() {
            return Ok(());
        }
        let before = self.finalizes_since;
        self.finalizes_since = reclaim::next_number();
        let result = self.call_value(&del, vec![Value::Instance(instance.clone())]);
        self.finalizes_since = before;
        let ignored = match result {
            Ok(_) => Ok(()),
            Err(thrown) => self.ignore(thrown, &instance),
        };
        let_go(instance);
        reclaim::finalized_one();
        ignored
    }

    fn ignore(&mut self, thrown: Thrown, instance: &Rc<Instance>) -> Result<(), Stop> {
        let raised = match thrown.into_signal() {
            Signal::Raised(raised) | Signal::Again(raised) => raised,
            Signal::New(kind, args) => new_raised(self.new_exception(kind, args)),
            Signal::Stop(stop) => return Err(stop),
            // A call from native code waits, and its requests are fulfilled, before it gives its result.
            Signal::Block(_) | Signal::Request(_) => {
                return Err(Stop::Bug(bug!("a destructor's call has not ended")));
            }
        };
        self.note_ignored(instance, &raised);
        Ok(())
    }

    /// An exception in the thread's innermost destructor: noted, then forgotten.
    pub(super) fn report_ignored(&mut self, thread: &Thread, raised: &Rc<Raised>) {
        match thread
            .finalizing
            .last()
            .and_then(|one| one.instance.clone())
        {
            Some(instance) => self.note_ignored(&instance, raised),
            None => {
                bug!("an exception is ignored that was raised in no destructor");
            }
        }
    }

    fn note_ignored(&mut self, instance: &Rc<Instance>, raised: &Rc<Raised>) {
        let note = self.ignored_text(instance, raised);
        if let Some(write) = &mut self.warnings {
            write(&note);
        }
        // Nobody asks for the traceback's variables any more.
        let held = raised.held.take();
        reclaim::release(held);
    }

    /// `Exception KeyError: (5,) in <bound method ...> ignored`, as CPython writes it: an exception that no `raise` made
    /// is shown as what it was made of, for CPython has not made it yet.
    fn ignored_text(&mut self, instance: &Rc<Instance>, raised: &Raised) -> Vec<u8> {
        let mut text = b"Exception ".to_vec();
        let mut shown = raised.value.clone();
        if let Value::Instance(exception) = &raised.value {
            let class = &exception.class;
            let is_plain = class
                .exception
                .is_some_and(|kind| kind.module() == "exceptions");
            text.extend(if is_plain {
                class.name.as_bytes().to_vec()
            } else {
                class.qualified_name()
            });
            if raised.is_native.get()
                && let Some(part) = exception.exception()
                && let Value::Tuple(args) = &part.borrow().args
            {
                shown = match &args[..] {
                    [] => Value::Nil,
                    [only] if class.exception != Some(ExceptionKind::KeyError) => only.clone(),
                    _ => Value::Tuple(args.clone()),
                };
            }
        }
        if !shown.is_nil() {
            text.extend_from_slice(b": ");
            text.extend(
                self.repr_of(&shown)
                    .unwrap_or_else(|_| b"<unprintable exception>".to_vec()),
            );
        }
        let method = self
            .attr(&Value::Instance(instance.clone()), known::del)
            .and_then(|method| self.repr_of(&method))
            .unwrap_or_else(|_| b"<unprintable method>".to_vec());
        text.extend_from_slice(b" in ");
        text.extend(method);
        text.extend_from_slice(b" ignored\n");
        text
    }
}

/// Gives an instance back whose destructor was run. If the program has taken hold of it meanwhile it lives on, and its
/// destructor is run again when that is over.
fn let_go(instance: Rc<Instance>) {
    if Rc::strong_count(&instance) > 1 {
        instance.finalized.set(false);
    }
}
