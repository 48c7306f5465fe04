//! Statements, simple and compound.

use super::{Parser, Result, body_of};
use crate::ast::{
    ClassDefinition, ExceptClause, Expr, ExprKind, FunctionDefinition, Params, RefusedStmt, Stmt,
    StmtKind, Symbol, Try,
};
use crate::syntax_error::SyntaxError;
use crate::token::Kind;

impl Parser<'_> {
    /// One compound statement, or one line of simple ones.
    pub(super) fn statement(&mut self, stmts: &mut Vec<Stmt>) -> Result<()> {
        let pos = self.current.pos;
        let kind = match self.current.kind {
            Kind::If => self.if_stmt()?,
            Kind::While => self.while_stmt()?,
            Kind::For => self.for_stmt()?,
            Kind::Try => self.try_stmt()?,
            Kind::With => self.with_stmt()?,
            Kind::Def => self.function(Vec::new())?,
            Kind::Class => self.class(Vec::new())?,
            Kind::At => self.decorated()?,
            _ => return self.simple_line(stmts),
        };
        stmts.push(Stmt { pos, kind });
        Ok(())
    }

    /// `small; small; ...` up to and with the end of the line.
    fn simple_line(&mut self, stmts: &mut Vec<Stmt>) -> Result<()> {
        loop {
            let pos = self.current.pos;
            let kind = self.small_stmt()?;
            stmts.push(Stmt { pos, kind });
            let more = self.eat(Kind::Semicolon)?;
            if self.eat(Kind::Newline)? {
                return Ok(());
            }
            if !more {
                return Err(self.unexpected("the end of the statement"));
            }
        }
    }

    /// `: suite`.
    fn suite(&mut self) -> Result<Vec<Stmt>> {
        self.expect(Kind::Colon)?;
        let mut stmts = Vec::new();
        if !self.eat(Kind::Newline)? {
            self.simple_line(&mut stmts)?;
            return Ok(stmts);
        }
        if !self.eat(Kind::Indent)? {
            return Err(
                SyntaxError::new(self.current.pos, "expected an indented block")
                    .of_class("IndentationError")
                    .in_python("expected an indented block")
                    .on_line(self.line()),
            );
        }
        loop {
            self.statement(&mut stmts)?;
            if self.eat(Kind::Dedent)? {
                return Ok(stmts);
            }
        }
    }

    fn small_stmt(&mut self) -> Result<StmtKind> {
        match self.current.kind {
            Kind::Print => self.print_stmt(),
            Kind::Del => {
                self.advance()?;
                let (targets, _) = self.expression_list()?;
                for target in &targets {
                    self.check_target(target)?;
                }
                Ok(StmtKind::Delete(targets))
            }
            Kind::Pass => self.word_stmt(StmtKind::Pass),
            Kind::Break => self.word_stmt(StmtKind::Break),
            Kind::Continue => self.word_stmt(StmtKind::Continue),
            Kind::Return => {
                self.advance()?;
                let value = if self.current.kind.begins_expression() {
                    Some(self.testlist()?)
                } else {
                    None
                };
                Ok(StmtKind::Return(value))
            }
            Kind::Raise => self.raise_stmt(),
            Kind::Import => {
                self.advance()?;
                Ok(refused(RefusedStmt::Import(self.imported_modules()?)))
            }
            Kind::From => self.import_from(),
            Kind::Global => self.global_stmt(),
            Kind::Exec => self.exec_stmt(),
            Kind::Assert => {
                self.advance()?;
                let test = self.test()?;
                let message = if self.eat(Kind::Comma)? {
                    Some(self.test()?)
                } else {
                    None
                };
                Ok(StmtKind::Assert { test, message })
            }
            kind if kind == Kind::Yield || kind.begins_expression() => self.expr_stmt(),
            _ => Err(self.unexpected("a statement")),
        }
    }

    fn word_stmt(&mut self, kind: StmtKind) -> Result<StmtKind> {
        self.advance()?;
        Ok(kind)
    }

    /// An expression, an assignment, or an augmented assignment.
    fn expr_stmt(&mut self) -> Result<StmtKind> {
        if self.at(Kind::Yield) {
            return Ok(StmtKind::Expr(self.yield_expr()?));
        }
        let first = self.testlist()?;
        if let Some(op) = self.current.kind.augmented() {
            self.check_augmented_target(&first)?;
            self.advance()?;
            let value = self.assigned_value()?;
            return Ok(StmtKind::AugAssign {
                target: first,
                op,
                value,
            });
        }
        if !self.at(Kind::Equal) {
            return Ok(StmtKind::Expr(first));
        }
        let mut targets = Vec::new();
        let mut value = first;
        while self.eat(Kind::Equal)? {
            self.check_target(&value)?;
            targets.push(value);
            value = self.assigned_value()?;
        }
        Ok(StmtKind::Assign { targets, value })
    }

    fn assigned_value(&mut self) -> Result<Expr> {
        if self.at(Kind::Yield) {
            self.yield_expr()
        } else {
            self.testlist()
        }
    }

    fn print_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let mut newline = true;
        let mut file = None;
        let mut values = Vec::new();
        let mut more = self.current.kind.begins_expression();
        if self.eat(Kind::GreaterGreater)? {
            file = Some(self.test()?);
            more = self.eat(Kind::Comma)?;
        }
        // After `>>file,` a value must follow; after a value a comma may end the statement.
        while more && (self.current.kind.begins_expression() || values.is_empty()) {
            values.push(self.test()?);
            more = self.eat(Kind::Comma)?;
            newline = !more;
        }
        Ok(refused(RefusedStmt::Print {
            file,
            values,
            newline,
        }))
    }

    fn raise_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let exception = if self.current.kind.begins_expression() {
            Some(self.test()?)
        } else {
            None
        };
        let mut rest = [None, None];
        if exception.is_some() {
            for part in &mut rest {
                if !self.eat(Kind::Comma)? {
                    break;
                }
                *part = Some(self.test()?);
            }
        }
        let [value, traceback] = rest;
        Ok(StmtKind::Raise {
            exception,
            value,
            traceback,
        })
    }

    fn exec_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let code = self.expr()?;
        let mut globals = None;
        let mut locals = None;
        if self.eat(Kind::In)? {
            globals = Some(self.test()?);
            if self.eat(Kind::Comma)? {
                locals = Some(self.test()?);
            }
        }
        Ok(refused(RefusedStmt::Exec {
            code,
            globals,
            locals,
        }))
    }

    fn global_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let mut names = vec![self.name()?];
        while self.eat(Kind::Comma)? {
            names.push(self.name()?);
        }
        Ok(refused(RefusedStmt::Global(names)))
    }

    fn dotted_name(&mut self) -> Result<String> {
        let token = self.expect(Kind::Name)?;
        let mut name = self.word(token).to_owned();
        while self.eat(Kind::Dot)? {
            let token = self.expect(Kind::Name)?;
            name.push('.');
            name.push_str(self.word(token));
        }
        Ok(name)
    }

    fn as_name(&mut self) -> Result<Option<Symbol>> {
        if self.eat(Kind::As)? {
            self.name().map(Some)
        } else {
            Ok(None)
        }
    }

    fn imported_modules(&mut self) -> Result<Vec<(String, Option<Symbol>)>> {
        let mut modules = Vec::new();
        loop {
            modules.push((self.dotted_name()?, self.as_name()?));
            if !self.eat(Kind::Comma)? {
                return Ok(modules);
            }
        }
    }

    fn import_from(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let mut module = String::new();
        while self.eat(Kind::Dot)? {
            module.push('.');
        }
        if module.is_empty() || self.at(Kind::Name) {
            module.push_str(&self.dotted_name()?);
        }
        self.expect(Kind::Import)?;
        let mut names = Vec::new();
        if self.eat(Kind::Star)? {
            names.push(("*".to_owned(), None));
            return Ok(refused(RefusedStmt::From { module, names }));
        }
        let in_parens = self.eat(Kind::LeftParen)?;
        loop {
            let token = self.expect(Kind::Name)?;
            let name = self.word(token).to_owned();
            names.push((name, self.as_name()?));
            if !self.eat(Kind::Comma)? || !self.at(Kind::Name) {
                break;
            }
        }
        if in_parens {
            self.expect(Kind::RightParen)?;
        }
        if module == "__future__" && names.iter().any(|(name, _)| name == "print_function") {
            self.lexer.make_print_a_name();
        }
        Ok(refused(RefusedStmt::From { module, names }))
    }

    fn if_stmt(&mut self) -> Result<StmtKind> {
        let mut branches = Vec::new();
        loop {
            self.advance()?;
            let test = self.test()?;
            branches.push((test, self.suite()?));
            if !self.at(Kind::Elif) {
                break;
            }
        }
        let orelse = self.else_suite()?;
        Ok(StmtKind::If { branches, orelse })
    }

    fn else_suite(&mut self) -> Result<Vec<Stmt>> {
        if self.eat(Kind::Else)? {
            self.suite()
        } else {
            Ok(Vec::new())
        }
    }

    fn while_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let test = self.test()?;
        let body = self.suite()?;
        let orelse = self.else_suite()?;
        Ok(StmtKind::While { test, body, orelse })
    }

    fn for_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let target = self.target_list()?;
        self.expect(Kind::In)?;
        let iter = self.testlist()?;
        let body = self.suite()?;
        let orelse = self.else_suite()?;
        Ok(StmtKind::For {
            target,
            iter,
            body,
            orelse,
        })
    }

    fn try_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let body = self.suite()?;
        let mut handlers = Vec::new();
        while self.at(Kind::Except) {
            handlers.push(self.handler()?);
        }
        let mut orelse = Vec::new();
        if handlers.is_empty() {
            if !self.at(Kind::Finally) {
                return Err(self.unexpected("'except' or 'finally'"));
            }
        } else {
            orelse = self.else_suite()?;
        }
        let finally = if self.eat(Kind::Finally)? {
            self.suite()?
        } else {
            Vec::new()
        };
        Ok(StmtKind::Try(Box::new(Try {
            body,
            handlers,
            orelse,
            finally,
        })))
    }

    fn handler(&mut self) -> Result<ExceptClause> {
        let pos = self.advance()?.pos;
        let mut exception = None;
        let mut target = None;
        if self.current.kind.begins_expression() {
            exception = Some(self.test()?);
            if self.eat(Kind::As)? || self.eat(Kind::Comma)? {
                let found = self.test()?;
                self.check_target(&found)?;
                target = Some(found);
            }
        }
        let body = self.suite()?;
        Ok(ExceptClause {
            pos,
            exception,
            target,
            body,
        })
    }

    fn with_stmt(&mut self) -> Result<StmtKind> {
        self.advance()?;
        let mut items = Vec::new();
        loop {
            let manager = self.test()?;
            let mut target = None;
            if self.eat(Kind::As)? {
                let found = self.expr()?;
                self.check_target(&found)?;
                target = Some(found);
            }
            items.push((manager, target));
            if !self.eat(Kind::Comma)? {
                break;
            }
        }
        let body = self.suite()?;
        Ok(refused(RefusedStmt::With { items, body }))
    }

    fn decorated(&mut self) -> Result<StmtKind> {
        let mut decorators = Vec::new();
        while self.eat(Kind::At)? {
            let pos = self.current.pos;
            let name = self.name()?;
            self.height = 1;
            let mut decorator = Expr {
                pos,
                kind: ExprKind::Name(name),
            };
            while self.eat(Kind::Dot)? {
                let name_pos = self.current.pos;
                let name = self.name()?;
                decorator = self.attribute(decorator, name, name_pos)?;
            }
            if self.at(Kind::LeftParen) {
                decorator = self.call(decorator)?;
            }
            self.expect(Kind::Newline)?;
            decorators.push(decorator);
        }
        match self.current.kind {
            Kind::Def => self.function(decorators),
            Kind::Class => self.class(decorators),
            _ => Err(self.unexpected("'def' or 'class' after a decorator")),
        }
    }

    fn function(&mut self, decorators: Vec<Expr>) -> Result<StmtKind> {
        self.advance()?;
        let name = self.name()?;
        let pos = self.expect(Kind::LeftParen)?.pos;
        let params = if self.at(Kind::RightParen) {
            Params {
                pos,
                ..Params::default()
            }
        } else {
            self.params()?
        };
        self.expect(Kind::RightParen)?;
        let body = body_of(self.suite()?);
        Ok(StmtKind::Function(Box::new(FunctionDefinition {
            name,
            params,
            body,
            decorators,
        })))
    }

    fn class(&mut self, decorators: Vec<Expr>) -> Result<StmtKind> {
        self.advance()?;
        let name = self.name()?;
        let mut bases = Vec::new();
        if self.eat(Kind::LeftParen)? {
            if !self.at(Kind::RightParen) {
                (bases, _) = self.tests()?;
            }
            self.expect(Kind::RightParen)?;
        }
        let body = body_of(self.suite()?);
        Ok(StmtKind::Class(Box::new(ClassDefinition {
            name,
            bases,
            body,
            decorators,
        })))
    }
}

fn refused(stmt: RefusedStmt) -> StmtKind {
    StmtKind::Refused(Box::new(stmt))
}
