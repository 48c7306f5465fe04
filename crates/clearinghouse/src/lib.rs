//! The Seattle clearinghouse's XML-RPC API: its ten calls, its faults, a client over verified TLS, and
//! the messages of its server half.
//!
//! ```text
//! ClearinghouseClient ──with──► ClearinghouseAccount ──Request──► XML ──► HTTPS ──┐
//!   (no credentials)              (user + API key)                                ▼
//!                          VesselRecord, AccountInfo ◄──Response / Fault── server::parse (the testbed)
//! ```
//!
//! What it is not: it holds no accounts, credits or leases (that is `overlord-testbed`), knows no RSA
//! (decrypting an API key is a closure of the caller), and decides nothing about vessels. Message code
//! does no I/O; sockets are in [`client`], certificates in `tls`.
//!
//! Start with [`ClearinghouseClient`]; for the server half with [`server::parse`].
#![forbid(unsafe_code)]

mod api;
pub mod client;
mod error;
mod fault;
mod request;
mod response;
pub mod retry;
mod secret;
pub mod server;
#[cfg(test)]
mod test_support;
mod tls;
#[cfg(test)]
mod vector_tests;
mod xml;

pub use api::{AccountInfo, Method, VesselRecord};
pub use client::{ClearinghouseAccount, ClearinghouseClient, ClientBuilder};
pub use error::{ApiKeyError, BoxedSource, ClearinghouseError, ClientSetupError, TransportError};
pub use fault::{Fault, FaultKind};
pub use request::{Call, PasswordCall, Request};
pub use response::Response;
pub use secret::{API_KEY_PADDING, ApiKey, ApiKeyFormatError, Credentials, Password};
pub use tls::TlsFailure;
