//! The Seattle clearinghouse's XML-RPC API: its ten calls, its faults, a client over verified TLS, and
//! the messages of its server half.
//!
//! ```text
//! ClearinghouseClient ──with──► ClearinghouseAccount ──ClearinghouseRequest──────────► XML ──► HTTPS ──┐
//!   (no credentials)              (user + API key)                                                       ▼
//!                          LeasedVessel, AccountInfo ◄──ClearinghouseResponse / Fault── server::parse (the testbed)
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
mod tls_failure;
#[cfg(test)]
mod vector_tests;
mod xml;

pub use api::{AccountInfo, LeasedVessel, Method};
pub use client::{ClearinghouseAccount, ClearinghouseClient, ClientBuilder};
pub use error::{
    ApiKeyError, BoxedSource, ClearinghouseCallError, ClientSetupError, TransportError,
};
pub use fault::{Fault, FaultKind};
pub use request::{AccountCall, ClearinghouseRequest, PasswordCall};
pub use response::ClearinghouseResponse;
pub use secret::{API_KEY_PADDING, ApiKey, ApiKeyFormatError, Credentials, Password};
pub use tls_failure::TlsFailure;
