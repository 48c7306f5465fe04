//! What the compiler makes and the machine runs: instructions of 8 bytes for a stack machine.
//!
//! Variables of functions are slots of the value stack; frequent pairs (load and add, compare and jump) are one
//! instruction. Each instruction that looks up a name has a small cache beside the code.
//!
//! No object is known here, and of what type constants are is left to the objects (`object::Code`).

use std::cell::Cell;
use std::rc::Rc;

use crate::string::Str;
use crate::symbol::Sym;
use overlord_repy_syntax::ast::{BinaryOp, CompareOp, UnaryOp};

/// An instruction. In comments, `a b -- c` shows the top of the stack before and after.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// `a --`
    Pop,
    /// `a -- a a`
    Dup,
    /// `a b -- a b a b`
    DupTwo,
    /// `a b -- b a`
    RotTwo,
    /// `a b c -- c a b`
    RotThree,
    /// `a b c d -- d a b c`
    RotFour,
    /// `x1 .. xn a -- a`
    Squash(u32),
    /// `-- constant`
    Const(u32),
    /// `-- int`
    SmallInt(i32),
    LoadLocal(u16),
    StoreLocal(u16),
    DelLocal(u16),
    LoadCell(u16),
    StoreCell(u16),
    LoadGlobal(u16, Sym),
    StoreGlobal(u16, Sym),
    DelGlobal(Sym),
    /// Variables of a class body.
    LoadName(Sym),
    StoreName(Sym),
    DelName(Sym),
    /// `object -- value`
    LoadAttr(u16, Sym),
    /// `value object --`
    StoreAttr(u16, Sym),
    /// `object --`
    DelAttr(Sym),
    /// `-- value`, of a local's attribute.
    LoadLocalAttr(u8, u16, Sym),
    /// `object -- Nil value` or `object -- function object`, for [`Op::CallMethod`].
    LoadMethod(u16, Sym),
    LoadLocalMethod(u8, u16, Sym),
    /// `object index -- value`
    Subscript,
    SubscriptLocals(u16, u16),
    /// `value object index --`
    StoreSubscript,
    /// `value --`, into a local's item.
    StoreSubscriptLocals(u16, u16),
    /// `object index --`
    DelSubscript,
    /// `object [low] [high] -- value`; bit 0: low is there, bit 1: high is.
    Slice(u8),
    /// `value object [low] [high] --`
    StoreSlice(u8),
    /// `object [low] [high] --`
    DelSlice(u8),
    /// `object -- object`-preserving duplicate of a slice's operands for augmented assignment.
    DupSlice(u8),
    /// `start stop step -- slice`
    BuildSlice,
    Binary(BinaryOp),
    InPlace(BinaryOp),
    Unary(UnaryOp),
    BinaryImm(BinaryOp, i32),
    BinaryLocal(BinaryOp, u16),
    BinaryLocalImm(BinaryOp, u16, i32),
    BinaryLocals(BinaryOp, u16, u16),
    /// `a -- a op= int`
    InPlaceImm(BinaryOp, i32),
    /// `local op= int`.
    UpdateLocalImm(BinaryOp, u16, i32),
    Compare(CompareOp),
    Jump(u32),
    JumpIfFalse(u32),
    JumpIfTrue(u32),
    JumpIfFalseOrPop(u32),
    JumpIfTrueOrPop(u32),
    /// `a b --`: jumps if the comparison's truth is the flag.
    CompareJump(CompareOp, bool, u32),
    /// The next instruction, a `JumpIfFalse` or `JumpIfTrue`, is part of this one.
    CompareLocalImmJump(CompareOp, u16, i32),
    CompareLocalsJump(CompareOp, u16, u16),
    BuildTuple(u32),
    BuildList(u32),
    /// `-- dict`
    BuildDict(u32),
    /// `dict value key -- dict`
    StoreMap,
    /// `list .. item -- list ..`: the list is this far below the item.
    ListAppend(u32),
    /// `sequence -- xn .. x1`
    Unpack(u32),
    /// `function x1 .. xn -- result`
    Call(u32),
    /// `function x1 .. xn v1 .. vk -- result`; the number of values with names and which.
    CallKeywords(u16, u32),
    /// As above, then `[star] [star_star]`: bits 0 and 1 of the last; names in the list of that number.
    CallStar(u16, u8, u32),
    CallMethod(u32),
    Return,
    ReturnLocal(u16),
    /// `d1 .. dn -- function`; the code of a child.
    MakeFunction(u16, u32),
    /// `(b1, .., bn) -- class`; the code of a child.
    MakeClass(u32),
    GetIter,
    /// `iterator -- iterator item`, or `iterator --` and a jump.
    ForIter(u32),
    ForIterLocal(u16, u32),
    /// `-- Nil 0`: enters a `finally` part normally.
    EnterFinally,
    /// Pops a payload and how the `finally` part was entered, and goes on accordingly.
    EndFinally(u32),
    /// `raised class -- raised bool`
    MatchException,
    /// `raised -- instance`
    BindException,
    /// `raised --`: raises it on.
    Reraise,
    /// `[class [value [traceback]]] --`
    Raise(u8),
    /// A refused construct that reached the compiler anyway.
    Refused,
}

