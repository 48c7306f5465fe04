//! From the tree to bytecode: one code object per module, function and class body.
//!
//! Scopes are resolved first ([`scope`]); statements and expressions are then emitted in one pass, with frequent
//! pairs of instructions joined as they are emitted ([`emit`]). Recursion follows the tree, whose height the
//! parser bounds.

mod assign;
mod emit;
mod expr;
mod scope;
mod stmt;
mod try_stmt;

use std::rc::Rc;

use crate::bytecode::CodeKind;
use crate::object::{Code, Interner, Str, Sym};
use emit::Emitter;
use overlord_repy_syntax::ast;
use scope::{Scope, Scopes};

/// What cannot be compiled although it parses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompileError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// Compiles a whole file.
pub(crate) fn compile(
    module: &ast::Module,
    filename: &str,
    names: &mut Interner,
) -> Result<Rc<Code>, CompileError> {
    let symbols: Vec<Sym> = module
        .symbols
        .iter()
        .map(|name| names.intern(name.as_bytes()))
        .collect();
    let scopes = Scopes::of_module(module);
    let unit = Unit {
        symbols,
        scopes,
        filename: filename.into(),
    };
    let scope = unit.scopes.module();
    let mut compiler = Compiler::new(&unit, scope, names, CodeKind::Module, names_module());
    compiler.body(&module.body)?;
    compiler.finish_block()
}

fn names_module() -> Name {
    Name::Text("<module>")
}

/// The name of a block.
#[derive(Clone, Copy)]
enum Name {
    Text(&'static str),
    Sym(Sym),
}

/// What all blocks of one file share.
struct Unit {
    symbols: Vec<Sym>,
    scopes: Scopes,
    filename: Rc<str>,
}

/// What a statement may be inside of, for `break`, `continue` and `return`.
enum Block {
    /// A loop: where `continue` and `break` go, and how many stack values it holds (a `for` its iterator).
    Loop {
        next: emit::Label,
        end: emit::Label,
        holds: u32,
    },
    /// The body of a `try ... finally`: exits go through its `finally` part.
    Finally {
        entry: emit::Label,
        exits: Vec<Exit>,
    },
    /// A `finally` part, which holds how it was entered.
    FinallyPart,
}

/// A way out of a `try` body that leads through a `finally` part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exit {
    Return,
    /// To the loop that is this many blocks from the outermost.
    Break(usize),
    Continue(usize),
}

/// Compiles one block.
struct Compiler<'a> {
    unit: &'a Unit,
    scope: &'a Scope,
    names: &'a mut Interner,
    out: Emitter,
    kind: CodeKind,
    name: Name,
    blocks: Vec<Block>,
    /// Stack values held by enclosing loops and `finally` parts.
    depth: u32,
    children: Vec<Rc<Code>>,
    params: u16,
    varargs: bool,
    kwargs: bool,
}

impl<'a> Compiler<'a> {
    fn new(
        unit: &'a Unit,
        scope: &'a Scope,
        names: &'a mut Interner,
        kind: CodeKind,
        name: Name,
    ) -> Compiler<'a> {
        Compiler {
            unit,
            scope,
            names,
            out: Emitter::default(),
            kind,
            name,
            blocks: Vec::new(),
            depth: 0,
            children: Vec::new(),
            params: 0,
            varargs: false,
            kwargs: false,
        }
    }

    fn sym(&self, symbol: ast::Symbol) -> Sym {
        self.unit
            .symbols
            .get(symbol.index())
            .copied()
            .unwrap_or(Sym(0))
    }

    fn error<T>(&self, pos: ast::Pos, message: &str) -> Result<T, CompileError> {
        Err(CompileError {
            line: pos.line,
            message: message.to_owned(),
        })
    }

    fn body(&mut self, body: &ast::Body) -> Result<(), CompileError> {
        let skip = usize::from(body.has_docstring);
        for stmt in body.stmts.iter().skip(skip) {
            self.stmt(stmt)?;
        }
        Ok(())
    }

    /// Ends the block with `return None` and makes its code object.
    fn finish_block(mut self) -> Result<Rc<Code>, CompileError> {
        self.out.constant(crate::object::Value::None);
        self.out.emit(crate::bytecode::Op::Return);
        let slots = self.scope.slots.len();
        if slots > u16::MAX as usize || self.out.too_long() {
            return self.error(ast::Pos::default(), "block too large to compile");
        }
        let name = match self.name {
            Name::Text(text) => Str::new(text.as_bytes()),
            Name::Sym(sym) => self.names.string(sym),
        };
        let slot_names: Box<[Sym]> = self
            .scope
            .slots
            .iter()
            .map(|slot| slot.map_or(Sym(0), |s| self.sym(s)))
            .collect();
        let finished = self.out.finish();
        let cells: Box<[u16]> = self.scope.cells.iter().copied().collect();
        let captures: Box<[u16]> = self.scope.captures.iter().copied().collect();
        let simple = self.kind == CodeKind::Function && !self.varargs && !self.kwargs;
        let shares = !cells.is_empty() || !captures.is_empty();
        Ok(Rc::new(Code {
            kind: self.kind,
            name,
            filename: self.unit.filename.clone(),
            ops: finished.ops,
            consts: finished.consts,
            lines: finished.lines,
            handlers: finished.handlers,
            params: self.params,
            varargs: self.varargs,
            kwargs: self.kwargs,
            slots: slots as u16,
            slot_names,
            cells,
            captures,
            children: self.children.into(),
            caches: finished.caches,
            exits: finished.exits,
            keyword_lists: finished.keyword_lists,
            simple,
            shares,
        }))
    }
}
