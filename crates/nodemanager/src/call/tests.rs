//! Tests of the calls, the recorded ones among them.

use super::*;
use crate::framing::{MessageDecoder, encode};
use crate::reply::{Reply, ReplyOutcome};
use crate::test_vectors;
use crate::wire_text::rsplit_once;
use proptest::prelude::*;

/// What a recorded request says without header and signature; `None` when the recording cut it short.
fn recorded_request(case: &test_vectors::Json) -> Option<Bytes> {
    let bytes = test_vectors::whole_bytes(case, "request_hex")?;
    let mut decoder = MessageDecoder::new(100_000_000);
    let message = decoder.receive(&bytes).unwrap().expect("a whole message");
    assert_eq!(
        encode(message.clone()).to_vec(),
        bytes,
        "the header is written alike"
    );
    // A signature starts after the last newline; unsigned calls of the recordings have none.
    Some(match rsplit_once(&message, b'\n') {
        Some((request, signature)) if signature.starts_with(b"!") => message.slice_ref(request),
        _ => message,
    })
}

#[test]
fn every_request_of_the_vector_is_read_as_a_call_that_writes_the_same_bytes() {
    let file = test_vectors::load("nm_calls.json");
    let mut seen = std::collections::BTreeSet::new();
    for case in test_vectors::list(&file, "calls") {
        let name = test_vectors::text(case, "name");
        let Some(request) = recorded_request(case) else {
            continue;
        };
        let answered = |text: &[u8]| {
            assert!(
                test_vectors::bytes(case, "response_hex").ends_with(text),
                "{name}"
            );
        };
        match NodeCall::parse(request.clone()) {
            Ok(call) => {
                let dropped = if call.kind().arguments == 0 {
                    request.len() - call.name().len()
                } else {
                    0
                };
                let written = &request[..request.len() - dropped];
                assert_eq!(call.encode().to_vec(), written, "{name}");
                seen.insert(call.name());
            }
            // What is no call was answered so by the original as well.
            Err(CallError::Unknown(_)) => answered(
                b"
Unknown Call
Error",
            ),
            Err(CallError::Arguments { .. }) => answered(
                b"
Internal Error
Error",
            ),
        }
    }
    assert!(!seen.is_empty(), "no call was recorded whole");
}

#[test]
fn every_response_of_the_vector_is_read_and_writes_the_same_bytes() {
    let file = test_vectors::load("nm_calls.json");
    for case in test_vectors::list(&file, "calls") {
        let name = test_vectors::text(case, "name");
        let Some(bytes) = test_vectors::whole_bytes(case, "response_hex") else {
            continue;
        };
        let message = MessageDecoder::new(100_000_000)
            .receive(&bytes)
            .unwrap()
            .expect("a whole message");
        let reply = Reply::parse(message).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(encode(reply.encode()).to_vec(), bytes, "{name}");
        // The original's own client raised for all that is no success.
        let raised = case.get("client_exception").is_some();
        assert!(
            !raised || reply.outcome != ReplyOutcome::Success,
            "{name}: {reply:?}"
        );
        if let Some(result) = case["client_result_hex"].as_str()
            && !result.contains("...")
        {
            let result = hex::decode(result).unwrap();
            // Cases without the original's client have the whole answer there.
            assert!(result == reply.payload || result == bytes, "{name}");
        }
    }
}

#[test]
fn there_are_eighteen_calls_each_with_its_vessel_first() {
    assert_eq!(CALLS.len(), 18);
    for kind in CALLS {
        let request = std::iter::once(kind.name.to_owned())
            .chain((0..kind.arguments).map(|number| format!("a{number}")))
            .collect::<Vec<_>>()
            .join("|");
        let call = NodeCall::parse(request.clone()).unwrap();
        assert_eq!(call.kind(), kind);
        assert_eq!(call.encode().to_vec(), request.as_bytes());
        assert_eq!(call.vessel().is_some(), kind.arguments > 0);
        if kind.permission != Permission::Public {
            assert_eq!(call.vessel().unwrap(), "a0");
        }
        if kind.arguments > 0 {
            assert_eq!(
                NodeCall::parse(kind.name),
                Err(CallError::Arguments {
                    name: kind.name,
                    wanted: kind.arguments,
                    got: 0
                })
            );
        }
    }
}

#[test]
fn the_last_argument_may_contain_anything() {
    let call = NodeCall::parse(&b"AddFileToVessel|v3|a.txt|l1|l2\nl3|\0\xff!"[..]).unwrap();
    assert_eq!(
        call,
        NodeCall::AddFileToVessel {
            vessel: "v3".into(),
            file: "a.txt".into(),
            content: b"l1|l2\nl3|\0\xff!"[..].into(),
        }
    );
    assert_eq!(
        NodeCall::parse("GetVessels|x"),
        Ok(NodeCall::GetVessels {}),
        "nodes drop what follows"
    );
    assert_eq!(
        NodeCall::parse("|GetVessels"),
        Err(CallError::Unknown("".into()))
    );
}

#[test]
fn the_content_of_an_upload_is_copied_neither_when_written_nor_when_read() {
    let content = Bytes::from(vec![b'x'; 1000]);
    let call = NodeCall::add_file(
        &"v3".parse().unwrap(),
        &"a".parse().unwrap(),
        content.clone(),
    );
    let parts = call.encode();
    assert!(parts.iter().any(|part| part.as_ptr() == content.as_ptr()));
    let request = Bytes::from(parts.to_vec());
    let Ok(NodeCall::AddFileToVessel { content: read, .. }) = NodeCall::parse(request.clone())
    else {
        panic!("an upload");
    };
    assert_eq!(read, content);
    assert_eq!(read.as_ptr(), request[request.len() - 1000..].as_ptr());
}

#[test]
fn calls_made_from_checked_words_are_those_of_the_wire() {
    let vessel: VesselName = "v3".parse().unwrap();
    let program: FileName = "loop.r2py".parse().unwrap();
    let arguments = ProgramArguments::new(vec!["12345".into(), "two".into()]).unwrap();
    assert_eq!(
        NodeCall::start(&vessel, Platform::RepyV2, &program, &arguments)
            .encode()
            .to_vec(),
        b"StartVesselEx|v3|repyV2|loop.r2py 12345 two"
    );
    assert_eq!(
        NodeCall::add_file(&vessel, &program, &b"x|y"[..])
            .encode()
            .to_vec(),
        b"AddFileToVessel|v3|loop.r2py|x|y"
    );
    assert_eq!(
        NodeCall::change_users(&vessel, &[]).encode().to_vec(),
        b"ChangeUsers|v3|"
    );
    assert_eq!(
        NodeCall::change_advertise(&vessel, false).encode().to_vec(),
        b"ChangeAdvertise|v3|False"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(
        kind in 0..18usize,
        rest in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let request = [CALLS[kind].name.as_bytes(), &b"|"[..], &rest].concat();
        if let Ok(call) = NodeCall::parse(request.clone())
            && call.kind().arguments > 0
        {
            prop_assert_eq!(call.encode().to_vec(), request);
        }
        let _ = NodeCall::parse(rest);
    }
}
