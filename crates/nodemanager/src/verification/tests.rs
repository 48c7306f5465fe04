//! Tests of the decisions about signed requests, the original's recorded ones among them.

use super::*;
use crate::test_vectors::{self, Json};
use proptest::prelude::*;

/// What the original did with a recorded request, in the form of our decision.
fn decide(
    request: &[u8],
    case: &Json,
    node: &str,
    now: Timestamp,
) -> Result<AcceptedRequest, Rejection> {
    let allowed = allowed_keys(case);
    let last = last_accepted(case);
    SignedRequest::cut(request)
        .ok_or(Rejection::Malformed)?
        .judge(Judge {
            allowed: &allowed,
            last: last.as_ref(),
            node,
            now,
        })
}

fn allowed_keys(case: &Json) -> Vec<PublicKey> {
    case["allowed_keys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| PublicKey::parse(key.as_str().unwrap().as_bytes()).unwrap())
        .collect()
}

fn last_accepted(case: &Json) -> Option<LastAccepted> {
    let line = case["old_metadata"].as_str()?;
    Some(LastAccepted::parse_signature_line(line.as_bytes()).expect("a recorded signature line"))
}

#[test]
fn every_case_of_the_verification_vector_has_its_outcome_and_words() {
    let file = test_vectors::load("signeddata_verify.json");
    let node = test_vectors::text(&file, "my_identity");
    let now = Timestamp::from_seconds(file["now_ntp_seconds"].as_f64().unwrap());
    for case in test_vectors::list(&file, "cases") {
        let name = test_vectors::text(case, "name");
        let request = test_vectors::bytes(case, "request_hex");
        let decision = decide(&request, case, node, now);
        match test_vectors::text(case, "outcome") {
            "accepted" => {
                let accepted = decision.unwrap_or_else(|rejection| panic!("{name}: {rejection:?}"));
                let allowed = allowed_keys(case);
                assert!(
                    allowed.is_empty() || allowed.contains(&accepted.signer),
                    "{name}"
                );
                let text = SignedText::cut(&request).unwrap();
                let remembered = LastAccepted::read(text.timestamp, text.sequence);
                assert_eq!(Some(accepted.remember), remembered, "{name}");
            }
            "BadRequest" => {
                let rejection = decision.expect_err(name);
                let whole = String::from_utf8_lossy(&request);
                let text = test_vectors::text(case, "message").replace("<FULLREQUEST>", &whole);
                assert_eq!(rejection.reply(&request), Reply::error(text), "{name}");
            }
            other => {
                assert!(other.starts_with("exception"), "{name}: {other}");
                let rejection = decision.expect_err(name);
                assert_eq!(rejection.reply(&request), Reply::internal_error(), "{name}");
            }
        }
    }
}

#[test]
fn every_case_of_the_verification_vector_has_its_reasons_for_trust() {
    let file = test_vectors::load("signeddata_verify.json");
    let node = test_vectors::text(&file, "my_identity");
    let now = Timestamp::from_seconds(file["now_ntp_seconds"].as_f64().unwrap());
    for case in test_vectors::list(&file, "cases") {
        let name = test_vectors::text(case, "name");
        let bytes = test_vectors::bytes(case, "request_hex");
        let request = SignedRequest::cut(&bytes);
        if let Some(signed) = case["issignedcorrectly"].as_bool() {
            let signer = request.as_ref().and_then(SignedRequest::signer);
            assert_eq!(signer.is_some(), signed, "{name}");
        }
        let doubts = match &request {
            Some(request) => request.doubts(last_accepted(case).as_ref(), node, now),
            None => Ok(vec![SignatureDoubt::BadSignature]),
        };
        let Some(expected) = case["shouldtrustmeta"].as_array() else {
            assert_eq!(doubts, Err(Rejection::Malformed), "{name}");
            continue;
        };
        let expected: Vec<&str> = expected[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|doubt| doubt.as_str().unwrap())
            .collect();
        let doubts = doubts.unwrap_or_else(|rejection| panic!("{name}: {rejection:?}"));
        let doubts: Vec<&str> = doubts.iter().map(|doubt| doubt.as_str()).collect();
        assert_eq!(doubts, expected, "{name}");
    }
}

#[test]
fn a_long_request_is_not_repeated_whole() {
    let request = vec![b'x'; 1_000_000];
    let reply = Rejection::BadSignature.reply(&request);
    assert!(reply.payload.len() < ECHO_BYTES_MAX + 100);
    assert!(reply.payload.starts_with(b"Bad Signature on 'xxx"));
    let whole = vec![b'x'; ECHO_BYTES_MAX];
    assert_eq!(
        Rejection::IllegalSequence.reply(&whole).payload,
        [b"Illegal sequence id on '", &whole[..], b"'"].concat()
    );
}

#[test]
fn what_a_vessel_remembers_survives_being_stored_to_the_last_digit() {
    let last = LastAccepted {
        timestamp: Timestamp::parse(b"4004331636.2501"),
        sequence: Sequence::read(b"s:17"),
    };
    let json = serde_json::to_string(&last).unwrap();
    assert_eq!(serde_json::from_str::<LastAccepted>(&json).unwrap(), last);
    let nothing = LastAccepted {
        timestamp: None,
        sequence: None,
    };
    assert_eq!(
        LastAccepted::parse(nothing.to_string().as_bytes()),
        Some(nothing)
    );
    assert!(serde_json::from_str::<LastAccepted>("\"5\"").is_err());
}

#[test]
fn the_vessel_is_looked_up_before_the_last_newline() {
    assert_eq!(vessel_of(b"StopVessel|v3\n!a!b"), Some("v3".into()));
    assert_eq!(
        vessel_of(b"AddFileToVessel|v3|x|a\n|b\n!a"),
        Some("v3".into())
    );
    assert_eq!(vessel_of(b"StopVessel|v3"), None);
    assert_eq!(vessel_of(b"StopVessel\n!a|b"), None);
}

#[test]
fn a_signature_of_countless_blocks_costs_nothing() {
    let signature = " 5".repeat(300_000);
    let request =
        format!("StopVessel|v3\n!65537 721183909643440430787919655059!1!2!None!None!{signature}");
    let request = SignedRequest::cut(request.as_bytes()).unwrap();
    assert_eq!(request.signature(), &SignatureCheck::Bad);
}

#[test]
fn a_key_that_the_original_cannot_compute_with_is_answered_as_its_failure() {
    let judged = |key: &str| {
        let request = format!("StopVessel|v3\n!{key}!5!9!None!None! 5");
        let request = SignedRequest::cut(request.as_bytes()).unwrap();
        let judge = Judge {
            allowed: &[],
            last: None,
            node: "3 33",
            now: Timestamp::from_seconds(6.0),
        };
        request.judge(judge).unwrap_err()
    };
    // Checked against the original's functions: e not below n, and negative exponents, raise there.
    for key in [
        "33 33",
        "65537 33",
        "3 0",
        "3 -33",
        "-3 721183909643440430787919655059",
        "x 33",
        "3",
    ] {
        assert_eq!(judged(key), Rejection::Malformed, "{key}");
    }
    // These it computes with, and finds another digest.
    for key in ["0 721183909643440430787919655059", "3 33"] {
        assert_eq!(judged(key), Rejection::BadSignature, "{key}");
    }
}

proptest! {
    #[test]
    fn any_fields_are_judged_without_a_panic(
        fields in proptest::collection::vec(
            prop_oneof![
                Just("None".to_owned()), Just("nan".to_owned()), Just("s:0".to_owned()),
                Just("65537 721183909643440430787919655059".to_owned()), "[0-9.:+ eEL-]{0,12}", "\\PC{0,8}",
            ], 5..8),
        last in prop_oneof![Just(None), Just(Some("5.0!s:3")), Just(Some("NaN!None")), Just(Some("None!None"))],
    ) {
        let request = format!("StopVessel|v3\n!{}", fields.join("!"));
        let last = last.map(|text| LastAccepted::parse(text.as_bytes()).unwrap());
        if let Some(request) = SignedRequest::cut(request.as_bytes()) {
            let judge = Judge { allowed: &[], last: last.as_ref(), node: "3 33", now: Timestamp::from_seconds(6.0) };
            let _ = request.judge(judge);
            let _ = request.doubts(last.as_ref(), "3 33", judge.now);
        }
        let _ = vessel_of(request.as_bytes());
    }

    #[test]
    fn any_bytes_are_remembered_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = (LastAccepted::parse(&bytes), LastAccepted::parse_signature_line(&bytes));
    }
}
