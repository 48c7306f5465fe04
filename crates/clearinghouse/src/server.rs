//! The server half: reads a request as the original's server does and refuses what it refuses, in its words.
//!
//! No sockets and no accounts here. The original looks at a request in this order: is it XML, is there such
//! a call with as many arguments, is the account's part well-formed, **is the user who they say**, are the
//! arguments well-formed, do the vessels exist. The step in the middle needs accounts, so [`parse`] gives an
//! [`Incoming`]: who asks, and the call *or the fault to answer once the user has been checked*.
//!
//! HTTP, as recorded: requests are POSTs to `/xmlrpc/` or `/xmlrpc` of any content type; every answer,
//! faults included, has status 200 and [`CONTENT_TYPE`]; any other verb is answered with [`INFO_PAGE`].

use overlord_types::VesselType;

use crate::api::Method;
pub use crate::fault::{Fault, FaultKind};
pub use crate::request::{AccountCall, ClearinghouseRequest, PasswordCall};
pub use crate::response::ClearinghouseResponse;
use crate::secret::{ApiKey, Password};
use crate::xml::{RpcValue, Writer, XmlError, read_call};

/// Where the original serves XML-RPC; the form without the last slash works as well.
pub const PATH: &str = "/xmlrpc/";
/// The content type of every answer of the original, XML or not.
pub const CONTENT_TYPE: &str = "text/html; charset=utf-8";
/// What the original answers to anything but a POST.
pub const INFO_PAGE: &str = "<b>This is the SeattleGeni XML-RPC Service.</b><br>Please see <a href=https://seattle.poly.edu/wiki/SeattleGeniApi>https://seattle.poly.edu/wiki/SeattleGeniApi</a> for more information.";
/// Largest body of a request that a server should read, in bytes: a list of some 3,000 handles.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A request as far as it can be judged without accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// `get_encrypted_api_key` for that user; anybody may ask.
    EncryptedApiKey {
        /// The account's name, as sent.
        user: String,
    },
    /// A call made with an API key: check it, answer [`Fault::authentication_failed`] if it is wrong, then
    /// answer the fault if `call` is one, then carry the call out.
    WithApiKey {
        /// The account's name, as sent.
        user: String,
        /// The API key, as sent; compare with [`ApiKey::matches`].
        api_key: ApiKey,
        /// What is asked, or what is wrong with it.
        call: Result<AccountCall, Fault>,
    },
    /// The same with a password.
    WithPassword {
        /// The account's name, as sent.
        user: String,
        /// The password, as sent.
        password: Password,
        /// What is asked, or what is wrong with it.
        call: Result<PasswordCall, Fault>,
    },
}

/// Reads the body of a POST. Bodies over [`REQUEST_BYTES_MAX`] are refused without being read.
///
/// # Errors
/// The fault with which to answer what is no request, no call, or lacks a well-formed account part.
pub fn parse(body: &[u8]) -> Result<Incoming, Fault> {
    if body.len() > REQUEST_BYTES_MAX {
        return Err(Fault::new(1, "the request is too large"));
    }
    let (name, parameters) = read_call(body).map_err(|error| unreadable(&error))?;
    dispatch(name, parameters)
}

/// Cuts a handle as the original does: exactly one colon, and nothing asked of the parts.
///
/// # Errors
/// The fault to answer. The original goes through a list in order: cut, look up, next.
pub fn split_handle(handle: &str) -> Result<(&str, &str), Fault> {
    match handle.split_once(':') {
        Some((node, vessel)) if !vessel.contains(':') => Ok((node, vessel)),
        _ => Err(Fault::malformed_handle(handle)),
    }
}

impl Fault {
    /// The body of the HTTP answer, byte for byte as the original writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        Writer::fault(self)
    }
}

