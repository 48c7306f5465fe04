//! The tree a source file becomes: what the parser builds, the checker walks and the compiler reads.
//!
//! One type per kind of thing in Python 2.7's grammar, refused constructs included, so that the checker can
//! name what it refuses. The tree owns everything in it and knows nothing of values, scopes or bytecode.
//!
//! What readers of the tree can count on in its shape:
//! - Its height is bounded (see [`crate::limits`]), so plain recursion over it is safe; long operator chains
//!   (`a + b + c ...`), `elif` ladders and `and`/`or` chains are flat lists and add no height.
//! - Parentheses leave no node. `-1` before a number literal is one negative literal, as in CPython
//!   (`-9223372036854775808` is an int), but `-x` and `-2 ** 2` are a [`ExprKind::Unary`].
//! - Targets of `=`, `del`, `for`, `except X, t` and comprehensions are plain expressions of the kinds
//!   `Name`, `Attribute`, `Subscript`, `Tuple`, `List` (nested), already verified by the parser.
//! - Adjacent string literals are joined. Positions are those of the first token of a node, except for
//!   [`BinaryStep`], which is at its operator.

pub mod visit;

use num_bigint::BigInt;

/// Where a token begins in the user's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// Line, from 1, of the file as the user sees it.
    pub line: u32,
    /// Column, from 0, in bytes.
    pub column: u32,
}

/// An identifier: an index into the [`Symbols`] of its [`Module`].
///
/// A `u32` rather than a string, so that the compiler turns each distinct name into a run-time string once
/// (a table indexed by [`Symbol::index`]) and compares names as numbers. The tree is `Send` for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

impl Symbol {
    /// The position of this name in [`Symbols`], from 0 without gaps.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Every distinct identifier of one file. Identifiers are ASCII.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    names: Vec<Box<str>>,
    index: std::collections::HashMap<Box<str>, u32>,
}

impl Symbols {
    /// The symbol of `name`, added if new.
    pub fn intern(&mut self, name: &str) -> Symbol {
        if let Some(&found) = self.index.get(name) {
            return Symbol(found);
        }
        // A file is shorter than `u32::MAX` bytes (`limits::MAX_SOURCE_BYTES`), so it has fewer names.
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.into());
        self.index.insert(name.into(), next);
        Symbol(next)
    }

    /// The symbol of `name` if the file uses it.
    pub fn find(&self, name: &str) -> Option<Symbol> {
        self.index.get(name).copied().map(Symbol)
    }

    /// The text of `symbol`; empty for a symbol of another file.
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.index()).map_or("", |name| name)
    }

    /// How many distinct names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the file has no names at all.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All names in the order of their [`Symbol::index`].
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

/// A whole file.
#[derive(Clone, Debug)]
pub struct Module {
    /// The statements, docstring included (see [`Body`]).
    pub body: Body,
    /// The names used in the file.
    pub symbols: Symbols,
}

/// The statements of a file, function or class.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The statements; the docstring, if any, is still the first.
    pub stmts: Vec<Stmt>,
    /// Whether the first statement is a lone string literal: documentation, exempt from the checker's rules.
    pub has_docstring: bool,
}

/// A statement and where it begins.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// The first token.
    pub pos: Pos,
    /// What it is.
    pub kind: StmtKind,
}

