//! The original's refusals: which arguments it refuses, with which words.
//!
//! Checks of arguments that need no node to be made; a node's state is left to `overlord-node`.

use overlord_keys::{KeyError, PublicKey};
use overlord_types::{FILE_NAME_LENGTH_MAX, FileName, FileNameError};

use crate::reply::Reply;
use crate::wire_text::WireText;

/// No call has this name.
pub const UNKNOWN_CALL: &str = "Unknown Call";
/// A signed call names a vessel that the node does not have.
pub const UNKNOWN_VESSEL: &str = "Unknown Vessel";
/// A public call, or a call's own look-up, names a vessel that the node does not have.
pub const NO_SUCH_VESSEL: &str = "No such vessel";
/// The vessel runs a program already.
pub const ALREADY_STARTED: &str = "Vessel has already been started";
/// No such platform on this node.
pub const UNSUPPORTED_PLATFORM: &str = "Programming language platform is not supported.";
/// The node runs only some programs of the platform, and this is none of them. The original, which has the whole
/// platform, has no such answer; the first sentence is its own for a platform that it lacks.
pub const NOT_OF_PLATFORM: &str = "Programming language platform is not supported. \
    This node runs repyV1 programs that are valid repyV2; the vessel's log says why this one is not.";
/// A start was not seen in time: a warning.
pub const NOT_STARTED_YET: &str = "Did not start in a timely manner";
/// A stop was not seen in time: a warning.
pub const NOT_STOPPED_YET: &str = "May not have stopped in a timely manner";
/// The upload does not fit the vessel's disk.
pub const DISK_FULL: &str = "Not enough free disk space";
/// A file to be read is not there.
pub const FILE_NOT_FOUND: &str = "Error, File Not Found";
/// A file to be deleted is not there.
pub const NO_FILE_TO_DELETE: &str = "File not found";
/// A running vessel cannot be split.
pub const SPLIT_RUNNING: &str = "Attempting to split a running vessel";
/// A running vessel cannot be joined.
pub const JOIN_RUNNING: &str = "Attempting to join a running vessel";
/// Joined vessels have the same owner.
pub const OTHER_OWNER: &str = "Vessels must have the same owner";
/// Longest note of an owner, in bytes.
pub const OWNER_INFORMATION_MAX: usize = 256;

/// Whether a file name starts with what nodes keep for themselves. Checked before the disk is.
///
/// # Errors
/// The original's answer.
pub fn check_reserved_name(name: &WireText) -> Result<(), Reply> {
    if name.as_bytes().starts_with(b"private_") {
        return Err(Reply::error(
            "User is not allowed to use file names starting with 'private_'",
        ));
    }
    Ok(())
}

/// Reads a file name: [`check_reserved_name`], then length, characters and the leading dot.
///
/// # Errors
/// The original's answer.
pub fn file_name(name: &WireText) -> Result<FileName, Reply> {
    check_reserved_name(name)?;
    let bytes = name.as_bytes();
    if bytes.len() > FILE_NAME_LENGTH_MAX {
        return Err(Reply::error(format!(
            "Filename exceeds maximum length! Maximum: {FILE_NAME_LENGTH_MAX}"
        )));
    }
    if matches!(bytes, b"" | b"." | b"..") {
        return Err(Reply::error("Illegal filename provided!"));
    }
    let refused = |&byte: &u8| !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    if let Some(byte) = bytes.iter().copied().find(refused) {
        return Err(Reply::error(quoted(
            b"Filename has disallowed character '",
            &[byte],
            b"'",
        )));
    }
    let parsed = name.as_str().unwrap_or_default().parse::<FileName>();
    parsed.map_err(|error| match error {
        FileNameError::LeadingDot(_) => {
            Reply::error("Filename starts with a period, this is not allowed!")
        }
        _ => Reply::error("Illegal filename provided!"),
    })
}

/// Checks the characters of a program line: letters, digits, `.`, `-`, `_` and blanks.
///
/// # Errors
/// The original's answer.
pub fn check_program_line(line: &WireText) -> Result<(), Reply> {
    let refused =
        |&byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b' '));
    match line.as_bytes().iter().copied().find(refused) {
        Some(byte) => Err(Reply::error(quoted(
            b"Character '",
            &[byte],
            b"' not allowed in arguments",
        ))),
        None => Ok(()),
    }
}

/// Refuses to stop a vessel that does not run.
#[must_use]
pub fn cannot_stop(status: overlord_types::VesselStatus) -> Reply {
    Reply::error(format!("Cannot stop vessel with status '{status}'"))
}

/// Reads the new owner's key.
///
/// # Errors
/// The original's answer.
pub fn owner_key(text: &WireText) -> Result<PublicKey, Reply> {
    PublicKey::parse(text.as_bytes()).map_err(|error| match error {
        KeyError::WordCount { .. } | KeyError::Word { .. } | KeyError::TooLong(_) => {
            Reply::error("Invalid Key String")
        }
        _ => Reply::error("Invalid Key"),
    })
}