/// The fault for a body that is no call, as Python's parser and dispatcher word it.
fn unreadable(error: &XmlError) -> Fault {
    let text = match error {
        XmlError::NotWellFormed { what, line, column } => {
            format!("<class 'xml.parsers.expat.ExpatError'>:{what}: line {line}, column {column}")
        }
        XmlError::NotXmlRpc(_) => "<class 'xmlrpclib.ResponseError'>:ResponseError()".to_owned(),
        XmlError::NoValue(words) => words.clone(),
        // The dispatcher looks it up all the same, and fails.
        XmlError::NoMethod => return Fault::internal(),
        XmlError::UnknownEncoding(name) => {
            format!("<type 'exceptions.LookupError'>:unknown encoding: {name}")
        }
        XmlError::MultiByteEncoding(_) => {
            "<type 'exceptions.ValueError'>:multi-byte encodings are not supported".to_owned()
        }
        XmlError::TooDeep | XmlError::TooManyElements | XmlError::DocumentType => error.to_string(),
    };
    Fault::new(1, text)
}

fn dispatch(mut name: String, mut parameters: Vec<RpcValue>) -> Result<Incoming, Fault> {
    // The original's dispatcher has a method `_dispatch` of its own that clients can call, by name and
    // list of arguments. Each round takes one level of nesting away, and nesting is bounded.
    while name == "_dispatch" {
        match <[RpcValue; 2]>::try_from(parameters) {
            Ok([RpcValue::String(inner), RpcValue::Array(arguments)]) => {
                name = inner;
                parameters = arguments;
            }
            _ => return Err(Fault::internal()),
        }
    }
    let Some(method) = Method::named(&name) else {
        return Err(Fault::no_such_method());
    };
    let mut parameters = parameters.into_iter();
    let (first, second) = (parameters.next(), parameters.next());
    // A wrong number of arguments is one of the failures that the original answers as internal.
    let (Some(first), None) = (first, parameters.next()) else {
        return Err(Fault::internal());
    };
    let takes_two = !matches!(
        method,
        Method::GetEncryptedApiKey
            | Method::GetAccountInfo
            | Method::GetPublicKey
            | Method::GetResourceInfo
            | Method::RegenerateApiKey
    );
    if takes_two != second.is_some() {
        return Err(Fault::internal());
    }
    let second = second.unwrap_or(RpcValue::Nil);
    let with_api_key = |call: Result<AccountCall, Fault>| -> Result<Incoming, Fault> {
        let (user, api_key) = who(&first, "api_key", "Auth")?;
        let api_key = ApiKey::as_sent(api_key);
        Ok(Incoming::WithApiKey {
            user,
            api_key,
            call,
        })
    };
    let with_password = |call: Result<PasswordCall, Fault>| -> Result<Incoming, Fault> {
        let (user, password) = who(&first, "password", "PasswordAuth")?;
        let password = Password::new(password);
        Ok(Incoming::WithPassword {
            user,
            password,
            call,
        })
    };
    match method {
        Method::GetEncryptedApiKey => match first {
            RpcValue::String(user) => Ok(Incoming::EncryptedApiKey { user }),
            _ => Err(Fault::invalid_request("Username must be a string.")),
        },
        Method::GetAccountInfo => with_api_key(Ok(AccountCall::GetAccountInfo)),
        Method::GetPublicKey => with_api_key(Ok(AccountCall::GetPublicKey)),
        Method::GetResourceInfo => with_api_key(Ok(AccountCall::GetResourceInfo)),
        Method::AcquireResources => with_api_key(rspec(&second)),
        Method::AcquireSpecificVessels => {
            let unusable = |_: &RpcValue| Fault::internal();
            with_api_key(handles(&second, unusable).map(|list| {
                // The original makes a set of the list; its order is lost there, kept here.
                let mut seen = std::collections::BTreeSet::new();
                let once = list
                    .into_iter()
                    .filter(|handle| seen.insert(handle.clone()));
                AccountCall::AcquireSpecificVessels(once.collect())
            }))
        }
        Method::ReleaseResources => {
            let unusable = |_: &RpcValue| Fault::internal();
            with_api_key(handles(&second, unusable).map(AccountCall::ReleaseResources))
        }
        Method::RenewResources => {
            let unusable = |value: &RpcValue| {
                let kind = value.python_type();
                Fault::invalid_request(format!(
                    "Invalid data type for handle. Expected str, received <type '{kind}'>"
                ))
            };
            with_api_key(handles(&second, unusable).map(AccountCall::RenewResources))
        }
        Method::RegenerateApiKey => with_password(Ok(PasswordCall::RegenerateApiKey)),
        Method::SetPublicKey => with_password(match second {
            RpcValue::String(key) => Ok(PasswordCall::SetPublicKey(key)),
            _ => Err(Fault::internal()),
        }),
    }
}

