//! The recordings of the original, run through this crate.
//!
//! Where we are stricter than the original on purpose, the tests derive from the rule itself whether
//! the stricter verdict is due.

use std::fs;
use std::path::PathBuf;

use openssl::bn::BigNum;
use serde_json::Value;

use crate::error::{KeyError, KeyKind};
use crate::number::Wiped;
use crate::{KeyPair, MODULUS_BITS_MIN, PrivateKey, PublicKey, RsaError, blocks, key_text};

fn vectors(file: &str) -> Value {
    let directory = std::env::var_os("OVERLORD_VECTORS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")),
        PathBuf::from,
    );
    let path = directory.join(file);
    let text = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The cases of a list, of which there must be some.
fn cases<'a>(vectors: &'a Value, list: &str) -> &'a [Value] {
    let cases = vectors[list].as_array().unwrap();
    assert!(!cases.is_empty(), "no cases in {list}");
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {case}"))
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(text(case, field)).unwrap()
}

fn ok(case: &Value) -> bool {
    case["ok"].as_bool().unwrap()
}

#[test]
fn vector_key_files_are_read_and_written_byte_for_byte() {
    for key in cases(&vectors("keys.json"), "keys") {
        let public_file = text(key, "publickey_file");
        let private_file = text(key, "privatekey_file");
        let public = PublicKey::parse_str(public_file).unwrap();
        let private = PrivateKey::parse(private_file.as_bytes()).unwrap();
        assert_eq!(u64::from(public.bits()), key["n_bits"].as_u64().unwrap());
        assert_eq!(private.bits(), public.bits());
        assert_eq!(
            blocks::block_bytes(public.bits()) as u64,
            key["block_payload_bytes"].as_u64().unwrap()
        );
        assert_eq!(public.to_string(), public_file);
        assert_eq!(public.node_id().as_str(), public_file);
        assert_eq!(private.file_text().unwrap().as_str(), private_file);
        KeyPair::new(public, private).unwrap();
    }
}

#[test]
fn vector_samples_are_signed_and_encrypted_as_the_original_does() {
    for key in cases(&vectors("keys.json"), "keys") {
        let public = PublicKey::parse_str(text(key, "publickey_file")).unwrap();
        let private = PrivateKey::parse(text(key, "privatekey_file").as_bytes()).unwrap();
        for sample in cases(key, "samples") {
            let message = bytes(sample, "message_hex");
            let signature = text(sample, "signature");
            let ciphertext = text(sample, "ciphertext");
            assert_eq!(private.sign(&message).unwrap(), signature);
            assert_eq!(public.encrypt(&message).unwrap(), ciphertext);
            assert_eq!(public.recover(signature.as_bytes()).unwrap(), message);
            assert_eq!(private.decrypt(ciphertext.as_bytes()).unwrap(), message);
            assert!(public.has_signed(&message, signature.as_bytes()));
        }
    }
}

/// Whether the file level gives the recorded verdict and numbers; returns the numbers.
fn check_file_level<const COUNT: usize>(
    case: &Value,
    kind: KeyKind,
    parts: [&str; COUNT],
) -> Option<[Wiped; COUNT]> {
    let name = text(case, "name");
    let read = key_text::read::<COUNT>(kind, &bytes(case, "content_hex"));
    assert_eq!(
        read.is_ok(),
        ok(case),
        "{kind} key file, {name:?}: {:?}",
        read.err()
    );
    let numbers = read.ok()?;
    for (number, part) in numbers.iter().zip(parts) {
        let number = number.to_dec_str().unwrap().to_string();
        assert_eq!(number, text(&case["parsed"], part), "{part} of {name:?}");
    }
    Some(numbers)
}

#[test]
fn vector_odd_public_key_files_get_the_originals_verdict() {
    for case in cases(&vectors("keyfiles_odd.json"), "public") {
        let name = text(case, "name");
        let verdict = PublicKey::parse(&bytes(case, "content_hex"));
        let Some([e, n]) = check_file_level(case, KeyKind::Public, ["e", "n"]) else {
            assert!(verdict.is_err(), "{name:?}");
            continue;
        };
        let original_accepts = ok(&case["to_string"]);
        let usable =
            !e.is_negative() && e.num_bits() > 0 && n.num_bits().unsigned_abs() >= MODULUS_BITS_MIN;
        assert_eq!(
            verdict.is_ok(),
            original_accepts && usable,
            "{name:?}: {verdict:?}"
        );
        if let Ok(key) = verdict {
            assert_eq!(key.as_str(), text(&case["to_string"], "result"), "{name:?}");
        }
    }
}

