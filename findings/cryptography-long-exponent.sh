#!/usr/bin/env bash
# cryptography 45.0.7 (PyPI), whose wheels bring OpenSSL 3.5.2.
#
# Guess: an RSA key whose numbers are accepted can be used, whatever its length. RSA allows any public exponent below the
# modulus; the Seattle testbed's own keys have one nearly as long as the modulus.
# Seen: with 2,048 and 3,072 bits all is well. With 3,080 and 4,096 bits the same kind of key is taken, its private half
# signs, and the public half calls that very signature invalid; encrypting fails as well. (OpenSSL takes exponents of at most
# 64 bits above 3,072 bits of modulus, in public operations only, and the library tells that as a wrong signature.)
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check cryptography==45.0.7

cat > "$folder/seen.py" <<'PYTHON'
import math, random
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

random.seed(1)
for bits in (2048, 3072, 3080, 4096):
    primes = rsa.generate_private_key(65537, bits).private_numbers()
    p, q = primes.p, primes.q
    order = math.lcm(p - 1, q - 1)
    e = 0
    while math.gcd(e, order) != 1:
        e = random.getrandbits(bits - 40) | 1
    d = pow(e, -1, order)
    public_numbers = rsa.RSAPublicNumbers(e, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public_numbers)
    private = numbers.private_key()
    public = private.public_key()
    signature = private.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    # By arithmetic alone, the signature is right.
    right = pow(int.from_bytes(signature, "big"), e, p * q).to_bytes(bits // 8, "big").startswith(b"\x00\x01\xff")
    try:
        public.verify(signature, b"text", padding.PKCS1v15(), hashes.SHA256())
        verdict = "valid"
    except InvalidSignature:
        verdict = "InvalidSignature"
    try:
        public.encrypt(b"text", padding.PKCS1v15())
        encrypted = "yes"
    except ValueError as error:
        encrypted = "ValueError(%s)" % error
    print("%d bits: signed, right by arithmetic: %s, verify says: %s, encrypts: %s" % (bits, right, verdict, encrypted))
PYTHON
"$folder/venv/bin/python" "$folder/seen.py" | tee "$folder/seen"

diff - "$folder/seen" <<'EXPECTED' && echo "as found"
2048 bits: signed, right by arithmetic: True, verify says: valid, encrypts: yes
3072 bits: signed, right by arithmetic: True, verify says: valid, encrypts: yes
3080 bits: signed, right by arithmetic: True, verify says: InvalidSignature, encrypts: ValueError(Encryption failed)
4096 bits: signed, right by arithmetic: True, verify says: InvalidSignature, encrypts: ValueError(Encryption failed)
EXPECTED
