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

mod builtins;
mod bytecode;
mod compare;
mod compiler;
mod memory;
mod methods;
mod number;
mod object;
mod program;
pub mod runner;
mod text;
mod vm;

pub use memory::{CountingAllocator, used as memory_used};
pub use object::{Args, Arity, ExceptionKind, Res, Str, Thrown, Value};
pub use program::{Program, ProgramError};
pub use vm::host::{HostMapping, HostObject, HostType};
pub use vm::{Globals, Limits, Machine, SliceEnd, Stop, Thread, Uncaught, Wait};
