//! One walk over the tree for all who look at it: a method for each kind of node, and the way down from each.
//!
//! A visitor overrides what it has something to say about and calls the `walk_` function of that node for the way
//! further down. Who adds a kind of node adds its children here, and nowhere else; what the compiler makes of it is
//! the compiler's.

use super::{
    Body, CallExpr, ClassDefinition, CompFor, Comprehension, ExceptClause, Expr, ExprKind,
    FunctionDefinition, Index, Param, Params, Pos, RefusedExpr, RefusedStmt, SlicePart, Stmt,
    StmtKind, Symbol, Try,
};

/// What a name in the tree does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A variable is read.
    Read,
    /// A variable is set, deleted, or the variable of a loop.
    Bound,
    /// A `def` or `class` names itself.
    Defined,
    /// A parameter, also one within a tuple.
    Parameter,
    /// An attribute is read.
    Attribute,
    /// An attribute is set or deleted.
    AttributeSet,
    /// The name of an argument in a call.
    Keyword,
}

/// In which order the parts of a statement are visited where the two differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they stand in the file.
    Source,
    /// As CPython evaluates them.
    Evaluation,
}

/// What a visit says: go on, or stop with this.
pub type Visit<'tree, V> = Result<(), <V as Visitor<'tree>>::Stop>;