/// The kinds of statement.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// An expression on its own.
    Expr(Expr),
    /// `a = b = value`: targets left to right, at least one.
    Assign {
        /// The targets in source order, the order in which they are assigned.
        targets: Vec<Expr>,
        /// The value.
        value: Expr,
    },
    /// `target op= value`; the target is a `Name`, `Attribute` or `Subscript`.
    AugAssign {
        /// What is changed.
        target: Expr,
        /// The operator without its `=`.
        op: BinaryOp,
        /// The right side.
        value: Expr,
    },
    /// `del a, b`.
    Delete(Vec<Expr>),
    /// `pass`.
    Pass,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return` with or without a value.
    Return(Option<Expr>),
    /// `raise [class [, value [, traceback]]]`; a later part implies the earlier ones.
    Raise {
        /// Class or instance.
        exception: Option<Expr>,
        /// Argument.
        value: Option<Expr>,
        /// Traceback.
        traceback: Option<Expr>,
    },
    /// `assert test [, message]`.
    Assert {
        /// The condition.
        test: Expr,
        /// What AssertionError is given.
        message: Option<Expr>,
    },
    /// `if`/`elif` branches in order (at least one), then `else` (possibly empty).
    If {
        /// Conditions and what they guard.
        branches: Vec<(Expr, Vec<Stmt>)>,
        /// The `else` part; empty if there is none.
        orelse: Vec<Stmt>,
    },
    /// `while`.
    While {
        /// The condition.
        test: Expr,
        /// The loop.
        body: Vec<Stmt>,
        /// The `else` part; empty if there is none.
        orelse: Vec<Stmt>,
    },
    /// `for target in iter`.
    For {
        /// What each item is assigned to.
        target: Expr,
        /// What is iterated.
        iter: Expr,
        /// The loop.
        body: Vec<Stmt>,
        /// The `else` part; empty if there is none.
        orelse: Vec<Stmt>,
    },
    /// `try` with `except` clauses, `else` and `finally` in any legal combination
    /// (at least one handler or a non-empty `finally`).
    Try(Box<Try>),
    /// `def`.
    Function(Box<FunctionDefinition>),
    /// `class`.
    Class(Box<ClassDefinition>),
    /// Refused by the checker, kept so that it can be named.
    Refused(Box<RefusedStmt>),
}

/// A `try` statement. `try/except/finally` means a try/except inside a try/finally.
#[derive(Clone, Debug)]
pub struct Try {
    /// What is tried.
    pub body: Vec<Stmt>,
    /// The `except` clauses in order.
    pub handlers: Vec<ExceptClause>,
    /// The `else` part; empty if there is none.
    pub orelse: Vec<Stmt>,
    /// The `finally` part; empty if there is none.
    pub finally: Vec<Stmt>,
}

/// One `except` clause.
#[derive(Clone, Debug)]
pub struct ExceptClause {
    /// The word `except`.
    pub pos: Pos,
    /// What is caught; everything if absent.
    pub exception: Option<Expr>,
    /// Where the exception goes (`except X, target` or `except X as target`).
    pub target: Option<Expr>,
    /// The clause's statements.
    pub body: Vec<Stmt>,
}

/// A `def`.
#[derive(Clone, Debug)]
pub struct FunctionDefinition {
    /// Its name.
    pub name: Symbol,
    /// Its parameters.
    pub params: Params,
    /// Its statements.
    pub body: Body,
    /// Decorators, outermost first; refused by the checker.
    pub decorators: Vec<Expr>,
}

/// The parameters of a `def` or `lambda`.
#[derive(Clone, Debug, Default)]
pub struct Params {
    /// Positional parameters in order.
    pub positional: Vec<Param>,
    /// Default values of the last `defaults.len()` positional parameters.
    pub defaults: Vec<Expr>,
    /// `*name`.
    pub varargs: Option<Symbol>,
    /// `**name`.
    pub kwargs: Option<Symbol>,
    /// Where the list begins.
    pub pos: Pos,
}

/// One positional parameter.
#[derive(Clone, Debug)]
pub enum Param {
    /// A name.
    Name(Symbol),
    /// `def f((a, (b, c)))`: the argument is unpacked on entry. `((a))` is a plain name.
    Tuple(Vec<Param>),
}

/// A `class`. Old-style if no base says otherwise.
#[derive(Clone, Debug)]
pub struct ClassDefinition {
    /// Its name.
    pub name: Symbol,
    /// Its bases; `class A():` and `class A:` have none.
    pub bases: Vec<Expr>,
    /// Its statements.
    pub body: Body,
    /// Decorators, outermost first; refused by the checker.
    pub decorators: Vec<Expr>,
}

/// Statements that exist in Python 2.7 but not in Repy.
#[derive(Clone, Debug)]
pub enum RefusedStmt {
    /// `print [>>file,] values [,]`.
    Print {
        /// `>>file`.
        file: Option<Expr>,
        /// The values.
        values: Vec<Expr>,
        /// Whether a newline ends it (no trailing comma).
        newline: bool,
    },
    /// `exec code [in globals [, locals]]`.
    Exec {
        /// The code.
        code: Expr,
        /// `in globals`.
        globals: Option<Expr>,
        /// `, locals`.
        locals: Option<Expr>,
    },
    /// `import a.b as c, d`: dotted names as written, with their `as`.
    Import(Vec<(String, Option<Symbol>)>),
    /// `from ..module import names`; `*` is the name `*`.
    From {
        /// Dotted name with its leading dots.
        module: String,
        /// What is imported, with its `as`.
        names: Vec<(String, Option<Symbol>)>,
    },
    /// `global a, b`.
    Global(Vec<Symbol>),
    /// `with item [as target], ...: body`.
    With {
        /// Managers and targets.
        items: Vec<(Expr, Option<Expr>)>,
        /// The statements.
        body: Vec<Stmt>,
    },
}

/// An expression and where it begins.
#[derive(Clone, Debug)]
pub struct Expr {
    /// The first token.
    pub pos: Pos,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A name; `None`, `True` and `False` are names too.
    Name(Symbol),
    /// An int literal that fits 64 bits.
    Int(i64),
    /// `10L`, or an int literal that does not fit 64 bits.
    Long(BigInt),
    /// A float literal.
    Float(f64),
    /// The imaginary part of `1j`.
    Imaginary(f64),
    /// A byte string.
    Bytes(Box<[u8]>),
    /// `and`, at least two operands.
    And(Vec<Expr>),
    /// `or`, at least two operands.
    Or(Vec<Expr>),
    /// A left-associative chain: `first op right op right ...` (at least one step). Apply the steps in order.
    /// `**` has exactly one step.
    Binary {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Operators and their right operands.
        rest: Vec<BinaryStep>,
    },
    /// `+x`, `-x`, `~x`, `not x`.
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `first < b <= c`: at least one step; each operand is evaluated once.
    Compare {
        /// The leftmost operand.
        first: Box<Expr>,
        /// Operators and operands.
        rest: Vec<(CompareOp, Expr)>,
    },
    /// A call.
    Call(Box<CallExpr>),
    /// `value.name`.
    Attribute {
        /// The object.
        value: Box<Expr>,
        /// The attribute.
        name: Symbol,
        /// Where its name stands.
        name_pos: Pos,
    },
    /// `value[index]`.
    Subscript {
        /// The object.
        value: Box<Expr>,
        /// What is between the brackets.
        index: Box<Index>,
    },
    /// `a, b` or `(a, b)` or `()`.
    Tuple(Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{key: value}` in source order; CPython evaluates each value before its key.
    Dict(Vec<(Expr, Expr)>),
    /// `[element for ...]`; its variables leak.
    ListComp(Box<Comprehension>),
    /// Refused by the checker, kept so that it can be named.
    Refused(Box<RefusedExpr>),
}

