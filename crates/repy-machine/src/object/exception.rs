//! Exceptions: the builtin classes, what an exception instance holds, and what travels when one is raised.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use overlord_bug::Bug;

use super::{Code, Sym, Value, reclaim};
use crate::number::fault::NumberFault;
use crate::stop::{Denied, Reason, Stop, Wait};

macro_rules! exceptions {
    ($($kind:ident($parent:ident) in $module:ident,)*) => {
        /// The exception classes the machine knows by name: Python 2.7's, then Repy's own.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "each is the exception class of that name")]
        pub enum ExceptionKind { BaseException, $($kind,)* }

        impl ExceptionKind {
            /// All of them, parents before children.
            pub(crate) const ALL: &[ExceptionKind] = &[ExceptionKind::BaseException, $(ExceptionKind::$kind,)*];

            /// The class name.
            pub fn name(self) -> &'static str {
                match self { ExceptionKind::BaseException => "BaseException", $(ExceptionKind::$kind => stringify!($kind),)* }
            }

            /// The class it inherits from.
            pub(crate) fn parent(self) -> Option<ExceptionKind> {
                match self { ExceptionKind::BaseException => None, $(ExceptionKind::$kind => Some(ExceptionKind::$parent),)* }
            }

            /// The module shown before the name.
            pub(crate) fn module(self) -> &'static str {
                match self { ExceptionKind::BaseException => "exceptions", $(ExceptionKind::$kind => stringify!($module),)* }
            }
        }
    };
}

exceptions! {
    Exception(BaseException) in exceptions,
    GeneratorExit(BaseException) in exceptions,
    KeyboardInterrupt(BaseException) in exceptions,
    SystemExit(BaseException) in exceptions,
    StandardError(Exception) in exceptions,
    StopIteration(Exception) in exceptions,
    Warning(Exception) in exceptions,
    ArithmeticError(StandardError) in exceptions,
    AssertionError(StandardError) in exceptions,
    AttributeError(StandardError) in exceptions,
    BufferError(StandardError) in exceptions,
    EOFError(StandardError) in exceptions,
    EnvironmentError(StandardError) in exceptions,
    ImportError(StandardError) in exceptions,
    LookupError(StandardError) in exceptions,
    MemoryError(StandardError) in exceptions,
    NameError(StandardError) in exceptions,
    ReferenceError(StandardError) in exceptions,
    RuntimeError(StandardError) in exceptions,
    SyntaxError(StandardError) in exceptions,
    SystemError(StandardError) in exceptions,
    TypeError(StandardError) in exceptions,
    ValueError(StandardError) in exceptions,
    FloatingPointError(ArithmeticError) in exceptions,
    OverflowError(ArithmeticError) in exceptions,
    ZeroDivisionError(ArithmeticError) in exceptions,
    IOError(EnvironmentError) in exceptions,
    OSError(EnvironmentError) in exceptions,
    IndexError(LookupError) in exceptions,
    KeyError(LookupError) in exceptions,
    UnboundLocalError(NameError) in exceptions,
    NotImplementedError(RuntimeError) in exceptions,
    IndentationError(SyntaxError) in exceptions,
    TabError(IndentationError) in exceptions,
    UnicodeError(ValueError) in exceptions,
    UnicodeDecodeError(UnicodeError) in exceptions,
    UnicodeEncodeError(UnicodeError) in exceptions,
    UnicodeTranslateError(UnicodeError) in exceptions,
    BytesWarning(Warning) in exceptions,
    DeprecationWarning(Warning) in exceptions,
    FutureWarning(Warning) in exceptions,
    ImportWarning(Warning) in exceptions,
    PendingDeprecationWarning(Warning) in exceptions,
    RuntimeWarning(Warning) in exceptions,
    SyntaxWarning(Warning) in exceptions,
    UnicodeWarning(Warning) in exceptions,
    UserWarning(Warning) in exceptions,
    RepyException(Exception) in exception_hierarchy,
    RepyArgumentError(RepyException) in exception_hierarchy,
    TimeoutError(RepyException) in exception_hierarchy,
    CodeUnsafeError(RepyException) in exception_hierarchy,
    ContextUnsafeError(RepyException) in exception_hierarchy,
    LockDoubleReleaseError(RepyException) in exception_hierarchy,
    ResourceUsageError(RepyException) in exception_hierarchy,
    ResourceExhaustedError(ResourceUsageError) in exception_hierarchy,
    ResourceForbiddenError(ResourceUsageError) in exception_hierarchy,
    FileError(RepyException) in exception_hierarchy,
    FileNotFoundError(FileError) in exception_hierarchy,
    FileInUseError(FileError) in exception_hierarchy,
    SeekPastEndOfFileError(FileError) in exception_hierarchy,
    FileClosedError(FileError) in exception_hierarchy,
    SafeException(RepyException) in exception_hierarchy,
    CheckNodeException(SafeException) in exception_hierarchy,
    CheckStrException(SafeException) in exception_hierarchy,
    RunBuiltinException(SafeException) in exception_hierarchy,
    NetworkError(RepyException) in exception_hierarchy,
    NetworkAddressError(NetworkError) in exception_hierarchy,
    AlreadyListeningError(NetworkError) in exception_hierarchy,
    DuplicateTupleError(NetworkError) in exception_hierarchy,
    CleanupInProgressError(NetworkError) in exception_hierarchy,
    InternetConnectivityError(NetworkError) in exception_hierarchy,
    AddressBindingError(NetworkError) in exception_hierarchy,
    ConnectionRefusedError(NetworkError) in exception_hierarchy,
    LocalIPChanged(NetworkError) in exception_hierarchy,
    SocketClosedLocal(NetworkError) in exception_hierarchy,
    SocketClosedRemote(NetworkError) in exception_hierarchy,
    SocketWouldBlockError(NetworkError) in exception_hierarchy,
    TCPServerSocketInvalidError(NetworkError) in exception_hierarchy,
}

