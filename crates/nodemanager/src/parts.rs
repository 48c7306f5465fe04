//! A message in parts: what is long is written from where it lies, beside what is short.
//!
//! An upload of megabytes goes to many vessels at once. Joined into one piece with its call, its signature and
//! its header it would be copied for each of them, and each time anew for a repeat.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// Bytes that are written one part after the other. Cheap to clone: the parts are shared.
///
/// As a [`Buf`] it is what sockets take, several parts at once where they can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageParts(VecDeque<Bytes>);

impl MessageParts {
    /// Puts a part before all others.
    pub fn push_front(&mut self, part: impl Into<Bytes>) {
        self.0.push_front(part.into());
    }

    /// Puts a part after all others.
    pub fn push_back(&mut self, part: impl Into<Bytes>) {
        self.0.push_back(part.into());
    }

    /// The parts in their order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Length of all together, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of all together.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.iter().collect::<Vec<_>>().concat()
    }
}

impl<T: Into<Bytes>> From<T> for MessageParts {
    fn from(part: T) -> Self {
        Self(VecDeque::from([part.into()]))
    }
}

impl Buf for MessageParts {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn chunk(&self) -> &[u8] {
        self.iter()
            .find(|part| !part.is_empty())
            .unwrap_or_default()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = self.iter().filter(|part| !part.is_empty());
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    /// # Panics
    /// When there are fewer bytes, as the trait asks.
    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining(),
            "nothing lies beyond the last part"
        );
        while let Some(first) = self.0.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_part_is_shared_and_not_copied() {
        let upload = Bytes::from(vec![b'x'; 1000]);
        let mut parts = MessageParts::from(upload.clone());
        parts.push_front(&b"head|"[..]);
        parts.push_back(b"|tail".to_vec());
        let again = parts.clone();
        assert_eq!(
            again.iter().nth(1).map(<[u8]>::as_ptr),
            Some(upload.as_ptr())
        );
        assert_eq!(again.len(), 1010);
    }

    proptest! {
        #[test]
        fn however_it_is_taken_all_of_it_comes_in_order(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..6),
            steps in proptest::collection::vec(1usize..30, 1..20),
        ) {
            let whole = pieces.concat();
            let mut parts = MessageParts::default();
            for piece in pieces {
                parts.push_back(piece);
            }
            prop_assert_eq!(parts.to_vec(), whole.clone());
            let mut taken = Vec::new();
            let mut steps = steps.into_iter().cycle();
            while parts.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = parts.chunks_vectored(&mut slices);
                prop_assert!(filled > 0 && slices[..filled].iter().all(|slice| !slice.is_empty()));
                prop_assert_eq!(parts.chunk(), &*slices[0]);
                let shown: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let count = steps.next().unwrap().min(shown.len());
                taken.extend_from_slice(&shown[..count]);
                parts.advance(count);
            }
            prop_assert_eq!(taken, whole);
            prop_assert!(parts.is_empty());
        }
    }
}
