//! Caches: a bounded map of keys to values that may go at any time.
//!
//! - [`table`]: one bounded table, and who goes when it is full; of [`entry`], [`queue`], [`ghost`], [`wheel`].
//! - [`tags`]: which entries have a tag.
//! - [`loads`]: loads under way, who waits for them, and whether what they bring may be stored.
//! - [`removals`]: entries that went, for whoever listens.
//!
//! The engine holds these behind locks (engine/memory/cache/); what they do is decided here.

pub mod entry;
pub mod ghost;
pub mod loads;
pub mod queue;
pub mod removals;
pub mod table;
pub mod tags;
pub mod wheel;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock::MS;
use crate::error::{Error, Result};
use crate::key::Key;
use table::Eviction;

/// The smallest cache: room for a handful of entries.
const MAX_SIZE_MIN: u64 = 1024;

/// What a cache is defined with, normalised: milliseconds and bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CacheOptions {
    /// Milliseconds an entry lives; none: until it is evicted.
    pub ttl: Option<u64>,
    /// The share of a TTL, 0 to 1, by which each entry's is shortened at most, at random.
    pub ttl_jitter: f64,
    /// A read starts the TTL anew.
    pub update_age_on_get: bool,
    /// Entries at most.
    pub max: Option<u64>,
    /// Bytes at most, keys, tags and bookkeeping included.
    pub max_size: u64,
    /// Bytes of one entry at most, likewise.
    pub max_entry_size: u64,
    /// Who goes when it is full.
    pub eviction: Eviction,
    /// Milliseconds past its TTL for which a value may be served while it is loaded anew.
    pub stale_while_revalidate: Option<u64>,
    /// Milliseconds past its TTL for which a value may be served when a loader fails.
    pub stale_if_error: Option<u64>,
    /// Milliseconds for which it is kept that a loader found nothing. The facade's business.
    pub negative_ttl: Option<u64>,
    /// What belongs to a handle, and is not compared with what others ask for.
    pub handle: HandleOptions,
}

/// What each handle of a cache decides for itself; the first one's are those of handles that say nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandleOptions {
    /// How values become bytes. The facade's business.
    pub codec: String,
    /// The near cache. The facade's business.
    pub near: Option<NearOptions>,
    /// The shape of the values: entries written under another are absent.
    pub version: Option<String>,
}

/// A near cache, as lib/near.js reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NearOptions {
    /// Entries at most.
    pub max: u64,
    /// Bytes of encoded values at most.
    pub max_size: u64,
    /// Objects too.
    pub objects: bool,
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
        if self.max == Some(0) {
            return Err(Error::InvalidArg("max is 0, the least is 1; a just-set key is always kept".into()));
        }
        if !(0.0..=1.0).contains(&self.ttl_jitter) {
            let jitter = self.ttl_jitter;
            return Err(Error::InvalidArg(format!("ttlJitter is {jitter}, it must be between 0 and 1")));
        }
        Ok(())
    }

    /// Microseconds past its TTL for which an entry is kept.
    pub fn stale_us(&self) -> u64 {
        self.stale_while_revalidate.max(self.stale_if_error).unwrap_or(0).saturating_mul(MS)
    }
}

/// One key as a handle sees it.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// The key.
    pub key: Key<'a>,
    /// The shape of the values, by its number in the cache: see `CacheEngine::version`.
    pub version: u32,
}

/// What to store, beside the key.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// How to read the value.
    pub tag: crate::value::Tag,
    /// The value.
    pub value: &'a [u8],
    /// Milliseconds it lives; none: until it is evicted.
    pub ttl_ms: Option<u64>,
    /// Names to delete it by.
    pub tags: &'a [Key<'a>],
}

/// How long an entry that is touched lives from now on.
#[derive(Clone, Copy, Debug)]
pub enum Touch {
    /// As long as it was set to.
    Own,
    /// This many milliseconds; none: until it is evicted.
    For(Option<u64>),
}

/// Counters since the cache was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheStats {
    /// Reads that found a live entry.
    pub hits: u64,
    /// Reads that found none.
    pub misses: u64,
    /// Values served past their TTL.
    pub stale: u64,
    /// hits / (hits + misses); 0 before the first read.
    pub hit_rate: f64,
    /// Entries held, stale ones included.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Entries that went to make room.
    pub evictions: u64,
    /// Entries whose time had come.
    pub expirations: u64,
    /// Entries refused because they were larger than `maxEntrySize`.
    pub rejections: u64,
    /// Loaders called.
    pub loads: u64,
    /// Loaders that failed.
    pub load_errors: u64,
}

impl CacheStats {
    /// With `hit_rate` worked out.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
    pub fn with_rate(mut self) -> Self {
        let reads = self.hits + self.misses;
        self.hit_rate = if reads == 0 { 0.0 } else { self.hits as f64 / reads as f64 };
        self
    }
}

/// A counter that threads which share a lock count up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    #[inline]
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted as it happens.
#[derive(Debug, Default)]
pub struct Counters {
    /// See [`CacheStats`].
    pub hits: Counter,
    /// As above.
    pub misses: Counter,
    /// As above.
    pub stale: Counter,
    /// As above.
    pub evictions: Counter,
    /// As above.
    pub expirations: Counter,
    /// As above.
    pub rejections: Counter,
    /// As above.
    pub loads: Counter,
    /// As above.
    pub load_errors: Counter,
}

impl Counters {
    /// Adds them to `stats`.
    pub fn add_to(&self, stats: &mut CacheStats) {
        stats.hits += self.hits.get();
        stats.misses += self.misses.get();
        stats.stale += self.stale.get();
        stats.evictions += self.evictions.get();
        stats.expirations += self.expirations.get();
        stats.rejections += self.rejections.get();
        stats.loads += self.loads.get();
        stats.load_errors += self.load_errors.get();
    }
}
