//! Caches: a bounded map of keys to values that may go at any time.
//!
//! - [`lru`]: one bounded table, least recently used out first.
//! - [`loads`]: which loads are under way, so that an overtaken one stores nothing.
//!
//! The engine holds these behind locks (engine/memory/cache.rs); what they do is decided here.

pub mod loads;
pub mod lru;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The smallest cache: room for a handful of entries.
const MAX_SIZE_MIN: u64 = 1024;

/// What a cache is defined with, normalised: milliseconds and bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheOptions {
    /// Milliseconds an entry lives; none: until it is evicted.
    pub ttl: Option<u64>,
    /// Bytes at most, keys and bookkeeping included.
    pub max_size: u64,
    /// Bytes of one entry at most, key and bookkeeping included.
    pub max_entry_size: u64,
}

impl CacheOptions {
    /// Fails on values that no cache can have.
    pub fn check(&self) -> Result<()> {
        if self.max_size < MAX_SIZE_MIN {
            return Err(Error::InvalidArg(format!(
                "maxSize is {} bytes, the least is {MAX_SIZE_MIN}; give the cache more room",
                self.max_size
            )));
        }
        if self.max_entry_size > self.max_size {
            return Err(Error::InvalidArg(format!(
                "maxEntrySize is {} bytes and maxSize is {}; an entry must fit into its cache",
                self.max_entry_size, self.max_size
            )));
        }
        Ok(())
    }
}

/// Counters since the cache was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Reads that found a live entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// hits / (hits + misses); 0 before the first read.
    pub hit_rate: f64,
    /// Entries held, expired ones that nobody has met yet included.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Entries that went to make room.
    pub evictions: u64,
    /// Entries found expired.
    pub expirations: u64,
    /// Entries refused because they were larger than `maxEntrySize`.
    pub rejections: u64,
}

impl CacheStats {
    /// Counts an entry that was found expired.
    pub fn note(&mut self, miss: lru::Miss) {
        self.expirations += u64::from(miss == lru::Miss::Expired);
    }

    /// Adds the counters of another shard.
    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.evictions += other.evictions;
        self.expirations += other.expirations;
        self.rejections += other.rejections;
    }

    /// With `hit_rate` worked out.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    pub fn with_rate(mut self) -> Self {
        let reads = self.hits + self.misses;
        self.hit_rate = if reads == 0 { 0.0 } else { self.hits as f64 / reads as f64 };
        self
    }
}
