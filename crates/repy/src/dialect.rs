//! The dialects of Repy, one value each: what the platforms are made of that programs are written for.

use overlord_repy_syntax::check::Rules;

use crate::api;
use crate::sandbox::execution_header;
pub use crate::sandbox::{Dialect, ExitCodes, Missing, Refused};

const REPY_V2: Dialect = Dialect {
    word: "repyV2",
    rules: &Rules::V2,
    globals: api::v2_globals,
    header: execution_header,
    codes: ExitCodes {
        exited: 0,
        uncaught: 6,
        uncaught_in_thread: 30,
        refused: 5,
        unreadable: 1,
    },
    missing: Missing::NeverStarts,
    refused: Refused::Ended,
};

/// Repy V2.
pub static V2: Dialect = REPY_V2;

/// The word `repyV1`, for the many V1 programs that are valid V2: rules, calls and codes are V2's, the node's answers
/// V1's. A program that is not valid V2 is answered as for a platform that is not there.
pub static V1: Dialect = Dialect {
    word: "repyV1",
    missing: Missing::Ended,
    refused: Refused::Unsupported,
    ..REPY_V2
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_are_told_by_their_words_and_v1_takes_what_is_valid_v2() {
        assert_eq!((V1.word, V2.word), ("repyV1", "repyV2"));
        for dialect in [&V1, &V2] {
            assert!(dialect.judge(b"log('x')").is_ok());
            assert!(dialect.judge(b"print 1").is_err());
        }
        assert_eq!(V1.codes, V2.codes);
    }
}
