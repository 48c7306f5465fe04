//! Recorded resource files and refusals of splits.

use super::*;
use crate::call::NodeCall;
use crate::framing::MessageDecoder;
use crate::test_vectors;
use crate::wire_text::rsplit_once;

const SMALL: &str =
    "resource cpu .002\nresource memory 1000000   # a comment\n\nresource diskused 100000\r\n";

fn file(text: &str) -> ResourceFile {
    ResourceFile::parse(text.as_bytes()).unwrap()
}

#[test]
fn every_resource_file_of_the_vector_is_read_and_kept_byte_for_byte() {
    let vector = test_vectors::load("nm_calls.json");
    let mut files = 0;
    for case in test_vectors::list(&vector, "calls") {
        let name = test_vectors::text(case, "name");
        if !(name.starts_with("GetVesselResources") || name.starts_with("GetOffcutResources")) {
            continue;
        }
        let response = test_vectors::bytes(case, "response_hex");
        let message = MessageDecoder::new(1 << 20)
            .receive(&response)
            .unwrap()
            .unwrap();
        let reply = Reply::parse(message).unwrap();
        if reply.outcome == crate::reply::ReplyOutcome::Success {
            let file = ResourceFile::parse(&reply.payload).unwrap();
            assert_eq!(file.encode(), reply.payload, "{name}");
            assert!(file.resources().quantity(Resource::Cpu) > 0.0, "{name}");
            // Written anew it says the same, numbers as Python writes them.
            let again = ResourceFile::new(file.resources().clone(), file.calls().to_vec());
            let read = ResourceFile::parse(again.encode()).unwrap();
            assert_eq!(read.resources(), file.resources(), "{name}");
            assert_eq!(read.calls(), file.calls(), "{name}");
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn splits_in_words_that_nobody_understands_are_refused_as_in_the_vector() {
    let vector = test_vectors::load("nm_calls.json");
    // What the recorded vessels had is not told; a line that cannot be read is refused whatever they had.
    let vessel = file(
        "resource cpu .02\nresource memory 30000000\nresource diskused 20000000\nresource events 15\nresource filewrite 100000\nresource fileread 100000\nresource filesopened 5\nresource lograte 30000\nresource messport 30004",
    );
    let offcut = file(SMALL);
    let mut refused = 0;
    for case in test_vectors::list(&vector, "calls") {
        let Some(request) = test_vectors::whole_bytes(case, "request_hex") else {
            continue;
        };
        let request = MessageDecoder::new(1 << 20)
            .receive(&request)
            .unwrap()
            .unwrap();
        let Some((data, _)) = rsplit_once(&request, b'\n') else {
            continue;
        };
        let Ok(NodeCall::SplitVessel { resources, .. }) = NodeCall::parse(request.slice_ref(data))
        else {
            continue;
        };
        let response = test_vectors::bytes(case, "response_hex");
        let answer = MessageDecoder::new(1 << 20)
            .receive(&response)
            .unwrap()
            .unwrap();
        let answer = Reply::parse(answer).unwrap();
        let text = answer.text().to_string();
        if text.starts_with("Line") {
            let reply = split_refusal(&vessel.split(&offcut, resources.as_bytes()).unwrap_err());
            assert_eq!(reply, answer, "{}", test_vectors::text(case, "name"));
            refused += 1;
        }
    }
    let other_recordings = std::env::var_os("OVERLORD_VECTORS").is_some();
    assert!(refused > 0 || other_recordings);
}

#[test]
fn refused_splits_are_answered_in_the_original_s_words() {
    let offcut = file(SMALL);
    let vessel = file("resource cpu .5\nresource memory 3000000\nresource diskused 300000\n");
    let answer = |vessel: &ResourceFile, offcut: &ResourceFile, asked: &[u8]| {
        split_refusal(&vessel.split(offcut, asked).unwrap_err())
    };
    for (asked, text) in [
        (
            &b"resource cpu .1\nresource memory 2000001\nresource diskused 1"[..],
            &b"Proposed vessel is too large.\nInsufficient quantity: Resource 'memory' has a negative quantity"[..],
        ),
        (b" x \xff#c", b"Line ' x \xff#c' not understood."),
    ] {
        assert_eq!(answer(&vessel, &offcut, asked), Reply::error(text));
    }
    assert_eq!(
        answer(&offcut, &vessel, SMALL.as_bytes()),
        Reply::error(
            "Existing resources are so small they cannot be split.\nInsufficient quantity: Resource 'cpu' has a negative quantity"
        )
    );
    assert_eq!(
        answer(&vessel, &offcut, b"resource cpu 1"),
        Reply::internal_error()
    );
}
