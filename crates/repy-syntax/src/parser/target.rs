//! What may be assigned to or deleted.

use super::{Parser, Result};
use crate::ast::{BinaryOp, Expr, ExprKind, RefusedExpr, UnaryOp};
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
            _ => Err(cannot_assign(target)
                .in_python(format!("can't assign to {}", node_class(&target.kind)))),
        }
    }
}

/// The name of the class that CPython's compiler package has for such a node.
fn node_class(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Name(_) => "Name",
        ExprKind::Int(_)
        | ExprKind::Long(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Bytes(_) => "Const",
        ExprKind::And(_) => "And",
        ExprKind::Or(_) => "Or",
        ExprKind::Binary { rest, .. } => match rest.last().map(|step| step.op) {
            Some(BinaryOp::BitAnd) => "Bitand",
            Some(BinaryOp::BitOr) => "Bitor",
            Some(BinaryOp::BitXor) => "Bitxor",
            Some(BinaryOp::Div) => "Div",
            Some(BinaryOp::FloorDiv) => "FloorDiv",
            Some(BinaryOp::LeftShift) => "LeftShift",
            Some(BinaryOp::Mod) => "Mod",
            Some(BinaryOp::Mul) => "Mul",
            Some(BinaryOp::Pow) => "Power",
            Some(BinaryOp::RightShift) => "RightShift",
            Some(BinaryOp::Sub) => "Sub",
            Some(BinaryOp::Add) | None => "Add",
        },
        ExprKind::Unary { op, .. } => match op {
            UnaryOp::Invert => "Invert",
            UnaryOp::Minus => "UnarySub",
            UnaryOp::Not => "Not",
            UnaryOp::Plus => "UnaryAdd",
        },
        ExprKind::Compare { .. } => "Compare",
        ExprKind::Call(_) => "CallFunc",
        ExprKind::Attribute { .. } => "Getattr",
        ExprKind::Subscript { .. } => "Subscript",
        ExprKind::Tuple(_) => "Tuple",
        ExprKind::List(_) => "List",
        ExprKind::Dict(_) => "Dict",
        ExprKind::ListComp(_) => "ListComp",
        ExprKind::Refused(refused) => refused.node_class(),
    }
}

fn cannot_assign(target: &Expr) -> SyntaxError {
    let in_python = match &target.kind {
        ExprKind::Call(_) => "can't assign to function call",
        ExprKind::Tuple(_) => "can't assign to ()",
        ExprKind::List(_) => "can't assign to []",
        ExprKind::ListComp(_) => "can't assign to list comprehension",
        ExprKind::Int(_)
        | ExprKind::Long(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Bytes(_)
        | ExprKind::Dict(_) => "can't assign to literal",
        ExprKind::Refused(refused) => match &**refused {
            // With the numbers of grammar rules, as its compiler package has them.
            RefusedExpr::Lambda(..) => "bad assignment (321)",
            RefusedExpr::Yield(_) => "bad assignment (340)",
            RefusedExpr::IfExp { .. } => "can't assign to operator",
            _ => "can't assign to literal",
        },
        _ => "can't assign to operator",
    };
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
            RefusedExpr::Unicode(_) | RefusedExpr::Set(_) => "a literal",
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
        .in_python(in_python)
        .without_line()
}