/// One step of a [`ExprKind::Binary`] chain.
#[derive(Clone, Debug)]
pub struct BinaryStep {
    /// Where the operator is.
    pub pos: Pos,
    /// The operator.
    pub op: BinaryOp,
    /// Its right operand.
    pub right: Expr,
}

/// A call's parts. Evaluation order: function, positional, keywords, `*`, `**`.
#[derive(Clone, Debug)]
pub struct CallExpr {
    /// What is called.
    pub function: Expr,
    /// Positional arguments.
    pub args: Vec<Expr>,
    /// `name=value` arguments in order.
    pub keywords: Vec<Keyword>,
    /// `*args`.
    pub star: Option<Expr>,
    /// `**kwargs`.
    pub star_star: Option<Expr>,
}

/// `name=value` in a call.
#[derive(Clone, Debug)]
pub struct Keyword {
    /// Where the name is.
    pub pos: Pos,
    /// The parameter's name.
    pub name: Symbol,
    /// The argument.
    pub value: Expr,
}

/// What is between the brackets of a subscript.
#[derive(Clone, Debug)]
pub enum Index {
    /// `x[i]`; `x[i, j]` has a `Tuple` here.
    Item(Expr),
    /// `x[low:high]` exactly: Python 2's simple slice.
    Slice {
        /// Before the colon.
        low: Option<Expr>,
        /// After the colon.
        high: Option<Expr>,
    },
    /// Anything else: `x[a:b:c]`, `x[...]`, `x[a:b, c]`. `tuple` tells whether the parts make a tuple.
    Extended {
        /// The parts in order.
        parts: Vec<SlicePart>,
        /// Whether there was a comma.
        tuple: bool,
    },
}

