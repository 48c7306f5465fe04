//! Splits the text of a key into its numbers, as the original does. Whether the numbers make a key is
//! decided by [`PublicKey`](crate::PublicKey) and [`PrivateKey`](crate::PrivateKey).

use crate::bounds::KEY_FILE_BYTES_MAX;
use crate::error::{KeyError, KeyKind};
use crate::number::{self, ReadError, Wiped};

/// Reads exactly `COUNT` numbers.
pub(crate) fn read<const COUNT: usize>(
    kind: KeyKind,
    text: &[u8],
) -> Result<[Wiped; COUNT], KeyError> {
    let length = text.len() as u64;
    if length > KEY_FILE_BYTES_MAX {
        return Err(KeyError::TooLong(length));
    }
    let found = words(text).count();
    let wrong_count = || KeyError::WordCount { kind, found };
    if found != COUNT {
        return Err(wrong_count());
    }
    let mut numbers = Vec::with_capacity(COUNT);
    for (index, (line, word)) in words(text).enumerate() {
        numbers.push(number::read(word).map_err(|error| match error {
            ReadError::Word(problem) => KeyError::Word {
                word: index + 1,
                line,
                problem,
            },
            ReadError::Crypto(error) => error.into(),
        })?);
    }
    numbers.try_into().map_err(|_| wrong_count())
}

/// The words of a text with their lines, counted from 1.
fn words(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    text.split(|&byte| byte == b'\n')
        .enumerate()
        .flat_map(|(index, line)| {
            line.split(|&byte| number::is_blank(byte))
                .filter(|word| !word.is_empty())
                .map(move |word| (index + 1, word))
        })
}
