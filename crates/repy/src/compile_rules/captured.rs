//! Which variables of a function its inner functions use: those it may not delete.

use std::collections::BTreeSet;

use crate::ast::{
    Expr, ExprKind, Function, Index, Param, Params, SlicePart, Stmt, StmtKind, Symbol,
};

type Names = BTreeSet<Symbol>;

/// The names that functions and classes defined within `body` take from outside themselves.
pub(super) fn captured_names(body: &[Stmt]) -> Names {
    Scope::of(body).captured
}

/// One function or class body, without the bodies within it.
#[derive(Default)]
struct Scope {
    used: Names,
    bound: Names,
    /// What inner scopes take from outside themselves.
    captured: Names,
}

impl Scope {
    fn of(body: &[Stmt]) -> Self {
        let mut scope = Self::default();
        scope.stmts(body);
        scope
    }

    /// What a function with these names takes from outside.
    fn free_of_function(mut self, params: &Params) -> Names {
        params.positional.iter().for_each(|param| self.param(param));
        self.bound
            .extend(params.varargs.iter().chain(&params.kwargs));
        let wanted = self.used.union(&self.captured);
        wanted
            .filter(|name| !self.bound.contains(name))
            .copied()
            .collect()
    }

    /// What a class with these names takes from outside; its own variables are no use to functions within it.
    fn free_of_class(self) -> Names {
        let own = self.used.difference(&self.bound);
        own.copied().chain(self.captured.iter().copied()).collect()
    }

    fn param(&mut self, param: &Param) {
        match param {
            Param::Name(name) => drop(self.bound.insert(*name)),
            Param::Tuple(parts) => parts.iter().for_each(|part| self.param(part)),
        }
    }

    fn stmts(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign { targets, value } => {
                self.expr(value);
                self.targets(targets);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.target(target);
                self.expr(value);
            }
            StmtKind::Delete(targets) => self.targets(targets),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue | StmtKind::Refused(_) => {}
            StmtKind::Return(value) => self.exprs(value),
            StmtKind::Raise {
                exception,
                value,
                traceback,
            } => {
                self.exprs(exception.iter().chain(value).chain(traceback));
            }
            StmtKind::Assert { test, message } => {
                self.expr(test);
                self.exprs(message);
            }
            StmtKind::If { branches, orelse } => {
                for (test, body) in branches {
                    self.expr(test);
                    self.stmts(body);
                }
                self.stmts(orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test);
                self.stmts(body);
                self.stmts(orelse);
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
            } => {
                self.target(target);
                self.expr(iter);
                self.stmts(body);
                self.stmts(orelse);
            }
            StmtKind::Try(parts) => {
                self.stmts(&parts.body);
                for handler in &parts.handlers {
                    self.exprs(&handler.exception);
                    self.targets(&handler.target);
                    self.stmts(&handler.body);
                }
                self.stmts(&parts.orelse);
                self.stmts(&parts.finally);
            }
            StmtKind::Function(function) => self.function(function),
            StmtKind::Class(class) => {
                self.bound.insert(class.name);
                self.exprs(&class.bases);
                self.captured
                    .extend(Self::of(&class.body.stmts).free_of_class());
            }
        }
    }

    fn function(&mut self, function: &Function) {
        self.bound.insert(function.name);
        self.exprs(&function.params.defaults);
        self.captured
            .extend(Self::of(&function.body.stmts).free_of_function(&function.params));
    }

    fn targets<'tree>(&mut self, targets: impl IntoIterator<Item = &'tree Expr>) {
        targets.into_iter().for_each(|target| self.target(target));
    }

    fn target(&mut self, target: &Expr) {
        match &target.kind {
            ExprKind::Name(name) => drop(self.bound.insert(*name)),
            ExprKind::Tuple(items) | ExprKind::List(items) => self.targets(items),
            _ => self.expr(target),
        }
    }

    fn exprs<'tree>(&mut self, exprs: impl IntoIterator<Item = &'tree Expr>) {
        exprs.into_iter().for_each(|expr| self.expr(expr));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Name(name) => drop(self.used.insert(*name)),
            ExprKind::And(items)
            | ExprKind::Or(items)
            | ExprKind::Tuple(items)
            | ExprKind::List(items) => {
                self.exprs(items);
            }
            ExprKind::Binary { first, rest } => {
                self.expr(first);
                self.exprs(rest.iter().map(|step| &step.right));
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Compare { first, rest } => {
                self.expr(first);
                self.exprs(rest.iter().map(|(_, right)| right));
            }
            ExprKind::Call(call) => {
                self.expr(&call.function);
                self.exprs(&call.args);
                self.exprs(call.keywords.iter().map(|keyword| &keyword.value));
                self.exprs(call.star.iter().chain(&call.star_star));
            }
            ExprKind::Attribute { value, .. } => self.expr(value),
            ExprKind::Subscript { value, index } => {
                self.expr(value);
                self.index(index);
            }
            ExprKind::Dict(items) => self.exprs(items.iter().flat_map(|(key, value)| [key, value])),
            ExprKind::ListComp(comprehension) => {
                self.expr(&comprehension.element);
                for part in &comprehension.fors {
                    self.target(&part.target);
                    self.expr(&part.iter);
                    self.exprs(&part.ifs);
                }
            }
            ExprKind::Int(_)
            | ExprKind::Long(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Bytes(_)
            | ExprKind::Refused(_) => {}
        }
    }

    fn index(&mut self, index: &Index) {
        match index {
            Index::Item(item) => self.expr(item),
            Index::Slice { low, high } => self.exprs(low.iter().chain(high)),
            Index::Extended { parts, .. } => {
                for part in parts {
                    match part {
                        SlicePart::Item(item) => self.expr(item),
                        SlicePart::Slice { low, high, step } => {
                            self.exprs(low.iter().chain(high).chain(step))
                        }
                        SlicePart::Ellipsis => {}
                    }
                }
            }
        }
    }
}