/// One part of an extended subscript.
#[derive(Clone, Debug)]
pub enum SlicePart {
    /// An expression.
    Item(Expr),
    /// `low:high:step`; a slice object.
    Slice {
        /// First bound.
        low: Option<Expr>,
        /// Second bound.
        high: Option<Expr>,
        /// Step.
        step: Option<Expr>,
    },
    /// `...`.
    Ellipsis,
}

/// `element for target in iter if test ...`.
#[derive(Clone, Debug)]
pub struct Comprehension {
    /// What is collected.
    pub element: Expr,
    /// The `for` parts, outermost first (at least one).
    pub fors: Vec<CompFor>,
}

/// One `for` of a comprehension with the `if`s that follow it.
#[derive(Clone, Debug)]
pub struct CompFor {
    /// The word `for`.
    pub pos: Pos,
    /// What each item is assigned to.
    pub target: Expr,
    /// What is iterated.
    pub iter: Expr,
    /// Conditions, all of which must hold.
    pub ifs: Vec<Expr>,
}

/// Expressions that exist in Python 2.7 but not in Repy.
#[derive(Clone, Debug)]
pub enum RefusedExpr {
    /// A unicode literal (any part of a joined literal with a `u` prefix): its text as in the source, in UTF-8, with
    /// the escapes that byte strings have too resolved.
    Unicode(Box<[u8]>),
    /// `` `x` ``.
    Backquote(Expr),
    /// `lambda params: body`.
    Lambda(Params, Expr),
    /// `yield value`.
    Yield(Option<Expr>),
    /// `then if test else orelse`.
    IfExp {
        /// The condition.
        test: Expr,
        /// If true.
        then: Expr,
        /// If false.
        orelse: Expr,
    },
    /// `(element for ...)`.
    GenExpr(Comprehension),
    /// `{a, b}`.
    Set(Vec<Expr>),
    /// `{element for ...}`.
    SetComp(Comprehension),
    /// `{key: value for ...}`; the comprehension's element is the key.
    DictComp(Comprehension, Expr),
}

impl RefusedStmt {
    /// The class of such a node in CPython's compiler package, by which the original names what it refuses.
    pub fn node_class(&self) -> &'static str {
        match self {
            RefusedStmt::Print { newline: true, .. } => "Printnl",
            RefusedStmt::Print { newline: false, .. } => "Print",
            RefusedStmt::Exec { .. } => "Exec",
            RefusedStmt::Import(_) => "Import",
            RefusedStmt::From { .. } => "From",
            RefusedStmt::Global(_) => "Global",
            RefusedStmt::With { .. } => "With",
        }
    }
}

impl RefusedExpr {
    /// The class of such a node in CPython's compiler package, by which the original names what it refuses.
    pub fn node_class(&self) -> &'static str {
        match self {
            RefusedExpr::Unicode(_) => "Const",
            RefusedExpr::Backquote(_) => "Backquote",
            RefusedExpr::Lambda(..) => "Lambda",
            RefusedExpr::Yield(_) => "Yield",
            RefusedExpr::IfExp { .. } => "IfExp",
            RefusedExpr::GenExpr(_) => "GenExpr",
            RefusedExpr::Set(_) => "Set",
            RefusedExpr::SetComp(_) => "SetComp",
            RefusedExpr::DictComp(..) => "DictComp",
        }
    }
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `/`: Python 2's classic division, floor for ints.
    Div,
    /// `//`
    FloorDiv,
    /// `<<`
    LeftShift,
    /// `%`
    Mod,
    /// `*`
    Mul,
    /// `**`
    Pow,
    /// `>>`
    RightShift,
    /// `-`
    Sub,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnaryOp {
    /// `~x`
    Invert,
    /// `-x`
    Minus,
    /// `not x`
    Not,
    /// `+x`
    Plus,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `is`
    Is,
    /// `is not`
    IsNot,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `!=` or `<>`
    NotEqual,
    /// `not in`
    NotIn,
}

impl CompareOp {
    /// Whether it asks about objects (which one, what is in it), not how two values compare.
    pub fn is_of_objects(self) -> bool {
        matches!(
            self,
            CompareOp::In | CompareOp::NotIn | CompareOp::Is | CompareOp::IsNot
        )
    }
}