/// One who looks at a tree. Every method has the way down as its default.
pub trait Visitor<'tree>: Sized {
    /// What ends the visit early: `Infallible` if nothing does.
    type Stop;

    /// In which order this visitor goes.
    const ORDER: Order = Order::Evaluation;

    /// A name, wherever it stands; `pos` is where it stands (of its statement for `def` and `class`, of the list for parameters).
    ///
    /// # Errors
    /// What ends the visit, here and in all that follow.
    fn name(&mut self, _name: Symbol, _pos: Pos, _as: Use) -> Visit<'tree, Self> {
        Ok(())
    }

    /// The statements of one block.
    ///
    /// # Errors
    /// What ends the visit.
    fn stmts(&mut self, stmts: &'tree [Stmt]) -> Visit<'tree, Self> {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    /// A statement.
    ///
    /// # Errors
    /// What ends the visit.
    fn stmt(&mut self, stmt: &'tree Stmt) -> Visit<'tree, Self> {
        walk_stmt(self, stmt)
    }

    /// A `def`.
    ///
    /// # Errors
    /// What ends the visit.
    fn function(&mut self, function: &'tree FunctionDefinition, pos: Pos) -> Visit<'tree, Self> {
        walk_function(self, function, pos)
    }

    /// A `class`.
    ///
    /// # Errors
    /// What ends the visit.
    fn class(&mut self, class: &'tree ClassDefinition, pos: Pos) -> Visit<'tree, Self> {
        walk_class(self, class, pos)
    }

    /// The statements of a `def` or `class`: a scope of its own.
    ///
    /// # Errors
    /// What ends the visit.
    fn body(&mut self, body: &'tree Body) -> Visit<'tree, Self> {
        self.stmts(&body.stmts)
    }

    /// An expression that is evaluated.
    ///
    /// # Errors
    /// What ends the visit.
    fn expr(&mut self, expr: &'tree Expr) -> Visit<'tree, Self> {
        walk_expr(self, expr)
    }

    /// What is assigned to.
    ///
    /// # Errors
    /// What ends the visit.
    fn target(&mut self, target: &'tree Expr) -> Visit<'tree, Self> {
        walk_target(self, target)
    }

    /// What `+=` and the like change.
    ///
    /// # Errors
    /// What ends the visit.
    fn updated(&mut self, target: &'tree Expr) -> Visit<'tree, Self> {
        self.target(target)
    }

    /// What `del` deletes.
    ///
    /// # Errors
    /// What ends the visit.
    fn deleted(&mut self, target: &'tree Expr) -> Visit<'tree, Self> {
        self.target(target)
    }

    /// A call.
    ///
    /// # Errors
    /// What ends the visit.
    fn call(&mut self, call: &'tree CallExpr, _pos: Pos) -> Visit<'tree, Self> {
        walk_call(self, call)
    }

    /// A statement that is not Repy.
    ///
    /// # Errors
    /// What ends the visit.
    fn refused_stmt(&mut self, refused: &'tree RefusedStmt, _pos: Pos) -> Visit<'tree, Self> {
        walk_refused_stmt(self, refused)
    }

    /// An expression that is not Repy.
    ///
    /// # Errors
    /// What ends the visit.
    fn refused_expr(&mut self, refused: &'tree RefusedExpr, _pos: Pos) -> Visit<'tree, Self> {
        walk_refused_expr(self, refused)
    }
}

/// The parts of a statement.
///
/// # Errors
/// What ends the visit.
pub fn walk_stmt<'tree, V: Visitor<'tree>>(visitor: &mut V, stmt: &'tree Stmt) -> Visit<'tree, V> {
    match &stmt.kind {
        StmtKind::Expr(value) => visitor.expr(value),
        StmtKind::Assign { targets, value } => match V::ORDER {
            Order::Source => {
                visit_targets(visitor, targets)?;
                visitor.expr(value)
            }
            Order::Evaluation => {
                visitor.expr(value)?;
                visit_targets(visitor, targets)
            }
        },
        StmtKind::AugAssign { target, value, .. } => {
            visitor.updated(target)?;
            visitor.expr(value)
        }
        StmtKind::Delete(targets) => targets
            .iter()
            .try_for_each(|target| visitor.deleted(target)),
        StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
        StmtKind::Return(value) => visit_exprs(visitor, value),
        StmtKind::Raise {
            exception,
            value,
            traceback,
        } => visit_exprs(visitor, exception.iter().chain(value).chain(traceback)),
        StmtKind::Assert { test, message } => {
            visitor.expr(test)?;
            visit_exprs(visitor, message)
        }
        StmtKind::If { branches, orelse } => {
            for (test, body) in branches {
                visitor.expr(test)?;
                visitor.stmts(body)?;
            }
            visitor.stmts(orelse)
        }
        StmtKind::While { test, body, orelse } => {
            visitor.expr(test)?;
            visitor.stmts(body)?;
            visitor.stmts(orelse)
        }
        StmtKind::For {
            target,
            iter,
            body,
            orelse,
        } => {
            walk_for(visitor, target, iter)?;
            visitor.stmts(body)?;
            visitor.stmts(orelse)
        }
        StmtKind::Try(parts) => walk_try(visitor, parts),
        StmtKind::Function(function) => visitor.function(function, stmt.pos),
        StmtKind::Class(class) => visitor.class(class, stmt.pos),
        StmtKind::Refused(refused) => visitor.refused_stmt(refused, stmt.pos),
    }
}

/// `for target in iter`, of a loop or a comprehension.
///
/// # Errors
/// What ends the visit.
pub fn walk_for<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    target: &'tree Expr,
    iter: &'tree Expr,
) -> Visit<'tree, V> {
    match V::ORDER {
        Order::Source => {
            visitor.target(target)?;
            visitor.expr(iter)
        }
        Order::Evaluation => {
            visitor.expr(iter)?;
            visitor.target(target)
        }
    }
}

/// The parts of a `try`.
///
/// # Errors
/// What ends the visit.
pub fn walk_try<'tree, V: Visitor<'tree>>(visitor: &mut V, parts: &'tree Try) -> Visit<'tree, V> {
    visitor.stmts(&parts.body)?;
    for handler in &parts.handlers {
        walk_handler(visitor, handler)?;
    }
    visitor.stmts(&parts.orelse)?;
    visitor.stmts(&parts.finally)
}

/// The parts of an `except` clause.
///
/// # Errors
/// What ends the visit.
pub fn walk_handler<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    handler: &'tree ExceptClause,
) -> Visit<'tree, V> {
    visit_exprs(visitor, &handler.exception)?;
    visit_targets(visitor, &handler.target)?;
    visitor.stmts(&handler.body)
}

/// The parts of a `def`.
///
/// # Errors
/// What ends the visit.
pub fn walk_function<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    function: &'tree FunctionDefinition,
    pos: Pos,
) -> Visit<'tree, V> {
    visitor.name(function.name, pos, Use::Defined)?;
    visit_exprs(visitor, &function.decorators)?;
    visit_exprs(visitor, &function.params.defaults)?;
    walk_params(visitor, &function.params)?;
    visitor.body(&function.body)
}

/// The names of parameters, in the order of the list; not their defaults, which belong to the scope around.
///
/// # Errors
/// What ends the visit.
pub fn walk_params<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    params: &'tree Params,
) -> Visit<'tree, V> {
    walk_param_list(visitor, &params.positional, params.pos)?;
    params
        .varargs
        .iter()
        .chain(&params.kwargs)
        .try_for_each(|&name| visitor.name(name, params.pos, Use::Parameter))
}

/// The names of these parameters and of those within their tuples.
///
/// # Errors
/// What ends the visit.
pub fn walk_param_list<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    params: &'tree [Param],
    pos: Pos,
) -> Visit<'tree, V> {
    params.iter().try_for_each(|param| match param {
        Param::Name(name) => visitor.name(*name, pos, Use::Parameter),
        Param::Tuple(parts) => walk_param_list(visitor, parts, pos),
    })
}

/// The parts of a `class`.
///
/// # Errors
/// What ends the visit.
pub fn walk_class<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    class: &'tree ClassDefinition,
    pos: Pos,
) -> Visit<'tree, V> {
    visitor.name(class.name, pos, Use::Defined)?;
    visit_exprs(visitor, &class.decorators)?;
    visit_exprs(visitor, &class.bases)?;
    visitor.body(&class.body)
}

/// The parts of what is assigned to.
///
/// # Errors
/// What ends the visit.
pub fn walk_target<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    target: &'tree Expr,
) -> Visit<'tree, V> {
    match &target.kind {
        ExprKind::Name(name) => visitor.name(*name, target.pos, Use::Bound),
        ExprKind::Attribute {
            value,
            name,
            name_pos,
        } => {
            visitor.name(*name, *name_pos, Use::AttributeSet)?;
            visitor.expr(value)
        }
        ExprKind::Tuple(items) | ExprKind::List(items) => visit_targets(visitor, items),
        _ => visitor.expr(target),
    }
}

