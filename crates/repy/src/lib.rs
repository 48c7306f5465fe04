//! Repy, the Seattle testbed's restricted Python 2: parser, safety check, virtual machine.

pub mod ast;
pub mod check;
pub mod compile_rules;
mod lexer;
pub mod limits;
mod literal;
pub mod parser;
pub mod source;
pub mod syntax_error;
mod token;
