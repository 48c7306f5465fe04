//! Why an operation on numbers has no result, in CPython's words. Objects make exceptions of programs of it.

use crate::stop::Denied;

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum NumberFault {
    /// Something is divided by zero.
    ZeroDivision(&'static str),
    /// The operation is not defined for these numbers.
    Value(&'static str),
    /// The result, or an operand, does not fit.
    Overflow(&'static str),
    /// The operation is not defined for numbers of these types.
    Type(&'static str),
    /// A float's result is beyond all floats, which CPython tells with the error number of C.
    OutOfRange,
    /// The result would be larger, or take longer, than any machine allows.
    TooLarge,
    /// The machine at work must not go on with it.
    Denied(Denied),
}

impl From<Denied> for NumberFault {
    fn from(denied: Denied) -> NumberFault {
        NumberFault::Denied(denied)
    }
}
