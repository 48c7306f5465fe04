//! What CPython 2.7's compiler refuses although its grammar does not: the last check before a program runs.
//!
//! The original checks safety on the tree alone and meets these errors when it compiles, so `--check` accepts a
//! program that breaks them and running it is a syntax error. The compiler may rely on them holding.

mod captured;

use std::collections::BTreeSet;

use crate::ast::{
    Call, Expr, ExprKind, Function, Index, Module, Param, Pos, RefusedExpr, SlicePart, Stmt,
    StmtKind, Symbol, Symbols, Try,
};
use crate::syntax_error::SyntaxError;

use captured::captured_names;

/// Most arguments in one call, as in CPython.
const MAX_ARGUMENTS: usize = 255;

/// Most loops and `try` statements around one statement within a function, as in CPython.
const MAX_BLOCKS: usize = 20;

type Result<T> = std::result::Result<T, SyntaxError>;

/// Checks a program that passed [`crate::check::check`].
///
/// # Errors
/// The first rule broken, in source order.
pub fn check(module: &Module) -> Result<()> {
    let mut rules = Rules {
        symbols: &module.symbols,
        blocks: Vec::new(),
        function: None,
        captured: None,
        dead: false,
    };
    rules.stmts(&module.body.stmts)
}

/// What encloses a statement within one function, class body or file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Loop,
    Try,
    Finally,
}

struct Rules<'tree> {
    symbols: &'tree Symbols,
    blocks: Vec<Block>,
    /// The function's statements, if this is one.
    function: Option<&'tree [Stmt]>,
    /// What its inner functions use, once the first `del` asked for it.
    captured: Option<BTreeSet<Symbol>>,
    /// Within `if 0:` and the like: CPython compiles nothing there, so the rules on the places of statements rest.
    dead: bool,
}

