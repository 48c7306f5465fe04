//! Expressions: each leaves one value on the stack.

use super::scope::Place;
use super::{CompileError, Compiler, emit::Label};
use crate::bytecode::Op;
use crate::object::{Str, Value};
use overlord_repy_syntax::ast::{
    CallExpr, CompFor, CompareOp, Comprehension, Expr, ExprKind, Index, SlicePart, Symbol, UnaryOp,
};

type Done = Result<(), CompileError>;

/// Most positional or keyword arguments of one call (a tree larger than this is nobody's program).
const MAX_ARGS: usize = 60_000;

impl Compiler<'_> {
    pub(super) fn load_name(&mut self, name: Symbol) {
        let sym = self.sym(name);
        match self.scope.place(name) {
            Place::Local(slot) => self.out.emit(Op::LoadLocal(slot)),
            Place::Cell(slot) => self.out.emit(Op::LoadCell(slot)),
            Place::ClassName => self.out.emit(Op::LoadName(sym)),
            Place::Global if self.names.string(sym).as_bytes() == b"None" => {
                self.out.constant(Value::None)
            }
            Place::Global => self.out.cached(Op::LoadGlobal, sym),
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Done {
        self.out.advance_line(expr.pos.line);
        match &expr.kind {
            ExprKind::Name(name) => self.load_name(*name),
            ExprKind::Int(int) => self.out.constant(Value::Int(*int)),
            ExprKind::Long(long) => self.out.constant(Value::long(long.clone())),
            ExprKind::Float(float) => self.out.constant(Value::float(*float)),
            ExprKind::Imaginary(imaginary) => {
                self.out
                    .constant(Value::Complex(std::rc::Rc::new((0.0, *imaginary))));
            }
            ExprKind::Bytes(bytes) => {
                // Literals that look like names share the name's string, so that lookups compare pointers.
                let sym = (bytes.len() <= 32)
                    .then(|| self.names.find(bytes))
                    .flatten();
                let string = sym.map_or_else(|| Str::new(bytes), |sym| self.names.string(sym));
                self.out.constant(Value::Str(string));
            }
            ExprKind::And(parts) => self.chain(parts, false)?,
            ExprKind::Or(parts) => self.chain(parts, true)?,
            ExprKind::Binary { first, rest } => {
                self.expr(first)?;
                for step in rest {
                    self.expr(&step.right)?;
                    self.out.emit(Op::Binary(step.op));
                }
            }
            ExprKind::Unary { op, operand } => {
                self.expr(operand)?;
                self.out.emit(Op::Unary(*op));
            }
            ExprKind::Compare { first, rest } => self.compare(first, rest)?,
            ExprKind::Call(call) => self.call(call)?,
            ExprKind::Attribute { value, name, .. } => {
                self.expr(value)?;
                let sym = self.sym(*name);
                self.out.cached(Op::LoadAttr, sym);
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value)?;
                match &**index {
                    Index::Slice { low, high } => {
                        let bounds = self.slice_bounds(low.as_ref(), high.as_ref())?;
                        self.out.emit(Op::Slice(bounds));
                    }
                    other => {
                        self.index(other)?;
                        self.out.emit(Op::Subscript);
                    }
                }
            }
            ExprKind::Tuple(parts) => {
                self.exprs(parts)?;
                self.out.emit(Op::BuildTuple(parts.len() as u32));
            }
            ExprKind::List(parts) => {
                self.exprs(parts)?;
                self.out.emit(Op::BuildList(parts.len() as u32));
            }
            ExprKind::Dict(items) => {
                self.out.emit(Op::BuildDict(items.len().min(0xffff) as u32));
                for (key, value) in items {
                    self.expr(value)?;
                    self.expr(key)?;
                    self.out.emit(Op::StoreMap);
                }
            }
            ExprKind::ListComp(comprehension) => {
                self.out.emit(Op::BuildList(0));
                self.comprehension(comprehension, &comprehension.fors, 1)?;
            }
            ExprKind::Refused(_) => self.out.emit(Op::Refused),
        }
        Ok(())
    }

    pub(super) fn exprs(&mut self, exprs: &[Expr]) -> Done {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    /// `and` and `or` as values.
    fn chain(&mut self, parts: &[Expr], until: bool) -> Done {
        let end = self.out.label();
        for (at, part) in parts.iter().enumerate() {
            self.expr(part)?;
            if at + 1 < parts.len() {
                self.out.jump_if_or_pop(until, end);
            }
        }
        self.out.place(end);
        Ok(())
    }

    fn compare(&mut self, first: &Expr, rest: &[(CompareOp, Expr)]) -> Done {
        self.expr(first)?;
        let Some(((last_op, last), before)) = rest.split_last() else {
            return Ok(());
        };
        if before.is_empty() {
            self.expr(last)?;
            self.out.emit(Op::Compare(*last_op));
            return Ok(());
        }
        let (cleanup, end) = (self.out.label(), self.out.label());
        for (op, right) in before {
            self.expr(right)?;
            self.out.emit(Op::Dup);
            self.out.emit(Op::RotThree);
            self.out.emit(Op::Compare(*op));
            self.out.jump_if_or_pop(false, cleanup);
        }
        self.expr(last)?;
        self.out.emit(Op::Compare(*last_op));
        self.out.jump(end);
        self.out.place(cleanup);
        self.out.emit(Op::RotTwo);
        self.out.emit(Op::Pop);
        self.out.place(end);
        Ok(())
    }

    /// Jumps to `label` if the truth of `expr` is `truth`; falls through otherwise.
    pub(super) fn jump_on(&mut self, expr: &Expr, truth: bool, label: Label) -> Done {
        match &expr.kind {
            ExprKind::Unary {
                op: UnaryOp::Not,
                operand,
            } => self.jump_on(operand, !truth, label),
            ExprKind::And(parts) | ExprKind::Or(parts) => {
                let decides = matches!(expr.kind, ExprKind::Or(_));
                let Some((last, before)) = parts.split_last() else {
                    return Ok(());
                };
                if decides == truth {
                    before
                        .iter()
                        .try_for_each(|part| self.jump_on(part, truth, label))?;
                    return self.jump_on(last, truth, label);
                }
                let past = self.out.label();
                before
                    .iter()
                    .try_for_each(|part| self.jump_on(part, decides, past))?;
                self.jump_on(last, truth, label)?;
                self.out.place(past);
                Ok(())
            }
            _ => {
                self.expr(expr)?;
                self.out.jump_if(truth, label);
                Ok(())
            }
        }
    }

    fn call(&mut self, call: &CallExpr) -> Done {
        if call.args.len() > MAX_ARGS || call.keywords.len() > MAX_ARGS {
            return self.error(call.function.pos, "more arguments than a call can have");
        }
        let plain = call.keywords.is_empty() && call.star.is_none() && call.star_star.is_none();
        if plain && let ExprKind::Attribute { value, name, .. } = &call.function.kind {
            self.out.advance_line(call.function.pos.line);
            self.expr(value)?;
            let sym = self.sym(*name);
            self.out.cached(Op::LoadMethod, sym);
            self.exprs(&call.args)?;
            self.out.emit(Op::CallMethod(call.args.len() as u32));
            return Ok(());
        }
        self.expr(&call.function)?;
        self.exprs(&call.args)?;
        if plain {
            self.out.emit(Op::Call(call.args.len() as u32));
            return Ok(());
        }
        for keyword in &call.keywords {
            self.expr(&keyword.value)?;
        }
        let names = call
            .keywords
            .iter()
            .map(|keyword| self.names.string(self.sym(keyword.name)))
            .collect();
        let names = self.out.keywords(names);
        let positional = call.args.len() as u16;
        if call.star.is_none() && call.star_star.is_none() {
            self.out.emit(Op::CallKeywords(positional, names));
            return Ok(());
        }
        let mut stars = 0;
        if let Some(star) = &call.star {
            self.expr(star)?;
            stars |= 1;
        }
        if let Some(star_star) = &call.star_star {
            self.expr(star_star)?;
            stars |= 2;
        }
        self.out.emit(Op::CallStar(positional, stars, names));
        Ok(())
    }

    /// Pushes the bounds that are there; the result tells which.
    pub(super) fn slice_bounds(
        &mut self,
        low: Option<&Expr>,
        high: Option<&Expr>,
    ) -> Result<u8, CompileError> {
        let mut there = 0;
        for (bound, bit) in [(low, 1), (high, 2)] {
            if let Some(bound) = bound {
                self.expr(bound)?;
                there |= bit;
            }
        }
        Ok(there)
    }

    /// Pushes what is between the brackets, other than a simple slice.
    pub(super) fn index(&mut self, index: &Index) -> Done {
        match index {
            Index::Item(item) => self.expr(item),
            Index::Slice { low, high } => self.slice_part(low.as_ref(), high.as_ref(), None),
            Index::Extended { parts, tuple } => {
                for part in parts {
                    match part {
                        SlicePart::Item(item) => self.expr(item)?,
                        SlicePart::Slice { low, high, step } => {
                            self.slice_part(low.as_ref(), high.as_ref(), step.as_ref())?;
                        }
                        SlicePart::Ellipsis => self.out.constant(Value::Ellipsis),
                    }
                }
                if *tuple {
                    self.out.emit(Op::BuildTuple(parts.len() as u32));
                }
                Ok(())
            }
        }
    }

    fn slice_part(&mut self, low: Option<&Expr>, high: Option<&Expr>, step: Option<&Expr>) -> Done {
        for bound in [low, high, step] {
            match bound {
                Some(bound) => self.expr(bound)?,
                None => self.out.constant(Value::None),
            }
        }
        self.out.emit(Op::BuildSlice);
        Ok(())
    }

    /// The loops of a list comprehension; the list is `below` values under the top when all loops run.
    fn comprehension(&mut self, whole: &Comprehension, fors: &[CompFor], below: u32) -> Done {
        let Some((first, rest)) = fors.split_first() else {
            self.expr(&whole.element)?;
            self.out.emit(Op::ListAppend(below - 1));
            return Ok(());
        };
        self.expr(&first.iter)?;
        self.out.emit(Op::GetIter);
        let (next, end) = (self.out.here(), self.out.label());
        self.out.for_iter(end);
        self.store(&first.target)?;
        for test in &first.ifs {
            self.jump_on(test, false, next)?;
        }
        self.comprehension(whole, rest, below + 1)?;
        self.out.jump(next);
        self.out.place(end);
        Ok(())
    }
}
