//! What stands for a session's id.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The longest id, in characters.
const ID_CHARACTERS_MAX: usize = 256;

/// The SHA-256 of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of an id, or `None` for text that is no id: ids are 1 to 256 printable ASCII characters, so that
    /// they survive a cookie and nobody makes us hash a megabyte.
    pub fn of(id: &str) -> Option<Self> {
        // All of them are looked at, as that is done many at a time.
        let is_printable = || id.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
        let is_id = (1..=ID_CHARACTERS_MAX).contains(&id.len()) && is_printable();
        is_id.then(|| Self(sha2::Sha256::digest(id).into()))
    }

    /// The digest that a handle names, or `None` for text that is no handle.
    pub fn of_handle(handle: &str) -> Option<Self> {
        let digits = handle.as_bytes();
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&handle[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The digest in hexadecimal: it names a session and opens none, as an id does.
    pub fn handle(self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Eight of its bytes.
    pub(super) fn slot(self) -> u64 {
        self.0.first_chunk().map_or(0, |&eight| u64::from_le_bytes(eight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_printable_ascii_of_up_to_256_characters_is_an_id() {
        for id in ["a", "s%3Aabc.def==", " ", "~", &"x".repeat(256)] {
            assert!(Digest::of(id).is_some(), "{id}");
        }
        for no_id in ["", "é", "a\n", "\0", "\u{7f}", "😀", &"x".repeat(257)] {
            assert_eq!(Digest::of(no_id), None, "{no_id}");
        }
    }

    #[test]
    fn the_digest_is_the_sha_256_of_the_characters() {
        let abc = Digest::of("abc").unwrap();
        assert_eq!(abc.0[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn a_handle_names_its_digest_and_nothing_else_does() {
        let digest = Digest::of("abc").unwrap();
        let handle = digest.handle();
        assert_eq!(&handle[..8], "ba7816bf");
        assert_eq!(Digest::of_handle(&handle), Some(digest));
        for no_handle in
            ["", "abc", &handle[1..], &handle.to_uppercase(), &"é".repeat(32), &format!("{handle}0")]
        {
            assert_eq!(Digest::of_handle(no_handle), None, "{no_handle}");
        }
    }
}
