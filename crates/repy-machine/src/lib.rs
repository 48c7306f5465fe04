//! The machine that runs Repy: object model, bytecode compiler, interpreter, builtins.
//!
//! ```text
//! checked tree -> compiler -> bytecode -> virtual machine
//! ```
//!
//! What is a program is `overlord-repy-syntax`'s; which threads run when, and what calls of the Repy API do, is
//! `overlord-repy`'s. Here nothing opens a file or a socket.
//!
//! [`Program`] is a checked file, [`Machine`] the sandbox that runs it: object model, bytecode compiler, interpreter,
//! builtins. Objects are counted references, so destructors run and handles close at the last one, as in CPython;
//! dictionaries and sets iterate in CPython's order (but where keys hash by address: None, instances, functions);
//! messages, floats and formatting are CPython's byte for byte. An argument whose parameter is bound anew goes at once;
//! CPython's caller holds it until the call ends.
//! A [`Thread`] is a stack of frames on the heap that [`Machine::run_slice`] advances by a number of instructions;
//! the host decides which thread runs and what a blocked one waits for. Functions of the host are
//! closures over [`Args`], objects of the host implement [`HostType`].
//!
//! ```
//! use overlord_repy_machine::{Limits, Machine, Program, SliceEnd, Value};
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
//! What a program may not take from the host is bounded: memory exactly, if the process uses [`CountingAllocator`];
//! instructions by the slice and [`Machine::stop_flag`], which also ends an operation that takes long by itself
//! (meanwhile the host is called, see [`Machine::set_pulse`]); integers to 64 Mbit, and the work of dividing and
//! showing them to a second or two; recursion everywhere, native and of the program. `tests/bounds.rs` and `tests/escapes.rs` hold the
//! attempts to get around that. How the machine is built and why:
//! `docs/decisions/0004-an-interpreter-for-repy.md`.
//!
//! All of that is the machine's: several on one thread, in turn or one within the other, are held to their own limits
//! and flags and run their own destructors, and one that is gone has left nothing (`tests/machines.rs`,
//! `docs/decisions/0008-the-machine-owns-its-state.md`). A host with several says with [`Machine::at_work`] for which
//! it works between slices.
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

mod arithmetic;
mod builtins;
mod bytecode;
mod compare;
mod compiler;
pub mod depth;
mod machine;
pub mod memory;
mod meter;
mod methods;
mod number;
mod object;
mod pages;
mod program;
mod stop;
mod string;
mod symbol;
mod text;
mod vm;
mod work;

pub use machine::host::{HostMapping, HostObject, HostType};
pub use machine::safe_dict;
pub use machine::{Globals, Machine, NativeStack, Sink, SliceEnd, Thread, Uncaught};
pub use memory::{CountingAllocator, used as memory_used};
pub use object::budget::AtWork;
pub use object::bytes::repr_bytes;
pub use object::deep_copy::deep_copy;
pub use object::exception::attribute_error;
pub use object::{Args, Arity, Dict, ExceptionKind, Float, Res, Str, Thrown, Truth, Value};
pub use pages::Pages;
pub use program::{Program, ProgramError};
pub use stop::{Denied, Stop, Wait};
pub use vm::Limits;