/// What an exception instance holds besides attributes given by the program.
pub(crate) struct ExceptionPart {
    /// `e.args`: a tuple.
    pub(crate) args: Value,
    /// `e.message`.
    pub(crate) message: Value,
    /// `errno`, `filename`, `code` and such of the classes that have them.
    pub(crate) extra: Vec<(Sym, Value)>,
}

/// An exception on its way up.
pub struct Raised {
    /// The instance.
    pub(crate) value: Value,
    /// The frames left so far, innermost first.
    pub(crate) trace: RefCell<Vec<TraceEntry>>,
    /// Whether the machine raised it, not a `raise` of the program; the report of an ignored one shows it.
    pub(crate) is_native: Cell<bool>,
    /// Variables of the frames left, kept while the traceback is (only when destructors could tell).
    pub(crate) held: RefCell<Vec<Value>>,
}

impl Drop for Raised {
    fn drop(&mut self) {
        reclaim::release(std::mem::take(self.held.get_mut()));
        reclaim::release_one(std::mem::take(&mut self.value));
    }
}

/// One line of a traceback.
#[derive(Clone)]
pub(crate) struct TraceEntry {
    pub(crate) code: Rc<Code>,
    pub(crate) line: u32,
}

impl From<NumberFault> for Thrown {
    #[cold]
    fn from(fault: NumberFault) -> Thrown {
        match fault {
            NumberFault::ZeroDivision(message) => zero_division(message),
            NumberFault::Value(message) => value_error(message),
            NumberFault::Overflow(message) => overflow_error(message),
            NumberFault::Type(message) => type_error(message),
            NumberFault::OutOfRange => Thrown::with_args(
                ExceptionKind::OverflowError,
                vec![Value::Int(34), Value::text("Numerical result out of range")],
            ),
            NumberFault::TooLarge => memory_error(),
            NumberFault::Denied(denied) => denied.into(),
        }
    }
}

impl From<Denied> for Thrown {
    fn from(denied: Denied) -> Thrown {
        match denied.reason() {
            Reason::Stop(stop) => Thrown::stop(stop),
            Reason::Memory => memory_error(),
            Reason::Depth(doing) => Thrown::new(
                ExceptionKind::RuntimeError,
                format!("maximum recursion depth exceeded{doing}"),
            ),
        }
    }
}

/// Why an operation did not end with a value.
pub struct Thrown(Box<Signal>);

pub(crate) enum Signal {
    /// An exception of a builtin class with these arguments; the instance is made when somebody looks.
    New(ExceptionKind, Vec<Value>),
    /// An exception instance; the frame it reaches is added to its traceback.
    Raised(Rc<Raised>),
    /// An exception raised again by the frame that caught it and is in its traceback already.
    Again(Rc<Raised>),
    /// The machine must stop.
    Stop(Stop),
    /// The calling Repy thread must wait.
    Block(Wait),
    /// The call is finished by the machine, which has the calling thread at hand.
    Request(Request),
}

