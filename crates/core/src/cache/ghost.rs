//! Keys that left the small queue a short while ago, remembered by a fingerprint of 32 bits.
//!
//! A key that comes back while it is remembered was evicted too early: it goes straight into the main queue. "A short
//! while" is as many evictions as the main queue has entries when it has its share. A bucket is a cache line of eight fingerprints with the number
//! of the eviction each was put in by; nothing is ever taken out, it only gets too old, and the oldest of a bucket is
//! overwritten. So there is no list and no allocation a key. Two keys of one fingerprint are taken for each other about
//! once in a million times, which costs a place in the wrong queue.

/// Fingerprints that share a bucket.
const BUCKET: usize = 8;
/// The fewest buckets.
const BUCKETS_MIN: usize = 2;

#[derive(Clone, Copy, Default)]
struct Seen {
    print: u32,
    /// The number of the eviction, from 1; 0 is an empty place.
    at: u32,
}

/// Bytes an entry takes here: its share of buckets that are half full on average.
pub const SEEN_BYTES: usize = 2 * size_of::<Seen>();

/// Recently evicted keys.
#[derive(Default)]
pub struct Ghost {
    buckets: Vec<[Seen; BUCKET]>,
    evictions: u32,
}

impl Ghost {
    /// Remembers a key for as long as `remembered` further ones.
    pub fn insert(&mut self, hash: u64, remembered: usize) {
        let wanted = (remembered / (BUCKET / 2)).next_power_of_two().max(BUCKETS_MIN);
        if self.buckets.len() < wanted || self.buckets.len() > wanted * 8 {
            self.resize(wanted, remembered);
        }
        if self.evictions == u32::MAX {
            // Once in four billion evictions everything is forgotten, which is cheaper than wider numbers.
            self.buckets.fill([Seen::default(); BUCKET]);
            self.evictions = 0;
        }
        self.evictions += 1;
        let seen = Seen { print: print_of(hash), at: self.evictions };
        self.put(seen);
    }

    /// Whether a key is remembered.
    pub fn contains(&self, hash: u64, remembered: usize) -> bool {
        if self.buckets.is_empty() {
            return false;
        }
        let print = print_of(hash);
        let oldest = self.evictions.saturating_sub(u32::try_from(remembered).unwrap_or(u32::MAX));
        self.buckets[self.bucket_of(print)].iter().any(|seen| seen.print == print && seen.at > oldest)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn put(&mut self, seen: Seen) {
        let at = self.bucket_of(seen.print);
        let oldest = self.buckets[at].iter_mut().min_by_key(|known| known.at).expect("a bucket has places");
        *oldest = seen;
    }

    fn bucket_of(&self, print: u32) -> usize {
        print as usize & (self.buckets.len() - 1)
    }

    #[cold]
    fn resize(&mut self, buckets: usize, remembered: usize) {
        let before = std::mem::replace(&mut self.buckets, vec![[Seen::default(); BUCKET]; buckets]);
        let oldest = self.evictions.saturating_sub(u32::try_from(remembered).unwrap_or(u32::MAX));
        let mut kept: Vec<Seen> = before.into_iter().flatten().filter(|seen| seen.at > oldest).collect();
        kept.sort_unstable_by_key(|seen| seen.at);
        for seen in kept {
            self.put(seen);
        }
    }
}

/// The high half: the low one places keys in the table, its top bits choose the shard.
fn print_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn it_remembers_about_as_many_as_it_is_asked_to() {
        let mut ghost = Ghost::default();
        (0..10_000).for_each(|number| ghost.insert(hash(number), 1_000));
        let known = (0..10_000).filter(|&number| ghost.contains(hash(number), 1_000)).count();
        assert!((900..=1_005).contains(&known), "{known}");
        assert!(!(0..9_000).any(|number| ghost.contains(hash(number), 900)));
        assert!(ghost.contains(hash(9_999), 1));
    }

    #[test]
    fn it_keeps_what_it_knows_when_it_grows_and_lets_go_of_its_peak() {
        let mut ghost = Ghost::default();
        (0..100).for_each(|number| ghost.insert(hash(number), 100));
        (100..110).for_each(|number| ghost.insert(hash(number), 10_000));
        assert!((50..110).filter(|&number| ghost.contains(hash(number), 10_000)).count() >= 55);
        ghost.insert(hash(1), 10);
        assert!(ghost.buckets.len() < 64);
    }
}
