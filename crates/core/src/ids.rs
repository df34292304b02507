//! Randomness, all of it from the operating system's generator.
//!
//! A system call an id would cost more than the rest of adding a job, so each thread reads ahead a block and
//! hands it out byte by byte, wiping what it has handed out.

use std::cell::RefCell;

/// Bytes read ahead a thread: one system call for 32 job ids.
const BLOCK_BYTES: usize = 512;

/// Bytes in a session id: 192 bits, as express-session.
pub const SESSION_ID_BYTES: usize = 24;

struct Block {
    bytes: [u8; BLOCK_BYTES],
    used: usize,
}

thread_local! {
    static BLOCK: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK_BYTES], used: BLOCK_BYTES }) };
}

/// `N` random bytes, never handed out twice.
#[expect(clippy::disallowed_methods, reason = "this module is where the system's generator is read")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= BLOCK_BYTES) };
    BLOCK.with_borrow_mut(|block| {
        if BLOCK_BYTES - block.used < N {
            getrandom::fill(&mut block.bytes).expect("the operating system has no random generator");
            block.used = 0;
        }
        let from = block.used;
        block.used += N;
        let mut out = [0; N];
        out.copy_from_slice(&block.bytes[from..from + N]);
        block.bytes[from..from + N].fill(0);
        out
    })
}

/// A random number below 2^53, so that JavaScript can hold it.
pub fn random_53_bits() -> u64 {
    u64::from_le_bytes(random_bytes()) >> 11
}

/// A random number in 0..1, for jitter.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
pub fn random_unit() -> f64 {
    random_53_bits() as f64 / (1_u64 << 53) as f64
}

/// A session id: 24 random bytes as base64url, 32 characters.
pub fn session_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes: [u8; SESSION_ID_BYTES] = random_bytes();
    let mut id = String::with_capacity(SESSION_ID_BYTES / 3 * 4);
    for three in bytes.chunks_exact(3) {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        for shift in [18, 12, 6, 0] {
            id.push(char::from(ALPHABET[(bits >> shift) as usize & 63]));
        }
    }
    id
}

/// A job id: a UUID of version 7 (RFC 9562, section 5.7), so that ids sort by the time they were made.
pub fn job_id(now_ms: u64) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now_ms.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random_bytes::<10>());
    bytes[6] = bytes[6] & 0x0f | 0x70;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (index, &byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push(char::from(HEX[usize::from(byte >> 4)]));
        id.push(char::from(HEX[usize::from(byte & 0xf)]));
    }
    id
}

/// Numbers that spread things out (the jitter of a TTL) and keep no secret: `SplitMix64`, seeded from the system's generator.
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.)
#[derive(Debug)]
pub struct Spread(u64);

impl Spread {
    /// A fresh sequence.
    pub fn new() -> Self {
        Self(u64::from_le_bytes(random_bytes()))
    }

    /// A number from 0 up to and without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn session_ids_are_32_base64url_characters_and_never_repeat() {
        let ids: HashSet<String> = (0..10_000).map(|_| session_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 32));
        assert!(ids.iter().all(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')));
    }

    #[test]
    fn job_ids_are_uuids_of_version_7_that_sort_by_time() {
        let (earlier, later) = (job_id(1_700_000_000_000), job_id(1_700_000_000_001));
        assert!(earlier < later);
        assert_eq!(earlier.len(), 36);
        assert_eq!(&earlier[..13], "018bcfe5-6800");
        assert_eq!(earlier.as_bytes()[14], b'7');
        assert!(matches!(earlier.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn every_bit_of_a_random_number_is_set_sometimes() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..1_000 {
            let number = random_53_bits();
            ones |= number;
            zeros |= !number & ((1 << 53) - 1);
        }
        assert_eq!((ones, zeros), ((1 << 53) - 1, (1 << 53) - 1));
    }
}
