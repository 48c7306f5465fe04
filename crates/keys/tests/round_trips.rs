//! What one half of a pair does the other half undoes, for keys and texts of any size.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use openssl::bn::{BigNum, BigNumContext};
use overlord_keys::{KeyError, KeyPair, MODULUS_BITS_MIN, PrivateKey, PublicKey, RsaError};
use proptest::prelude::*;

/// A prime of so many bits at or after a seeded start, so that a failing case can be run again.
fn prime(bits: i32, seed: u64, context: &mut BigNumContext) -> BigNum {
    let mut number = BigNum::from_dec_str(&seed.to_string()).unwrap();
    let mut square = BigNum::new().unwrap();
    while square.num_bits() < bits {
        square.sqr(&number, context).unwrap();
        number = square.to_owned().unwrap();
        number.add_word(1).unwrap();
    }
    // Fails on a number that is shorter already.
    let _ = number.mask_bits(bits);
    number.set_bit(bits - 1).unwrap();
    number.set_bit(0).unwrap();
    while !number.is_prime(0, context).unwrap() {
        number.add_word(2).unwrap();
        if number.num_bits() > bits {
            number = BigNum::from_u32(1).unwrap();
            number.set_bit(bits - 1).unwrap();
        }
    }
    number
}

/// A pair whose primes have so many bits, with a public exponent of about `e_bits` bits.
fn pair(p_bits: i32, q_bits: i32, e_bits: i32, seed: u64) -> Option<KeyPair> {
    let context = &mut BigNumContext::new().unwrap();
    let p = prime(p_bits, seed | 2, context);
    let q = prime(q_bits, seed.rotate_left(17) | 2, context);
    let n = &p * &q;
    let one = BigNum::from_u32(1).unwrap();
    let order = &(&p - &one) * &(&q - &one);
    let mut e = BigNum::from_u32(1).unwrap();
    e.set_bit(e_bits.min(n.num_bits() - 1)).unwrap();
    let mut d = BigNum::new().unwrap();
    while d.mod_inverse(&e, &order, context).is_err() {
        e.add_word(2).unwrap();
    }
    let public = PublicKey::parse_str(&format!("{e} {n}")).ok()?;
    let private = PrivateKey::parse(format!("{d} {p} {q}").as_bytes()).ok()?;
    Some(KeyPair::new(public, private).expect("made as a pair"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_signature_gives_back_what_was_signed(
        p_bits in 9..300_i32, q_bits in 9..300_i32, e_bits in 2..500_i32, seed: u64,
        text in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let Some(pair) = pair(p_bits, q_bits, e_bits, seed) else { return Ok(()) };
        prop_assert!(pair.public().bits() >= MODULUS_BITS_MIN);
        let signature = pair.private().sign(&text).unwrap();
        prop_assert_eq!(&pair.public().recover(signature.as_bytes()).unwrap(), &text);
        prop_assert!(pair.public().has_signed(&text, signature.as_bytes()));
        let mut other = text.clone();
        other.push(1);
        prop_assert!(!pair.public().has_signed(&other, signature.as_bytes()));
    }

    #[test]
    fn what_is_encrypted_is_decrypted(
        p_bits in 9..300_i32, q_bits in 9..300_i32, e_bits in 2..500_i32, seed: u64,
        text in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let Some(pair) = pair(p_bits, q_bits, e_bits, seed) else { return Ok(()) };
        let encrypted = pair.public().encrypt(&text).unwrap();
        prop_assert_eq!(pair.private().decrypt(encrypted.as_bytes()).unwrap(), text);
    }

    #[test]
    fn nothing_that_is_read_as_a_key_brings_the_reader_down(
        text in proptest::collection::vec(any::<u8>(), 0..100),
        likely in "[ \t0-9L+-]{0,40}",
    ) {
        for text in [text.as_slice(), likely.as_bytes()] {
            if let Ok(key) = PublicKey::parse(text) {
                let _ = key.recover(text);
                let _ = key.encrypt(text);
                prop_assert_eq!(PublicKey::parse_str(key.as_str()).unwrap(), key);
            }
            let _ = PrivateKey::parse(text);
        }
    }
}

#[test]
fn an_even_modulus_works_as_it_does_in_the_original() {
    // 2 is a prime: n = 2 · 65537, e d = 1 modulo 65536.
    let public = PublicKey::parse_str("3 131074").unwrap();
    let private = PrivateKey::parse(b"43691 2 65537").unwrap();
    let pair = KeyPair::new(public, private).unwrap();
    let signature = pair.private().sign(b"text").unwrap();
    assert_eq!(
        pair.public().recover(signature.as_bytes()).unwrap(),
        b"text"
    );
}

#[test]
fn generated_keys_are_usable_pairs_of_the_length_asked_for() {
    for bits in [1024, 1025, 2048] {
        let pair = KeyPair::generate(bits).unwrap();
        assert_eq!(pair.public().bits(), bits);
        assert!(pair.public().as_str().starts_with("65537 "));
        let encrypted = pair.public().encrypt(b"secret").unwrap();
        assert_eq!(
            pair.private().decrypt(encrypted.as_bytes()).unwrap(),
            b"secret"
        );
    }
    for bits in [0, 512, 1023, 8193] {
        assert!(matches!(KeyPair::generate(bits), Err(KeyError::GeneratedBits(b)) if b == bits));
    }
}

#[test]
fn private_keys_have_no_printable_form() {
    let text = "359056865400548707244255614793 659973378563071 1092746969906029";
    let private = PrivateKey::parse(text.as_bytes()).unwrap();
    let public = PublicKey::parse_str("65537 721183909643440430787919655059").unwrap();
    let printed = format!("{private:?}");
    let pair = format!("{:?}", KeyPair::new(public, private).unwrap());
    for number in text.split(' ') {
        assert!(
            !printed.contains(number) && !pair.contains(number),
            "{printed} {pair}"
        );
    }
}

#[test]
fn a_text_made_with_another_key_is_noticed() {
    let one = KeyPair::generate(1024).unwrap();
    let other = KeyPair::generate(1024).unwrap();
    let signature = one.private().sign(b"text").unwrap();
    assert!(!other.public().has_signed(b"text", signature.as_bytes()));
    assert!(matches!(
        other.public().recover(signature.as_bytes()),
        Err(RsaError::OtherKey { block: 1 })
    ));
}

#[test]
fn equal_keys_are_one_key_however_they_are_written() {
    let one = PublicKey::parse_str("65537 721183909643440430787919655059").unwrap();
    let other = PublicKey::parse(b"+0065537L\r\n\t721183909643440430787919655059\n").unwrap();
    assert_eq!(one, other);
    assert_eq!(other.to_string(), "65537 721183909643440430787919655059");
    assert_eq!(PublicKey::try_from(&one.node_id()).unwrap(), one);
    assert_eq!(format!("{one:?}"), "PublicKey(…19655059)");
}

#[test]
fn too_long_a_text_is_refused_before_any_work() {
    let key = PublicKey::parse_str("65537 721183909643440430787919655059").unwrap();
    let long = vec![b' '; overlord_keys::RSA_TEXT_BYTES_MAX + 1];
    assert!(matches!(key.encrypt(&long), Err(RsaError::TooLong(_))));
    assert!(matches!(key.recover(&long), Err(RsaError::TooLong(_))));
}
