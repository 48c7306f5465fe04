//! Assignment, augmented assignment and deletion.

use super::scope::Place;
use super::{CompileError, Compiler};
use crate::bytecode::Op;
use overlord_repy_syntax::ast::{BinaryOp, Expr, ExprKind, Index, Symbol};

type Done = Result<(), CompileError>;

impl Compiler<'_> {
    pub(super) fn store_name(&mut self, name: Symbol) {
        let sym = self.sym(name);
        match self.scope.place(name) {
            Place::Local(slot) => self.out.emit(Op::StoreLocal(slot)),
            Place::Cell(slot) => self.out.emit(Op::StoreCell(slot)),
            Place::ClassName => self.out.emit(Op::StoreName(sym)),
            Place::Global => self.out.cached(Op::StoreGlobal, sym),
        }
    }

    /// Stores the value on top of the stack.
    pub(super) fn store(&mut self, target: &Expr) -> Done {
        match &target.kind {
            ExprKind::Name(name) => self.store_name(*name),
            ExprKind::Attribute { value, name, .. } => {
                self.expr(value)?;
                let sym = self.sym(*name);
                self.out.cached(Op::StoreAttr, sym);
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value)?;
                match &**index {
                    Index::Slice { low, high } => {
                        let bounds = self.slice_bounds(low.as_ref(), high.as_ref())?;
                        self.out.emit(Op::StoreSlice(bounds));
                    }
                    other => {
                        self.index(other)?;
                        self.out.emit(Op::StoreSubscript);
                    }
                }
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                self.out.emit(Op::Unpack(parts.len() as u32));
                parts.iter().try_for_each(|part| self.store(part))?;
            }
            _ => return self.error(target.pos, "can't assign to this"),
        }
        Ok(())
    }

    pub(super) fn assign(&mut self, targets: &[Expr], value: &Expr) -> Done {
        if let [target] = targets
            && self.assign_pairwise(target, value)?
        {
            return Ok(());
        }
        self.expr(value)?;
        for (at, target) in targets.iter().enumerate() {
            if at + 1 < targets.len() {
                self.out.emit(Op::Dup);
            }
            self.store(target)?;
        }
        Ok(())
    }

    /// `a, b = x, y` (two or three) without making a tuple; false if it is not of that form.
    fn assign_pairwise(&mut self, target: &Expr, value: &Expr) -> Result<bool, CompileError> {
        let (ExprKind::Tuple(targets) | ExprKind::List(targets)) = &target.kind else {
            return Ok(false);
        };
        let (ExprKind::Tuple(values) | ExprKind::List(values)) = &value.kind else {
            return Ok(false);
        };
        match (targets.len(), values.len()) {
            (2, 2) => {
                self.exprs(values)?;
                self.out.emit(Op::RotTwo);
            }
            (3, 3) => {
                self.exprs(values)?;
                self.out.emit(Op::RotThree);
                self.out.emit(Op::RotTwo);
            }
            _ => return Ok(false),
        }
        targets.iter().try_for_each(|target| self.store(target))?;
        Ok(true)
    }

    pub(super) fn augmented(&mut self, target: &Expr, op: BinaryOp, value: &Expr) -> Done {
        match &target.kind {
            ExprKind::Name(name) => {
                self.load_name(*name);
                self.expr(value)?;
                self.out.emit(Op::InPlace(op));
                self.store_name(*name);
            }
            ExprKind::Attribute {
                value: object,
                name,
                ..
            } => {
                let sym = self.sym(*name);
                self.expr(object)?;
                self.out.emit(Op::Dup);
                self.out.cached(Op::LoadAttr, sym);
                self.expr(value)?;
                self.out.emit(Op::InPlace(op));
                self.out.emit(Op::RotTwo);
                self.out.cached(Op::StoreAttr, sym);
            }
            ExprKind::Subscript {
                value: object,
                index,
            } => {
                if self.augmented_local_item(object, index, op, value)? {
                    return Ok(());
                }
                self.expr(object)?;
                if let Index::Slice { low, high } = &**index {
                    let bounds = self.slice_bounds(low.as_ref(), high.as_ref())?;
                    self.out.emit(Op::DupSlice(bounds));
                    self.out.emit(Op::Slice(bounds));
                    self.expr(value)?;
                    self.out.emit(Op::InPlace(op));
                    self.out.emit(match bounds.count_ones() {
                        0 => Op::RotTwo,
                        1 => Op::RotThree,
                        _ => Op::RotFour,
                    });
                    self.out.emit(Op::StoreSlice(bounds));
                    return Ok(());
                }
                self.index(index)?;
                self.out.emit(Op::DupTwo);
                self.out.emit(Op::Subscript);
                self.expr(value)?;
                self.out.emit(Op::InPlace(op));
                self.out.emit(Op::RotThree);
                self.out.emit(Op::StoreSubscript);
            }
            _ => return self.error(target.pos, "illegal expression for augmented assignment"),
        }
        Ok(())
    }

    /// `local[local] op= value`; false if it is not of that form.
    fn augmented_local_item(
        &mut self,
        object: &Expr,
        index: &Index,
        op: BinaryOp,
        value: &Expr,
    ) -> Result<bool, CompileError> {
        if let (ExprKind::Name(object), Index::Item(item)) = (&object.kind, index)
            && let ExprKind::Name(item) = item.kind
            && let (Place::Local(a), Place::Local(b)) =
                (self.scope.place(*object), self.scope.place(item))
            && is_simple(value)
        {
            // Neither local changes meanwhile, so both can be read again.
            self.out.emit(Op::SubscriptLocals(a, b));
            self.expr(value)?;
            self.out.emit(Op::InPlace(op));
            self.out.emit(Op::StoreSubscriptLocals(a, b));
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn delete(&mut self, target: &Expr) -> Done {
        match &target.kind {
            ExprKind::Name(name) => {
                let sym = self.sym(*name);
                let op = match self.scope.place(*name) {
                    Place::Local(slot) => Op::DelLocal(slot),
                    Place::Cell(_) => {
                        let name = self.names.string(sym);
                        let message = format!(
                            "can not delete variable '{}' referenced in nested scope",
                            name.lossy()
                        );
                        return self.error(target.pos, &message);
                    }
                    Place::ClassName => Op::DelName(sym),
                    Place::Global => Op::DelGlobal(sym),
                };
                self.out.emit(op);
            }
            ExprKind::Attribute { value, name, .. } => {
                self.expr(value)?;
                let sym = self.sym(*name);
                self.out.emit(Op::DelAttr(sym));
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value)?;
                match &**index {
                    Index::Slice { low, high } => {
                        let bounds = self.slice_bounds(low.as_ref(), high.as_ref())?;
                        self.out.emit(Op::DelSlice(bounds));
                    }
                    other => {
                        self.index(other)?;
                        self.out.emit(Op::DelSubscript);
                    }
                }
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                parts.iter().try_for_each(|part| self.delete(part))?;
            }
            _ => return self.error(target.pos, "can't delete this"),
        }
        Ok(())
    }
}

/// Whether evaluating cannot bind a name: list comprehensions do, and are looked for no deeper than is frequent.
fn is_simple(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Bytes(_) => true,
        ExprKind::Binary { first, rest } => {
            is_simple(first) && rest.iter().all(|step| is_simple(&step.right))
        }
        _ => false,
    }
}