/// The parts of an expression.
///
/// # Errors
/// What ends the visit.
pub fn walk_expr<'tree, V: Visitor<'tree>>(visitor: &mut V, expr: &'tree Expr) -> Visit<'tree, V> {
    match &expr.kind {
        ExprKind::Name(name) => visitor.name(*name, expr.pos, Use::Read),
        ExprKind::Int(_)
        | ExprKind::Long(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Bytes(_) => Ok(()),
        ExprKind::And(items)
        | ExprKind::Or(items)
        | ExprKind::Tuple(items)
        | ExprKind::List(items) => visit_exprs(visitor, items),
        ExprKind::Binary { first, rest } => {
            visitor.expr(first)?;
            visit_exprs(visitor, rest.iter().map(|step| &step.right))
        }
        ExprKind::Unary { operand, .. } => visitor.expr(operand),
        ExprKind::Compare { first, rest } => {
            visitor.expr(first)?;
            visit_exprs(visitor, rest.iter().map(|(_, right)| right))
        }
        ExprKind::Call(call) => visitor.call(call, expr.pos),
        ExprKind::Attribute {
            value,
            name,
            name_pos,
        } => {
            visitor.name(*name, *name_pos, Use::Attribute)?;
            visitor.expr(value)
        }
        ExprKind::Subscript { value, index } => {
            visitor.expr(value)?;
            walk_index(visitor, index)
        }
        ExprKind::Dict(items) => items.iter().try_for_each(|(key, value)| match V::ORDER {
            Order::Source => visit_exprs(visitor, [key, value]),
            Order::Evaluation => visit_exprs(visitor, [value, key]),
        }),
        ExprKind::ListComp(comprehension) => walk_comprehension(visitor, comprehension),
        ExprKind::Refused(refused) => visitor.refused_expr(refused, expr.pos),
    }
}

/// The parts of a call.
///
/// # Errors
/// What ends the visit.
pub fn walk_call<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    call: &'tree CallExpr,
) -> Visit<'tree, V> {
    visitor.expr(&call.function)?;
    visit_exprs(visitor, &call.args)?;
    for keyword in &call.keywords {
        visitor.name(keyword.name, keyword.pos, Use::Keyword)?;
        visitor.expr(&keyword.value)?;
    }
    visit_exprs(visitor, call.star.iter().chain(&call.star_star))
}

