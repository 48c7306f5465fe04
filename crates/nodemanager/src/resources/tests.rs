//! Tests of resource files and their arithmetic.

use super::*;
use crate::call::Call;
use crate::framing::MessageDecoder;
use crate::test_vectors;
use crate::wire_text::rsplit_once;
use proptest::prelude::*;

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
        let reply = Reply::parse(&message).unwrap();
        if reply.outcome == crate::reply::Outcome::Success {
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
fn splits_are_refused_with_the_words_of_the_vector() {
    let vector = test_vectors::load("nm_calls.json");
    // The recorded vessels have other ports than the splits ask for.
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
        let Ok(Call::SplitVessel { resources, .. }) = Call::parse(data) else {
            continue;
        };
        let response = test_vectors::bytes(case, "response_hex");
        let answer = MessageDecoder::new(1 << 20)
            .receive(&response)
            .unwrap()
            .unwrap();
        let answer = Reply::parse(&answer).unwrap();
        let text = answer.text().to_string();
        if text.starts_with("Line") || text.starts_with("Proposed") {
            let reply = vessel.split(&offcut, resources.as_bytes()).unwrap_err();
            assert_eq!(reply, answer, "{}", test_vectors::text(case, "name"));
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[test]
fn lines_are_refused_in_the_original_s_words() {
    // Words and order checked against the original's resource parser.
    let cases: [(&[u8], &[u8]); 10] = [
        (b"hello", b"Line 'hello' not understood."),
        (b" x \xff#c", b"Line ' x \xff#c' not understood."),
        (
            b"resource cpu",
            b"Line 'resource cpu' has wrong number of items",
        ),
        (
            b"resource cpu 1 2",
            b"Line 'resource cpu 1 2' has wrong number of items",
        ),
        (
            b"resource cp 1",
            b"Line 'resource cp 1' has an unknown resource 'cp'",
        ),
        (
            b"resource cpu x",
            b"Line 'resource cpu x' has an invalid resource value 'x'",
        ),
        (
            b"resource cpu nan",
            b"Line 'resource cpu nan' has an invalid resource value 'nan'",
        ),
        (
            b"resource connport 0.5",
            b"Line 'resource connport 0.5' has an invalid resource value '0.5'",
        ),
        (
            b"resource cpu 1\nresource cpu 1",
            b"Line 'resource cpu 1' has a duplicate resource rule for 'cpu'",
        ),
        (b"resource cpu 1", b"Missing required resource: 'memory'"),
    ];
    for (text, words) in cases {
        let error = ResourceFile::parse(text).unwrap_err();
        assert_eq!(error.to_wire(), words, "{error}");
    }
    let file = file(SMALL);
    assert_eq!(
        file.split(&file, b"resource cpu 1").unwrap_err(),
        Reply::internal_error()
    );
}

#[test]
fn what_a_split_takes_apart_a_join_puts_together() {
    let whole = file(
        "resource cpu .5\nresource memory 3000000\nresource diskused 300000\nresource messport 1\nresource messport 2.0\ncall open allow # c\n",
    );
    let offcut = file(SMALL);
    let asked = b"resource cpu .25\nresource memory 1000000\nresource diskused 100000\nresource messport 2\n";
    let (left, asked) = whole.split(&offcut, asked).unwrap();
    assert_eq!(left.resources().whole(Resource::Memory), 1_000_000);
    assert_eq!(
        left.resources()
            .ports(PortKind::Message)
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(asked.resources().allows_port(PortKind::Message, 2));
    assert_eq!(asked.calls(), [WireText::from("call open allow")]);
    let joined = left.join(&asked, &offcut);
    assert_eq!(joined.resources(), whole.resources());
    assert_eq!(
        ResourceFile::parse(joined.encode()).unwrap().resources(),
        joined.resources()
    );
}

#[test]
fn nothing_is_made_out_of_nothing() {
    let offcut = file(SMALL);
    let vessel = file("resource cpu .5\nresource memory 3000000\nresource diskused 300000\n");
    let split = |asked: &str| {
        vessel
            .split(&offcut, asked.as_bytes())
            .unwrap_err()
            .text()
            .to_string()
    };
    assert_eq!(
        split("resource cpu .1\nresource memory -5\nresource diskused 1"),
        "Proposed vessel is too large.\nInsufficient quantity: Resource 'memory' has a negative quantity"
    );
    assert_eq!(
        split("resource cpu .1\nresource memory 2000001\nresource diskused 1"),
        "Proposed vessel is too large.\nInsufficient quantity: Resource 'memory' has a negative quantity"
    );
    assert!(split("resource cpu .1\nresource memory inf\nresource diskused 1").starts_with("Line"));
    let too_small = offcut.split(&vessel, SMALL.as_bytes()).unwrap_err();
    assert!(
        too_small
            .text()
            .to_string()
            .starts_with("Existing resources are so small they cannot be split.\n")
    );
    assert!(matches!(
        ResourceFile::parse(b"resource cpu 1\nresource memory -1\nresource diskused 1"),
        Err(ResourceError::Negative(Resource::Memory))
    ));
    assert_eq!(
        ResourceFile::parse(&[b'\n'; RESOURCE_FILE_BYTES_MAX + 1]),
        Err(ResourceError::TooLong)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(
        lines in proptest::collection::vec(prop_oneof![
            "resource (cpu|memory|diskused|messport|x) [0-9.e+-]{0,6}", "call [a-z]{0,4} allow", "\\PC{0,10}",
        ], 0..10),
        noise in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let text = lines.join("\n");
        let offcut = file(SMALL);
        for bytes in [text.as_bytes(), &noise, format!("{SMALL}{text}").as_bytes()] {
            if let Ok(file) = ResourceFile::parse(bytes) {
                prop_assert_eq!(file.encode(), bytes);
                let _ = file.split(&offcut, bytes);
                let _ = file.join(&offcut, &offcut);
            }
            let _ = offcut.split(&offcut, bytes);
        }
    }
}
