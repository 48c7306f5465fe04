//! Lines of a program's raw bytes, which may end as on Unix, Windows or old Macs.

/// The bytes of line `line` (from 1) of a program's raw bytes, without its end. Empty if there is no such line.
pub fn line_of(bytes: &[u8], line: u32) -> Vec<u8> {
    // Errors are rare, so the lines are found again rather than remembered.
    let text = unify_line_ends(bytes);
    let index = (line as usize).saturating_sub(1);
    text.split(|&byte| byte == b'\n')
        .nth(index)
        .unwrap_or_default()
        .to_vec()
}

/// A text whose lines end in a newline each, the last one too, however they ended.
pub(crate) fn unify_line_ends(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + 1);
    let mut after_return = false;
    for &byte in bytes {
        match byte {
            b'\n' if after_return => {}
            b'\r' => text.push(b'\n'),
            other => text.push(other),
        }
        after_return = byte == b'\r';
    }
    if text.last().is_some_and(|&last| last != b'\n') {
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_whatever_the_line_ends() {
        assert_eq!(line_of(b"a\r\nb\rc", 2), b"b");
        assert_eq!(line_of(b"a\r\nb\rc", 3), b"c");
        assert_eq!(line_of(b"a", 9), b"");
    }
}
