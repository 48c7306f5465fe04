//! Accounts, API keys and public keys, judged without a server.

use std::collections::BTreeSet;

use overlord_keys::KeyPair;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

fn random() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn account(public_key: &str) -> Account {
    Account {
        name: "alice".parse().unwrap(),
        affiliation: String::new(),
        port: UserPort::try_from(63_100).unwrap(),
        public_key: public_key.to_owned(),
        api_key: random_api_key(&mut random()),
        password: PasswordHash {
            rounds: 1,
            salt: vec![1],
            hash: vec![2],
        },
        free_credits: 10,
    }
}

#[test]
fn api_keys_look_like_the_originals() {
    let mut random = random();
    let keys: BTreeSet<String> = (0..100)
        .map(|_| random_api_key(&mut random).expose().to_owned())
        .collect();
    assert_eq!(keys.len(), 100, "no two are the same");
    for key in keys {
        assert_eq!(key.len(), 32);
        assert!(
            key.bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        );
        assert!(!key.contains('O'));
        assert_eq!(
            key.bytes().collect::<BTreeSet<_>>().len(),
            32,
            "each character at most once"
        );
    }
}

#[test]
fn a_password_is_recognised_and_not_kept() {
    let password = Password::new("correct horse");
    let hash = PasswordHash::of_chosen(&password, &mut random()).unwrap();
    assert!(hash.matches(&password).unwrap());
    assert!(!hash.matches(&Password::new("correct horsf")).unwrap());
    let other = PasswordHash::of_chosen(&password, &mut ChaCha8Rng::seed_from_u64(2)).unwrap();
    assert_ne!(hash.hash, other.hash, "another salt, another hash");
    assert!(!serde_json::to_string(&hash).unwrap().contains("horse"));
    assert_eq!(format!("{hash:?}"), "PasswordHash(redacted)");
}

#[test]
fn only_the_private_key_reads_the_encrypted_api_key() {
    let pair = KeyPair::generate(1024).unwrap();
    let account = account(pair.public().as_str());
    let encrypted = account.encrypted_api_key(&mut random()).unwrap();
    let plain = pair.private().decrypt(encrypted.as_bytes()).unwrap();
    let api_key = ApiKey::from_decrypted(&plain).unwrap();
    assert!(api_key.matches(&account.api_key));
}

#[test]
fn keys_that_are_too_short_are_answered_as_the_original_does() {
    // 5 bits encrypt to nothing, 9 to 16 bits fail, and 17 bits need more than one block, which fails too.
    let encrypt = |key: &str| account(key).encrypted_api_key(&mut random());
    assert_eq!(encrypt("3 21"), Ok(String::new()));
    assert_eq!(encrypt("3 255"), Ok(String::new()));
    assert_eq!(encrypt("3 257"), Err(Fault::internal()));
    assert_eq!(encrypt("3 65535"), Err(Fault::internal()));
    assert_eq!(encrypt("65537 65543"), Err(Fault::internal()));
}

#[test]
fn a_public_key_is_judged_as_the_original_does() {
    let judge = |key: &str| UserKey::judge(key).map(|_| ());
    for malformed in ["", "5", "1 2 3", "a b", "0x10 33"] {
        assert_eq!(
            judge(malformed),
            Err(Fault::malformed_public_key()),
            "{malformed:?}"
        );
    }
    for invalid in ["5 3", "5 5", "-3 21", "0 21"] {
        assert_eq!(
            judge(invalid),
            Err(Fault::invalid_public_key()),
            "{invalid:?}"
        );
    }
    assert_eq!(judge("3 21"), Ok(()));
    assert_eq!(judge(" 65537  65543\n"), Ok(()));
}

#[test]
fn accounts_go_through_json_and_come_back() {
    let account = account("3 21");
    let json = serde_json::to_string(&account).unwrap();
    let back: Account = serde_json::from_str(&json).unwrap();
    assert!(back.api_key.matches(&account.api_key));
    assert_eq!(back.name, account.name);
    assert!(!format!("{account:?}").contains(account.api_key.expose()));
}
