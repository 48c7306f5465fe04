//! Bounds of the front end, each with its reason. The virtual machine's bounds are its own.

/// Longest source file: 16 MiB. The largest real program is below 1 MiB; the tree takes some 30 times the source.
pub const MAX_SOURCE_BYTES: usize = 16 << 20;

/// Deepest nesting of brackets, calls, unary operators, `**`, `lambda` and such in one expression. The original's
/// checker (a Python program) gives up at about 30 brackets, CPython 2.7's parser at 98; in an unoptimised build
/// a level of brackets with all operators around it takes 16 KiB of native stack here.
pub const MAX_NESTING: u32 = 64;

/// Greatest height of an expression's tree. Besides nesting, each trailer of a chain `a.b(c)[d]` adds one.
/// What walks the tree recursively (checker, compiler, drop) needs stack for this many levels.
pub const MAX_TREE_HEIGHT: u32 = 200;

/// Most levels of indentation, as in CPython.
pub const MAX_INDENTS: usize = 100;

/// Most digits of an integer literal: turning decimal digits into a number takes time by the square of their count.
pub const MAX_NUMBER_DIGITS: usize = 100_000;
