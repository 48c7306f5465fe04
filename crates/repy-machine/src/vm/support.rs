//! What the interpreter loop needs beside its instructions: ends of frames, global names, `for`.

use overlord_bug::bug;

use super::Machine;
use super::frame::{Then, Thread};
use super::rare::{global_name_error, name_error};
use super::run::{ForNext, Left};
use crate::bytecode::{CodeKind, Site};
use crate::object::function::Function;
use crate::object::symbol::known;
use crate::object::{Res, Sym, Thrown, Value, reclaim};

impl Machine<'_> {
    /// Ends the top frame with a result.
    pub(super) fn finish_frame(&mut self, thread: &mut Thread, value: Value, pc: usize) -> Left {
        let Some(frame) = thread.frames.pop() else {
            return Left::bug(bug!("a function returned that is in no frame"));
        };
        let (keep, base) = (frame.keep as usize, frame.base as usize);
        thread.leave(&frame.function.code, keep, base);
        let name = frame.function.code.name.clone();
        // What only the function held goes now, before the caller goes on.
        drop(frame.function);
        let rare = frame.rare.map(|rare| *rare).unwrap_or_default();
        if let Some(before) = rare.handled_before {
            thread.handled = before;
        }
        match frame.then {
            Then::Push => {
                thread.stack.push(value);
            }
            Then::Replace => {
                drop(value);
                let Some(result) = rare.result else {
                    return Left::bug(bug!("nothing was put aside for the caller"));
                };
                thread.stack.push(result);
            }
            Then::Init => {
                if !value.is_none() {
                    let Some(Value::Instance(instance)) = thread.stack.last() else {
                        return Left::bug(bug!("there is no instance below its __init__"));
                    };
                    let thrown = self.init_result(&instance.class, &value);
                    let pc = thread.frames.last().map_or(pc, |frame| frame.pc as usize);
                    return Left::Thrown(thrown, pc);
                }
            }
            Then::Discard => {
                drop(value);
                self.finalized(thread);
            }
            Then::NextItem { store, .. } => match store {
                Some(slot) => {
                    let Some(caller) = thread.frames.last() else {
                        return Left::bug(bug!("there is no loop for the next item"));
                    };
                    let at = caller.base as usize + slot as usize;
                    thread.stack[at] = value;
                }
                None => thread.stack.push(value),
            },
            Then::Class => {
                let (Some(Value::Tuple(bases)), Some(names)) = (thread.stack.pop(), rare.names)
                else {
                    return Left::bug(bug!("a class body ended without bases or names"));
                };
                match self.make_class(name, &names, bases.to_vec()) {
                    Ok(class) => thread.stack.push(class),
                    Err(thrown) => {
                        let pc = thread.frames.last().map_or(pc, |frame| frame.pc as usize);
                        return Left::Thrown(thrown, pc);
                    }
                }
            }
        }
        if reclaim::pending() {
            return self.attend(thread);
        }
        Left::Switched
    }

    #[inline]
    pub(super) fn load_global(&mut self, function: &Function, cache: u16, name: Sym) -> Res {
        let globals = function.globals.borrow();
        let code = &function.code;
        let version = globals.version();
        let found = match code.remembered(cache) {
            Site::Global {
                version: same,
                slot,
            } if same == version => globals.slot_value(slot as usize).cloned(),
            Site::Builtin {
                version: same,
                slot,
            } if same == version => self.builtins.borrow().slot_value(slot as usize).cloned(),
            _ => None,
        };
        if let Some(value) = found {
            return Ok(value);
        }
        let text = self.name(name);
        if let Some(at) = globals.find_name(&text) {
            let slot = at as u32;
            code.remember(cache, Site::Global { version, slot });
            return globals.slot_value(at).cloned().ok_or_else(no_variable);
        }
        let builtins = self.builtins.borrow();
        match builtins.find_name(&text) {
            Some(at) => {
                let slot = at as u32;
                code.remember(cache, Site::Builtin { version, slot });
                builtins.slot_value(at).cloned().ok_or_else(no_variable)
            }
            None if code.kind == CodeKind::Function => Err(global_name_error(&text.lossy())),
            None => Err(name_error(&text.lossy())),
        }
    }

    #[inline]
    pub(super) fn store_global(
        &mut self,
        function: &Function,
        cache: u16,
        name: Sym,
        value: Value,
    ) -> Value {
        let mut globals = function.globals.borrow_mut();
        let code = &function.code;
        if let Site::Global { version, slot } = code.remembered(cache)
            && version == globals.version()
        {
            return globals.set_slot(slot as usize, value);
        }
        let text = self.name(name);
        let old = globals.insert_name(&text, value);
        if let Some(at) = globals.find_name(&text) {
            let (version, slot) = (globals.version(), at as u32);
            code.remember(cache, Site::Global { version, slot });
        }
        old.unwrap_or_default()
    }

    /// The next item of a `for` over anything.
    pub(super) fn for_next(
        &mut self,
        thread: &mut Thread,
        end: u32,
        store: Option<u16>,
    ) -> Res<ForNext> {
        let item = match thread.peek(0)? {
            Value::Iter(iter) => iter.clone().advance()?,
            Value::Instance(instance) => {
                let next = self.class_attr(&instance.class.clone(), known::next);
                if let Value::Function(function) = &next
                    && function.code.simple
                    && function.code.params == 1
                {
                    let object = thread.peek(0)?.clone();
                    let keep = thread.stack.len();
                    thread.push(object);
                    self.push_frame(
                        thread,
                        function.clone(),
                        keep,
                        keep,
                        Then::NextItem { end, store },
                    )?;
                    return Ok(ForNext::Frame);
                }
                let object = thread.peek(0)?.clone();
                self.next_item(&object)?
            }
            other => {
                let object = other.clone();
                self.next_item(&object)?
            }
        };
        if item.is_nil() {
            thread.pop()?;
            return Ok(ForNext::End);
        }
        Ok(ForNext::Item(item))
    }
}

#[cold]
fn no_variable() -> Thrown {
    Thrown::bug(bug!("a name was found in a namespace, and no value for it"))
}
