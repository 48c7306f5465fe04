//! What stands between the parentheses of a `def`, a `lambda` and a call.

use super::expression::refused;
use super::{Parser, Result};
use crate::ast::{CallExpr, Expr, ExprKind, Keyword, Param, Params, RefusedExpr};
use crate::syntax_error::SyntaxError;
use crate::token::Kind;

impl Parser<'_> {
    /// `varargslist`. `height` ends as that of the tallest default.
    pub(super) fn params(&mut self) -> Result<Params> {
        let mut params = Params {
            pos: self.current.pos,
            ..Params::default()
        };
        let mut tallest = 0;
        while matches!(self.current.kind, Kind::Name | Kind::LeftParen) {
            let pos = self.current.pos;
            params.positional.push(self.param()?);
            if self.eat(Kind::Equal)? {
                params.defaults.push(self.test()?);
                tallest = tallest.max(self.height);
            } else if !params.defaults.is_empty() {
                return Err(SyntaxError::new(
                    pos,
                    "a parameter without a default follows one with a default",
                )
                .in_python("non-default argument follows default argument")
                .without_line());
            }
            if !self.eat(Kind::Comma)? {
                self.height = tallest;
                return Ok(params);
            }
        }
        if self.eat(Kind::Star)? {
            params.varargs = Some(self.name()?);
            if self.eat(Kind::Comma)? {
                self.expect(Kind::StarStar)?;
                params.kwargs = Some(self.name()?);
            }
        } else if self.eat(Kind::StarStar)? {
            params.kwargs = Some(self.name()?);
        } else if params.positional.is_empty() {
            return Err(self.unexpected("a parameter"));
        }
        self.height = tallest;
        Ok(params)
    }

    fn param(&mut self) -> Result<Param> {
        if !self.at(Kind::LeftParen) {
            return self.name().map(Param::Name);
        }
        self.enter()?;
        self.advance()?;
        let first = self.param()?;
        let param = if self.at(Kind::Comma) {
            let mut parts = vec![first];
            while self.eat(Kind::Comma)? && !self.at(Kind::RightParen) {
                parts.push(self.param()?);
            }
            Param::Tuple(parts)
        } else {
            first
        };
        self.expect(Kind::RightParen)?;
        self.leave();
        Ok(param)
    }

    /// The call of `function`, whose height is the current one.
    pub(super) fn call(&mut self, function: Expr) -> Result<Expr> {
        let pos = function.pos;
        let mut tallest = self.height;
        self.enter()?;
        self.advance()?;
        let mut call = CallExpr {
            function,
            args: Vec::new(),
            keywords: Vec::new(),
            star: None,
            star_star: None,
        };
        while !self.at(Kind::RightParen) {
            if call.star.is_none() && self.eat(Kind::Star)? {
                call.star = Some(self.test()?);
            } else if self.eat(Kind::StarStar)? {
                call.star_star = Some(self.test()?);
            } else {
                self.argument(&mut call)?;
            }
            tallest = tallest.max(self.height);
            // Nothing may follow `**kwargs`, and no comma may end the list after a starred argument.
            if call.star_star.is_some() || !self.eat(Kind::Comma)? {
                break;
            }
            if call.star.is_some() && self.at(Kind::RightParen) {
                return Err(self.unexpected("an argument"));
            }
        }
        self.expect(Kind::RightParen)?;
        self.leave();
        self.stand_on(tallest, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Call(Box::new(call)),
        })
    }

    /// `value`, `name=value`, or a bare generator expression.
    fn argument(&mut self, call: &mut CallExpr) -> Result<()> {
        let first = self.current;
        let value = self.test()?;
        if self.at(Kind::Equal) {
            // Parentheses leave no node, so a bare name is told by being a single token.
            let (ExprKind::Name(name), true) = (&value.kind, first.end == self.last_end) else {
                return Err(SyntaxError::new(
                    value.pos,
                    "the keyword of an argument must be a name",
                )
                // With the number of a grammar rule, as its compiler package has it.
                .in_python("keyword can't be an expression (317)")
                .without_line());
            };
            let name = *name;
            self.advance()?;
            let value = self.test()?;
            call.keywords.push(Keyword {
                pos: first.pos,
                name,
                value,
            });
            return Ok(());
        }
        if self.at(Kind::For) {
            let pos = value.pos;
            let comprehension = self.generator(value)?;
            let is_alone = call.args.is_empty() && call.keywords.is_empty() && call.star.is_none();
            if !is_alone || self.at(Kind::Comma) {
                return Err(SyntaxError::new(
                    pos,
                    "a generator expression needs parentheses if it is not the only argument",
                )
                .in_python("generator expression needs parenthesis")
                .without_line());
            }
            call.args
                .push(refused(pos, RefusedExpr::GenExpr(comprehension)));
            return Ok(());
        }
        if !call.keywords.is_empty() {
            return Err(SyntaxError::new(
                value.pos,
                "a positional argument follows a keyword argument",
            )
            .in_python("non-keyword arg after keyword arg")
            .without_line());
        }
        if call.star.is_some() {
            return Err(SyntaxError::new(
                value.pos,
                "only keyword arguments may follow *arguments",
            )
            .in_python("only named arguments may follow *expression")
            .without_line());
        }
        call.args.push(value);
        Ok(())
    }
}
