//! Repy, the Seattle testbed's restricted Python 2: parser, safety check, virtual machine.
//!
//! Repy is what programs in vessels are written in: a part of Python 2.7 chosen so that nothing in it leads out of the
//! sandbox, and an API that meters every contact with the world. This crate is the language; it knows nothing of
//! vessels, keys or nodes, needs no Python, and can be used alone.
//!
//! ```text
//! bytes -> source -> (lexer) -> parser -> ast -> check -> compile_rules -> compiler -> virtual machine
//!          UTF-8,    tokens     grammar   tree   is it    would CPython    bytecode
//!          lines                                 Repy?    compile it?
//! ```
//!
//! # The front end
//!
//! [`check::load`] is the door: bytes in, a checked tree or a [`check::Refusal`] out, which says whether the file is not
//! Python or not Repy, where, and by which rule. Whatever the bytes, it answers: sizes and depths are bounded by
//! [`limits`], no input makes it panic or exhaust the native stack (`tests/fuzz_front_end.rs`).
//!
//! ```
//! use overlord_repy::check::{self, Refusal};
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
//!
//! # The machine
//!
//! [`Program`] is a checked file, [`Machine`] the sandbox that runs it: object model, bytecode compiler, interpreter,
//! builtins. Objects are counted references, so destructors run and handles close at the last one, as in CPython;
//! dictionaries and sets iterate in CPython's order (but where keys hash by address: None, instances, functions);
//! messages, floats and formatting are CPython's byte for byte. An argument whose parameter is bound anew goes at once;
//! CPython's caller holds it until the call ends.
//! A [`Thread`] is a stack of frames on the heap that [`Machine::run_slice`] advances by a number of instructions;
//! whoever embeds the machine decides which thread runs and what a blocked one waits for. Functions of the host are
//! closures over [`Args`], objects of the host implement [`HostType`]. [`runner::run`] does all of it for one program.
//!
//! ```
//! use overlord_repy::{Limits, Machine, Program, SliceEnd, Value};
//!
//! let program = Program::new(b"total = add(20, 22)\n", "sum.r2py").unwrap();
//! let mut machine = Machine::new(Limits { memory: Some(64 << 20) });
//! let globals = machine.new_globals();
//! let add = machine.host_function("add", |_, args| match args.positional {
//!     [Value::Int(a), Value::Int(b)] => Ok(Value::Int(*a + *b)),
//!     _ => Ok(Value::None),
//! });
//! globals.set_variable(&mut machine, "add", add);
//! let main = machine.load(&program, &globals).unwrap();
//! let mut thread = machine.thread(main, Vec::new());
//! while let SliceEnd::Budget = machine.run_slice(&mut thread, 10_000) {}
//! assert!(matches!(globals.variable("total"), Some(Value::Int(42))));
//! ```
//!
//! # The sandbox
//!
//! [`sandbox::run`] runs one program of this process to its end, with the whole API and under a resource file: its
//! threads in turn on one thread of the system, rates as leaky buckets, processor, memory and disk watched, the
//! operating system's own [`wall`] around it. [`network`] is what its network calls do, [`log_ring`] where its log goes.
//! Why it is built like this: `docs/decisions/0005-repy-threads-on-one-thread.md`.
//!
//! What a program may not take from the host is bounded: memory exactly, if the process uses [`CountingAllocator`];
//! instructions by the slice and [`Machine::stop_flag`], which also ends an operation that takes long by itself
//! (meanwhile the host is called, see [`Machine::set_pulse`]); integers to 64 Mbit, and the work of dividing and
//! showing them to a second or two; recursion everywhere, native and of the program. `tests/bounds.rs` and `tests/escapes.rs` hold the
//! attempts to get around that. How the machine is built and why:
//! `docs/decisions/0004-an-interpreter-for-repy.md`.
//!
//! Differences from CPython 2.7 that remain, besides what Repy leaves out:
//!
//! - `id()` and what follows from it (order of functions, hashes of instances and None, so also the order in which
//!   dictionaries and sets with such keys iterate, and that of the names in the error about a class whose bases have no
//!   consistent order) are addresses of ours.
//! - Objects that hold each other in a circle are given back when the memory in use has grown by half, or runs out;
//!   CPython goes by counts of objects. As there, a circle with a `__del__` in it is kept.
//! - Data nested up to 980 deep is shown and compared, however deep the calls around it are. CPython 2.7.18 takes both
//!   together to 1,000, and counts the levels of frozensets and exceptions that are shown twice (498 frozensets at most).
//! - Of several wrong arguments `complex` may name another one; what is looked up on the builtin types and is not
//!   callable (`int.real`) is not found there; where neither an object nor its index fits, the object is named.
//! - `e.message` works for every exception; the original's dies in its warnings code.
//! - Attributes in `str.format` fields follow the checker's rule.
//! - Functions that call back into programs (`map`, a sort's key, a `__repr__`) nest 60 deep at most, not 1,000; they
//!   and the nesting of data that is shown or compared share one bound.
//! - Integers beyond 64 Mbit are MemoryError, and so are divisions, powers with a modulus and conversions to decimal
//!   that would take more than a second or two.
//! - Widths and precisions of formats end where the memory limit does, or at 2^31.

pub mod ast;
pub mod check;
pub mod compile_rules;
mod lexer;
pub mod limits;
mod literal;
pub mod log_ring;
pub mod parser;
pub mod source;
pub mod syntax_error;
mod token;

mod accounting;
mod api;
mod builtins;
mod bytecode;
mod compare;
mod compiler;
mod depth;
mod memory;
mod methods;
pub mod network;
mod number;
mod object;
mod program;
pub mod runner;
pub mod sandbox;
mod scheduler;
mod text;
mod vm;
pub mod wall;
mod work;

pub use memory::{CountingAllocator, used as memory_used};
pub use object::{Args, Arity, ExceptionKind, Float, Res, Str, Thrown, Truth, Value};
pub use program::{Program, ProgramError};
pub use vm::host::{HostMapping, HostObject, HostType};
pub use vm::{
    Globals, Limits, Machine, Sink, SliceEnd, Stop, Thread, Uncaught, Wait, collect_garbage,
};
