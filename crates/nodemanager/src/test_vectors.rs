//! Reads the recordings that the tests of this crate run; the files' meaning is left to each test.

use std::path::PathBuf;
use std::sync::OnceLock;

use overlord_keys::{KeyPair, PrivateKey, PublicKey};

pub(crate) type Json = serde_json::Value;

/// The folder of the recordings: `OVERLORD_VECTORS`, or the project's copy.
fn directory() -> PathBuf {
    std::env::var_os("OVERLORD_VECTORS").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors").into(),
        PathBuf::from,
    )
}

/// A whole file.
pub(crate) fn load(name: &str) -> Json {
    let path = directory().join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A list in an object; never empty, so that no test passes by running nothing.
pub(crate) fn list<'a>(object: &'a Json, name: &str) -> &'a [Json] {
    let list = object[name]
        .as_array()
        .unwrap_or_else(|| panic!("no list {name}"));
    assert!(!list.is_empty(), "the list {name} is empty");
    list
}

/// A text in an object.
pub(crate) fn text<'a>(object: &'a Json, name: &str) -> &'a str {
    object[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text {name} in {object}"))
}

/// Raw bytes in an object, written as hex.
pub(crate) fn bytes(object: &Json, name: &str) -> Vec<u8> {
    hex::decode(text(object, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Raw bytes in an object, unless the recording cut them short (`...(N bytes)`).
pub(crate) fn whole_bytes(object: &Json, name: &str) -> Option<Vec<u8>> {
    let text = text(object, name);
    (!text.contains("...")).then(|| bytes(object, name))
}

/// The recorded key pairs, in the order of `keys.json`. Throw-away keys of many lengths, read once: the
/// longest take a while to be found prime.
pub(crate) fn key_pairs() -> Vec<KeyPair> {
    static PAIRS: OnceLock<Vec<KeyPair>> = OnceLock::new();
    let read = |case: &Json| {
        let public = PublicKey::parse(text(case, "publickey_file").as_bytes()).unwrap();
        let private = PrivateKey::parse(text(case, "privatekey_file").as_bytes()).unwrap();
        KeyPair::new(public, private).unwrap()
    };
    let pairs = || list(&load("keys.json"), "keys").iter().map(read).collect();
    PAIRS.get_or_init(pairs).clone()
}

/// Seeded randomness for tests: the splitmix64 sequence.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 1).unwrap() % bound.max(1)
    }

    /// Changes a message in up to four places: other bytes, missing, doubled and inserted parts.
    pub(crate) fn mutate(&mut self, message: &mut Vec<u8>) {
        const TELLING: &[u8] = b"!|\n: 0123456789.+-eLNonefinas\0\xff";
        for _ in 0..=self.below(4) {
            let at = self.below(message.len());
            let to = (at + self.below(9)).min(message.len());
            let byte = TELLING[self.below(TELLING.len())];
            match self.below(6) {
                0 if at < message.len() => message[at] = byte,
                1 if at < message.len() => message[at] ^= 1 << self.below(8),
                2 => drop(message.drain(at..to)),
                3 => message.insert(at, byte),
                4 => {
                    let part = message[at..to].to_vec();
                    message.splice(to..to, part);
                }
                _ => message.truncate(at),
            }
        }
    }
}