/// Reads a vessel's new users: keys with `|` between, empty items ignored.
///
/// # Errors
/// The original's answer to the first item that is no key.
pub fn user_keys(text: &WireText) -> Result<Vec<PublicKey>, Reply> {
    text.as_bytes()
        .split(|&byte| byte == b'|')
        .filter(|item| !item.is_empty())
        .map(|item| {
            PublicKey::parse(item).map_err(|error| match error {
                KeyError::WordCount { .. } | KeyError::Word { .. } | KeyError::TooLong(_) => {
                    Reply::error(quoted(b"Invalid Key String '", item, b"'"))
                }
                _ => Reply::error(quoted(b"Invalid Key '", item, b"'")),
            })
        })
        .collect()
}

/// Checks an owner's note: one line of at most [`OWNER_INFORMATION_MAX`] bytes.
///
/// # Errors
/// The original's answer.
pub fn check_owner_information(text: &WireText) -> Result<(), Reply> {
    if text.as_bytes().len() > OWNER_INFORMATION_MAX {
        return Err(Reply::error("String Too Long"));
    }
    if text.as_bytes().contains(&b'\n') {
        return Err(Reply::error("String may not contain newline character"));
    }
    Ok(())
}

/// Reads whether a vessel is to be advertised.
///
/// # Errors
/// The original's answer.
pub fn advertise_setting(text: &WireText) -> Result<bool, Reply> {
    match text.as_bytes() {
        b"True" => Ok(true),
        b"False" => Ok(false),
        other => Err(Reply::error(quoted(
            b"Invalid advertisement setting '",
            other,
            b"'",
        ))),
    }
}

/// Refuses to join with a vessel that the node does not have.
#[must_use]
pub fn no_such_vessel_named(name: &WireText) -> Reply {
    Reply::error(quoted(b"No such vessel '", name.as_bytes(), b"'"))
}

fn quoted(before: &[u8], text: &[u8], after: &[u8]) -> Vec<u8> {
    [before, text, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::NodeCall;
    use crate::framing::MessageDecoder;
    use crate::test_vectors;
    use crate::wire_text::rsplit_once;
    use proptest::prelude::*;

    /// What the checks above answer to a call, whatever the node's state.
    fn refusal(call: &NodeCall) -> Option<Reply> {
        match call {
            NodeCall::AddFileToVessel { file, .. }
            | NodeCall::RetrieveFileFromVessel { file, .. }
            | NodeCall::DeleteFileInVessel { file, .. } => file_name(file).err(),
            NodeCall::StartVesselEx { program_line, .. }
            | NodeCall::StartVessel { program_line, .. } => check_program_line(program_line).err(),
            NodeCall::ChangeOwner { key, .. } => owner_key(key).err(),
            NodeCall::ChangeUsers { keys, .. } => user_keys(keys).err(),
            NodeCall::ChangeOwnerInformation { information, .. } => {
                check_owner_information(information).err()
            }
            NodeCall::ChangeAdvertise { setting, .. } => advertise_setting(setting).err(),
            _ => None,
        }
    }

    #[test]
    fn arguments_are_refused_with_the_words_of_the_vector() {
        let file = test_vectors::load("nm_calls.json");
        let mut refused = 0;
        for case in test_vectors::list(&file, "calls") {
            let name = test_vectors::text(case, "name");
            let whole = |field| {
                let bytes = test_vectors::whole_bytes(case, field)?;
                MessageDecoder::new(1 << 30).receive(&bytes).unwrap()
            };
            let (Some(request), Some(response)) = (whole("request_hex"), whole("response_hex"))
            else {
                continue;
            };
            let data = rsplit_once(&request, b'\n').map_or(&request[..], |(data, _)| data);
            let Ok(call) = NodeCall::parse(request.slice_ref(data)) else {
                continue;
            };
            let answer = Reply::parse(response).unwrap();
            if let Some(reply) = refusal(&call) {
                // Who may not make the call is told so before its arguments are looked at.
                if answer != Reply::error("Insufficient Permissions") {
                    assert_eq!(reply, answer, "{name}");
                    refused += 1;
                }
            } else {
                let text = answer.text().to_string();
                let ours = [
                    "Filename",
                    "Character",
                    "Invalid Key",
                    "String",
                    "Invalid adv",
                ];
                assert!(
                    !ours.iter().any(|start| text.starts_with(start)),
                    "{name}: {text}"
                );
            }
        }
        assert!(refused > 0, "no refusal was recorded");
    }

    #[test]
    fn names_that_lead_out_of_a_folder_are_refused() {
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a\0b", ".x"] {
            assert!(file_name(&name.into()).is_err(), "{name:?}");
        }
        assert_eq!(file_name(&"a.b".into()).unwrap().as_str(), "a.b");
    }

    proptest! {
        #[test]
        fn any_argument_is_taken_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = WireText::from(bytes);
            if let Ok(name) = file_name(&text) {
                prop_assert_eq!(text.as_str(), Some(name.as_str()));
            }
            let _ = (check_program_line(&text), owner_key(&text), user_keys(&text));
            let _ = (check_owner_information(&text), advertise_setting(&text));
        }
    }
}
