//! Faults: the clearinghouse's own refusals, their codes and the original's texts.

use std::fmt;

use overlord_types::failure::{Classified, Code};
use thiserror::Error;

/// What a fault's code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// 100, and 1 as the running original sends it: the server failed.
    Internal,
    /// 101: no such user, or wrong API key or password.
    Authentication,
    /// 102: the request makes no sense to the server.
    InvalidRequest,
    /// 103: more vessels than the account may hold.
    NotEnoughCredits,
    /// 105: no such vessels to be had now.
    UnableToAcquire,
    /// A code that no known server sends; treated as internal.
    Unknown,
}

impl FaultKind {
    /// The kind behind a code.
    #[must_use]
    pub fn of_code(code: i32) -> Self {
        match code {
            1 | 100 => Self::Internal,
            101 => Self::Authentication,
            102 => Self::InvalidRequest,
            103 => Self::NotEnoughCredits,
            105 => Self::UnableToAcquire,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Internal => "internal error",
            Self::Authentication => "authentication failed",
            Self::InvalidRequest => "invalid request",
            Self::NotEnoughCredits => "not enough credits",
            Self::UnableToAcquire => "unable to acquire",
            Self::Unknown => "unknown fault",
        })
    }
}

/// A fault: code and text as the server sent them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("fault {code}, {}: {text}", self.kind())]
pub struct Fault {
    /// The code on the wire.
    pub code: i32,
    /// The server's own words, kept whole (bounded by the size of an answer).
    pub text: String,
}

impl Classified for Fault {
    fn code(&self) -> Code {
        match self.kind() {
            FaultKind::Internal | FaultKind::Unknown => Code::ClearinghouseFailed,
            FaultKind::Authentication => Code::Authentication,
            FaultKind::InvalidRequest => Code::RequestInvalid,
            FaultKind::NotEnoughCredits => Code::CreditExhausted,
            FaultKind::UnableToAcquire => Code::VesselsUnavailable,
        }
    }
}

impl Fault {
    /// A fault of that code and text.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// What the code means.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        FaultKind::of_code(self.code)
    }

    /// 102 with that text.
    pub fn invalid_request(text: impl Into<String>) -> Self {
        Self::new(102, text)
    }

    /// 101 for an unknown user as for a wrong API key or password (`xmlrpc_main.json`, "auth: …").
    #[must_use]
    pub fn authentication_failed() -> Self {
        Self::new(101, "User auth failed.")
    }

    /// 102 of `get_encrypted_api_key` for a name that no account has.
    #[must_use]
    pub fn no_such_user() -> Self {
        Self::invalid_request("Username does not exist.")
    }

    /// 102 for a handle that names no vessel of the testbed.
    #[must_use]
    pub fn no_such_vessel(node: &str, vessel: &str) -> Self {
        Self::invalid_request(format!(
            "There is no vessel with the node identifier: {node} and vessel name: {vessel}"
        ))
    }

    /// 102 for a handle that is not two parts with one colon between.
    #[must_use]
    pub fn malformed_handle(handle: &str) -> Self {
        Self::invalid_request(format!("Invalid vesselhandle: {handle}"))
    }

    /// 102 for an empty list of handles.
    #[must_use]
    pub fn empty_handle_list() -> Self {
        Self::invalid_request("The list of vessels cannot be empty.")
    }

    /// 103 of both acquisitions.
    #[must_use]
    pub fn not_enough_credits() -> Self {
        Self::new(
            103,
            "You do not have enough vessel credits to acquire the number of vessels requested.",
        )
    }

    /// 103 of a renewal by an account that holds more than it may.
    #[must_use]
    pub fn over_credit_limit(details: &str) -> Self {
        Self::new(
            103,
            format!(
                "Vessels cannot be renewed because you are currently over your vessel credit limit: {details}"
            ),
        )
    }

    /// 105 with the original's details, which may be empty.
    #[must_use]
    pub fn unable_to_acquire(details: &str) -> Self {
        Self::new(
            105,
            format!(
                "Unable to fulfill vessel acquire request at this given time. Details: {details}"
            ),
        )
    }

    /// 105 as the original answers any request for NAT vessels today.
    #[must_use]
    pub fn nat_is_disabled() -> Self {
        Self::unable_to_acquire("Acquiring NAT vessels is currently disabled. ")
    }

    /// 105 when there are fewer networks than vessels wanted, with free vessels for this user port.
    #[must_use]
    pub fn too_few_networks(wanted: u32, user_port: u16, networks: usize) -> Self {
        Self::unable_to_acquire(&format!(
            "Requested {wanted} wan vessels, but we only have vessels with port {user_port} available on {networks} subnets."
        ))
    }

    /// 102 of `set_public_key` for a text that is not two numbers.
    #[must_use]
    pub fn malformed_public_key() -> Self {
        Self::invalid_request("Invalid public key: Public key is not of a correct format.")
    }

    /// 102 of `set_public_key` for two numbers that are no key, such as e ≥ n.
    #[must_use]
    pub fn invalid_public_key() -> Self {
        Self::invalid_request("Invalid public key: Public key is invalid.")
    }

    /// 1 as the running original answers its own failures, wrong numbers of arguments among them: its
    /// error handler fails in turn, and this is what gets out.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            1,
            "<type 'exceptions.AttributeError'>:'function' object has no attribute 'critical'",
        )
    }

    /// 1 as the running original answers names that are no call.
    #[must_use]
    pub fn no_such_method() -> Self {
        Self::new(
            1,
            "<type 'exceptions.AttributeError'>:'function' object has no attribute 'error'",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_kind_and_unknown_codes_keep_their_text() {
        for (code, kind) in [
            (1, FaultKind::Internal),
            (100, FaultKind::Internal),
            (101, FaultKind::Authentication),
            (102, FaultKind::InvalidRequest),
            (103, FaultKind::NotEnoughCredits),
            (105, FaultKind::UnableToAcquire),
            (104, FaultKind::Unknown),
            (-7, FaultKind::Unknown),
        ] {
            let fault = Fault::new(code, "its own words");
            assert_eq!(fault.kind(), kind);
            assert!(fault.to_string().ends_with("its own words"));
        }
    }
}
