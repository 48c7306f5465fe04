//! Emits instructions, joins frequent pairs, and resolves labels.

use std::cell::Cell;
use std::collections::HashMap;

use crate::bytecode::{Handler, NO_CACHE, Op, Site};
use crate::object::{Str, Sym, Value};
use overlord_repy_syntax::ast::BinaryOp;

/// A place in the code that may not be known yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(u32);

#[derive(Default)]
pub(super) struct Emitter {
    ops: Vec<Op>,
    consts: Vec<Value>,
    const_index: HashMap<(u8, Vec<u8>), u32>,
    lines: Vec<(u32, u32)>,
    line: u32,
    handlers: Vec<(Label, Label, Label, u32)>,
    labels: Vec<u32>,
    /// Instructions before this one are jumped to or otherwise fixed and must not be joined with later ones.
    barrier: usize,
    caches: u32,
    exits: Vec<Vec<Label>>,
    keyword_lists: Vec<Box<[Str]>>,
}

/// What the emitter leaves for the code object.
pub(super) struct Finished {
    pub(super) ops: Box<[Op]>,
    pub(super) consts: Box<[Value]>,
    pub(super) lines: Box<[(u32, u32)]>,
    pub(super) handlers: Box<[Handler]>,
    pub(super) caches: Box<[Cell<Site>]>,
    pub(super) exits: Box<[Box<[u32]>]>,
    pub(super) keyword_lists: Box<[Box<[Str]>]>,
}

/// Most instructions of one block: jump targets and cache numbers stay far below their types' limits.
const MAX_OPS: usize = 8 << 20;

impl Emitter {
    /// The line of the instructions that follow.
    pub(super) fn set_line(&mut self, line: u32) {
        self.line = line;
    }

    /// As CPython 2.7: an expression moves the line forward, never back.
    pub(super) fn advance_line(&mut self, line: u32) {
        self.line = self.line.max(line);
    }

    pub(super) fn too_long(&self) -> bool {
        self.ops.len() > MAX_OPS
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(u32::MAX);
        Label(self.labels.len() as u32 - 1)
    }

    /// The label is here.
    pub(super) fn place(&mut self, label: Label) {
        if let Some(target) = self.labels.get_mut(label.0 as usize) {
            *target = self.ops.len() as u32;
        }
        self.barrier = self.ops.len();
    }

    pub(super) fn here(&mut self) -> Label {
        let label = self.label();
        self.place(label);
        label
    }

    pub(super) fn handler(&mut self, start: Label, end: Label, target: Label, depth: u32) {
        self.handlers.push((start, end, target, depth));
    }

    pub(super) fn cache(&mut self) -> u16 {
        let number = self.caches.min(u32::from(NO_CACHE));
        self.caches += 1;
        number as u16
    }

    pub(super) fn constant(&mut self, value: Value) {
        if let Value::Int(int) = value
            && let Ok(small) = i32::try_from(int)
        {
            self.emit(Op::SmallInt(small));
            return;
        }
        let key = match &value {
            Value::None => Some((0, Vec::new())),
            Value::Str(string) => Some((1, string.as_bytes().to_vec())),
            Value::Int(int) => Some((2, int.to_le_bytes().to_vec())),
            Value::Float(float) => Some((3, float.get().to_bits().to_le_bytes().to_vec())),
            _ => None,
        };
        let index = match key {
            Some(key) => {
                let consts = &mut self.consts;
                *self.const_index.entry(key).or_insert_with(|| {
                    consts.push(value);
                    consts.len() as u32 - 1
                })
            }
            None => {
                self.consts.push(value);
                self.consts.len() as u32 - 1
            }
        };
        self.emit(Op::Const(index));
    }

    pub(super) fn keywords(&mut self, names: Box<[Str]>) -> u32 {
        self.keyword_lists.push(names);
        self.keyword_lists.len() as u32 - 1
    }