/// Part of a code object covered by a handler. Inner ones come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handler {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) target: u32,
    /// Values above the slots at the beginning of the `try`.
    pub(crate) depth: u32,
}

/// What kind of block a code object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CodeKind {
    Module,
    Function,
    Class,
}

/// What an instruction that looks up a name remembers of its last look-up, and what must be as it was then for it to
/// hold still.
#[derive(Clone, Copy, Default)]
pub(crate) enum Site {
    /// Nothing yet, or nothing that could be remembered.
    #[default]
    Nothing,
    /// The name is this slot of the global variables, while their keys have this version.
    Global { version: u64, slot: u32 },
    /// The name is this slot of the builtins, and no global variable, while the keys of those have this version.
    Builtin { version: u64, slot: u32 },
    /// Instances of this shape have the attribute in this slot.
    Own { shape: u32, slot: u32 },
    /// Instances of this shape do not have the attribute themselves.
    NotOwn { shape: u32 },
    /// Setting the attribute gives an instance of this shape the shape `next`, and it one more slot.
    Grows { shape: u32, next: u32 },
}

// Each place that looks up a name has one, and reads it whenever it is run.
const _: () = assert!(size_of::<Site>() == 16);

/// A compiled block, whose constants are of some type.
pub(crate) struct Code<Constant> {
    pub(crate) kind: CodeKind,
    pub(crate) name: Str,
    pub(crate) filename: Rc<str>,
    pub(crate) ops: Box<[Op]>,
    pub(crate) consts: Box<[Constant]>,
    /// First instruction and line of each run of instructions of one line.
    pub(crate) lines: Box<[(u32, u32)]>,
    pub(crate) handlers: Box<[Handler]>,
    /// Positional parameters.
    pub(crate) params: u16,
    pub(crate) varargs: bool,
    pub(crate) kwargs: bool,
    /// Variable slots in all; parameters first, free variables last.
    pub(crate) slots: u16,
    pub(crate) slot_names: Box<[Sym]>,
    /// Slots that are shared with inner functions, free variables not counted.
    pub(crate) cells: Box<[u16]>,
    /// For each free variable, the enclosing block's slot.
    pub(crate) captures: Box<[u16]>,
    pub(crate) children: Box<[Rc<Code<Constant>>]>,
    pub(crate) caches: Box<[Cell<Site>]>,
    /// Jump targets of each `EndFinally`.
    pub(crate) exits: Box<[Box<[u32]>]>,
    /// Names of keyword arguments of calls.
    pub(crate) keyword_lists: Box<[Box<[Str]>]>,
    /// Whether a call with exactly the right number of positional arguments needs no preparation.
    pub(crate) simple: bool,
    /// Whether any slot is shared with another function.
    pub(crate) shares: bool,
}

/// The cache of all places beyond those that have one of their own: never filled.
pub(crate) const NO_CACHE: u16 = u16::MAX;

impl<Constant> Code<Constant> {
    /// What a place has remembered.
    #[inline(always)]
    pub(crate) fn remembered(&self, cache: u16) -> Site {
        self.caches[cache as usize].get()
    }

    /// Lets a place remember what it found. What many places share would be wrong for the others.
    #[inline]
    pub(crate) fn remember(&self, cache: u16, site: Site) {
        if cache != NO_CACHE {
            self.caches[cache as usize].set(site);
        }
    }

    /// The line of an instruction.
    pub(crate) fn line(&self, pc: usize) -> u32 {
        let after = self
            .lines
            .partition_point(|(start, _)| *start as usize <= pc);
        after
            .checked_sub(1)
            .and_then(|index| self.lines.get(index))
            .map_or(0, |(_, line)| *line)
    }

    /// The slot of the first free variable.
    pub(crate) fn first_free(&self) -> usize {
        self.slots as usize - self.captures.len()
    }
}
