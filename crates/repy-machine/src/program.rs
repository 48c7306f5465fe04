//! A program that has been read and judged, ready to be loaded into a machine.

use overlord_repy_syntax::ast::Module;
use overlord_repy_syntax::check::{Refusal, Rules};

/// A checked program.
#[derive(Clone, Debug)]
pub struct Program {
    module: Module,
    filename: String,
}

/// A program the compiler refuses although it parses (`break` outside of a loop, say).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {message}")]
pub struct ProgramError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

impl ProgramError {
    pub(crate) fn new(file: &str, line: u32, message: String) -> ProgramError {
        ProgramError {
            file: file.to_owned(),
            line,
            message,
        }
    }
}

impl Program {
    /// Reads and judges a Repy V2 program.
    ///
    /// # Errors
    /// The verdict of the parser or the safety check.
    pub fn new(source: &[u8], filename: &str) -> Result<Program, Refusal> {
        Program::judged_by(&Rules::V2, source, filename)
    }

    /// Reads a program and judges it by the rules of a dialect.
    ///
    /// # Errors
    /// The verdict of the parser or the safety check.
    pub fn judged_by(rules: &Rules, source: &[u8], filename: &str) -> Result<Program, Refusal> {
        Ok(Program {
            module: rules.load(source)?,
            filename: filename.to_owned(),
        })
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    /// The name shown in tracebacks.
    pub fn filename(&self) -> &str {
        &self.filename
    }
}