    pub(super) fn exits(&mut self, targets: Vec<Label>) -> u32 {
        self.exits.push(targets);
        self.exits.len() as u32 - 1
    }

    fn push(&mut self, op: Op) {
        if self.lines.last().is_none_or(|(_, line)| *line != self.line) {
            self.lines.push((self.ops.len() as u32, self.line));
        }
        self.ops.push(op);
    }

    /// The last instruction, if it may be joined with the next.
    fn last(&self) -> Option<Op> {
        if self.ops.len() > self.barrier {
            self.ops.last().copied()
        } else {
            None
        }
    }

    fn last_two(&self) -> Option<(Op, Op)> {
        match self.ops.get(self.barrier..)? {
            [.., a, b] => Some((*a, *b)),
            _ => None,
        }
    }

    fn drop_last(&mut self, count: usize) {
        self.ops.truncate(self.ops.len() - count);
        while self
            .lines
            .last()
            .is_some_and(|(start, _)| *start as usize > self.ops.len())
        {
            self.lines.pop();
        }
        if self
            .lines
            .last()
            .is_some_and(|(start, line)| *start as usize == self.ops.len() && *line != self.line)
        {
            self.lines.pop();
        }
    }

    pub(super) fn emit(&mut self, op: Op) {
        match op {
            Op::Binary(operator) => self.binary(operator),
            Op::InPlace(operator) => match self.last() {
                Some(Op::SmallInt(imm)) => {
                    self.drop_last(1);
                    self.push(Op::InPlaceImm(operator, imm));
                }
                _ => self.push(op),
            },
            Op::StoreLocal(slot) => self.store_local(slot),
            Op::LoadAttr(cache, name) => match self.last() {
                Some(Op::LoadLocal(slot)) if slot < 256 => {
                    self.drop_last(1);
                    self.push(Op::LoadLocalAttr(slot as u8, cache, name));
                }
                _ => self.push(op),
            },
            Op::LoadMethod(cache, name) => match self.last() {
                Some(Op::LoadLocal(slot)) if slot < 256 => {
                    self.drop_last(1);
                    self.push(Op::LoadLocalMethod(slot as u8, cache, name));
                }
                _ => self.push(op),
            },
            Op::Subscript => match self.last_two() {
                Some((Op::LoadLocal(a), Op::LoadLocal(b))) => {
                    self.drop_last(2);
                    self.push(Op::SubscriptLocals(a, b));
                }
                _ => self.push(op),
            },
            Op::StoreSubscript => match self.last_two() {
                Some((Op::LoadLocal(a), Op::LoadLocal(b))) => {
                    self.drop_last(2);
                    self.push(Op::StoreSubscriptLocals(a, b));
                }
                _ => self.push(op),
            },
            Op::Return => match self.last() {
                Some(Op::LoadLocal(slot)) => {
                    self.drop_last(1);
                    self.push(Op::ReturnLocal(slot));
                }
                _ => self.push(op),
            },
            _ => self.push(op),
        }
    }

    fn binary(&mut self, op: BinaryOp) {
        match self.last_two() {
            Some((Op::LoadLocal(slot), Op::SmallInt(imm))) => {
                self.drop_last(2);
                return self.push(Op::BinaryLocalImm(op, slot, imm));
            }
            Some((Op::LoadLocal(a), Op::LoadLocal(b))) => {
                self.drop_last(2);
                return self.push(Op::BinaryLocals(op, a, b));
            }
            _ => {}
        }
        match self.last() {
            Some(Op::SmallInt(imm)) => {
                self.drop_last(1);
                self.push(Op::BinaryImm(op, imm));
            }
            Some(Op::LoadLocal(slot)) => {
                self.drop_last(1);
                self.push(Op::BinaryLocal(op, slot));
            }
            _ => self.push(Op::Binary(op)),
        }
    }

