//! Searching byte strings.

/// Where `needle` first is in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(0),
        [byte] => hay.iter().position(|other| other == byte),
        [first, ..] => {
            let last_start = hay.len().checked_sub(needle.len())?;
            let mut from = 0;
            while from <= last_start {
                let step = hay
                    .get(from..=last_start)?
                    .iter()
                    .position(|byte| byte == first)?;
                from += step;
                if hay.get(from..from + needle.len()) == Some(needle) {
                    return Some(from);
                }
                from += 1;
            }
            None
        }
    }
}

/// Where `needle` last is in `hay`.
pub(crate) fn rfind(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(hay.len());
    }
    let last_start = hay.len().checked_sub(needle.len())?;
    (0..=last_start)
        .rev()
        .find(|&from| hay.get(from..from + needle.len()) == Some(needle))
}

/// How often `needle` is in `hay`, without overlaps.
pub(crate) fn count(hay: &[u8], needle: &[u8]) -> usize {
    if needle.is_empty() {
        return hay.len() + 1;
    }
    let mut total = 0;
    let mut rest = hay;
    while let Some(at) = find(rest, needle) {
        total += 1;
        rest = rest.get(at + needle.len()..).unwrap_or(&[]);
    }
    total
}
