//! `try`: handlers are ranges of code; a `finally` part is compiled once and told how it was entered.
//!
//! On entry to a `finally` part the stack has a payload and a number: 0 nothing happened, 1 the payload is an
//! exception to raise on, 2 and more the payload is a return value (or None) and the number says which way out of
//! the block, a `return`, `break` or `continue`, goes on when the part ends.

use super::{Block, CompileError, Compiler, Exit};
use crate::bytecode::Op;
use overlord_repy_syntax::ast::{ExceptClause, Stmt, Try};

type Done = Result<(), CompileError>;

impl Compiler<'_> {
    pub(super) fn try_stmt(&mut self, node: &Try) -> Done {
        if node.finally.is_empty() {
            return self.try_except(node);
        }
        let entry = self.out.label();
        self.blocks.push(Block::Finally {
            entry,
            exits: Vec::new(),
        });
        let start = self.out.here();
        if node.handlers.is_empty() {
            self.stmts(&node.body)?;
        } else {
            self.try_except(node)?;
        }
        let end = self.out.here();
        let exits = match self.blocks.pop() {
            Some(Block::Finally { exits, .. }) => exits,
            _ => Vec::new(),
        };
        self.out.emit(Op::EnterFinally);
        self.out.jump(entry);
        let caught = self.out.here();
        self.out.handler(start, end, caught, self.depth);
        self.out.emit(Op::SmallInt(1));
        self.out.place(entry);
        self.blocks.push(Block::FinallyPart);
        self.depth += 2;
        self.stmts(&node.finally)?;
        self.depth -= 2;
        self.blocks.pop();
        self.end_finally(&exits);
        Ok(())
    }

    fn end_finally(&mut self, exits: &[Exit]) {
        let targets: Vec<_> = exits.iter().map(|_| self.out.label()).collect();
        let number = self.out.exits(targets.clone());
        self.out.emit(Op::EndFinally(number));
        if exits.is_empty() {
            return;
        }
        let after = self.out.label();
        self.out.jump(after);
        for (exit, target) in exits.iter().zip(targets) {
            self.out.place(target);
            if *exit != Exit::Return {
                self.out.emit(Op::Pop);
            }
            self.leave(*exit, self.blocks.len());
        }
        self.out.place(after);
    }

    fn try_except(&mut self, node: &Try) -> Done {
        let (orelse, done) = (self.out.label(), self.out.label());
        let start = self.out.here();
        self.stmts(&node.body)?;
        let end = self.out.here();
        self.out.jump(orelse);
        let caught = self.out.here();
        self.out.handler(start, end, caught, self.depth);
        for handler in &node.handlers {
            self.handler(handler, done)?;
        }
        if node
            .handlers
            .last()
            .is_none_or(|handler| handler.exception.is_some())
        {
            self.out.emit(Op::Reraise);
        }
        self.out.place(orelse);
        self.stmts(&node.orelse)?;
        self.out.place(done);
        Ok(())
    }

    /// One clause; the exception on its way is on top of the stack.
    fn handler(&mut self, handler: &ExceptClause, done: super::emit::Label) -> Done {
        self.out.set_line(handler.pos.line);
        let next = self.out.label();
        if let Some(exception) = &handler.exception {
            self.expr(exception)?;
            self.out.emit(Op::MatchException);
            self.out.jump_if(false, next);
        }
        match &handler.target {
            Some(target) => {
                self.out.emit(Op::BindException);
                self.store(target)?;
            }
            None => self.out.emit(Op::Pop),
        }
        let body: &[Stmt] = &handler.body;
        self.stmts(body)?;
        self.out.jump(done);
        self.out.place(next);
        Ok(())
    }
}
