//! What CPython 2.7's compiler refuses although its grammar does not: the last check before a program runs.
//!
//! The original checks safety on the tree alone and meets these errors when it compiles, so `--check` accepts a
//! program that breaks them and running it is a syntax error. The compiler may rely on them holding.

mod captured;

use std::collections::BTreeSet;

use crate::ast::visit::{
    Use, Visitor, visit_exprs, walk_call, walk_for, walk_handler, walk_params, walk_stmt,
    walk_target,
};
use crate::ast::{
    CallExpr, ClassDefinition, Expr, ExprKind, FunctionDefinition, Module, Pos, RefusedExpr, Stmt,
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
        parameters: BTreeSet::new(),
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
    /// The parameters of the function whose list is being read.
    parameters: BTreeSet<Symbol>,
    /// Within `if 0:` and the like: CPython compiles nothing there, so the rules on the places of statements rest.
    dead: bool,
}

impl<'tree> Visitor<'tree> for Rules<'tree> {
    type Stop = SyntaxError;

    fn name(&mut self, name: Symbol, pos: Pos, used: Use) -> Result<()> {
        if matches!(used, Use::Read | Use::Attribute) {
            return Ok(());
        }
        let text = self.symbols.name(name);
        if matches!(text, "None" | "__debug__") {
            return Err(SyntaxError::new(pos, format!("cannot assign to {text}")));
        }
        if used == Use::Parameter && !self.parameters.insert(name) {
            let message = format!("duplicate argument '{text}' in function definition");
            return Err(SyntaxError::new(pos, message));
        }
        Ok(())
    }

    fn stmt(&mut self, stmt: &'tree Stmt) -> Result<()> {
        let pos = stmt.pos;
        match &stmt.kind {
            StmtKind::Break | StmtKind::Continue if self.dead => Ok(()),
            StmtKind::Break if self.blocks.contains(&Block::Loop) => Ok(()),
            StmtKind::Break => Err(SyntaxError::new(pos, "'break' outside loop")),
            StmtKind::Continue => self.continue_stmt(pos),
            StmtKind::Return(_) if self.function.is_none() && !self.dead => {
                Err(SyntaxError::new(pos, "'return' outside function"))
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
                walk_for(self, target, iter)?;
                self.within(Block::Loop, body, pos)?;
                self.stmts(orelse)
            }
            StmtKind::Try(parts) => self.try_stmt(parts, pos),
            _ => walk_stmt(self, stmt),
        }
    }

    fn function(&mut self, function: &'tree FunctionDefinition, pos: Pos) -> Result<()> {
        self.name(function.name, pos, Use::Defined)?;
        visit_exprs(self, &function.params.defaults)?;
        self.parameters.clear();
        walk_params(self, &function.params)?;
        self.scope(Some(&function.body.stmts), &function.body.stmts)
    }

    fn class(&mut self, class: &'tree ClassDefinition, pos: Pos) -> Result<()> {
        self.name(class.name, pos, Use::Defined)?;
        visit_exprs(self, &class.bases)?;
        self.scope(None, &class.body.stmts)
    }

    fn target(&mut self, target: &'tree Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Refused(refused) if matches!(**refused, RefusedExpr::GenExpr(_)) => Err(
                SyntaxError::new(target.pos, "can't assign to generator expression"),
            ),
            _ => walk_target(self, target),
        }
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

    fn call(&mut self, call: &'tree CallExpr, pos: Pos) -> Result<()> {
        if call.args.len() + call.keywords.len() > MAX_ARGUMENTS {
            let message = format!("more than {MAX_ARGUMENTS} arguments");
            return Err(SyntaxError::new(pos, message));
        }
        let mut seen = BTreeSet::new();
        for keyword in &call.keywords {
            if !seen.insert(keyword.name) {
                return Err(SyntaxError::new(keyword.pos, "keyword argument repeated"));
            }
        }
        walk_call(self, call)
    }
}

impl<'tree> Rules<'tree> {
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
            walk_handler(self, handler)?;
        }
        self.stmts(&parts.orelse)
    }

    /// A body whose loops and `return`s are its own; `function` is that of a function.
    fn scope(&self, function: Option<&'tree [Stmt]>, stmts: &'tree [Stmt]) -> Result<()> {
        Rules {
            symbols: self.symbols,
            blocks: Vec::new(),
            function,
            captured: None,
            parameters: BTreeSet::new(),
            dead: self.dead,
        }
        .stmts(stmts)
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
