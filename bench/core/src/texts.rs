//! Keys, made before they are used.

use redstart_core::key::Key;

/// Prime, so that it is coprime with every number of keys here.
const STRIDE: usize = 7_368_787;

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Keys of 16 bytes that are gone through over and over.
pub(crate) struct Texts {
    all: Vec<[u8; KEY_BYTES]>,
    at: usize,
}

impl Texts {
    /// `count` keys from that number on, in order.
    pub(crate) fn new(first: usize, count: usize) -> Self {
        let text = |number: usize| {
            let mut text = *b"user:00000000000";
            let mut rest = number;
            for digit in text.iter_mut().rev().take(KEY_BYTES - b"user:".len()) {
                *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
                rest /= 10;
            }
            text
        };
        Self { all: (first..first + count).map(text).collect(), at: 0 }
    }

    /// The same ones in an order in which neighbours were not stored one after the other.
    pub(crate) fn shuffled(&self) -> Self {
        let count = self.all.len();
        Self { all: (0..count).map(|place| self.all[place * STRIDE % count]).collect(), at: 0 }
    }

    /// Each once.
    pub(crate) fn each(&self) -> impl Iterator<Item = Key<'_>> {
        self.all.iter().map(|text| Key::narrow(text))
    }

    /// Goes on with the one after so many.
    pub(crate) fn skip(&mut self, count: usize) {
        self.at = (self.at + count) % self.all.len();
    }

    /// The next one, the first again after the last.
    #[inline]
    pub(crate) fn next(&mut self) -> Key<'_> {
        let at = self.at;
        self.at = if at + 1 == self.all.len() { 0 } else { at + 1 };
        Key::narrow(&self.all[at])
    }
}
