//! Keys: any JavaScript string, without loss.
//!
//! A string whose UTF-16 units are all below U+0100 is kept one byte a unit, any other two bytes a unit; the
//! width is part of the key. Every string has exactly one such form, so two different strings never alias, and
//! lone surrogates survive. Rejected: UTF-8, which cannot hold them and makes two keys one.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

use crate::ids;

/// The longest key, in bytes as stored.
pub const KEY_BYTES_MAX: usize = 64 * 1024;

/// A borrowed key in its stored form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    /// One byte a unit, or two (native order) when `wide`.
    pub bytes: &'a [u8],
    /// Some unit is above U+00FF.
    pub wide: bool,
}

impl<'a> Key<'a> {
    /// The key of a string whose characters are all below U+0100.
    pub fn narrow(bytes: &'a [u8]) -> Self {
        Self { bytes, wide: false }
    }

    /// A 64-bit hash under the seed of one table.
    pub fn hash_with(&self, seed: &Seed) -> u64 {
        // The width goes in by choosing between the hash and its complement: it costs nothing and keeps 'ab' and the
        // one wide character of the same bytes apart.
        let hash = seed.0.hash_one(self.bytes);
        if self.wide { !hash } else { hash }
    }
}

/// The secret of one table, from the system's generator, so that nobody outside can choose keys that collide.
/// A hash made with it places a key in a table that compares whole keys; it never stands for the key.
#[derive(Clone)]
pub struct Seed(SeedableRandomState);

impl Seed {
    /// A fresh one.
    pub fn random() -> Self {
        let shared = SHARED.get_or_init(|| SharedSeed::from_u64(u64::from_le_bytes(ids::random_bytes())));
        Self(SeedableRandomState::with_seed(u64::from_le_bytes(ids::random_bytes()), shared))
    }
}

static SHARED: OnceLock<SharedSeed> = OnceLock::new();

impl std::fmt::Display for Key<'_> {
    /// The key as text, lone surrogates replaced, at most 80 characters.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN_MAX: usize = 80;
        let units: Vec<u16> = if self.wide {
            self.bytes.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]])).collect()
        } else {
            self.bytes.iter().map(|&byte| u16::from(byte)).collect()
        };
        let mut characters =
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        for character in characters.by_ref().take(SHOWN_MAX) {
            std::fmt::Write::write_char(f, character)?;
        }
        if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}
