//! The front end of Repy, the Seattle testbed's restricted Python 2: from bytes to a checked tree.
//!
//! ```text
//! bytes -> source -> (lexer) -> parser -> ast -> check -> compile_rules
//!          UTF-8,    tokens     grammar   tree   is it    would CPython
//!          lines                                 Repy?    compile it?
//! ```
//!
//! This crate decides what is a program; it runs nothing (that is `overlord-repy-machine`'s) and knows no API (that is
//! `overlord-repy`'s).
//!
//! [`check::load`] is the door: bytes in, a checked tree or a [`check::Refusal`] out, which says whether the file is not
//! Python or not Repy, where, and by which rule. Whatever the bytes, it answers: sizes and depths are bounded by
//! [`limits`], no input makes it panic or exhaust the native stack (`tests/fuzz_front_end.rs`).
//!
//! ```
//! use overlord_repy_syntax::check::{self, Refusal};
//!
//! assert!(check::load(b"log('hello')").is_ok());
//! let program = b"x = 1\nimport os\n";
//! let refusal = check::load(program).unwrap_err();
//! assert!(matches!(refusal, Refusal::Unsafe(_)));
//! assert_eq!(
//!     refusal.render("program.r2py", program),
//!     "program.r2py:2:1: unsafe: Repy has no import statement (use dy_import_module of dylink.r2py)\n    \
//!      import os\n    ^",
//! );
//! ```
//!
//! Verdict and tree are those of CPython 2.7's `compiler` package, on which the original's check is built; this is
//! compared on its standard library and on programs made from a seed (`tests/compare_trees.rs`). The known differences:
//!
//! - The original's check, a recursive Python program, gives up at about 30 nested brackets; here the limit is
//!   [`limits::MAX_NESTING`].
//! - Behind a docstring on the first line the original checks nothing of that line (`'text'; import os` passes and is
//!   executed). Here all of it is checked.
//! - Bytes that are not UTF-8 are a syntax error, though CPython's tokenizer lets them pass in strings and comments.
//! - Null bytes and broken `\x` escapes, on which the package raises errors other than SyntaxError, are syntax errors.
//! - Whether the name in `u'\N{...}'` exists is not looked up: a unicode literal is refused in any case.
#![forbid(unsafe_code)]

pub mod ast;
pub mod check;
pub mod compile_rules;
mod lexer;
pub mod limits;
mod lines;
mod literal;
pub mod parser;
pub mod source;
pub mod syntax_error;
mod token;
