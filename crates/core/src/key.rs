//! Keys: any JavaScript string, without loss.
//!
//! A string whose UTF-16 units are all below U+0100 is kept one byte a unit, any other two bytes a unit; the
//! width is part of the key. Every string has exactly one such form, so two different strings never alias, and
//! lone surrogates survive. Rejected: UTF-8, which cannot hold them and makes two keys one.

use std::fmt::{self, Write};
use std::hash::{BuildHasher, Hash, Hasher};
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

    /// As `==`, for keys that are most likely equal, since their hashes are: without a call for those of usual length.
    #[inline]
    pub fn is(&self, other: Key<'_>) -> bool {
        const WORD: usize = size_of::<u64>();
        let (ours, theirs) = (self.bytes, other.bytes);
        if !(WORD..=8 * WORD).contains(&ours.len()) || ours.len() != theirs.len() {
            return *self == other;
        }
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        let last = ours.len() - WORD;
        let mut differs = word(&ours[last..]) ^ word(&theirs[last..]);
        for (our, their) in ours.chunks_exact(WORD).zip(theirs.chunks_exact(WORD)) {
            differs |= word(our) ^ word(their);
        }
        differs == 0 && self.width == other.width
    }

    /// Whether the string starts with the units of `prefix`, however wide either is.
    pub fn starts_with(&self, prefix: Key<'_>) -> bool {
        match (self.width, prefix.width) {
            // A wide prefix has a unit that no narrow key has.
            (Width::One, Width::Two) => false,
            (Width::Two, Width::One) => {
                self.bytes.len() / 2 >= prefix.bytes.len()
                    && self.units().zip(prefix.units()).all(|(a, b)| a == b)
            }
            _ => self.bytes.starts_with(prefix.bytes),
        }
    }

    /// The string as JSON text in ASCII, lone surrogates included.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.bytes.len() + 2);
        json.push('"');
        for unit in self.units() {
            match u8::try_from(unit).map(char::from) {
                Ok('"') => json.push_str("\\\""),
                Ok('\\') => json.push_str("\\\\"),
                Ok(plain @ ' '..='~') => json.push(plain),
                _ => {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
        json.push('"');
        json
    }

    fn units(&self) -> impl Iterator<Item = u16> {
        let (narrow, wide) = if self.is_wide() { (&[][..], self.bytes) } else { (self.bytes, &[][..]) };
        let wide = wide.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]]));
        narrow.iter().map(|&byte| u16::from(byte)).chain(wide)
    }

    /// The key in memory of its own.
    pub fn to_owned(&self) -> OwnedKey {
        OwnedKey { bytes: self.bytes.into(), width: self.width }
    }

    /// A 64-bit hash under the seed of one table.
    pub fn hash_with(&self, seed: &Seed) -> u64 {
        // The width goes in by choosing between the hash and its complement: it costs nothing and keeps 'ab' and the
        // one wide character of the same bytes apart.
        let hash = seed.0.hash_one(self.bytes);
        if self.is_wide() { !hash } else { hash }
    }
}

/// A key in memory of its own; it hashes as the key it was made of, and is found by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKey {
    bytes: Box<[u8]>,
    width: Width,
}

impl OwnedKey {
    /// The key, borrowed.
    pub fn as_key(&self) -> Key<'_> {
        Key { bytes: &self.bytes, width: self.width }
    }
}

impl Hash for OwnedKey {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.as_key().hash(hasher);
    }
}

impl hashbrown::Equivalent<OwnedKey> for Key<'_> {
    fn equivalent(&self, owned: &OwnedKey) -> bool {
        *self == owned.as_key()
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

/// Characters of a text that a message shows.
const SHOWN_MAX: usize = 80;

impl fmt::Display for Key<'_> {
    /// The key as [`Shown`] text, lone surrogates replaced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, char::decode_utf16(self.units()).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)))
    }
}

/// Text of strangers inside a message: at most 80 characters, and none that ends a line of a log, drives a terminal or
/// turns the direction of what follows.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, self.0.chars())
    }
}

fn show(f: &mut fmt::Formatter<'_>, mut characters: impl Iterator<Item = char>) -> fmt::Result {
    for character in characters.by_ref().take(SHOWN_MAX) {
        if acts(character) {
            write!(f, "{}", character.escape_debug())?;
        } else {
            f.write_char(character)?;
        }
    }
    if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
}

/// Controls, the separators of lines and paragraphs, marks of direction.
fn acts(character: char) -> bool {
    let marks = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{feff}'];
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || marks.contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_any_length_are_who_they_are() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..100 {
            let key = Key::narrow(&bytes[..len]);
            assert!(key.is(Key::narrow(&bytes.clone()[..len])) && !key.is(Key::narrow(&bytes[..=len])));
            assert_eq!(key.is(Key::wide(&bytes[..len])), key == Key::wide(&bytes[..len]));
            for at in 0..len {
                let mut other = bytes[..len].to_vec();
                other[at] ^= 0x80;
                assert!(!key.is(Key::narrow(&other)), "{len} bytes, another one at {at}");
            }
        }
    }

    #[test]
    fn what_would_forge_a_line_of_a_log_is_shown_as_its_code() {
        let forged = "a\r\nerror: b\0\u{1b}[2J\u{85}\u{202e}c\u{2028}";
        let shown = r"a\r\nerror: b\0\u{1b}[2J\u{85}\u{202e}c\u{2028}";
        assert_eq!(Shown(forged).to_string(), shown);
        let units: Vec<u8> = forged.encode_utf16().flat_map(u16::to_ne_bytes).collect();
        assert_eq!(Key::wide(&units).to_string(), shown);
        assert_eq!(Key::narrow(b"a\n\x85\xe9").to_string(), "a\\n\\u{85}é");
    }

    #[test]
    fn a_prefix_is_compared_unit_by_unit_whatever_the_widths() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_ne_bytes).collect::<Vec<u8>>();
        let (long, short) = (wide("users:漢"), wide("u漢"));
        for (key, prefix, starts) in [
            (Key::narrow(b"users:1"), Key::narrow(b"users:"), true),
            (Key::narrow(b"usersAbc"), Key::narrow(b"users:"), false),
            (Key::narrow(b"user"), Key::narrow(b"users:"), false),
            (Key::wide(&long), Key::narrow(b"users:"), true),
            (Key::wide(&long), Key::narrow(b""), true),
            (Key::wide(&short), Key::narrow(b"us"), false),
            (Key::wide(&short), Key::narrow(b"u\x6f\x22"), false),
            (Key::wide(&long), Key::wide(&long[..14]), true),
            (Key::narrow(b"u"), Key::wide(&short), false),
        ] {
            assert_eq!(key.starts_with(prefix), starts, "{key} {prefix}");
        }
    }

    #[test]
    fn a_key_as_json_is_ascii_and_loses_nothing() {
        assert_eq!(Key::narrow(b"a\"b\\c\n\xe9").to_json(), r#""a\"b\\c\u000a\u00e9""#);
        let units: Vec<u8> = [0x61_u16, 0xd800, 0x6f22].into_iter().flat_map(u16::to_ne_bytes).collect();
        assert_eq!(Key::wide(&units).to_json(), r#""a\ud800\u6f22""#);
    }

    #[test]
    fn other_text_is_shown_as_it_is_up_to_eighty_characters() {
        let text = "user:'é' \\ \"漢字\" 👩";
        assert_eq!(Shown(text).to_string(), text);
        assert_eq!(Shown(&"x".repeat(80)).to_string(), "x".repeat(80));
        assert_eq!(Shown(&"\n".repeat(81)).to_string(), "\\n".repeat(80) + "…");
    }
}
