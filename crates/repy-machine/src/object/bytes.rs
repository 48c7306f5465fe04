//! Byte strings as text: copies and `repr`s that ask for their memory first, since a string may be as long as memory.

use super::{Res, Str};
use crate::{memory, work};

/// Bytes that are escaped one by one in a unit of work.
const ESCAPED_A_UNIT: usize = 8;

/// A copy of a string's bytes.
pub(crate) fn copied(string: &Str) -> Res<Vec<u8>> {
    memory::reserve(string.len())?;
    Ok(string.as_bytes().to_vec())
}

/// A byte string's `repr`. For short ones: memory is not asked for.
pub fn repr_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    escape(bytes, &mut out);
    out
}

/// Appends a byte string's `repr`.
pub(crate) fn write_repr(bytes: &[u8], out: &mut Vec<u8>) -> Res<()> {
    work::spend(bytes.len() / ESCAPED_A_UNIT)?;
    memory::grow(out, repr_length(bytes))?;
    escape(bytes, out);
    Ok(())
}

/// How long the `repr` is, quotes and all; quotes inside are taken to be escaped.
fn repr_length(bytes: &[u8]) -> usize {
    let escaped = bytes.iter().map(|byte| match byte {
        b'\\' | b'\t' | b'\n' | b'\r' | b'\'' => 2,
        b' '..=b'~' => 1,
        _ => 4,
    });
    escaped.sum::<usize>() + 2
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            byte if byte == quote => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            byte => {
                let digit = |value: u8| HEX[usize::from(value & 15)];
                out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte)]);
            }
        }
    }
    out.push(quote);
}

const HEX: &[u8; 16] = b"0123456789abcdef";