/// Reads the account's part: a struct of user name and secret; more members are ignored.
fn who(value: &RpcValue, secret_name: &str, dict_name: &str) -> Result<(String, String), Fault> {
    let RpcValue::Struct(members) = value else {
        let kind = value.python_type();
        return Err(Fault::invalid_request(format!(
            "Auth dict must be a dictionary, not a <type '{kind}'>"
        )));
    };
    match (members.get("username"), members.get(secret_name)) {
        // Anything but ASCII in either trips the original's logging, as other types trip its assertions.
        (Some(RpcValue::String(user)), Some(RpcValue::String(secret)))
            if user.is_ascii() && secret.is_ascii() =>
        {
            Ok((user.clone(), secret.clone()))
        }
        (Some(_), Some(_)) => Err(Fault::internal()),
        _ => Err(Fault::invalid_request(format!(
            "{dict_name} dict must contain both a 'username' and an '{secret_name}'."
        ))),
    }
}

/// Reads what to acquire.
fn rspec(value: &RpcValue) -> Result<AccountCall, Fault> {
    let RpcValue::Struct(members) = value else {
        return Err(Fault::invalid_request("rspec is an invalid data type."));
    };
    let member = |name: &str| {
        members
            .get(name)
            .ok_or_else(|| Fault::invalid_request(format!("rspec is missing {name}")))
    };
    let (kind, number) = (member("rspec_type")?, member("number_of_nodes")?);
    let count = match number {
        // A number beyond 64 bits is of another type.
        RpcValue::Integer(number) if i64::try_from(*number).is_ok() => *number,
        // For Python a truth value is a whole number.
        RpcValue::Boolean(truth) => i128::from(*truth),
        _ => return Err(Fault::invalid_request("rspec has invalid data types.")),
    };
    let RpcValue::String(kind) = kind else {
        return Err(Fault::invalid_request("rspec has invalid data types."));
    };
    if !kind.is_ascii() {
        return Err(Fault::invalid_request("rspec has invalid data types."));
    }
    // The wire's words only: `rand` is what users write and what the server refuses.
    let vessel_type = VesselType::ALL
        .into_iter()
        .find(|vessel_type| vessel_type.rspec_type() == kind);
    match vessel_type {
        Some(vessel_type) if count > 0 => {
            // More than anybody's credit in any case.
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Ok(AccountCall::AcquireResources { vessel_type, count })
        }
        _ => Err(Fault::invalid_request("rspec has invalid values.")),
    }
}

/// Reads a list of handles; `unusable` words the refusal of one that is no plain string.
fn handles(value: &RpcValue, unusable: impl Fn(&RpcValue) -> Fault) -> Result<Vec<String>, Fault> {
    let RpcValue::Array(values) = value else {
        return Err(Fault::invalid_request("Invalid data type for handle list."));
    };
    let list: Result<Vec<String>, Fault> = values
        .iter()
        .map(|value| match value {
            RpcValue::String(handle) if handle.is_ascii() => Ok(handle.clone()),
            other => Err(unusable(other)),
        })
        .collect();
    match list {
        Ok(list) if list.is_empty() => Err(Fault::empty_handle_list()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
