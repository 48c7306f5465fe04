//! Atoms, what stands between their brackets, and the trailers that follow them.

use super::expression::refused;
use super::{Parser, Result};
use crate::ast::{
    CompFor, Comprehension, Expr, ExprKind, Index, Pos, RefusedExpr, SlicePart, Symbol,
};
use crate::literal::{self, StringLiteral};
use crate::token::Kind;

/// The parts of one subscript `a:b:c`, of which some may be absent.
enum Subscript {
    Item(Expr),
    Short {
        low: Option<Expr>,
        high: Option<Expr>,
    },
    Other(SlicePart),
}

impl Parser<'_> {
    /// `atom trailer*`.
    pub(super) fn trailers(&mut self) -> Result<Expr> {
        let mut expr = self.atom()?;
        loop {
            expr = match self.current.kind {
                Kind::Dot => self.attribute_trailer(expr)?,
                Kind::LeftParen => self.call(expr)?,
                Kind::LeftBracket => self.subscription(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn attribute_trailer(&mut self, value: Expr) -> Result<Expr> {
        self.advance()?;
        let name_pos = self.current.pos;
        let name = self.name()?;
        self.attribute(value, name, name_pos)
    }

    pub(super) fn attribute(&mut self, value: Expr, name: Symbol, name_pos: Pos) -> Result<Expr> {
        let pos = value.pos;
        self.stand_on(self.height, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Attribute {
                value: Box::new(value),
                name,
                name_pos,
            },
        })
    }

    fn atom(&mut self) -> Result<Expr> {
        let bracket = match self.current.kind {
            Kind::LeftParen => Self::parenthesized,
            Kind::LeftBracket => Self::list,
            Kind::LeftBrace => Self::dict_or_set,
            Kind::Backquote => Self::backquote,
            _ => return self.leaf(),
        };
        self.enter()?;
        let expr = bracket(self, self.current.pos)?;
        self.leave();
        Ok(expr)
    }

    /// A name or a literal.
    fn leaf(&mut self) -> Result<Expr> {
        let pos = self.current.pos;
        let kind = match self.current.kind {
            Kind::Name => ExprKind::Name(self.name()?),
            Kind::Number => {
                let token = self.advance()?;
                literal::number(self.bytes(token), false, pos)?
            }
            Kind::String => {
                let mut string = StringLiteral::default();
                while self.at(Kind::String) {
                    let token = self.advance()?;
                    string.push(self.bytes(token), token.pos)?;
                }
                string.finish()
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.height = 1;
        Ok(Expr { pos, kind })
    }

    fn parenthesized(&mut self, pos: Pos) -> Result<Expr> {
        self.advance()?;
        if self.eat(Kind::RightParen)? {
            self.height = 1;
            return Ok(Expr {
                pos,
                kind: ExprKind::Tuple(Vec::new()),
            });
        }
        if self.at(Kind::Yield) {
            let value = self.yield_expr()?;
            self.expect(Kind::RightParen)?;
            return Ok(value);
        }
        let first = self.test()?;
        if self.at(Kind::For) {
            let comprehension = self.generator(first)?;
            self.expect(Kind::RightParen)?;
            return Ok(refused(pos, RefusedExpr::GenExpr(comprehension)));
        }
        let (items, comma) = self.rest_of_tests(first)?;
        self.expect(Kind::RightParen)?;
        self.tuple_if(comma, items, pos)
    }

    fn list(&mut self, pos: Pos) -> Result<Expr> {
        self.advance()?;
        if self.eat(Kind::RightBracket)? {
            self.height = 1;
            return Ok(Expr {
                pos,
                kind: ExprKind::List(Vec::new()),
            });
        }
        let first = self.test()?;
        let kind = if self.at(Kind::For) {
            ExprKind::ListComp(Box::new(self.comprehension(first, Self::safe_testlist)?))
        } else {
            let (items, _) = self.rest_of_tests(first)?;
            self.stand_on(self.height, pos)?;
            ExprKind::List(items)
        };
        self.expect(Kind::RightBracket)?;
        Ok(Expr { pos, kind })
    }

    fn dict_or_set(&mut self, pos: Pos) -> Result<Expr> {
        self.advance()?;
        if self.eat(Kind::RightBrace)? {
            self.height = 1;
            return Ok(Expr {
                pos,
                kind: ExprKind::Dict(Vec::new()),
            });
        }
        let first = self.test()?;
        let mut tallest = self.height;
        let kind = if self.eat(Kind::Colon)? {
            let value = self.test()?;
            tallest = tallest.max(self.height);
            if self.at(Kind::For) {
                self.height = tallest;
                let comprehension = self.generator(first)?;
                ExprKind::Refused(Box::new(RefusedExpr::DictComp(comprehension, value)))
            } else {
                let mut items = vec![(first, value)];
                while self.eat(Kind::Comma)? && self.current.kind.begins_expression() {
                    let key = self.test()?;
                    tallest = tallest.max(self.height);
                    self.expect(Kind::Colon)?;
                    let value = self.test()?;
                    tallest = tallest.max(self.height);
                    items.push((key, value));
                }
                self.stand_on(tallest, pos)?;
                ExprKind::Dict(items)
            }
        } else if self.at(Kind::For) {
            ExprKind::Refused(Box::new(RefusedExpr::SetComp(self.generator(first)?)))
        } else {
            let (items, _) = self.rest_of_tests(first)?;
            self.stand_on(self.height, pos)?;
            ExprKind::Refused(Box::new(RefusedExpr::Set(items)))
        };
        self.expect(Kind::RightBrace)?;
        Ok(Expr { pos, kind })
    }

    fn backquote(&mut self, pos: Pos) -> Result<Expr> {
        self.advance()?;
        let start = self.current.pos;
        let mut items = vec![self.test()?];
        let mut tallest = self.height;
        while self.eat(Kind::Comma)? {
            items.push(self.test()?);
            tallest = tallest.max(self.height);
        }
        self.height = tallest;
        let value = self.tuple_if(items.len() > 1, items, start)?;
        self.expect(Kind::Backquote)?;
        self.stand_on(self.height, pos)?;
        Ok(refused(pos, RefusedExpr::Backquote(value)))
    }

    /// `testlist_safe`: what a list comprehension may iterate. A lone expression takes no comma.
    fn safe_testlist(&mut self) -> Result<Expr> {
        let pos = self.current.pos;
        let mut items = vec![self.old_test()?];
        let mut tallest = self.height;
        while self.eat(Kind::Comma)? {
            if items.len() > 1 && !self.current.kind.begins_expression() {
                break;
            }
            items.push(self.old_test()?);
            tallest = tallest.max(self.height);
        }
        self.height = tallest;
        self.tuple_if(items.len() > 1, items, pos)
    }

    /// The `for` and `if` parts after `element` in a generator expression, set or dict comprehension.
    pub(super) fn generator(&mut self, element: Expr) -> Result<Comprehension> {
        self.comprehension(element, Self::or_test)
    }

    /// The `for` and `if` parts after `element`, whose height is the current one.
    fn comprehension(
        &mut self,
        element: Expr,
        iter: fn(&mut Self) -> Result<Expr>,
    ) -> Result<Comprehension> {
        let mut tallest = self.height;
        let mut fors: Vec<CompFor> = Vec::new();
        loop {
            match (self.current.kind, fors.last_mut()) {
                (Kind::For, _) => {
                    let pos = self.advance()?.pos;
                    let target = self.target_list()?;
                    tallest = tallest.max(self.height);
                    self.expect(Kind::In)?;
                    let iter = iter(self)?;
                    tallest = tallest.max(self.height);
                    fors.push(CompFor {
                        pos,
                        target,
                        iter,
                        ifs: Vec::new(),
                    });
                }
                (Kind::If, Some(last)) => {
                    self.advance()?;
                    last.ifs.push(self.old_test()?);
                    tallest = tallest.max(self.height);
                }
                _ => break,
            }
        }
        self.stand_on(tallest, element.pos)?;
        Ok(Comprehension { element, fors })
    }

    fn subscription(&mut self, value: Expr) -> Result<Expr> {
        self.enter()?;
        self.advance()?;
        let mut tallest = self.height;
        let start = self.current.pos;
        let mut parts = Vec::new();
        let mut comma = false;
        loop {
            parts.push(self.subscript()?);
            tallest = tallest.max(self.height);
            if !self.eat(Kind::Comma)? {
                break;
            }
            comma = true;
            if self.at(Kind::RightBracket) {
                break;
            }
        }
        self.expect(Kind::RightBracket)?;
        self.leave();
        self.height = tallest;
        let index = self.index(parts, comma, start)?;
        let pos = value.pos;
        self.stand_on(self.height, pos)?;
        Ok(Expr {
            pos,
            kind: ExprKind::Subscript {
                value: Box::new(value),
                index: Box::new(index),
            },
        })
    }

    fn index(&mut self, mut parts: Vec<Subscript>, comma: bool, start: Pos) -> Result<Index> {
        if !comma {
            match parts.pop() {
                Some(Subscript::Item(item)) => return Ok(Index::Item(item)),
                Some(Subscript::Short { low, high }) => return Ok(Index::Slice { low, high }),
                other => parts.extend(other),
            }
        } else if parts.iter().all(|part| matches!(part, Subscript::Item(_))) {
            let item = |part| {
                if let Subscript::Item(item) = part {
                    Some(item)
                } else {
                    None
                }
            };
            let items = parts.into_iter().filter_map(item).collect();
            return Ok(Index::Item(self.tuple_if(true, items, start)?));
        }
        let part = |part| match part {
            Subscript::Item(item) => SlicePart::Item(item),
            Subscript::Short { low, high } => SlicePart::Slice {
                low,
                high,
                step: None,
            },
            Subscript::Other(part) => part,
        };
        Ok(Index::Extended {
            parts: parts.into_iter().map(part).collect(),
            tuple: comma,
        })
    }

    fn subscript(&mut self) -> Result<Subscript> {
        self.height = 0;
        if self.eat(Kind::Dot)? {
            self.expect(Kind::Dot)?;
            self.expect(Kind::Dot)?;
            return Ok(Subscript::Other(SlicePart::Ellipsis));
        }
        let mut tallest = 0;
        let low = self.bound(&mut tallest)?;
        if !self.eat(Kind::Colon)? {
            return low
                .map(Subscript::Item)
                .ok_or_else(|| self.unexpected("an index"));
        }
        let high = self.bound(&mut tallest)?;
        if !self.eat(Kind::Colon)? {
            self.height = tallest;
            return Ok(Subscript::Short { low, high });
        }
        let step = self.bound(&mut tallest)?;
        self.height = tallest;
        Ok(Subscript::Other(SlicePart::Slice { low, high, step }))
    }

    /// An expression if one begins here; `tallest` grows to its height.
    fn bound(&mut self, tallest: &mut u32) -> Result<Option<Expr>> {
        if !self.current.kind.begins_expression() {
            return Ok(None);
        }
        let bound = self.test()?;
        *tallest = self.height.max(*tallest);
        Ok(Some(bound))
    }
}
