//! The safety check: which Python 2.7 a Repy program may contain.
//!
//! Gives the original's verdict: a tree is safe if it has none of the constructs the original's list of node
//! classes leaves out, no unicode literal, and no forbidden identifier. The quirk of parameter names is kept: they
//! may be anything (`def f(__a)`), though using `__a` is refused. What only CPython's compiler would refuse
//! (`break` outside a loop) is not looked at here, as in the original; see [`crate::compile_rules`].
//!
//! One hole of the original is closed: behind a docstring on the first line of the file, as in `"text"; import os`,
//! its parser drops the rest of that line before the check, yet the line is executed. Here it is checked.

use crate::ast::{
    Class, Comprehension, Expr, ExprKind, Function, Index, Module, Params, Pos, RefusedExpr,
    RefusedStmt, SlicePart, Stmt, StmtKind, Symbol, Symbols, Try,
};
use crate::parser::parse;
use crate::source::Source;
use crate::syntax_error::{SyntaxError, render};

/// The program is Python, but not Repy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", pos.line, pos.column + 1)]
pub struct Unsafe {
    /// Where.
    pub pos: Pos,
    /// The rule, in one line without a full stop.
    pub message: Box<str>,
}

/// Why a program is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not Python 2.7.
    #[error("syntax error: {0}")]
    Syntax(SyntaxError),
    /// It is Python, but not Repy.
    #[error("unsafe: {0}")]
    Unsafe(Unsafe),
}

impl Refusal {
    /// Where, and which rule.
    pub fn place(&self) -> (Pos, &str) {
        match self {
            Self::Syntax(error) => (error.pos, &error.message),
            Self::Unsafe(error) => (error.pos, &error.message),
        }
    }

    /// The complaint with the line and a caret below the place; `bytes` are those of the file called `file`.
    pub fn render(&self, file: &str, bytes: &[u8]) -> String {
        let kind = match self {
            Self::Syntax(_) => "syntax error",
            Self::Unsafe(_) => "unsafe",
        };
        let (pos, message) = self.place();
        render(file, bytes, pos, kind, message)
    }
}

/// Parses and checks a program: the tree if it is safe.
///
/// # Errors
/// [`Refusal::Syntax`] before [`Refusal::Unsafe`], whichever comes first in the file, as in the original.
pub fn load(bytes: &[u8]) -> Result<Module, Refusal> {
    let module = Source::new(bytes)
        .and_then(|source| parse(&source))
        .map_err(Refusal::Syntax)?;
    check(&module).map_err(Refusal::Unsafe)?;
    Ok(module)
}

/// Checks a parsed program.
///
/// # Errors
/// The first thing in it that Repy does not have.
pub fn check(module: &Module) -> Result<(), Unsafe> {
    Checker {
        symbols: &module.symbols,
    }
    .stmts(&module.body.stmts)
}

/// Whether the original lets a program use `name` as a variable, attribute, function, class or keyword; also the
/// rule for the keys of a `SafeDict`.
pub fn is_safe_name(name: &[u8]) -> bool {
    const ALLOWED: [&[u8]; 5] = [
        b"__init__",
        b"__del__",
        b"__iter__",
        b"__repr__",
        b"__str__",
    ];
    ALLOWED.contains(&name) || broken_rule(name).is_none()
}

/// Which of the identifier rules `name` breaks, were it not one of the allowed special names.
fn broken_rule(name: &[u8]) -> Option<&'static str> {
    const PREFIXES: [&str; 5] = ["im_", "func_", "tb_", "f_", "co_"];
    if matches!(name, b"encode" | b"decode") {
        return Some("encode and decode are not available");
    }
    if name.windows(2).any(|pair| pair == b"__") {
        return Some(
            "names with two underscores are reserved, save __init__, __del__, __iter__, __repr__ and __str__",
        );
    }
    let starts = |prefix: &&str| name.starts_with(prefix.as_bytes());
    PREFIXES
        .iter()
        .any(starts)
        .then_some("names beginning with im_, func_, tb_, f_ or co_ are reserved")
}

