//! What may be assigned to or deleted.

use super::{Parser, Result};
use crate::ast::{Expr, ExprKind, RefusedExpr};
use crate::syntax_error::SyntaxError;

impl Parser<'_> {
    /// Refuses what cannot be a target, as the original's parser does.
    ///
    /// A generator expression passes if its element could be a target: the original's parser takes `(x for x in y)`
    /// for a tuple there. CPython's compiler then refuses it, and so does [`crate::compile_rules`].
    pub(super) fn check_target(&self, target: &Expr) -> Result<()> {
        let items = match &target.kind {
            ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => {
                return Ok(());
            }
            ExprKind::Tuple(items) | ExprKind::List(items) if !items.is_empty() => items,
            ExprKind::Refused(refused) => match &**refused {
                RefusedExpr::GenExpr(comprehension) => std::slice::from_ref(&comprehension.element),
                _ => return Err(cannot_assign(target)),
            },
            _ => return Err(cannot_assign(target)),
        };
        items.iter().try_for_each(|item| self.check_target(item))
    }

    /// Refuses what cannot stand before `+=` and its kin.
    pub(super) fn check_augmented_target(&self, target: &Expr) -> Result<()> {
        match target.kind {
            ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => Ok(()),
            _ => Err(cannot_assign(target)),
        }
    }
}

fn cannot_assign(target: &Expr) -> SyntaxError {
    let what = match &target.kind {
        ExprKind::Call(_) => "a function call",
        ExprKind::Tuple(items) if items.is_empty() => "()",
        ExprKind::List(items) if items.is_empty() => "[]",
        ExprKind::Tuple(_) => "a tuple here",
        ExprKind::List(_) => "a list here",
        ExprKind::ListComp(_) => "a list comprehension",
        ExprKind::Int(_)
        | ExprKind::Long(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Bytes(_)
        | ExprKind::Dict(_) => "a literal",
        ExprKind::Refused(refused) => match &**refused {
            RefusedExpr::Unicode | RefusedExpr::Set(_) => "a literal",
            RefusedExpr::Backquote(_) => "backquotes",
            RefusedExpr::Lambda(..) => "a lambda",
            RefusedExpr::Yield(_) => "a yield expression",
            RefusedExpr::IfExp { .. } => "a conditional expression",
            RefusedExpr::GenExpr(_) => "a generator expression",
            RefusedExpr::SetComp(_) | RefusedExpr::DictComp(..) => "a comprehension",
        },
        _ => "an operator",
    };
    SyntaxError::new(target.pos, format!("can't assign to {what}"))
}