#[test]
fn vector_odd_private_key_files_get_the_originals_verdict() {
    for case in cases(&vectors("keyfiles_odd.json"), "private") {
        let name = text(case, "name");
        let verdict = PrivateKey::parse(&bytes(case, "content_hex"));
        let Some([d, p, q]) = check_file_level(case, KeyKind::Private, ["d", "p", "q"]) else {
            assert!(verdict.is_err(), "{name:?}");
            continue;
        };
        let original_accepts = ok(&case["to_string"]);
        let positive = [&d, &p, &q]
            .iter()
            .all(|number| !number.is_negative() && number.num_bits() > 0);
        let product = &*p * &*q;
        let usable =
            positive && p.ucmp(&q).is_ne() && product.num_bits().unsigned_abs() >= MODULUS_BITS_MIN;
        assert_eq!(
            verdict.is_ok(),
            original_accepts && usable,
            "{name:?}: {verdict:?}"
        );
        if let Ok(key) = verdict {
            let written = key.file_text().unwrap();
            assert_eq!(
                written.as_str(),
                text(&case["to_string"], "result"),
                "{name:?}"
            );
        }
    }
}

/// Runs a text in the block format through a power; the original's result is what is left when
/// each block's first byte is dropped unseen.
fn check_odd_text(
    case: &Value,
    field: &str,
    power: impl Fn(&openssl::bn::BigNumRef) -> Result<Wiped, openssl::error::ErrorStack>,
    verdict: Result<Vec<u8>, RsaError>,
) {
    let name = text(case, "name");
    let mut unseen = Vec::new();
    let mut right_key = true;
    let read = blocks::read(text(case, field).as_bytes(), power, |_, block| {
        right_key &= block.first() == Some(&1);
        unseen.extend_from_slice(block.get(1..).unwrap_or_default());
        Ok(())
    });
    assert_eq!(read.is_ok(), ok(case), "{name:?}: {read:?}");
    if read.is_err() {
        assert!(verdict.is_err(), "{name:?}");
        return;
    }
    assert_eq!(unseen, bytes(case, "result_hex"), "{name:?}");
    match verdict {
        Ok(result) => assert_eq!((right_key, result), (true, unseen), "{name:?}"),
        Err(error) => {
            assert!(
                matches!(error, RsaError::OtherKey { .. }),
                "{name:?}: {error}"
            );
            assert!(!right_key, "{name:?}");
        }
    }
}

#[test]
fn vector_odd_signatures_and_ciphertexts_are_read_as_the_original_does() {
    let vectors = vectors("rsa_odd_inputs.json");
    for case in cases(&vectors, "verify") {
        let key = PublicKey::parse_str(text(case, "publickey")).unwrap();
        let verdict = key.recover(text(case, "signature").as_bytes());
        check_odd_text(case, "signature", |number| key.power(number), verdict);
    }
    let key = PrivateKey::parse(text(&vectors, "decrypt_with_privatekey").as_bytes()).unwrap();
    for case in cases(&vectors, "decrypt") {
        let verdict = key.decrypt(text(case, "ciphertext").as_bytes());
        check_odd_text(case, "ciphertext", |number| key.power(number), verdict);
    }
}

#[test]
fn vector_tiny_moduli_are_refused_where_a_block_has_no_room() {
    for case in cases(&vectors("rsa_odd_inputs.json"), "tiny_modulus_encrypt") {
        let name = text(case, "publickey");
        let n = name.split_whitespace().nth(1).unwrap();
        let bits = BigNum::from_dec_str(n).unwrap().num_bits().unsigned_abs();
        match PublicKey::parse_str(name) {
            Ok(key) => {
                let written = key.encrypt(&bytes(case, "message_hex")).unwrap();
                assert_eq!(written, text(case, "result"), "{name}");
                assert!(bits >= MODULUS_BITS_MIN, "{name}");
            }
            Err(KeyError::ModulusBits(refused)) => {
                assert_eq!(refused, bits, "{name}");
                assert!(bits < MODULUS_BITS_MIN, "{name}");
            }
            Err(error) => assert!(!ok(case), "{name}: {error}"),
        }
    }
}

#[test]
fn vector_halves_match_as_the_original_says() {
    let keys = vectors("keys.json");
    let keys = cases(&keys, "keys");
    for case in cases(&vectors("rsa_odd_inputs.json"), "rsa_matching_keys") {
        let key = |half: &str| &keys[usize::try_from(case[half].as_u64().unwrap()).unwrap()];
        let public = PublicKey::parse_str(text(key("public"), "publickey_file")).unwrap();
        let private =
            PrivateKey::parse(text(key("private"), "privatekey_file").as_bytes()).unwrap();
        let pair = KeyPair::new(public, private);
        assert_eq!(pair.is_ok(), case["matching"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn vector_api_keys_are_decrypted() {
    let keys = vectors("keys.json");
    for sample in cases(&vectors("encrypted_api_key.json"), "samples") {
        let decrypted: Vec<_> = cases(&keys, "keys")
            .iter()
            .filter(|key| key["n_bits"] == sample["n_bits"])
            .filter_map(|key| {
                let key = PrivateKey::parse(text(key, "privatekey_file").as_bytes()).unwrap();
                key.decrypt(text(sample, "encrypted_data").as_bytes()).ok()
            })
            .collect();
        // Two keys have the same length; exactly one of them is the right one, and the other notices.
        assert_eq!(decrypted, [text(sample, "plaintext").as_bytes()]);
        let plain = text(sample, "plaintext");
        assert_eq!(plain.split_once('!').unwrap().1, text(sample, "api_key"));
    }
}
