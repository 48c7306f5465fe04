//! Statements other than `try`.

use super::{Block, CompileError, Compiler, Exit, Name, scope};
use crate::bytecode::{CodeKind, Op};
use crate::object::Value;
use crate::symbol::known;
use overlord_repy_syntax::ast::{
    ClassDefinition, Expr, ExprKind, FunctionDefinition, Param, Stmt, StmtKind,
};

type Done = Result<(), CompileError>;

impl Compiler<'_> {
    pub(super) fn stmts(&mut self, stmts: &[Stmt]) -> Done {
        stmts.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    pub(super) fn stmt(&mut self, stmt: &Stmt) -> Done {
        self.out.set_line(stmt.pos.line);
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                if !is_constant(expr) {
                    self.expr(expr)?;
                    self.out.emit(Op::Pop);
                }
            }
            StmtKind::Assign { targets, value } => self.assign(targets, value)?,
            StmtKind::AugAssign { target, op, value } => self.augmented(target, *op, value)?,
            StmtKind::Delete(targets) => {
                targets.iter().try_for_each(|target| self.delete(target))?
            }
            StmtKind::Pass => {}
            StmtKind::Break => self.leave_loop(stmt, true)?,
            StmtKind::Continue => self.leave_loop(stmt, false)?,
            StmtKind::Return(value) => {
                match value {
                    Some(value) => self.expr(value)?,
                    None => self.out.constant(Value::None),
                }
                self.leave(Exit::Return, self.blocks.len());
            }
            StmtKind::Raise {
                exception,
                value,
                traceback,
            } => {
                let mut count = 0;
                for part in [exception, value, traceback].into_iter().flatten() {
                    self.expr(part)?;
                    count += 1;
                }
                self.out.emit(Op::Raise(count));
            }
            StmtKind::Assert { test, message } => {
                let end = self.out.label();
                self.jump_on(test, true, end)?;
                self.out.cached(Op::LoadGlobal, known::assertion_error);
                if let Some(message) = message {
                    self.expr(message)?;
                    self.out.emit(Op::Call(1));
                }
                self.out.emit(Op::Raise(1));
                self.out.place(end);
            }
            StmtKind::If { branches, orelse } => {
                let end = self.out.label();
                for (at, (test, body)) in branches.iter().enumerate() {
                    let next = self.out.label();
                    self.out.advance_line(test.pos.line);
                    self.jump_on(test, false, next)?;
                    self.stmts(body)?;
                    if at + 1 < branches.len() || !orelse.is_empty() {
                        self.out.jump(end);
                    }
                    self.out.place(next);
                }
                self.stmts(orelse)?;
                self.out.place(end);
            }
            StmtKind::While { test, body, orelse } => self.while_loop(stmt, test, body, orelse)?,
            StmtKind::For {
                target,
                iter,
                body,
                orelse,
            } => {
                self.expr(iter)?;
                self.out.emit(Op::GetIter);
                let (next, exhausted, end) = (self.out.here(), self.out.label(), self.out.label());
                self.out.set_line(stmt.pos.line);
                self.out.for_iter(exhausted);
                self.store(target)?;
                self.blocks.push(Block::Loop {
                    next,
                    end,
                    holds: 1,
                });
                self.depth += 1;
                self.stmts(body)?;
                self.depth -= 1;
                self.blocks.pop();
                self.out.jump(next);
                self.out.place(exhausted);
                self.stmts(orelse)?;
                self.out.place(end);
            }
            StmtKind::Try(node) => self.try_stmt(node)?,
            StmtKind::Function(function) => self.function(function)?,
            StmtKind::Class(class) => self.class(class)?,
            StmtKind::Refused(_) => self.out.emit(Op::Refused),
        }
        Ok(())
    }

    fn while_loop(&mut self, stmt: &Stmt, test: &Expr, body: &[Stmt], orelse: &[Stmt]) -> Done {
        let (next, end) = (self.out.here(), self.out.label());
        let forever = matches!(&test.kind, ExprKind::Int(number) if *number != 0);
        let exhausted = self.out.label();
        self.out.set_line(stmt.pos.line);
        if !forever {
            self.jump_on(test, false, exhausted)?;
        }
        self.blocks.push(Block::Loop {
            next,
            end,
            holds: 0,
        });
        self.stmts(body)?;
        self.blocks.pop();
        self.out.jump(next);
        self.out.place(exhausted);
        self.stmts(orelse)?;
        self.out.place(end);
        Ok(())
    }

    fn leave_loop(&mut self, stmt: &Stmt, is_break: bool) -> Done {
        let Some(at) = self
            .blocks
            .iter()
            .rposition(|block| matches!(block, Block::Loop { .. }))
        else {
            return self.error(
                stmt.pos,
                if is_break {
                    "'break' outside loop"
                } else {
                    "'continue' not properly in loop"
                },
            );
        };
        if !is_break
            && self
                .blocks
                .iter()
                .skip(at)
                .any(|block| matches!(block, Block::FinallyPart))
        {
            return self.error(stmt.pos, "'continue' not supported inside 'finally' clause");
        }
        let exit = if is_break {
            Exit::Break(at)
        } else {
            Exit::Continue(at)
        };
        self.leave(exit, self.blocks.len());
        Ok(())
    }

    /// Goes where `exit` says from inside the outermost `inside` blocks. For a return the value is on top.
    pub(super) fn leave(&mut self, exit: Exit, inside: usize) {
        let mut at = inside;
        while at > 0 {
            at -= 1;
            let holds = match self.blocks.get_mut(at) {
                Some(Block::Loop { next, end, holds }) => {
                    let (next, end, holds) = (*next, *end, *holds);
                    match exit {
                        Exit::Break(target) if target == at => {
                            for _ in 0..holds {
                                self.out.emit(Op::Pop);
                            }
                            return self.out.jump(end);
                        }
                        Exit::Continue(target) if target == at => return self.out.jump(next),
                        _ => holds,
                    }
                }
                Some(Block::FinallyPart) => 2,
                Some(Block::Finally { entry, exits }) => {
                    let entry = *entry;
                    let number = exits
                        .iter()
                        .position(|known| *known == exit)
                        .unwrap_or_else(|| {
                            exits.push(exit);
                            exits.len() - 1
                        });
                    if exit != Exit::Return {
                        self.out.constant(Value::None);
                    }
                    self.out.emit(Op::SmallInt(number as i32 + 2));
                    return self.out.jump(entry);
                }
                None => 0,
            };
            if exit == Exit::Return {
                if holds > 0 {
                    self.out.emit(Op::Squash(holds));
                }
            } else {
                for _ in 0..holds {
                    self.out.emit(Op::Pop);
                }
            }
        }
        self.out.emit(Op::Return);
    }

    fn function(&mut self, function: &FunctionDefinition) -> Done {
        self.exprs(&function.params.defaults)?;
        let unit = self.unit;
        let Some(inner) = unit.scopes.of(scope::key(function)) else {
            return Ok(());
        };
        let name = Name::Sym(self.sym(function.name));
        let mut compiler = Compiler::new(unit, inner, self.names, CodeKind::Function, name);
        compiler.params = function.params.positional.len() as u16;
        compiler.varargs = function.params.varargs.is_some();
        compiler.kwargs = function.params.kwargs.is_some();
        for (slot, param) in function.params.positional.iter().enumerate() {
            if let Param::Tuple(parts) = param {
                compiler.out.set_line(function.params.pos.line);
                compiler.out.emit(Op::LoadLocal(slot as u16));
                compiler.unpack_param(parts);
            }
        }
        compiler.body(&function.body)?;
        let code = compiler.finish_block()?;
        self.children.push(code);
        let child = self.children.len() as u32 - 1;
        self.out.emit(Op::MakeFunction(
            function.params.defaults.len() as u16,
            child,
        ));
        self.store_name(function.name);
        Ok(())
    }

    fn unpack_param(&mut self, parts: &[Param]) {
        self.out.emit(Op::Unpack(parts.len() as u32));
        for part in parts {
            match part {
                Param::Name(name) => self.store_name(*name),
                Param::Tuple(inner) => self.unpack_param(inner),
            }
        }
    }

    fn class(&mut self, class: &ClassDefinition) -> Done {
        self.exprs(&class.bases)?;
        self.out.emit(Op::BuildTuple(class.bases.len() as u32));
        let unit = self.unit;
        let Some(inner) = unit.scopes.of(scope::key(class)) else {
            return Ok(());
        };
        let name = Name::Sym(self.sym(class.name));
        let mut compiler = Compiler::new(unit, inner, self.names, CodeKind::Class, name);
        compiler.body(&class.body)?;
        let code = compiler.finish_block()?;
        self.children.push(code);
        let child = self.children.len() as u32 - 1;
        self.out.emit(Op::MakeClass(child));
        self.store_name(class.name);
        Ok(())
    }
}

/// An expression statement that does nothing.
fn is_constant(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Bytes(_)
            | ExprKind::Int(_)
            | ExprKind::Long(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
    )
}