type Result<T, E = Unsafe> = std::result::Result<T, E>;

struct Checker<'tree> {
    symbols: &'tree Symbols,
}

impl Checker<'_> {
    fn name(&self, symbol: Symbol, pos: Pos) -> Result<()> {
        let name = self.symbols.name(symbol);
        if is_safe_name(name.as_bytes()) {
            return Ok(());
        }
        let rule = broken_rule(name.as_bytes()).unwrap_or_default();
        Err(Unsafe {
            pos,
            message: format!("the name '{name}' is not allowed: {rule}").into(),
        })
    }

    fn stmts(&self, stmts: &[Stmt]) -> Result<()> {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&self, stmt: &Stmt) -> Result<()> {
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign { targets, value } => {
                self.targets(targets)?;
                self.expr(value)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)
            }
            StmtKind::Delete(targets) => self.targets(targets),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
            StmtKind::Return(value) => self.optional(value),
            StmtKind::Raise {
                exception,
                value,
                traceback,
            } => {
                self.optional(exception)?;
                self.optional(value)?;
                self.optional(traceback)
            }
            StmtKind::Assert { test, message } => {
                self.expr(test)?;
                self.optional(message)
            }
            StmtKind::If { branches, orelse } => {
                for (test, body) in branches {
                    self.expr(test)?;
                    self.stmts(body)?;
                }
                self.stmts(orelse)
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
            } => {
                self.target(target)?;
                self.expr(iter)?;
                self.stmts(body)?;
                self.stmts(orelse)
            }
            StmtKind::Try(parts) => self.try_stmt(parts),
            StmtKind::Function(function) => self.function(function, stmt.pos),
            StmtKind::Class(class) => self.class(class, stmt.pos),
            StmtKind::Refused(refused) => Err(not_in_repy(stmt.pos, refused_stmt(refused))),
        }
    }

    fn try_stmt(&self, parts: &Try) -> Result<()> {
        self.stmts(&parts.body)?;
        for handler in &parts.handlers {
            self.optional(&handler.exception)?;
            if let Some(target) = &handler.target {
                self.target(target)?;
            }
            self.stmts(&handler.body)?;
        }
        self.stmts(&parts.orelse)?;
        self.stmts(&parts.finally)
    }

    /// Parameter names are not checked: the original's tree hides them in a list.
    fn function(&self, function: &Function, pos: Pos) -> Result<()> {
        no_decorators(&function.decorators)?;
        self.name(function.name, pos)?;
        self.params(&function.params)?;
        self.stmts(&function.body.stmts)
    }

    fn params(&self, params: &Params) -> Result<()> {
        self.exprs(&params.defaults)
    }

    fn class(&self, class: &Class, pos: Pos) -> Result<()> {
        no_decorators(&class.decorators)?;
        self.name(class.name, pos)?;
        self.exprs(&class.bases)?;
        self.stmts(&class.body.stmts)
    }

    fn targets(&self, targets: &[Expr]) -> Result<()> {
        targets.iter().try_for_each(|target| self.target(target))
    }

    fn target(&self, target: &Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => self.targets(items),
            ExprKind::Refused(refused) => match &**refused {
                // The original sees a tuple of the element here; the compiler refuses it later.
                RefusedExpr::GenExpr(Comprehension { element, .. }) => self.target(element),
                _ => self.expr(target),
            },
            _ => self.expr(target),
        }
    }

    fn exprs(&self, exprs: &[Expr]) -> Result<()> {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    fn optional(&self, expr: &Option<Expr>) -> Result<()> {
        expr.as_ref().map_or(Ok(()), |expr| self.expr(expr))
    }

    fn expr(&self, expr: &Expr) -> Result<()> {
        match &expr.kind {
            ExprKind::Name(name) => self.name(*name, expr.pos),
            ExprKind::Int(_)
            | ExprKind::Long(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Bytes(_) => Ok(()),
            ExprKind::And(items)
            | ExprKind::Or(items)
            | ExprKind::Tuple(items)
            | ExprKind::List(items) => self.exprs(items),
            ExprKind::Binary { first, rest } => {
                self.expr(first)?;
                rest.iter().try_for_each(|step| self.expr(&step.right))
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Compare { first, rest } => {
                self.expr(first)?;
                rest.iter().try_for_each(|(_, right)| self.expr(right))
            }
            ExprKind::Call(call) => {
                self.expr(&call.function)?;
                self.exprs(&call.args)?;
                for keyword in &call.keywords {
                    self.name(keyword.name, keyword.pos)?;
                    self.expr(&keyword.value)?;
                }
                self.optional(&call.star)?;
                self.optional(&call.star_star)
            }
            ExprKind::Attribute { value, name } => {
                self.expr(value)?;
                self.name(*name, expr.pos)
            }
            ExprKind::Subscript { value, index } => {
                self.expr(value)?;
                self.index(index)
            }
            ExprKind::Dict(items) => items.iter().try_for_each(|(key, value)| {
                self.expr(key)?;
                self.expr(value)
            }),
            ExprKind::ListComp(comprehension) => {
                self.expr(&comprehension.element)?;
                for part in &comprehension.fors {
                    self.target(&part.target)?;
                    self.expr(&part.iter)?;
                    self.exprs(&part.ifs)?;
                }
                Ok(())
            }
            ExprKind::Refused(refused) => Err(not_in_repy(expr.pos, refused_expr(refused))),
        }
    }

    fn index(&self, index: &Index) -> Result<()> {
        match index {
            Index::Item(item) => self.expr(item),
            Index::Slice { low, high } => {
                self.optional(low)?;
                self.optional(high)
            }
            Index::Extended { parts, .. } => parts.iter().try_for_each(|part| match part {
                SlicePart::Item(item) => self.expr(item),
                SlicePart::Slice { low, high, step } => {
                    self.optional(low)?;
                    self.optional(high)?;
                    self.optional(step)
                }
                SlicePart::Ellipsis => Ok(()),
            }),
        }
    }
}

fn not_in_repy(pos: Pos, what: &str) -> Unsafe {
    Unsafe {
        pos,
        message: format!("Repy has no {what}").into(),
    }
}

fn no_decorators(decorators: &[Expr]) -> Result<()> {
    decorators.first().map_or(Ok(()), |decorator| {
        Err(not_in_repy(decorator.pos, "decorators"))
    })
}

fn refused_stmt(refused: &RefusedStmt) -> &'static str {
    match refused {
        RefusedStmt::Print { .. } => "print statement (use log)",
        RefusedStmt::Exec { .. } => "exec statement (use createvirtualnamespace)",
        RefusedStmt::Import(_) | RefusedStmt::From { .. } => {
            "import statement (use dy_import_module of dylink.r2py)"
        }
        RefusedStmt::Global(_) => "global statement (keep shared values in mycontext)",
        RefusedStmt::With { .. } => "with statement (use try and finally)",
    }
}

fn refused_expr(refused: &RefusedExpr) -> &'static str {
    match refused {
        RefusedExpr::Unicode => "unicode strings (leave out the prefix u)",
        RefusedExpr::Backquote(_) => "backquotes (use repr)",
        RefusedExpr::Lambda(..) => "lambda (use def)",
        RefusedExpr::Yield(_) => "yield (return a list)",
        RefusedExpr::IfExp { .. } => "conditional expressions (use an if statement)",
        RefusedExpr::GenExpr(_) => "generator expressions (use a list comprehension)",
        RefusedExpr::Set(_) => "set displays (use set([...]))",
        RefusedExpr::SetComp(_) => "set comprehensions (use set([...]))",
        RefusedExpr::DictComp(..) => "dict comprehensions (use dict([...]))",
    }
}

#[cfg(test)]
mod tests;
