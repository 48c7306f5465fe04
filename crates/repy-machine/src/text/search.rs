//! Searching byte strings, in time proportional to their lengths whatever they contain.

use memchr::memmem;

/// Where `needle` first is in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [byte] => memchr::memchr(*byte, hay),
        _ => memmem::find(hay, needle),
    }
}

/// Where `needle` last is in `hay`.
pub(crate) fn rfind(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [byte] => memchr::memrchr(*byte, hay),
        _ => memmem::rfind(hay, needle),
    }
}

/// Where `needle` is in `hay`, without overlaps, from the start on.
pub(crate) fn positions<'a>(hay: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let single = match needle {
        [byte] => Some(memchr::memchr_iter(*byte, hay)),
        _ => None,
    };
    let several = match needle {
        [_] => None,
        _ => Some(memmem::find_iter(hay, needle)),
    };
    single
        .into_iter()
        .flatten()
        .chain(several.into_iter().flatten())
}

/// Where `needle` is in `hay`, without overlaps, from the end on.
pub(crate) fn positions_from_end<'a>(
    hay: &'a [u8],
    needle: &'a [u8],
) -> impl Iterator<Item = usize> + 'a {
    memmem::rfind_iter(hay, needle)
}

/// How often `needle` is in `hay`, without overlaps.
pub(crate) fn count(hay: &[u8], needle: &[u8]) -> usize {
    match needle {
        [] => hay.len() + 1,
        _ => positions(hay, needle).count(),
    }
}

/// Which bytes are in a set.
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    pub(crate) fn of(bytes: &[u8]) -> ByteSet {
        let mut set = [false; 256];
        for &byte in bytes {
            if let Some(slot) = set.get_mut(usize::from(byte)) {
                *slot = true;
            }
        }
        ByteSet(set)
    }

    pub(crate) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }
}
