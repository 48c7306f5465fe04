//! The interpreter loop.
//!
//! One native frame runs any number of Repy frames: a call pushes a frame and goes round, a return pops one. Here is
//! which instruction is done where, and how the loop is left; what the frequent ones do is in the modules below, all
//! others are methods of [`Machine`] elsewhere.

mod calls;
mod cursor;
mod jumps;
mod numbers;
mod objects;
mod stack;
mod variables;

use overlord_bug::Bug;

use super::slow_path::Next;
use crate::bytecode::Op;
use crate::machine::frame::{Then, Thread, out_of_place};
use crate::machine::{Ended, Machine};
use crate::object::{Thrown, Value, reclaim};
use cursor::{Cursor, Exit, GoOn, attended, let_go};
use variables::{push, push_result, store_local};

impl Machine<'_> {
    /// Runs a thread's top frame, and all it calls, until the thread ends, its budget is used up, or it must wait.
    pub(crate) fn execute(&mut self, thread: &mut Thread) -> Ended {
        self.finalizes_since = thread.finalizes_since();
        loop {
            // What was dropped by unwinding, or where a slice ended, is looked after before anything else.
            let left = if reclaim::pending() {
                self.attend(thread)
            } else {
                self.run_frames(thread)
            };
            match left {
                Left::Switched => {}
                Left::Ended(ended) => return ended,
                Left::Thrown(thrown, pc) => {
                    if let Some(ended) = self.unwind(thread, thrown, pc) {
                        return ended;
                    }
                }
            }
        }
    }

    /// Runs frames until something out of the ordinary happens.
    ///
    /// Its shape is what the speed allows. It is one function with one `match`, because the compiler then keeps the
    /// place in the code, the value stack and the variables' base in registers from one instruction to the next, and
    /// goes to each by one jump through a table. What an instruction does is in a function of [`numbers`], [`jumps`],
    /// [`objects`] or [`calls`] that is always inlined here; a real call would put all those registers aside. None of
    /// them runs the next instruction or ends the loop: it says how to go on ([`GoOn`]), and each way to go on is here
    /// once. What is seldom or does much is worth a call, and is in [`Machine::run_slow`].
    fn run_frames(&mut self, thread: &mut Thread) -> Left {
        loop {
            let Some(frame) = thread.frames.last() else {
                return Left::Ended(thread.take_result());
            };
            let function = frame.function.clone();
            let mut at = Cursor::new(&function, frame.base as usize, frame.pc as usize);
            match self.run_frame(thread, &mut at) {
                Exit::Frame => {}
                Exit::Called if thread.budget > 0 => {}
                Exit::Called => return Left::Ended(Ended::Budget),
                Exit::Budget => {
                    at.save(thread);
                    return Left::Ended(Ended::Budget);
                }
                Exit::Attend => {
                    at.save(thread);
                    return self.attend(thread);
                }
                Exit::Thrown(thrown) => return Left::Thrown(thrown, at.pc()),
                Exit::Return(value) => {
                    // The usual returns, of a call and of an `__init__`; [`Machine::finish_frame`] knows all.
                    if let [.., _, frame] = thread.frames.as_slice()
                        && frame.rare.is_none()
                        && (frame.then == Then::Push
                            || (frame.then == Then::Init && value.is_none()))
                    {
                        let is_result = frame.then == Then::Push;
                        let (keep, frames) = (frame.keep as usize, thread.frames.len());
                        thread.leave(&function.code, keep, at.base);
                        thread.frames.truncate(frames - 1);
                        // What only the function held goes now, before the caller goes on.
                        drop(function);
                        if is_result {
                            thread.stack.push(value);
                        } else {
                            value.discard();
                        }
                        if reclaim::pending() {
                            return self.attend(thread);
                        }
                        continue;
                    }
                    let pc = at.pc();
                    drop(function);
                    return self.finish_frame(thread, value, pc);
                }
            }
        }
    }

    /// Runs instructions of a frame until one leaves it.
    #[inline(always)]
    fn run_frame(&mut self, thread: &mut Thread, at: &mut Cursor<'_>) -> Exit {
        loop {
            // Its operands are taken where they are used: taken here they would fill the registers.
            let Some(op) = at.next() else {
                return Exit::Thrown(out_of_place(None));
            };
            let step = match *op {
                // Variables and constants.
                Op::LoadLocal(slot) => self.load_local(thread, at, slot),
                Op::StoreLocal(slot) => store_local(thread, at, slot),
                Op::SmallInt(int) => push(thread, Value::Int(i64::from(int))),
                Op::Const(index) => push(thread, at.code.consts[index as usize].clone()),
                Op::LoadGlobal(cache, name) => {
                    push_result(thread, self.load_global(at.function, cache, name))
                }
                Op::StoreGlobal(cache, name) => self.store_global_top(thread, at, cache, name),
                Op::LoadCell(slot) => self.load_cell(thread, at, slot),
                Op::StoreCell(slot) => objects::store_cell(thread, at, slot),

                // Arithmetic.
                Op::BinaryLocalImm(operator, slot, imm) => {
                    self.binary_local_imm(thread, at, operator, slot, i64::from(imm))
                }
                Op::BinaryLocals(operator, a, b) => self.binary_locals(thread, at, operator, a, b),
                Op::BinaryImm(operator, imm) => self.binary_imm(thread, operator, i64::from(imm)),
                Op::BinaryLocal(operator, slot) => self.binary_local(thread, at, operator, slot),
                Op::Binary(operator) | Op::InPlace(operator) => {
                    self.binary_stack(thread, at, operator, matches!(op, Op::InPlace(_)))
                }
                Op::InPlaceImm(operator, imm) => {
                    self.in_place_imm(thread, operator, i64::from(imm))
                }
                Op::UpdateLocalImm(operator, slot, imm) => {
                    self.update_local_imm(thread, at, operator, slot, i64::from(imm))
                }
                Op::Unary(operator) => self.unary_top(thread, operator),

                // Comparison, jumps and loops.
                Op::CompareLocalImmJump(operator, slot, imm) => {
                    self.compare_local_imm_jump(thread, at, operator, slot, i64::from(imm))
                }
                Op::CompareLocalsJump(operator, a, b) => {
                    self.compare_locals_jump(thread, at, operator, a, b)
                }
                Op::CompareJump(operator, wanted, target) => {
                    self.compare_jump(thread, at, operator, wanted, target)
                }
                Op::Compare(operator) => self.compare_stack(thread, operator),
                Op::Jump(target) => at.jump(thread, target),
                Op::JumpIfFalse(target) => self.jump_if(thread, at, false, target),
                Op::JumpIfTrue(target) => self.jump_if(thread, at, true, target),
                Op::JumpIfFalseOrPop(target) => self.jump_if_or_pop(thread, at, false, target),
                Op::JumpIfTrueOrPop(target) => self.jump_if_or_pop(thread, at, true, target),
                Op::ForIterLocal(slot, end) => self.for_iter_local(thread, at, slot, end),
                Op::ForIter(end) => self.for_iter(thread, at, end),

                // Attributes, items, containers.
                Op::LoadLocalAttr(slot, cache, name) => {
                    self.load_local_attr(thread, at, u16::from(slot), cache, name)
                }
                Op::LoadAttr(cache, name) => self.load_attr_top(thread, at, cache, name),
                Op::StoreAttr(cache, name) => self.store_attr_stack(thread, at, cache, name),
                Op::SubscriptLocals(a, b) => self.subscript_locals(thread, at, a, b),
                Op::Subscript => self.subscript_stack(thread),
                Op::StoreSubscript => self.store_subscript_stack(thread),
                Op::StoreSubscriptLocals(a, b) => self.store_subscript_locals(thread, at, a, b),
                Op::BuildTuple(count) => objects::build_tuple(thread, count),
                Op::BuildList(count) => objects::build_list(thread, count),
                Op::ListAppend(below) => objects::list_append(thread, below),

                // Calls.
                Op::LoadLocalMethod(slot, cache, name) => {
                    self.load_local_method(thread, at, u16::from(slot), cache, name)
                }
                Op::LoadMethod(cache, name) => self.load_method_top(thread, at, cache, name),
                Op::CallMethod(count) => self.call_method(thread, at, count),
                Op::Call(count) => self.call_stack(thread, at, count),
                Op::Return => match thread.pop() {
                    Ok(value) => Err(Exit::Return(value)),
                    Err(thrown) => Err(Exit::Thrown(thrown)),
                },
                Op::ReturnLocal(slot) => self.return_local(thread, at, slot),

                // The value stack.
                Op::Pop => thread.pop().map_err(Exit::Thrown).and_then(let_go),
                Op::Dup => stack::dup(thread),
                Op::DupTwo => stack::dup_two(thread),
                Op::RotTwo => stack::rot_two(thread),
                Op::RotThree => stack::rot_three(thread),

                slow => self.slow(thread, at, slow),
            };
            if let Err(exit) = step {
                return exit;
            }
        }
    }

    /// Hands an instruction out.
    #[inline(always)]
    fn slow(&mut self, thread: &mut Thread, at: &mut Cursor<'_>, op: Op) -> GoOn {
        at.save(thread);
        match self.run_slow(thread, at.code, at.base, op)? {
            Next::Go => attended(),
            Next::Jump(target) => {
                at.go(target);
                attended()
            }
            Next::Frame => Err(Exit::Frame),
            Next::Called(pushed) => calls::after_call(Ok(pushed)),
        }
    }
}

/// Why a frame was left.
pub(super) enum Left {
    /// Another frame, or this one anew, is to be run.
    Switched,
    Ended(Ended),
    /// Something was thrown by the instruction before this one.
    Thrown(Thrown, usize),
}

impl Left {
    /// As [`Ended::bug`].
    pub(super) fn bug(bug: Bug) -> Left {
        Left::Ended(Ended::bug(bug))
    }
}
