//! XML-RPC documents: read as Python 2's library reads them, behind bounds of our own, and written in the layout of the
//! original.
//!
//! ```text
//! bytes ──encoding──► text ──reader (quick-xml)──► starts, texts, ends ──unmarshaller──► values
//! ```
//!
//! One pass, without recursion: what comes from outside must not end the process by its depth. What the values mean is
//! left to `server` and `response`.

mod encoding;
mod error;
mod reader;
mod unmarshaller;
mod value;
mod writer;

pub(crate) use error::XmlError;
pub(crate) use value::RpcValue;
pub(crate) use writer::Writer;

use crate::fault::Fault;
use unmarshaller::DocumentKind;

/// Reads a call: its method's name and its parameters. As with Python, nothing is asked of the elements around them.
pub(crate) fn read_call(body: &[u8]) -> Result<(String, Vec<RpcValue>), XmlError> {
    let document = reader::read(body)?;
    match (document.kind, document.method) {
        (Some(DocumentKind::Values), Some(method)) => Ok((method, document.values)),
        (Some(DocumentKind::Values), None) => Err(XmlError::NoMethod),
        _ => Err(XmlError::NotXmlRpc("call")),
    }
}

/// Reads an answer: a value, or a fault as the server sent it, its members in any order and with more of them.
pub(crate) fn read_answer(body: &[u8]) -> Result<Result<RpcValue, Fault>, XmlError> {
    let document = reader::read(body)?;
    let value = <[RpcValue; 1]>::try_from(document.values);
    match (document.kind, document.method, value) {
        (Some(DocumentKind::Values), None, Ok([value])) => Ok(Ok(value)),
        (Some(DocumentKind::Fault), None, Ok([RpcValue::Struct(members)])) => {
            let code = match members.get("faultCode") {
                Some(RpcValue::Integer(code)) => i32::try_from(*code).ok(),
                _ => None,
            };
            match (code, members.get("faultString")) {
                (Some(code), Some(RpcValue::String(text))) => {
                    Ok(Err(Fault::new(code, text.clone())))
                }
                _ => Err(XmlError::NotXmlRpc("fault")),
            }
        }
        (Some(DocumentKind::Fault), ..) => Err(XmlError::NotXmlRpc("fault")),
        _ => Err(XmlError::NotXmlRpc("answer")),
    }
}

#[cfg(test)]
mod tests;
