//! Seattle's key files and RSA formats: sign, verify, encrypt, decrypt, generate.
