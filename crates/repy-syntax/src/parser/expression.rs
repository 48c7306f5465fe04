//! Expressions from `test` down to the operators; what stands between brackets is in `atom`.

use super::{Parser, Result};
use crate::ast::{
    BinaryOp, BinaryStep, CompareOp, Expr, ExprKind, Params, Pos, RefusedExpr, UnaryOp,
};
use crate::literal;
use crate::token::Kind;

impl Parser<'_> {
    /// `test`: a conditional expression or a lambda.
    pub(super) fn test(&mut self) -> Result<Expr> {
        if self.at(Kind::Lambda) {
            return self.lambda(Self::test);
        }
        let then = self.or_test()?;
        if self.at(Kind::If) {
            self.rest_of_conditional(then)
        } else {
            Ok(then)
        }
    }

    /// `old_test`: what may be a condition of a comprehension. No conditional expression, so that `if` is free.
    pub(super) fn old_test(&mut self) -> Result<Expr> {
        if self.at(Kind::Lambda) {
            self.lambda(Self::old_test)
        } else {
            self.or_test()
        }
    }

    fn rest_of_conditional(&mut self, then: Expr) -> Result<Expr> {
        self.enter()?;
        let pos = then.pos;
        let mut tallest = self.height;
        self.advance()?;
        let test = self.or_test()?;
        tallest = tallest.max(self.height);
        self.expect(Kind::Else)?;
        let orelse = self.test()?;
        tallest = tallest.max(self.height);
        self.stand_on(tallest, pos)?;
        self.leave();
        Ok(refused(pos, RefusedExpr::IfExp { test, then, orelse }))
    }

    fn lambda(&mut self, body: fn(&mut Self) -> Result<Expr>) -> Result<Expr> {
        self.enter()?;
        let pos = self.advance()?.pos;
        let params = if self.at(Kind::Colon) {
            Params {
                pos,
                ..Params::default()
            }
        } else {
            self.params()?
        };
        let tallest = if params.defaults.is_empty() {
            0
        } else {
            self.height
        };
        self.expect(Kind::Colon)?;
        let body = body(self)?;
        let tallest = tallest.max(self.height);
        self.stand_on(tallest, pos)?;
        self.leave();
        Ok(refused(pos, RefusedExpr::Lambda(params, body)))
    }

    /// `or_test`, with `and_test` in the same loop: less native stack per bracket.
    pub(super) fn or_test(&mut self) -> Result<Expr> {
        let first = self.not_test()?;
        if matches!(self.current.kind, Kind::And | Kind::Or) {
            self.rest_of_or_test(first)
        } else {
            Ok(first)
        }
    }

    fn rest_of_or_test(&mut self, first: Expr) -> Result<Expr> {
        let start = first.pos;
        let mut alternatives = Vec::new();
        let mut tallest = 0;
        let mut next = first;
        loop {
            if self.at(Kind::And) {
                let pos = next.pos;
                let mut tallest_and = self.height;
                let mut operands = vec![next];
                while self.eat(Kind::And)? {
                    operands.push(self.not_test()?);
                    tallest_and = tallest_and.max(self.height);
                }
                self.stand_on(tallest_and, pos)?;
                next = Expr {
                    pos,
                    kind: ExprKind::And(operands),
                };
            }
            tallest = tallest.max(self.height);
            if !self.at(Kind::Or) && alternatives.is_empty() {
                return Ok(next);
            }
            alternatives.push(next);
            if !self.eat(Kind::Or)? {
                break;
            }
            next = self.not_test()?;
        }
        self.stand_on(tallest, start)?;
        Ok(Expr {
            pos: start,
            kind: ExprKind::Or(alternatives),
        })
    }

    fn not_test(&mut self) -> Result<Expr> {
        if self.at(Kind::Not) {
            return self.negation();
        }
        let first = self.expr()?;
        let compares = matches!(
            self.current.kind,
            Kind::Less
                | Kind::Greater
                | Kind::EqualEqual
                | Kind::NotEqual
                | Kind::LessGreater
                | Kind::LessEqual
                | Kind::GreaterEqual
                | Kind::In
                | Kind::Is
                | Kind::Not
        );
        if compares {
            self.rest_of_comparison(first)
        } else {
            Ok(first)
        }
    }

    fn negation(&mut self) -> Result<Expr> {
        self.enter()?;
        let pos = self.advance()?.pos;
        let operand = self.not_test()?;
        self.leave();
        self.unary(pos, UnaryOp::Not, operand)
    }

    fn unary(&mut self, pos: Pos, op: UnaryOp, operand: Expr) -> Result<Expr> {
        self.stand_on(self.height, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Unary {
                op,
                operand: Box::new(operand),
            },
        })
    }

    fn rest_of_comparison(&mut self, first: Expr) -> Result<Expr> {
        let pos = first.pos;
        let mut tallest = self.height;
        let mut rest = Vec::new();
        while let Some(op) = self.compare_op()? {
            rest.push((op, self.expr()?));
            tallest = tallest.max(self.height);
        }
        self.stand_on(tallest, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Compare {
                first: Box::new(first),
                rest,
            },
        })
    }

    fn compare_op(&mut self) -> Result<Option<CompareOp>> {
        let op = match self.current.kind {
            Kind::Less => CompareOp::Less,
            Kind::Greater => CompareOp::Greater,
            Kind::EqualEqual => CompareOp::Equal,
            Kind::NotEqual | Kind::LessGreater => CompareOp::NotEqual,
            Kind::LessEqual => CompareOp::LessEqual,
            Kind::GreaterEqual => CompareOp::GreaterEqual,
            Kind::In => CompareOp::In,
            Kind::Is => {
                self.advance()?;
                let op = if self.eat(Kind::Not)? {
                    CompareOp::IsNot
                } else {
                    CompareOp::Is
                };
                return Ok(Some(op));
            }
            Kind::Not => {
                self.advance()?;
                self.expect(Kind::In)?;
                return Ok(Some(CompareOp::NotIn));
            }
            _ => return Ok(None),
        };
        self.advance()?;
        Ok(Some(op))
    }

    /// `expr`: everything that binds tighter than comparisons.
    pub(super) fn expr(&mut self) -> Result<Expr> {
        self.binary(0)
    }

    /// Chains of left-associative operators that bind at least as tightly as `loosest`.
    fn binary(&mut self, loosest: u8) -> Result<Expr> {
        let mut first = self.factor()?;
        while let Some((_, level)) = self.current.kind.binary() {
            if level < loosest {
                break;
            }
            first = self.chain(first, level)?;
        }
        Ok(first)
    }

    /// The operators of one level after `first`, as many as there are.
    fn chain(&mut self, first: Expr, level: u8) -> Result<Expr> {
        let pos = first.pos;
        let mut tallest = self.height;
        let mut rest = Vec::new();
        while let Some((op, _)) = self
            .current
            .kind
            .binary()
            .filter(|&(_, next)| next == level)
        {
            let pos = self.advance()?.pos;
            let right = self.binary(level + 1)?;
            tallest = tallest.max(self.height);
            rest.push(BinaryStep { pos, op, right });
        }
        self.stand_on(tallest, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Binary {
                first: Box::new(first),
                rest,
            },
        })
    }

    fn factor(&mut self) -> Result<Expr> {
        match self.current.kind {
            Kind::Plus => self.signed(UnaryOp::Plus),
            Kind::Minus => self.signed(UnaryOp::Minus),
            Kind::Tilde => self.signed(UnaryOp::Invert),
            _ => {
                let base = self.trailers()?;
                if self.at(Kind::StarStar) {
                    self.rest_of_power(base)
                } else {
                    Ok(base)
                }
            }
        }
    }

    fn signed(&mut self, op: UnaryOp) -> Result<Expr> {
        self.enter()?;
        let pos = self.advance()?.pos;
        // `-1` is a literal, `-1 .x` and `-1 ** 2` are a minus before something larger.
        let number = self.at(Kind::Number).then_some(self.current);
        let operand = self.factor()?;
        self.leave();
        if let (UnaryOp::Minus, Some(token)) = (op, number)
            && token.end == self.last_end
        {
            let kind = literal::number(self.bytes(token), true, token.pos)?;
            return Ok(Expr { pos, kind });
        }
        self.unary(pos, op, operand)
    }

    fn rest_of_power(&mut self, base: Expr) -> Result<Expr> {
        self.enter()?;
        let op_pos = self.advance()?.pos;
        let tallest = self.height;
        let right = self.factor()?;
        self.leave();
        let tallest = tallest.max(self.height);
        let pos = base.pos;
        self.stand_on(tallest, pos)?;
        let rest = vec![BinaryStep {
            pos: op_pos,
            op: BinaryOp::Pow,
            right,
        }];
        Ok(Expr {
            pos,
            kind: ExprKind::Binary {
                first: Box::new(base),
                rest,
            },
        })
    }

    /// `test (',' test)* [',']`, and whether there was a comma.
    pub(super) fn tests(&mut self) -> Result<(Vec<Expr>, bool)> {
        let first = self.test()?;
        self.rest_of_tests(first)
    }

    /// As [`Self::tests`], with the first one parsed already. `height` ends as the greatest of all.
    pub(super) fn rest_of_tests(&mut self, first: Expr) -> Result<(Vec<Expr>, bool)> {
        let mut tallest = self.height;
        let mut items = vec![first];
        let mut comma = false;
        while self.eat(Kind::Comma)? {
            comma = true;
            if !self.current.kind.begins_expression() {
                break;
            }
            items.push(self.test()?);
            tallest = tallest.max(self.height);
        }
        self.height = tallest;
        Ok((items, comma))
    }

    /// `testlist`: one expression, or a tuple if there is a comma.
    pub(super) fn testlist(&mut self) -> Result<Expr> {
        let pos = self.current.pos;
        let (items, comma) = self.tests()?;
        self.tuple_if(comma, items, pos)
    }

    /// `exprlist`: as [`Self::tests`] without comparisons, so that `in` is free.
    pub(super) fn expression_list(&mut self) -> Result<(Vec<Expr>, bool)> {
        let mut items = vec![self.expr()?];
        let mut tallest = self.height;
        let mut comma = false;
        while self.eat(Kind::Comma)? {
            comma = true;
            let kind = self.current.kind;
            if !kind.begins_expression() || matches!(kind, Kind::Not | Kind::Lambda) {
                break;
            }
            items.push(self.expr()?);
            tallest = tallest.max(self.height);
        }
        self.height = tallest;
        Ok((items, comma))
    }

    /// The target of a `for`.
    pub(super) fn target_list(&mut self) -> Result<Expr> {
        let pos = self.current.pos;
        let (items, comma) = self.expression_list()?;
        let target = self.tuple_if(comma, items, pos)?;
        self.check_target(&target)?;
        Ok(target)
    }

    /// A tuple of `items` if there was a comma, else the only one. `height` is that of the tallest.
    pub(super) fn tuple_if(&mut self, comma: bool, mut items: Vec<Expr>, pos: Pos) -> Result<Expr> {
        if !comma && let Some(only) = items.pop() {
            return Ok(only);
        }
        self.stand_on(self.height, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Tuple(items),
        })
    }

    pub(super) fn yield_expr(&mut self) -> Result<Expr> {
        let pos = self.advance()?.pos;
        self.height = 0;
        let value = if self.current.kind.begins_expression() {
            Some(self.testlist()?)
        } else {
            None
        };
        self.stand_on(self.height, pos)?;
        Ok(refused(pos, RefusedExpr::Yield(value)))
    }
}

pub(super) fn refused(pos: Pos, expr: RefusedExpr) -> Expr {
    Expr {
        pos,
        kind: ExprKind::Refused(Box::new(expr)),
    }
}