/// What is between brackets.
///
/// # Errors
/// What ends the visit.
pub fn walk_index<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    index: &'tree Index,
) -> Visit<'tree, V> {
    match index {
        Index::Item(item) => visitor.expr(item),
        Index::Slice { low, high } => visit_exprs(visitor, low.iter().chain(high)),
        Index::Extended { parts, .. } => parts.iter().try_for_each(|part| match part {
            SlicePart::Item(item) => visitor.expr(item),
            SlicePart::Slice { low, high, step } => {
                visit_exprs(visitor, low.iter().chain(high).chain(step))
            }
            SlicePart::Ellipsis => Ok(()),
        }),
    }
}

/// The parts of a comprehension.
///
/// # Errors
/// What ends the visit.
pub fn walk_comprehension<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    comprehension: &'tree Comprehension,
) -> Visit<'tree, V> {
    if V::ORDER == Order::Source {
        visitor.expr(&comprehension.element)?;
    }
    for CompFor {
        target, iter, ifs, ..
    } in &comprehension.fors
    {
        walk_for(visitor, target, iter)?;
        visit_exprs(visitor, ifs)?;
    }
    if V::ORDER == Order::Evaluation {
        visitor.expr(&comprehension.element)?;
    }
    Ok(())
}

/// The parts of a statement that is not Repy.
///
/// # Errors
/// What ends the visit.
pub fn walk_refused_stmt<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    refused: &'tree RefusedStmt,
) -> Visit<'tree, V> {
    match refused {
        RefusedStmt::Print { file, values, .. } => visit_exprs(visitor, file.iter().chain(values)),
        RefusedStmt::Exec {
            code,
            globals,
            locals,
        } => {
            visitor.expr(code)?;
            visit_exprs(visitor, globals.iter().chain(locals))
        }
        RefusedStmt::Import(_) | RefusedStmt::From { .. } | RefusedStmt::Global(_) => Ok(()),
        RefusedStmt::With { items, body } => {
            for (manager, target) in items {
                visitor.expr(manager)?;
                visit_targets(visitor, target)?;
            }
            visitor.stmts(body)
        }
    }
}

/// The parts of an expression that is not Repy, but for those in a scope of their own: the bodies of lambdas and
/// generators.
///
/// # Errors
/// What ends the visit.
pub fn walk_refused_expr<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    refused: &'tree RefusedExpr,
) -> Visit<'tree, V> {
    match refused {
        RefusedExpr::Unicode(_) => Ok(()),
        RefusedExpr::Backquote(value) => visitor.expr(value),
        RefusedExpr::Lambda(params, _) => visit_exprs(visitor, &params.defaults),
        RefusedExpr::Yield(value) => visit_exprs(visitor, value),
        RefusedExpr::IfExp { test, then, orelse } => visit_exprs(visitor, [test, then, orelse]),
        RefusedExpr::Set(items) => visit_exprs(visitor, items),
        RefusedExpr::GenExpr(inner)
        | RefusedExpr::SetComp(inner)
        | RefusedExpr::DictComp(inner, _) => {
            // The first iterable is evaluated outside of that scope.
            visit_exprs(visitor, inner.fors.first().map(|part| &part.iter))
        }
    }
}

/// Expressions, one after the other.
///
/// # Errors
/// What ends the visit.
pub fn visit_exprs<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    exprs: impl IntoIterator<Item = &'tree Expr>,
) -> Visit<'tree, V> {
    exprs.into_iter().try_for_each(|expr| visitor.expr(expr))
}

fn visit_targets<'tree, V: Visitor<'tree>>(
    visitor: &mut V,
    targets: impl IntoIterator<Item = &'tree Expr>,
) -> Visit<'tree, V> {
    targets
        .into_iter()
        .try_for_each(|target| visitor.target(target))
}
