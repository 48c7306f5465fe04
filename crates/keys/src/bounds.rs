//! How long keys, their files and what they are used on may be, each with its reason. All other files look here, so that
//! what refuses a thing and what says so name one number.

/// Fewest bits of a modulus. Below, a block would have no room for a byte of text.
pub const MODULUS_BITS_MIN: u32 = 17;
/// Most bits of a modulus. Work grows with the cube of the length; nobody uses more than 4,096.
pub const MODULUS_BITS_MAX: u32 = 16_384;

/// Length of generated keys unless told otherwise, in bits.
pub const DEFAULT_KEY_BITS: u32 = 2048;
/// Fewest bits of a generated key. The original's default; shorter ones are broken today.
pub const GENERATED_KEY_BITS_MIN: u32 = 1024;
/// Most bits of a generated key: a longer one takes minutes to make.
pub const GENERATED_KEY_BITS_MAX: u32 = 8192;

/// Most bytes of a key file: three numbers of the longest keys and plenty of white space.
pub const KEY_FILE_BYTES_MAX: u64 = 65_536;
/// Most significant digits of a number that is read: twice those of the longest modulus, since the
/// original also takes numbers larger than the modulus. Reading takes time with the square of this.
pub const NUMBER_DIGITS_MAX: usize = 10_000;

/// Most bytes of text, and of its encrypted form, that are handled at once: each block costs a modular
/// power, and the protocol only ever sends digests (20 bytes) and API keys (about 50).
pub const RSA_TEXT_BYTES_MAX: usize = 1 << 20;
