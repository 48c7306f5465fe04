//! Tokens to tree: recursive descent over Python 2.7's grammar, with the complaints the original's parser makes.
//!
//! Accepts exactly what `compiler.parse` of Python 2.7 accepts (within [`crate::limits`]), which is somewhat more
//! than CPython compiles: what only its compiler refuses is found by [`crate::compile_rules`].

mod arguments;
mod atom;
mod expression;
mod statement;
mod target;

use crate::ast::{Body, Expr, ExprKind, Module, Pos, Stmt, StmtKind, Symbol, Symbols};
use crate::lexer::Lexer;
use crate::limits::{MAX_NESTING, MAX_TREE_HEIGHT};
use crate::source::SourceText;
use crate::syntax_error::SyntaxError;
use crate::token::{Kind, Token};

type Result<T> = std::result::Result<T, SyntaxError>;

/// The tree of a program.
///
/// # Errors
/// The first place at which the program stops being Python 2.7.
pub fn parse(source: &SourceText) -> Result<Module> {
    let mut lexer = Lexer::new(source.text());
    let current = lexer.next()?;
    let symbols = Symbols::default();
    let mut parser = Parser {
        text: source.text(),
        lexer,
        current,
        last_end: 0,
        symbols,
        depth: 0,
        height: 0,
    };
    let body = parser.file()?;
    Ok(Module {
        body,
        symbols: parser.symbols,
    })
}

struct Parser<'source> {
    text: &'source [u8],
    lexer: Lexer<'source>,
    /// The one token of lookahead; the grammar needs no more.
    current: Token,
    /// Where the last consumed token ended.
    last_end: usize,
    symbols: Symbols,
    /// How many nested calls of the recursive rules are open; at most [`MAX_NESTING`].
    depth: u32,
    /// The height of the expression parsed last; at most [`MAX_TREE_HEIGHT`].
    height: u32,
}

impl<'source> Parser<'source> {
    fn file(&mut self) -> Result<Body> {
        let mut stmts = Vec::new();
        loop {
            match self.current.kind {
                Kind::End => return Ok(body_of(stmts)),
                // Only an empty continued line (a lone backslash and then nothing) gives one here.
                Kind::Newline => drop(self.advance()?),
                _ => self.statement(&mut stmts)?,
            }
        }
    }

    /// Consumes the current token.
    fn advance(&mut self) -> Result<Token> {
        let token = self.current;
        self.last_end = token.end;
        self.current = self.lexer.next()?;
        Ok(token)
    }

    fn at(&self, kind: Kind) -> bool {
        self.current.kind == kind
    }

    fn eat(&mut self, kind: Kind) -> Result<bool> {
        let found = self.at(kind);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, kind: Kind) -> Result<Token> {
        if self.at(kind) {
            return self.advance();
        }
        Err(self.unexpected(kind.describe()))
    }

    /// A complaint about the current token.
    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = self.current.kind;
        let mut message = match found {
            Kind::Indent => {
                "unexpected indent: this line is indented more than its block".to_owned()
            }
            Kind::Name => format!(
                "invalid syntax: expected {expected}, found the name '{}'",
                self.word(self.current)
            ),
            _ => format!(
                "invalid syntax: expected {expected}, found {}",
                found.describe()
            ),
        };
        if let Some(line) = self.lexer.open_bracket_line()
            && line < self.current.pos.line
        {
            message.push_str(&format!(" (a bracket of line {line} is still open)"));
        }
        let error = SyntaxError::new(self.current.pos, message);
        match found {
            Kind::Indent => error
                .of_class("IndentationError")
                .in_python("unexpected indent"),
            _ => error,
        }
    }

    /// The line of the current token; at the end of the file, the last line.
    fn line(&self) -> u32 {
        match self.current.kind {
            Kind::End | Kind::Dedent => self.current.pos.line.saturating_sub(1).max(1),
            _ => self.current.pos.line,
        }
    }

    fn bytes(&self, token: Token) -> &'source [u8] {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// The text of a name token, which is ASCII.
    fn word(&self, token: Token) -> &'source str {
        std::str::from_utf8(self.bytes(token)).unwrap_or_default()
    }

    fn name(&mut self) -> Result<Symbol> {
        let token = self.expect(Kind::Name)?;
        let word = self.word(token);
        Ok(self.symbols.intern(word))
    }

    /// Opens one level of a recursive rule; close it with `leave` (errors end the parse, so they need not).
    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            let message = format!("nested more than {MAX_NESTING} deep");
            return Err(SyntaxError::new(self.current.pos, message));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Records that the node just made stands above parts of height `tallest`.
    fn stand_on(&mut self, tallest: u32, pos: Pos) -> Result<()> {
        self.height = tallest + 1;
        if self.height > MAX_TREE_HEIGHT {
            let message = format!("this expression is more than {MAX_TREE_HEIGHT} levels high");
            return Err(SyntaxError::new(pos, message));
        }
        Ok(())
    }
}

/// Statements together with the note whether they begin with a docstring.
fn body_of(stmts: Vec<Stmt>) -> Body {
    let is_docstring = |stmt: &Stmt| {
        matches!(
            stmt.kind,
            StmtKind::Expr(Expr {
                kind: ExprKind::Bytes(_),
                ..
            })
        )
    };
    let has_docstring = stmts.first().is_some_and(is_docstring);
    Body {
        stmts,
        has_docstring,
    }
}

#[cfg(test)]
mod tests;
