//! Reads the recordings that the tests of this crate run; the files' meaning is left to each test.

use std::path::PathBuf;

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
