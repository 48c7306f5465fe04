//! The builtin functions, types and exceptions programs see.

pub(crate) mod exceptions;
pub(crate) mod functions;
pub(crate) mod iteration;
pub(crate) mod safe_dict;
pub(crate) mod types;

/// Names of Python's builtins that Repy binds to a function that refuses to be called.
pub(crate) const REFUSED: &[&str] = &[
    "__import__",
    "__package__",
    "BufferError",
    "BytesWarning",
    "GeneratorExit",
    "ImportWarning",
    "UnicodeWarning",
    "all",
    "any",
    "apply",
    "basestring",
    "bin",
    "buffer",
    "bytearray",
    "bytes",
    "callable",
    "classmethod",
    "coerce",
    "compile",
    "delattr",
    "dir",
    "enumerate",
    "eval",
    "execfile",
    "exit",
    "file",
    "format",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "input",
    "intern",
    "iter",
    "locals",
    "memoryview",
    "next",
    "open",
    "print",
    "property",
    "quit",
    "raw_input",
    "reload",
    "reversed",
    "setattr",
    "sorted",
    "staticmethod",
    "super",
    "unichr",
    "unicode",
    "vars",
];

/// Names that are an empty string.
pub(crate) const EMPTY: &[&str] = &["__name__", "__doc__", "copyright", "credits", "license"];