    fn store_local(&mut self, slot: u16) {
        if let Some([.., Op::LoadLocal(from), Op::InPlaceImm(op, imm)]) =
            self.ops.get(self.barrier..)
            && *from == slot
        {
            let (op, imm) = (*op, *imm);
            self.drop_last(2);
            return self.push(Op::UpdateLocalImm(op, slot, imm));
        }
        match self.last() {
            Some(Op::ForIter(target)) => {
                self.drop_last(1);
                self.push(Op::ForIterLocal(slot, target));
            }
            _ => self.push(Op::StoreLocal(slot)),
        }
    }

    /// Jumps to `label` if the value on top is `truth`, and takes it off.
    pub(super) fn jump_if(&mut self, truth: bool, label: Label) {
        let jump = if truth {
            Op::JumpIfTrue(label.0)
        } else {
            Op::JumpIfFalse(label.0)
        };
        let Some(Op::Compare(op)) = self.last() else {
            return self.push(jump);
        };
        self.drop_last(1);
        match self.last_two() {
            Some((Op::LoadLocal(slot), Op::SmallInt(imm))) if !op.is_of_objects() => {
                self.drop_last(2);
                self.push(Op::CompareLocalImmJump(op, slot, imm));
                return self.push(jump);
            }
            Some((Op::LoadLocal(a), Op::LoadLocal(b))) => {
                self.drop_last(2);
                self.push(Op::CompareLocalsJump(op, a, b));
                return self.push(jump);
            }
            _ => {}
        }
        self.push(Op::CompareJump(op, truth, label.0));
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.push(Op::Jump(label.0));
    }

    pub(super) fn jump_if_or_pop(&mut self, truth: bool, label: Label) {
        self.push(if truth {
            Op::JumpIfTrueOrPop(label.0)
        } else {
            Op::JumpIfFalseOrPop(label.0)
        });
    }

    pub(super) fn for_iter(&mut self, end: Label) {
        self.push(Op::ForIter(end.0));
    }

    /// An instruction that looks up a name, with its cache.
    pub(super) fn cached(&mut self, make: fn(u16, Sym) -> Op, name: Sym) {
        let cache = self.cache();
        self.emit(make(cache, name));
    }

    pub(super) fn finish(self) -> Finished {
        let labels = self.labels;
        let target = |label: u32| labels.get(label as usize).copied().unwrap_or(0);
        let ops: Box<[Op]> = self
            .ops
            .into_iter()
            .map(|op| match op {
                Op::Jump(label) => Op::Jump(target(label)),
                Op::JumpIfFalse(label) => Op::JumpIfFalse(target(label)),
                Op::JumpIfTrue(label) => Op::JumpIfTrue(target(label)),
                Op::JumpIfFalseOrPop(label) => Op::JumpIfFalseOrPop(target(label)),
                Op::JumpIfTrueOrPop(label) => Op::JumpIfTrueOrPop(target(label)),
                Op::CompareJump(compare, truth, label) => {
                    Op::CompareJump(compare, truth, target(label))
                }
                Op::ForIter(label) => Op::ForIter(target(label)),
                Op::ForIterLocal(slot, label) => Op::ForIterLocal(slot, target(label)),
                other => other,
            })
            .collect();
        let handlers = self
            .handlers
            .into_iter()
            .map(|(start, end, handler, depth)| Handler {
                start: target(start.0),
                end: target(end.0),
                target: target(handler.0),
                depth,
            })
            .collect();
        let caches = (0..self.caches.clamp(1, 1 << 16))
            .map(|_| Cell::new(Site::default()))
            .collect();
        let exits = self
            .exits
            .iter()
            .map(|list| list.iter().map(|label| target(label.0)).collect())
            .collect();
        Finished {
            ops,
            consts: self.consts.into(),
            lines: self.lines.into(),
            handlers,
            caches,
            exits,
            keyword_lists: self.keyword_lists.into(),
        }
    }
}
