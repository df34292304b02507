//! The cache in memory: shards of [`Lru`] behind a lock each.
//!
//! A large cache is split so that threads seldom meet; a small one is whole, so that its bound is exact and its order
//! of eviction the true one. Lookup, expiry and use count happen under one short lock, and the value is copied out
//! before it is released: nothing of JavaScript ever runs inside.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::cache::loads::Loads;
use crate::cache::lru::Lru;
use crate::cache::{CacheOptions, CacheStats};
use crate::clock::{Clock, MS};
use crate::engine::{CacheEngine, Lookup};
use crate::error::{Error, Result};
use crate::key::{Key, Seed};
use crate::value::Tag;

/// Shards of a large cache: more than the threads that a process usually has.
const SHARDS_MAX: usize = 16;
/// A shard holds at least this many bytes, about ten thousand small entries, and some of the largest allowed.
const SHARD_BYTES_MIN: u64 = 2 << 20;
/// Largest entries that fit into one shard, so that splitting does not turn one away.
const ENTRIES_A_SHARD_MIN: u64 = 4;
/// `expires_us` of an entry that stays until it is evicted.
const NEVER_US: u64 = u64::MAX;

/// A cache in this process's memory.
pub struct MemoryCache {
    options: CacheOptions,
    clock: Clock,
    seed: Seed,
    shards: Box<[Mutex<Shard>]>,
}

struct Shard {
    entries: Lru,
    loads: Loads,
    counters: CacheStats,
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(options: CacheOptions, clock: Clock) -> Arc<Self> {
        let shard_bytes = SHARD_BYTES_MIN.max(options.max_entry_size.saturating_mul(ENTRIES_A_SHARD_MIN));
        let fit = usize::try_from(options.max_size / shard_bytes).unwrap_or(SHARDS_MAX);
        let count = if fit < 2 { 1 } else { 1 << fit.min(SHARDS_MAX).ilog2() };
        let bytes = usize::try_from(options.max_size).unwrap_or(usize::MAX) / count;
        let shard =
            || Shard { entries: Lru::new(bytes), loads: Loads::default(), counters: CacheStats::default() };
        let shards = (0..count).map(|_| Mutex::new(shard())).collect();
        Arc::new(Self { options, clock, seed: Seed::random(), shards })
    }

    fn locate(&self, key: Key<'_>) -> (u64, &Mutex<Shard>) {
        let hash = key.hash_with(&self.seed);
        // The table inside the shard uses the low and the top bits: take the shard from the middle.
        let shard = (hash >> 32) as usize & (self.shards.len() - 1);
        (hash, &self.shards[shard])
    }

    /// Bytes counted anew and as kept, for tests.
    pub fn recount(&self) -> (u64, u64) {
        let counted: usize = self.shards.iter().map(|shard| shard.lock().entries.recount()).sum();
        (counted as u64, self.stats().bytes)
    }

    fn store(
        &self,
        key: Key<'_>,
        tag: Tag,
        value: &[u8],
        ttl_ms: Option<u64>,
        wanted: impl FnOnce(&mut Loads, u64) -> bool,
    ) -> Result<bool> {
        let size = Lru::cost(key, value);
        let limit = usize::try_from(self.options.max_entry_size).unwrap_or(usize::MAX);
        let expires_us =
            ttl_ms.map_or(NEVER_US, |ttl| self.clock.now_us().saturating_add(ttl.saturating_mul(MS)));
        let (hash, shard) = self.locate(key);
        let mut shard = shard.lock();
        if !wanted(&mut shard.loads, hash) {
            return Ok(false);
        }
        shard.loads.overtake(hash);
        if size > limit {
            shard.counters.rejections += 1;
            // Gone already or not, the old value must not outlive a newer one.
            let _ = shard.entries.remove(hash, key, self.clock.now_us());
            drop(shard);
            return Err(Error::TooLarge {
                what: format!("the cache entry '{key}'"),
                size,
                limit,
                remedy: "store less under this key, or raise maxEntrySize",
            });
        }
        shard.counters.evictions += shard.entries.set(hash, key, tag, value, expires_us);
        Ok(true)
    }
}

impl CacheEngine for MemoryCache {
    fn get(&self, key: Key<'_>, buffer: &mut Vec<u8>) -> Result<Lookup> {
        let (hash, shard) = self.locate(key);
        let now_us = self.clock.coarse_us();
        let shard = &mut *shard.lock();
        let miss = match shard.entries.get(hash, key, now_us) {
            Ok(hit) => {
                buffer.clear();
                buffer.extend_from_slice(hit.value);
                let tag = hit.tag;
                shard.counters.hits += 1;
                return Ok(Lookup::Copied(tag));
            }
            Err(miss) => miss,
        };
        shard.counters.misses += 1;
        shard.counters.note(miss);
        Ok(Lookup::Absent)
    }

    fn set(&self, key: Key<'_>, tag: Tag, value: &[u8], ttl_ms: Option<u64>) -> Result<()> {
        self.store(key, tag, value, ttl_ms, |_, _| true).map(drop)
    }

    fn begin_load(&self, key: Key<'_>) -> u64 {
        let (hash, shard) = self.locate(key);
        shard.lock().loads.begin(hash)
    }

    fn end_load(
        &self,
        key: Key<'_>,
        tag: Tag,
        value: &[u8],
        ttl_ms: Option<u64>,
        ticket: u64,
    ) -> Result<bool> {
        self.store(key, tag, value, ttl_ms, |loads, hash| loads.end(hash, ticket))
    }

    fn load_counts(&self, key: Key<'_>, ticket: u64) -> bool {
        let (hash, shard) = self.locate(key);
        shard.lock().loads.counts(hash, ticket)
    }

    fn abandon_load(&self, key: Key<'_>, ticket: u64) {
        let (hash, shard) = self.locate(key);
        shard.lock().loads.end(hash, ticket);
    }

    fn has(&self, key: Key<'_>) -> bool {
        let (hash, shard) = self.locate(key);
        let shard = &mut *shard.lock();
        let found = shard.entries.has(hash, key, self.clock.coarse_us());
        found.map_err(|miss| shard.counters.note(miss)).is_ok()
    }

    fn delete(&self, key: Key<'_>) -> bool {
        let (hash, shard) = self.locate(key);
        let shard = &mut *shard.lock();
        shard.loads.overtake(hash);
        let removed = shard.entries.remove(hash, key, self.clock.coarse_us());
        removed.map_err(|miss| shard.counters.note(miss)).is_ok()
    }

    fn clear(&self) {
        // All locks first: a reader sees either none or all of it gone.
        let mut all: Vec<_> = self.shards.iter().map(Mutex::lock).collect();
        let clear = |shard: &mut parking_lot::MutexGuard<'_, Shard>| {
            shard.loads.overtake_all();
            shard.entries.clear()
        };
        let gone: Vec<Lru> = all.iter_mut().map(clear).collect();
        drop(all);
        // Freeing a million entries takes a while: after the locks.
        drop(gone);
    }

    fn stats(&self) -> CacheStats {
        let mut total = CacheStats::default();
        for shard in &self.shards {
            let shard = shard.lock();
            total.add(&shard.counters);
            total.entries += shard.entries.len() as u64;
            total.bytes += shard.entries.bytes() as u64;
        }
        total.with_rate()
    }
}
