//! Which variables of a function its inner functions use: those it may not delete.

use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::ast::visit::{Use, Visit, Visitor, visit_exprs, walk_params};
use crate::ast::{ClassDefinition, FunctionDefinition, Pos, Stmt, Symbol};

type Names = BTreeSet<Symbol>;

/// The names that functions and classes defined within `body` take from outside themselves.
pub(super) fn captured_names(body: &[Stmt]) -> Names {
    let mut scope = Scope::default();
    let Ok(()) = scope.stmts(body);
    scope.captured
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
    /// What a function with these names takes from outside.
    fn free_of_function(&self) -> impl Iterator<Item = Symbol> {
        let wanted = self.used.union(&self.captured);
        wanted.filter(|name| !self.bound.contains(name)).copied()
    }

    /// What a class with these names takes from outside; its own variables are no use to functions within it.
    fn free_of_class(&self) -> impl Iterator<Item = Symbol> {
        let own = self.used.difference(&self.bound);
        own.chain(&self.captured).copied()
    }
}

impl<'tree> Visitor<'tree> for Scope {
    type Stop = Infallible;

    fn name(&mut self, name: Symbol, _: Pos, used: Use) -> Visit<'tree, Self> {
        match used {
            Use::Read => drop(self.used.insert(name)),
            Use::Bound | Use::Defined | Use::Parameter => drop(self.bound.insert(name)),
            Use::Attribute | Use::AttributeSet | Use::Keyword => {}
        }
        Ok(())
    }

    fn function(&mut self, function: &'tree FunctionDefinition, pos: Pos) -> Visit<'tree, Self> {
        self.name(function.name, pos, Use::Defined)?;
        visit_exprs(self, &function.params.defaults)?;
        let mut inner = Self::default();
        walk_params(&mut inner, &function.params)?;
        inner.body(&function.body)?;
        self.captured.extend(inner.free_of_function());
        Ok(())
    }

    fn class(&mut self, class: &'tree ClassDefinition, pos: Pos) -> Visit<'tree, Self> {
        self.name(class.name, pos, Use::Defined)?;
        visit_exprs(self, &class.bases)?;
        let mut inner = Self::default();
        inner.body(&class.body)?;
        self.captured.extend(inner.free_of_class());
        Ok(())
    }
}
