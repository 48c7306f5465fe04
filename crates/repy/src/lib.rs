//! Repy, the Seattle testbed's restricted Python 2: parser, safety check, virtual machine.

pub mod ast;
pub mod limits;
