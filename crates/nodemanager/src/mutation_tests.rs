//! Every parser, given recorded messages with seeded changes: none may panic, and what is read must be
//! written back as it was.

use crate::call::NodeCall;
use crate::framing::{self, MessageDecoder};
use crate::node_info::{KeyString, NodeInfo};
use crate::refusals;
use crate::reply::{Reply, StartReply, StopReply};
use crate::resources::ResourceFile;
use crate::signed_request::SignedText;
use crate::test_vectors::{self, Random};
use crate::timestamp::Timestamp;
use crate::verification::{Judge, LastAccepted, SignedRequest, vessel_of};
use crate::wire_text::WireText;

/// How many changed messages each run reads.
const ROUNDS: usize = 20_000;
/// Longer recorded messages only slow the test down.
const MESSAGE_BYTES_MAX: usize = 8192;

/// All recorded requests and answers, without their headers.
fn corpus() -> Vec<Vec<u8>> {
    let file = test_vectors::load("nm_calls.json");
    let mut messages = Vec::new();
    for case in test_vectors::list(&file, "calls") {
        for field in ["request_hex", "response_hex"] {
            if let Some(bytes) = test_vectors::whole_bytes(case, field)
                && bytes.len() < MESSAGE_BYTES_MAX
            {
                let message = MessageDecoder::new(MESSAGE_BYTES_MAX).receive(&bytes);
                messages.extend(message.unwrap().map(Vec::from));
            }
        }
    }
    let file = test_vectors::load("signeddata_verify.json");
    for case in test_vectors::list(&file, "cases") {
        messages.push(test_vectors::bytes(case, "request_hex"));
        messages.extend(case["old_metadata"].as_str().map(Into::into));
    }
    messages
}

#[test]
fn no_changed_message_of_the_vectors_makes_a_parser_panic_or_read_what_was_not_written() {
    let corpus = corpus();
    let seed = 1900_u64;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    for _ in 0..ROUNDS {
        let mut message = corpus[random.below(corpus.len())].clone();
        random.mutate(&mut message);
        if random.below(3) == 0 {
            // A part of a message is what inner parsers are given.
            let from = random.below(message.len());
            message.drain(..from);
        }
        read_as_everything(&message);
    }
}

fn read_as_everything(bytes: &[u8]) {
    let framed = framing::encode(bytes.to_vec()).to_vec();
    let decoded = MessageDecoder::new(bytes.len()).receive(&framed);
    assert_eq!(decoded.unwrap().as_deref(), Some(bytes));
    let _ = MessageDecoder::new(1000).receive(bytes);
    if let Ok(call) = NodeCall::parse(bytes.to_vec()) {
        let written = call.encode().to_vec();
        assert!(bytes.starts_with(&written), "{call:?}");
        assert_eq!(NodeCall::parse(written), Ok(call));
    }
    if let Ok(reply) = Reply::parse(bytes.to_vec()) {
        assert_eq!(reply.encode().to_vec(), bytes);
        let _ = (StartReply::of(&reply), StopReply::of(&reply));
        read_payload(&reply.payload);
    }
    read_payload(bytes);
    read_signed(bytes);
}

fn read_payload(bytes: &[u8]) {
    if let Ok(info) = NodeInfo::parse(bytes) {
        assert_eq!(info.encode(), bytes);
    }
    if let Ok(file) = ResourceFile::parse(bytes) {
        assert_eq!(file.encode(), bytes);
        let again = ResourceFile::new(file.resources().clone(), file.calls().to_vec());
        assert!(ResourceFile::parse(again.encode()).is_ok(), "{again:?}");
        let _ = file.split(&file, bytes);
    }
    if let Some(key) = KeyString::parse(bytes) {
        assert_eq!(key.as_str().as_bytes(), bytes);
    }
    if let Some(time) = Timestamp::parse(bytes) {
        assert!(Timestamp::parse(time.to_string().as_bytes()).is_some());
    }
    let text = WireText::from(bytes);
    let _ = refusals::check_program_line(&text);
    let _ = refusals::user_keys(&text);
    let _ = refusals::owner_key(&text);
    if let Ok(name) = refusals::file_name(&text) {
        assert_eq!(name.as_str().as_bytes(), bytes);
    }
}

fn read_signed(bytes: &[u8]) {
    let _ = vessel_of(bytes);
    let last = LastAccepted::parse(bytes).or_else(|| LastAccepted::parse_signature_line(bytes));
    if let Some(last) = &last {
        let stored = LastAccepted::parse(last.to_string().as_bytes());
        // What is no number is not equal to itself.
        let time = last.timestamp.map_or(0.0, Timestamp::seconds);
        let text = last
            .sequence
            .as_ref()
            .is_none_or(|row| row.tag().as_str().is_some());
        assert!(
            time.is_nan() || !text || stored.as_ref() == Some(last),
            "{last:?}"
        );
    }
    if let Some(cut) = SignedText::cut(bytes) {
        assert!(cut.signed.len() < bytes.len());
    }
    if let Some(request) = SignedRequest::cut(bytes) {
        let judge = Judge {
            allowed: &[],
            last: last.as_ref(),
            node: "3 33",
            now: Timestamp::from_seconds(4_004_331_636.25),
        };
        match request.judge(judge) {
            Ok(accepted) => assert_eq!(request.signer(), Some(&accepted.signer)),
            Err(rejection) => {
                let answer = rejection.reply(bytes);
                assert_eq!(answer.outcome, crate::reply::ReplyOutcome::Error);
            }
        }
    }
}
