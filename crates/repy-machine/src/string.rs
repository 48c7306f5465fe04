//! Byte strings: short ones inside the object, long ones in a growable buffer so that `s += x` need not copy.

use std::cell::Cell;
use std::rc::Rc;

/// Longest string that CPython would try to make: what an object's size may be, less 37 bytes of its own.
pub(crate) const LONGEST_STRING: usize = isize::MAX as usize - 37;

/// Longest string held inside the object itself, without a second allocation.
const INLINE: usize = 30;

/// A reference to a byte string.
#[derive(Clone)]
pub struct Str(Rc<StrObject>);

pub(crate) struct StrObject {
    /// The hash, or -1 while not worked out (no string has the hash -1).
    hash: Cell<i64>,
    data: Data,
}

enum Data {
    Inline(u8, [u8; INLINE]),
    Heap(Vec<u8>),
}

thread_local! {
    // They are the same for all who have them, and cannot be changed: they are no machine's.
    static SINGLES: [Str; 256] = std::array::from_fn(|byte| Str::fresh(&[byte as u8]));
    static EMPTY: Str = Str::fresh(b"");
}

/// Makes the strings that are one object for a thread, so that they are not among what a machine takes.
pub(crate) fn prepare() {
    SINGLES.with(|_| ());
    EMPTY.with(|_| ());
}

impl Str {
    fn fresh(bytes: &[u8]) -> Str {
        Str(Rc::new(StrObject {
            hash: Cell::new(-1),
            data: Data::new(bytes),
        }))
    }

    /// The string of these bytes.
    pub fn new(bytes: &[u8]) -> Str {
        match bytes {
            [] => Str::empty(),
            [byte] => Str::from_byte(*byte),
            _ => Str::fresh(bytes),
        }
    }

    /// A string that takes over `bytes`.
    pub fn from_vec(bytes: Vec<u8>) -> Str {
        if bytes.len() <= INLINE {
            return Str::new(&bytes);
        }
        Str(Rc::new(StrObject {
            hash: Cell::new(-1),
            data: Data::Heap(bytes),
        }))
    }

    /// The string of one byte; always the same object.
    pub fn from_byte(byte: u8) -> Str {
        SINGLES.with(|singles| singles[byte as usize].clone())
    }

    /// The empty string; always the same object.
    pub fn empty() -> Str {
        EMPTY.with(Str::clone)
    }

    /// `a + b`.
    pub(crate) fn concat(a: &[u8], b: &[u8]) -> Str {
        let total = a.len() + b.len();
        if total <= INLINE {
            let mut buffer = [0; INLINE];
            buffer[..a.len()].copy_from_slice(a);
            buffer[a.len()..total].copy_from_slice(b);
            return Str(Rc::new(StrObject {
                hash: Cell::new(-1),
                data: Data::Inline(total as u8, buffer),
            }));
        }
        let mut joined = Vec::with_capacity(total);
        joined.extend_from_slice(a);
        joined.extend_from_slice(b);
        Str::from_vec(joined)
    }

    /// `self += more` in place if nobody else holds this string; false if somebody does.
    pub(crate) fn append(&mut self, more: &[u8]) -> bool {
        let Some(object) = Rc::get_mut(&mut self.0) else {
            return false;
        };
        object.hash.set(-1);
        match &mut object.data {
            Data::Heap(bytes) => bytes.extend_from_slice(more),
            Data::Inline(len, buffer) => {
                let old = *len as usize;
                let total = old + more.len();
                if total <= INLINE {
                    buffer[old..total].copy_from_slice(more);
                    *len = total as u8;
                } else {
                    let mut bytes = Vec::with_capacity(total.max(2 * INLINE));
                    bytes.extend_from_slice(&buffer[..old]);
                    bytes.extend_from_slice(more);
                    object.data = Data::Heap(bytes);
                }
            }
        }
        true
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0.data {
            Data::Inline(len, buffer) => buffer.get(..*len as usize).unwrap_or(&[]),
            Data::Heap(bytes) => bytes,
        }
    }

    /// How many bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0.data {
            Data::Inline(len, _) => *len as usize,
            Data::Heap(bytes) => bytes.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are the same object.
    #[inline]
    pub(crate) fn is_same(&self, other: &Str) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both are short and have the same bytes; strings that are not short may have them all the same.
    #[inline]
    pub(crate) fn is_same_short(&self, other: &Str) -> bool {
        match (&self.0.data, &other.0.data) {
            (Data::Inline(len, bytes), Data::Inline(other_len, others)) => {
                // What is not used of a buffer is zero.
                len == other_len && bytes == others
            }
            _ => false,
        }
    }

    pub(crate) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).cast::<u8>() as usize
    }

    /// CPython 2.7's string hash (no randomisation), kept once worked out.
    #[inline]
    pub(crate) fn hash(&self) -> i64 {
        let known = self.0.hash.get();
        if known != -1 {
            return known;
        }
        let hash = hash_bytes(self.as_bytes());
        self.0.hash.set(hash);
        hash
    }

    /// The text, with bytes that are not UTF-8 replaced: for messages only.
    pub(crate) fn lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }
}

/// CPython 2.7's hash of a byte string.
pub(crate) fn hash_bytes(bytes: &[u8]) -> i64 {
    let Some(&first) = bytes.first() else {
        return 0;
    };
    let mut x = i64::from(first) << 7;
    for &byte in bytes {
        x = x.wrapping_mul(1_000_003) ^ i64::from(byte);
    }
    x ^= bytes.len() as i64;
    if x == -1 { -2 } else { x }
}

impl Data {
    fn new(bytes: &[u8]) -> Data {
        if bytes.len() <= INLINE {
            let mut buffer = [0; INLINE];
            buffer[..bytes.len()].copy_from_slice(bytes);
            Data::Inline(bytes.len() as u8, buffer)
        } else {
            Data::Heap(bytes.to_vec())
        }
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Str) -> bool {
        if self.is_same(other) {
            return true;
        }
        let (own, other) = (self.as_bytes(), other.as_bytes());
        // Most strings that differ do so in length or at once: no call for those.
        own.len() == other.len() && own.first() == other.first() && own == other
    }
}

impl Eq for Str {}

impl std::hash::Hash for Str {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::borrow::Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}
