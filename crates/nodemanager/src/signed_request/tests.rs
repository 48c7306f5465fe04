//! Tests of signed requests as text, byte for byte against the original's.

use super::*;
use crate::test_vectors::{self, Json};
use crate::wire_text::read_int;
use proptest::prelude::*;

/// A time as the recording writes it, in Python: an int, a long, a float or None.
fn time(text: &str, invalid: &'static str) -> Result<Option<Timestamp>, &'static str> {
    if text == "None" {
        return Ok(None);
    }
    let digits = text.strip_suffix('L').unwrap_or(text);
    if let Ok(whole) = digits.parse::<i128>() {
        return Ok(Some(Timestamp::from_whole_seconds(whole)));
    }
    Timestamp::parse(text.as_bytes()).map(Some).ok_or(invalid)
}

/// A sequence as the recording writes it, in Python: `('tag', 3)` or None.
fn sequence(text: &str) -> Result<Option<Sequence>, &'static str> {
    const INVALID: &str = "Invalid Sequence Number";
    if text == "None" {
        return Ok(None);
    }
    let (tag, number) = text
        .strip_prefix("('")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.rsplit_once("', "))
        .ok_or(INVALID)?;
    let number = number.strip_suffix('L').unwrap_or(number);
    let number = read_int(number.as_bytes()).ok_or(INVALID)?;
    let tag = tag.replace("\\n", "\n");
    Sequence::new(tag, number).map(Some).map_err(|_| INVALID)
}

fn signed(case: &Json, keys: &[KeyPair]) -> Result<Vec<u8>, &'static str> {
    let data = match case["data_hex"].as_str() {
        Some(hex) => hex::decode(hex).unwrap(),
        None => written_out(test_vectors::text(case, "data_note")),
    };
    let index = usize::try_from(case["key_index"].as_u64().unwrap()).unwrap();
    let destination = match case["destination"].as_str() {
        None => None,
        Some(text) => Some(Destination::new(text).map_err(|_| "Invalid Destination")?),
    };
    let stamp = Stamp {
        timestamp: time(test_vectors::text(case, "timestamp"), "Invalid Timestamp")?,
        expiration: time(
            test_vectors::text(case, "expiration"),
            "Invalid Expiration Time",
        )?,
        sequence: sequence(test_vectors::text(case, "sequence"))?,
        destination,
    };
    // Cut anywhere, it is signed alike.
    let mut parts = MessageParts::from(data[..data.len() / 3].to_vec());
    parts.push_back(data[data.len() / 3..].to_vec());
    match sign(parts, &keys[index], &stamp) {
        Ok(request) => Ok(request.to_vec()),
        Err(SignError::Expiration) => Err("Invalid Expiration Time"),
        Err(other) => panic!("{other}"),
    }
}

/// Data that the recording describes in Python: `"text"*count`.
fn written_out(note: &str) -> Vec<u8> {
    let (text, count) = note.split_once('*').unwrap();
    text.trim_matches('"')
        .repeat(count.parse().unwrap())
        .into_bytes()
}

#[test]
fn requests_are_signed_as_in_the_vector() {
    let keys = test_vectors::key_pairs();
    let file = test_vectors::load("signeddata_sign.json");
    for case in test_vectors::list(&file, "cases") {
        let name = test_vectors::text(case, "name");
        if case["ok"] != true {
            let message = test_vectors::text(case, "message");
            assert_eq!(signed(case, &keys).unwrap_err(), message, "{name}");
            continue;
        }
        let request = signed(case, &keys).unwrap_or_else(|error| panic!("{name}: {error}"));
        match case["signed_hex"].as_str() {
            Some(hex) if !hex.contains("...") => {
                assert_eq!(hex::encode(&request), hex, "{name}");
            }
            _ => {
                let tail = test_vectors::text(case, "signed_text_tail");
                assert!(request.ends_with(tail.as_bytes()), "{name}");
            }
        }
        let cut = SignedText::cut(&request).unwrap();
        let sha1 = test_vectors::text(case, "sha1_hex");
        assert_eq!(hex::encode(cut.digest()), sha1, "{name}");
        let key = PublicKey::parse(cut.key).unwrap();
        assert_eq!(
            Some(cut.is_signed_by(&key).unwrap()),
            case["issignedcorrectly"].as_bool(),
            "{name}"
        );
        check_split(name, &case["split"], cut);
    }
}

/// What the original reads out of the request that it wrote.
fn check_split(name: &str, split: &Json, cut: SignedText<'_>) {
    let data = test_vectors::text(split, "data_hex");
    assert_eq!(hex::encode(cut.data), data, "{name}");
    let read = |field: &[u8]| match field {
        b"None" => "None".to_owned(),
        field => Timestamp::parse(field).unwrap().to_string(),
    };
    assert_eq!(
        read(cut.timestamp),
        test_vectors::text(split, "timestamp"),
        "{name}"
    );
    assert_eq!(
        read(cut.expiration),
        test_vectors::text(split, "expiration"),
        "{name}"
    );
    let destination = Some(cut.destination).filter(|&text| text != b"None");
    assert_eq!(
        destination
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .as_deref(),
        split["destination"].as_str(),
        "{name}"
    );
}

#[test]
fn what_separates_fields_gets_into_no_field() {
    for tag in ["a:b", "a!b", "a\nb"] {
        assert!(matches!(
            Sequence::start(tag),
            Err(SignError::SequenceTag(_))
        ));
    }
    assert!(Destination::new("a!b").is_err());
    assert!(Destination::new("a\nb").is_err());
    let sequence = Sequence::start("s").unwrap();
    assert_eq!(sequence.next().to_string(), "s:1");
    assert_eq!((sequence.number(), sequence.next().tag()), (0, &"s".into()));
}

#[test]
fn a_stamp_is_valid_for_an_hour() {
    let stamp = Stamp::at(Timestamp::from_hundredths(400_433_163_625), None);
    assert_eq!(stamp.timestamp.unwrap().to_string(), "4004331636.25");
    assert_eq!(stamp.expiration.unwrap().to_string(), "4004335236.25");
}

proptest! {
    #[test]
    fn any_bytes_are_cut_or_refused_without_a_panic(bytes in proptest::collection::vec(
        prop_oneof![Just(b'!'), Just(b'\n'), Just(b' '), any::<u8>()], 0..60)) {
        if let Some(cut) = SignedText::cut(&bytes) {
            let _ = PublicKey::parse(cut.key).map(|key| cut.is_signed_by(&key));
            prop_assert!(cut.signed.len() < bytes.len());
        }
    }
}
