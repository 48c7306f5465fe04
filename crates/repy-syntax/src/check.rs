//! The safety check: which Python 2.7 a Repy program may contain.
//!
//! Gives the original's verdict: a tree is safe if it has none of the constructs the original's list of node
//! classes leaves out, no unicode literal, and no forbidden identifier. The quirk of parameter names is kept: they
//! may be anything (`def f(__a)`), though using `__a` is refused. What only CPython's compiler would refuse
//! (`break` outside a loop) is not looked at here, as in the original; see [`crate::compile_rules`].
//!
//! One hole of the original is closed: behind a docstring on the first line of the file, as in `"text"; import os`,
//! its parser drops the rest of that line before the check, yet the line is executed. Here it is checked.

use crate::ast::visit::{
    Order, Use, Visitor, visit_exprs, walk_class, walk_function, walk_refused_stmt, walk_target,
};
use crate::ast::{
    ClassDefinition, Comprehension, Expr, ExprKind, FunctionDefinition, Module, Pos, RefusedExpr,
    RefusedStmt, Symbol, Symbols,
};
use crate::parser::parse;
use crate::source::SourceText;
use crate::syntax_error::{SyntaxError, render};

/// The program is Python, but not Repy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", pos.line, pos.column + 1)]
pub struct Unsafe {
    /// Where.
    pub pos: Pos,
    /// The rule, in one line without a full stop.
    pub message: Box<str>,
    /// The same in the original's words: class and text.
    reported: Box<str>,
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

    /// Class and text as the original's safety check reports them, which programs see in a CodeUnsafeError:
    /// `<class 'exception_hierarchy.CheckNodeException'> Unsafe call 'Import' in line 6`.
    pub fn as_reported(&self) -> String {
        match self {
            Self::Syntax(error) => error.as_reported(),
            Self::Unsafe(error) => error.reported.to_string(),
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

/// Which Python 2.7 a dialect of Repy has: what is refused everywhere, but for the statements that this one allows.
pub struct Rules {
    allows: fn(&RefusedStmt) -> bool,
}

impl Rules {
    /// Repy V2.
    pub const V2: Rules = Rules { allows: |_| false };

    /// Parses and checks a program: the tree if it is safe.
    ///
    /// # Errors
    /// [`Refusal::Syntax`] before [`Refusal::Unsafe`], whichever comes first in the file, as in the original.
    pub fn load(&self, bytes: &[u8]) -> Result<Module, Refusal> {
        let module = SourceText::new(bytes)
            .and_then(|source| parse(&source))
            .map_err(Refusal::Syntax)?;
        self.check(&module).map_err(Refusal::Unsafe)?;
        Ok(module)
    }

    /// Checks a parsed program.
    ///
    /// # Errors
    /// The first thing in it that this Repy does not have.
    pub fn check(&self, module: &Module) -> Result<(), Unsafe> {
        Checker {
            rules: self,
            symbols: &module.symbols,
        }
        .stmts(&module.body.stmts)
    }
}

/// Parses and checks a Repy V2 program: the tree if it is safe.
///
/// # Errors
/// As [`Rules::load`].
pub fn load(bytes: &[u8]) -> Result<Module, Refusal> {
    Rules::V2.load(bytes)
}

/// Checks a parsed Repy V2 program.
///
/// # Errors
/// As [`Rules::check`].
pub fn check(module: &Module) -> Result<(), Unsafe> {
    Rules::V2.check(module)
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
    rules: &'tree Rules,
    symbols: &'tree Symbols,
}

impl<'tree> Visitor<'tree> for Checker<'tree> {
    type Stop = Unsafe;

    const ORDER: Order = Order::Source;

    /// Parameter names are not checked: the original's tree hides them in a list.
    fn name(&mut self, symbol: Symbol, pos: Pos, used: Use) -> Result<()> {
        let name = self.symbols.name(symbol);
        if used == Use::Parameter || is_safe_name(name.as_bytes()) {
            return Ok(());
        }
        let rule = broken_rule(name.as_bytes()).unwrap_or_default();
        let attribute = match used {
            Use::Attribute | Use::AttributeSet => "attrname",
            _ => "name",
        };
        Err(Unsafe {
            pos,
            message: format!("the name '{name}' is not allowed: {rule}").into(),
            reported: unsafe_string(name, pos, attribute).into(),
        })
    }

    fn function(&mut self, function: &'tree FunctionDefinition, pos: Pos) -> Result<()> {
        if function.decorators.is_empty() {
            return walk_function(self, function, pos);
        }
        // The statement begins at its first decorator, its node in the original at `def`.
        self.name(function.name, function.params.pos, Use::Defined)?;
        no_decorators(&function.decorators)
    }

    fn class(&mut self, class: &'tree ClassDefinition, pos: Pos) -> Result<()> {
        if class.decorators.is_empty() {
            return walk_class(self, class, pos);
        }
        self.name(class.name, pos, Use::Defined)?;
        visit_exprs(self, &class.bases)?;
        self.body(&class.body)?;
        no_decorators(&class.decorators)
    }

    fn target(&mut self, target: &'tree Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Refused(refused) => match &**refused {
                // The original sees a tuple of the element here; the compiler refuses it later.
                RefusedExpr::GenExpr(Comprehension { element, .. }) => self.target(element),
                _ => self.expr(target),
            },
            _ => walk_target(self, target),
        }
    }

    fn refused_stmt(&mut self, refused: &'tree RefusedStmt, pos: Pos) -> Result<()> {
        if (self.rules.allows)(refused) {
            return walk_refused_stmt(self, refused);
        }
        let line = Some(pos.line);
        Err(not_in_repy(
            pos,
            refused_stmt(refused),
            refused.node_class(),
            line,
        ))
    }

    fn refused_expr(&mut self, refused: &'tree RefusedExpr, pos: Pos) -> Result<()> {
        let line = match refused {
            RefusedExpr::Unicode(text) => {
                let text = String::from_utf8_lossy(text);
                return Err(Unsafe {
                    reported: unsafe_string(&text, pos, "value").into(),
                    ..not_in_repy(pos, refused_expr(refused), refused.node_class(), None)
                });
            }
            // Of these it keeps no line, or that of the word `if`.
            RefusedExpr::Backquote(_) => None,
            RefusedExpr::IfExp { test, .. } => Some(test.pos.line),
            _ => Some(pos.line),
        };
        Err(not_in_repy(
            pos,
            refused_expr(refused),
            refused.node_class(),
            line,
        ))
    }
}

/// What is refused for the class of its node; the original names the line that CPython's compiler package keeps.
fn not_in_repy(pos: Pos, what: &str, node: &str, line: Option<u32>) -> Unsafe {
    let line = line.map_or_else(|| "None".to_owned(), |line| line.to_string());
    Unsafe {
        pos,
        message: format!("Repy has no {what}").into(),
        reported: format!(
            "<class 'exception_hierarchy.CheckNodeException'> Unsafe call '{node}' in line {line}"
        )
        .into(),
    }
}

/// What the original says of a string it refuses, which is this attribute of a node.
fn unsafe_string(text: &str, pos: Pos, attribute: &str) -> String {
    let line = pos.line;
    format!(
        "<class 'exception_hierarchy.CheckStrException'> Unsafe string '{text}' in line {line}, node attribute \
         '{attribute}'"
    )
}

fn no_decorators(decorators: &[Expr]) -> Result<()> {
    decorators.first().map_or(Ok(()), |decorator| {
        Err(not_in_repy(decorator.pos, "decorators", "Decorators", None))
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
        RefusedExpr::Unicode(_) => "unicode strings (leave out the prefix u)",
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
