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
    /// The units, two-byte ones in native order.
    pub bytes: &'a [u8],
    /// How wide they are.
    pub width: Width,
}

/// Bytes that each UTF-16 unit of a key takes. As large as a pointer on purpose: a key is copied word by word on its
/// way to the table, and reading a word whose last byte alone was just written stalls longer than the lookup takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Width {
    /// All units are below U+0100.
    One,
    /// Some unit is not.
    Two,
}

impl<'a> Key<'a> {
    /// The key of a string whose characters are all below U+0100.
    pub fn narrow(bytes: &'a [u8]) -> Self {
        Self { bytes, width: Width::One }
    }

    /// The key of any other string: its units in native order.
    pub fn wide(bytes: &'a [u8]) -> Self {
        Self { bytes, width: Width::Two }
    }

    /// Whether some unit is above U+00FF.
    pub fn is_wide(&self) -> bool {
        self.width == Width::Two
    }

    /// A 64-bit hash under the seed of one table.
    pub fn hash_with(&self, seed: &Seed) -> u64 {
        // The width goes in by choosing between the hash and its complement: it costs nothing and keeps 'ab' and the
        // one wide character of the same bytes apart.
        let hash = seed.0.hash_one(self.bytes);
        if self.is_wide() { !hash } else { hash }
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
        let units: Vec<u16> = if self.is_wide() {
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
