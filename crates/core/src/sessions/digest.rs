//! What stands for a session's id.

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
        let is_id =
            (1..=ID_CHARACTERS_MAX).contains(&id.len()) && id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        is_id.then(|| Self(sha2::Sha256::digest(id).into()))
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
}