impl<'tree> Rules<'tree> {
    fn stmts(&mut self, stmts: &'tree [Stmt]) -> Result<()> {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &'tree Stmt) -> Result<()> {
        let pos = stmt.pos;
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign { targets, value } => {
                self.expr(value)?;
                targets.iter().try_for_each(|target| self.target(target))
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.target(target)?;
                self.expr(value)
            }
            StmtKind::Delete(targets) => targets.iter().try_for_each(|target| self.deleted(target)),
            StmtKind::Pass | StmtKind::Refused(_) => Ok(()),
            StmtKind::Break | StmtKind::Continue if self.dead => Ok(()),
            StmtKind::Break if self.blocks.contains(&Block::Loop) => Ok(()),
            StmtKind::Break => Err(SyntaxError::new(pos, "'break' outside loop")),
            StmtKind::Continue => self.continue_stmt(pos),
            StmtKind::Return(_) if self.function.is_none() && !self.dead => {
                Err(SyntaxError::new(pos, "'return' outside function"))
            }
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
                let outside = self.dead;
                for (test, body) in branches {
                    self.expr(test)?;
                    let truth = constant(test);
                    self.while_dead(truth == Some(false), body)?;
                    // All that follows a branch that is always taken.
                    self.dead |= truth == Some(true);
                }
                self.stmts(orelse)?;
                self.dead = outside;
                Ok(())
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                let outside = self.dead;
                self.dead |= constant(test) == Some(false);
                self.within(Block::Loop, body, pos)?;
                self.dead = outside;
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
                self.within(Block::Loop, body, pos)?;
                self.stmts(orelse)
            }
            StmtKind::Try(parts) => self.try_stmt(parts, pos),
            StmtKind::Function(function) => self.function(function, pos),
            StmtKind::Class(class) => {
                self.assignable(class.name, pos)?;
                class.bases.iter().try_for_each(|base| self.expr(base))?;
                self.scope(false, &class.body.stmts)
            }
        }
    }

    fn while_dead(&mut self, dead: bool, stmts: &'tree [Stmt]) -> Result<()> {
        let outside = self.dead;
        self.dead |= dead;
        self.stmts(stmts)?;
        self.dead = outside;
        Ok(())
    }

    fn within(&mut self, block: Block, body: &'tree [Stmt], pos: Pos) -> Result<()> {
        if self.blocks.len() >= MAX_BLOCKS && !self.dead {
            let message =
                format!("more than {MAX_BLOCKS} loops and try statements are nested here");
            return Err(SyntaxError::new(pos, message));
        }
        self.blocks.push(block);
        self.stmts(body)?;
        self.blocks.pop();
        Ok(())
    }

    fn continue_stmt(&self, pos: Pos) -> Result<()> {
        let inner = self
            .blocks
            .iter()
            .rev()
            .take_while(|&&block| block != Block::Loop);
        if inner.clone().any(|&block| block == Block::Finally) {
            return Err(SyntaxError::new(
                pos,
                "'continue' not supported inside 'finally' clause",
            ));
        }
        if inner.count() == self.blocks.len() {
            return Err(SyntaxError::new(pos, "'continue' not properly in loop"));
        }
        Ok(())
    }

    fn try_stmt(&mut self, parts: &'tree Try, pos: Pos) -> Result<()> {
        if parts.finally.is_empty() {
            return self.try_except(parts, pos);
        }
        if parts.handlers.is_empty() {
            self.within(Block::Try, &parts.body, pos)?;
        } else {
            self.blocks.push(Block::Try);
            self.try_except(parts, pos)?;
            self.blocks.pop();
        }
        self.within(Block::Finally, &parts.finally, pos)
    }

    fn try_except(&mut self, parts: &'tree Try, pos: Pos) -> Result<()> {
        self.within(Block::Try, &parts.body, pos)?;
        let last = parts.handlers.len().saturating_sub(1);
        for (index, handler) in parts.handlers.iter().enumerate() {
            if handler.exception.is_none() && index < last && !self.dead {
                return Err(SyntaxError::new(
                    handler.pos,
                    "default 'except:' must be last",
                ));
            }
            self.optional(&handler.exception)?;
            if let Some(target) = &handler.target {
                self.target(target)?;
            }
            self.stmts(&handler.body)?;
        }
        self.stmts(&parts.orelse)
    }

    fn function(&mut self, function: &'tree Function, pos: Pos) -> Result<()> {
        self.assignable(function.name, pos)?;
        let params = &function.params;
        params
            .defaults
            .iter()
            .try_for_each(|default| self.expr(default))?;
        let mut seen = BTreeSet::new();
        for param in &params.positional {
            self.param(param, params.pos, &mut seen)?;
        }
        for &name in params.varargs.iter().chain(&params.kwargs) {
            self.param(&Param::Name(name), params.pos, &mut seen)?;
        }
        self.scope(true, &function.body.stmts)
    }

    fn param(&self, param: &Param, pos: Pos, seen: &mut BTreeSet<Symbol>) -> Result<()> {
        match param {
            Param::Name(name) => {
                self.assignable(*name, pos)?;
                if seen.insert(*name) {
                    return Ok(());
                }
                let name = self.symbols.name(*name);
                Err(SyntaxError::new(
                    pos,
                    format!("duplicate argument '{name}' in function definition"),
                ))
            }
            Param::Tuple(parts) => parts
                .iter()
                .try_for_each(|part| self.param(part, pos, seen)),
        }
    }

    /// A body whose loops and `return`s are its own.
    fn scope(&self, is_function: bool, stmts: &'tree [Stmt]) -> Result<()> {
        let function = is_function.then_some(stmts);
        Rules {
            symbols: self.symbols,
            blocks: Vec::new(),
            function,
            captured: None,
            dead: self.dead,
        }
        .stmts(stmts)
    }

    /// A function cannot delete a variable that a function within it uses.
    fn deleted(&mut self, target: &'tree Expr) -> Result<()> {
        match (&target.kind, self.function) {
            (ExprKind::Tuple(items) | ExprKind::List(items), _) => {
                items.iter().try_for_each(|item| self.deleted(item))
            }
            (ExprKind::Name(name), Some(body)) if !self.dead => {
                let captured = self.captured.get_or_insert_with(|| captured_names(body));
                if !captured.contains(name) {
                    return self.target(target);
                }
                let name = self.symbols.name(*name);
                let message =
                    format!("can not delete variable '{name}' referenced in nested scope");
                Err(SyntaxError::new(target.pos, message))
            }
            _ => self.target(target),
        }
    }

    fn assignable(&self, name: Symbol, pos: Pos) -> Result<()> {
        match self.symbols.name(name) {
            fixed @ ("None" | "__debug__") => {
                Err(SyntaxError::new(pos, format!("cannot assign to {fixed}")))
            }
            _ => Ok(()),
        }
    }

    fn target(&mut self, target: &'tree Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Name(name) => self.assignable(*name, target.pos),
            ExprKind::Attribute { value, name } => {
                self.expr(value)?;
                self.assignable(*name, target.pos)
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                items.iter().try_for_each(|item| self.target(item))
            }
            ExprKind::Refused(refused) if matches!(**refused, RefusedExpr::GenExpr(_)) => Err(
                SyntaxError::new(target.pos, "can't assign to generator expression"),
            ),
            _ => self.expr(target),
        }
    }

    fn optional(&mut self, expr: &'tree Option<Expr>) -> Result<()> {
        expr.as_ref().map_or(Ok(()), |expr| self.expr(expr))
    }

    fn exprs(&mut self, exprs: &'tree [Expr]) -> Result<()> {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &'tree Expr) -> Result<()> {
        match &expr.kind {
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
            ExprKind::Call(call) => self.call(call, expr.pos),
            ExprKind::Attribute { value, .. } => self.expr(value),
            ExprKind::Subscript { value, index } => {
                self.expr(value)?;
                self.index(index)
            }
            ExprKind::Dict(items) => items.iter().try_for_each(|(key, value)| {
                self.expr(key)?;
                self.expr(value)
            }),
            ExprKind::ListComp(comprehension) => {
                for part in &comprehension.fors {
                    self.expr(&part.iter)?;
                    self.target(&part.target)?;
                    self.exprs(&part.ifs)?;
                }
                self.expr(&comprehension.element)
            }
            ExprKind::Name(_)
            | ExprKind::Int(_)
            | ExprKind::Long(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Bytes(_)
            | ExprKind::Refused(_) => Ok(()),
        }
    }

    fn call(&mut self, call: &'tree Call, pos: Pos) -> Result<()> {
        self.expr(&call.function)?;
        if call.args.len() + call.keywords.len() > MAX_ARGUMENTS {
            return Err(SyntaxError::new(
                pos,
                format!("more than {MAX_ARGUMENTS} arguments"),
            ));
        }
        self.exprs(&call.args)?;
        let mut seen = BTreeSet::new();
        for keyword in &call.keywords {
            self.assignable(keyword.name, keyword.pos)?;
            if !seen.insert(keyword.name) {
                return Err(SyntaxError::new(keyword.pos, "keyword argument repeated"));
            }
            self.expr(&keyword.value)?;
        }
        self.optional(&call.star)?;
        self.optional(&call.star_star)
    }

    fn index(&mut self, index: &'tree Index) -> Result<()> {
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

/// The truth of a condition that is a number or string literal, which CPython settles while compiling.
fn constant(test: &Expr) -> Option<bool> {
    match &test.kind {
        ExprKind::Int(int) => Some(*int != 0),
        ExprKind::Long(long) => Some(*long != num_bigint::BigInt::ZERO),
        ExprKind::Float(float) | ExprKind::Imaginary(float) => Some(*float != 0.0),
        ExprKind::Bytes(bytes) => Some(!bytes.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