/// What a function of the host may ask of the machine instead of returning a value.
pub(crate) enum Request {
    /// Call a function of no arguments in a frame of its own; when it returns, `result` is the call's value.
    Enter { function: Value, result: Value },
    /// The report of the exception the calling thread handles, or None.
    LastError,
}

impl Thrown {
    /// An exception with a message.
    pub fn new(kind: ExceptionKind, message: impl Into<String>) -> Thrown {
        Thrown::with_args(kind, vec![Value::from_vec(message.into().into_bytes())])
    }

    /// An exception with a message of arbitrary bytes.
    pub fn with_bytes(kind: ExceptionKind, message: Vec<u8>) -> Thrown {
        Thrown::with_args(kind, vec![Value::from_vec(message)])
    }

    /// An exception with these arguments.
    pub fn with_args(kind: ExceptionKind, args: Vec<Value>) -> Thrown {
        Thrown(Box::new(Signal::New(kind, args)))
    }

    pub(crate) fn from_signal(signal: Signal) -> Thrown {
        Thrown(Box::new(signal))
    }

    /// What the calling thread must wait for, or the same again if it is something else.
    ///
    /// # Errors
    /// What was thrown, if that is no wait.
    pub fn into_wait(self) -> Result<Wait, Thrown> {
        match *self.0 {
            Signal::Block(wait) => Ok(wait),
            other => Err(Thrown::from_signal(other)),
        }
    }

    /// Why the machine must stop, if that is what was thrown.
    pub fn as_stop(&self) -> Option<&Stop> {
        match self.signal() {
            Signal::Stop(stop) => Some(stop),
            _ => None,
        }
    }

    pub(crate) fn into_signal(self) -> Signal {
        *self.0
    }

    pub(crate) fn signal(&self) -> &Signal {
        &self.0
    }

    /// The machine must stop for this reason.
    pub fn stop(stop: Stop) -> Thrown {
        Thrown(Box::new(Signal::Stop(stop)))
    }

    /// The machine has met a mistake of its own and must stop.
    #[cold]
    pub fn bug(bug: Bug) -> Thrown {
        Thrown::stop(Stop::Bug(bug))
    }

    /// The calling thread must wait; the call's result is handed to it when the wait is over.
    pub fn block(wait: Wait) -> Thrown {
        Thrown(Box::new(Signal::Block(wait)))
    }

    /// The calling thread must call `function` (without arguments); `result` is then the value of the call.
    pub fn enter(function: Value, result: Value) -> Thrown {
        Thrown(Box::new(Signal::Request(Request::Enter {
            function,
            result,
        })))
    }

    /// The value of the call is the report of the exception that the calling thread handles.
    pub fn last_error() -> Thrown {
        Thrown(Box::new(Signal::Request(Request::LastError)))
    }

    /// Whether this is an exception of exactly this builtin class.
    pub fn is(&self, kind: ExceptionKind) -> bool {
        match self.signal() {
            Signal::New(own, _) => *own == kind,
            Signal::Raised(raised) | Signal::Again(raised) => {
                matches!(&raised.value, Value::Instance(instance) if instance.class.exception == Some(kind))
            }
            _ => false,
        }
    }
}

pub(crate) fn type_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::TypeError, message)
}

pub(crate) fn value_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::ValueError, message)
}

pub(crate) fn index_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::IndexError, message)
}

pub(crate) fn overflow_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::OverflowError, message)
}

/// What a single request raises that can never be had. As CPython's, it says nothing more.
pub(crate) fn memory_error() -> Thrown {
    Thrown::with_args(ExceptionKind::MemoryError, Vec::new())
}

pub(crate) fn zero_division(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::ZeroDivisionError, message)
}

/// AttributeError with this message.
pub fn attribute_error(message: impl Into<String>) -> Thrown {
    Thrown::new(ExceptionKind::AttributeError, message)
}

pub(crate) fn key_error(key: Value) -> Thrown {
    Thrown::with_args(ExceptionKind::KeyError, vec![key])
}

pub(crate) fn stop_iteration() -> Thrown {
    Thrown::with_args(ExceptionKind::StopIteration, Vec::new())
}
