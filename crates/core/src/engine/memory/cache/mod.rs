//! The cache in memory: shards of a [`Table`] behind a lock each.
//!
//! A large cache is split so that threads seldom meet; a small one is whole, so that its bound is exact and its order
//! of eviction the true one. Lookup, expiry and use count happen under one short lock, shared by readers where the order
//! of eviction allows it ('s3-fifo'), and the value is copied out before it is released: nothing of JavaScript ever runs
//! inside.
//!
//! - [`read`], [`write`]: one key.
//! - [`groups`]: by tag, by prefix, all, and walking through.
//! - [`expiry`]: what falls due, on the background thread.
//! - [`load`]: loads and who waits for them.
//!
//! Locks are taken in this order: a shard (all, in order, where one is not enough), then the tags. Whoever is to be told
//! something (waiters, leaders, watchers) is told under none.

mod expiry;
mod groups;
mod load;
mod read;
mod write;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::board::{self, HitCount};
use crate::cache::entry::Entry;
use crate::cache::loads::{Leader, Loads};
use crate::cache::removals::{Gone, Removal, Watchers};
use crate::cache::table::{Eviction, Reason, Room, Table};
use crate::cache::tags::TagIndex;
use crate::cache::{At, CacheOptions, CacheStats, Counters, Put, Touch};
use crate::clock::Clock;
use crate::engine::{CacheEngine, Ended, Joined, LoadMode, NearPlaces, Read};
use crate::error::Result;
use crate::ids::Spread;
use crate::key::{Key, Seed};
use crate::reply::Reply;
use crate::timer::Alarm;
use crate::value::Tag;
use crate::watch::Watcher;

/// Shards of a large cache: more than the threads that a process usually has.
const SHARDS_MAX: usize = 16;
/// A shard holds at least this many bytes, about ten thousand small entries, and some of the largest allowed.
const SHARD_BYTES_MIN: u64 = 2 << 20;
/// Largest entries that fit into one shard, so that splitting does not turn one away.
const ENTRIES_A_SHARD_MIN: u64 = 4;
/// Entries that a shard has room for at least, where their number is capped: so that the cap is met within a few percent.
const SHARD_ENTRIES_MIN: u64 = 8_192;

/// A cache in this process's memory.
pub struct MemoryCache {
    options: CacheOptions,
    /// Microseconds past its TTL for which an entry is kept.
    stale_us: u64,
    max_entry_bytes: usize,
    clock: Clock,
    seed: Seed,
    shards: Box<[Shard]>,
    tags: Mutex<TagIndex>,
    /// Bytes of the index, as of its last change.
    tag_bytes: AtomicUsize,
    versions: Mutex<Vec<String>>,
    watchers: Watchers,
    alarm: Alarm,
    me: Weak<Self>,
    /// When loads have had their time: instant, ticket, shard.
    leases: Mutex<BTreeSet<(u64, u64, usize)>>,
    /// Loads in all shards.
    loads_under_way: AtomicUsize,
    waits: AtomicU64,
    epoch: u16,
    nears: Mutex<Vec<HitCount>>,
    /// Hits of near caches that were closed.
    near_hits: AtomicU64,
}

/// Its own cache lines, so that threads on neighbouring shards do not slow each other down; what every read writes, two
/// counters and the lock's word, is in one of them.
#[repr(C, align(128))]
struct Shard {
    counters: Counters,
    state: RwLock<State>,
}

struct State {
    table: Table,
    loads: Loads,
    spread: Spread,
}

/// How many shards there are, and the room of each.
fn split(options: &CacheOptions) -> (usize, Room) {
    let shard_bytes = SHARD_BYTES_MIN.max(options.max_entry_size.saturating_mul(ENTRIES_A_SHARD_MIN));
    let by_entries = options.max.map_or(u64::MAX, |max| max / SHARD_ENTRIES_MIN);
    let fit = usize::try_from((options.max_size / shard_bytes).min(by_entries)).unwrap_or(SHARDS_MAX);
    let count = if fit < 2 { 1 } else { 1 << fit.min(SHARDS_MAX).ilog2() };
    let share = |whole: u64| usize::try_from(whole).unwrap_or(usize::MAX) / count;
    (count, Room { bytes: share(options.max_size), entries: options.max.map_or(usize::MAX, share) })
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(options: CacheOptions, clock: Clock) -> Arc<Self> {
        let (count, room) = split(&options);
        let shard = || Shard {
            state: RwLock::new(State {
                table: Table::new(room, options.eviction),
                loads: Loads::default(),
                spread: Spread::new(),
            }),
            counters: Counters::default(),
        };
        let shards = (0..count).map(|_| shard()).collect();
        Arc::new_cyclic(|me: &Weak<Self>| Self {
            stale_us: options.stale_us(),
            max_entry_bytes: usize::try_from(options.max_entry_size).unwrap_or(usize::MAX),
            options,
            alarm: Alarm::new(clock.clone(), me.clone()),
            clock,
            seed: Seed::random(),
            shards,
            tags: Mutex::default(),
            tag_bytes: AtomicUsize::new(0),
            versions: Mutex::default(),
            watchers: Watchers::default(),
            me: me.clone(),
            leases: Mutex::default(),
            loads_under_way: AtomicUsize::new(0),
            waits: AtomicU64::new(0),
            epoch: board::take_epoch(),
            nears: Mutex::default(),
            near_hits: AtomicU64::new(0),
        })
    }

    #[inline]
    fn locate(&self, key: Key<'_>) -> (u64, &Shard) {
        let hash = key.hash_with(&self.seed);
        (hash, self.shard(hash))
    }

    #[inline]
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[self.shard_of(hash)]
    }

    /// The table inside a shard uses the low and the top bits of a hash: the shard is taken from the middle.
    #[inline]
    fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.shards.len() - 1)
    }

    /// Whether a hit only counts, so that readers may share a lock.
    #[inline]
    fn readers_share(&self) -> bool {
        self.options.eviction == Eviction::S3Fifo
    }

    /// What there is to do when an entry goes, under its shard's lock. `tags` is the lock, where it is held already.
    fn let_go(
        &self,
        entry: &Entry,
        reason: Reason,
        counters: &Counters,
        tags: Option<&mut MutexGuard<'_, TagIndex>>,
        gone: &mut Gone,
    ) {
        board::raise(entry.hash);
        match reason {
            Reason::Evict => counters.evictions.add_one(),
            Reason::Expire => counters.expirations.add_one(),
            Reason::Delete | Reason::Set | Reason::Clear => {}
        }
        if let Some(held) = &entry.tags {
            if let Some(index) = tags {
                index.leave(entry.hash, held);
            } else {
                let mut index = self.tags.lock();
                index.leave(entry.hash, held);
                self.note_tag_bytes(&index);
            }
        }
        self.watchers.note(gone, entry, reason);
    }

    /// The index has changed.
    fn note_tag_bytes(&self, index: &TagIndex) {
        self.tag_bytes.store(index.bytes(), Ordering::Relaxed);
    }

    /// Removes the entry at `index`.
    fn remove(&self, state: &mut State, index: u32, reason: Reason, shard: &Shard, gone: &mut Gone) {
        let entry = state.table.remove(index);
        self.let_go(&entry, reason, &shard.counters, None, gone);
    }

    /// Bytes counted anew and as kept, for tests.
    pub fn recount(&self) -> (u64, u64) {
        let counted: usize = self.shards.iter().map(|shard| shard.state.read().table.recount()).sum();
        let counted = counted + self.tags.lock().recount();
        (counted as u64, self.stats().bytes)
    }

    /// Tags known and entries under them, as the index has it and counted anew, for tests.
    pub fn recount_tags(&self) -> ((usize, usize), usize) {
        let states: Vec<_> = self.shards.iter().map(|shard| shard.state.read()).collect();
        let of_entry = |entry: &Entry| entry.tags.as_ref().map_or(0, |tags| tags.numbers.len());
        let held = states.iter().flat_map(|state| state.table.entries()).map(of_entry).sum();
        let counts = self.tags.lock().counts();
        (counts, held)
    }

    /// Loads under way, leases and overtaken ones included, for tests.
    pub fn loads(&self) -> (usize, usize) {
        let loads = self.shards.iter().map(|shard| shard.state.read().loads.len()).sum();
        (loads, self.leases.lock().len())
    }

    fn near_hit_count(&self) -> u64 {
        let open: u64 = self.nears.lock().iter().map(HitCount::count).sum();
        open + self.near_hits.load(Ordering::Relaxed)
    }
}

impl CacheEngine for MemoryCache {
    fn version(&self, text: Option<&str>) -> u32 {
        let Some(text) = text else { return 0 };
        let mut versions = self.versions.lock();
        let at = versions.iter().position(|known| known == text).unwrap_or_else(|| {
            versions.push(text.to_owned());
            versions.len() - 1
        });
        u32::try_from(at + 1).expect("as many as handles were opened")
    }

    fn get(&self, at: At<'_>, buffer: &mut Vec<u8>) -> Result<Read> {
        Ok(self.read(at, None, buffer))
    }

    fn get_stale(&self, at: At<'_>, window_ms: u64, buffer: &mut Vec<u8>) -> Result<Read> {
        Ok(self.read(at, Some(window_ms), buffer))
    }

    fn peek(&self, at: At<'_>, window_ms: u64, buffer: &mut Vec<u8>) -> Result<Read> {
        Ok(self
            .look(at, window_ms, |found, entry| {
                buffer.clear();
                buffer.extend_from_slice(entry.value());
                Read::Found(found)
            })
            .unwrap_or(Read::Absent))
    }

    fn take(&self, at: At<'_>, buffer: &mut Vec<u8>) -> Result<Read> {
        Ok(self.take_entry(at, buffer))
    }

    fn note_used(&self, hashes: &[u64]) {
        for &hash in hashes {
            self.use_entry(hash);
        }
    }

    fn set(&self, at: At<'_>, put: Put<'_>) -> Result<()> {
        self.set_entry(at, put)
    }

    fn has(&self, at: At<'_>) -> bool {
        self.look(at, 0, |_, _| ()).is_some()
    }

    fn delete(&self, at: At<'_>) -> bool {
        self.delete_entry(at)
    }

    fn touch(&self, at: At<'_>, touch: Touch) -> bool {
        self.touch_entry(at, touch)
    }

    fn remaining_us(&self, at: At<'_>) -> Option<u64> {
        let expires_us = self.look(at, 0, |_, entry| entry.expires_us())?;
        Some(if expires_us == u64::MAX { u64::MAX } else { expires_us.saturating_sub(self.clock.now_us()) })
    }

    fn expire(&self, at: At<'_>) -> bool {
        self.expire_entry(at)
    }

    fn delete_by_tag(&self, tags: &[Key<'_>]) -> Reply<()> {
        self.by_tag(tags, groups::ByTag::Delete)
    }

    fn expire_by_tag(&self, tags: &[Key<'_>]) -> Reply<()> {
        self.by_tag(tags, groups::ByTag::Expire)
    }

    fn delete_by_prefix(&self, prefix: Key<'_>) -> Reply<u64> {
        self.by_prefix(prefix)
    }

    fn clear(&self) {
        self.clear_all();
    }

    fn scan(
        &self,
        cursor: u64,
        prefix: Key<'_>,
        version: u32,
        visit: &mut dyn FnMut(Key<'_>, Tag, &[u8]) -> bool,
    ) -> u64 {
        self.walk(cursor, prefix, version, visit)
    }

    fn join_load(
        &self,
        at: At<'_>,
        tags: &[Key<'_>],
        mode: LoadMode,
        timeout_ms: u64,
        leader: Arc<dyn Leader>,
        buffer: &mut Vec<u8>,
    ) -> Result<Joined> {
        self.join(at, tags, mode, timeout_ms, leader, buffer)
    }

    fn tag_load(&self, at: At<'_>, ticket: u64, tags: &[Key<'_>]) -> Result<()> {
        self.tag(at, ticket, tags)
    }

    fn end_load(&self, at: At<'_>, ticket: u64, put: Put<'_>, store: bool) -> Result<Ended> {
        self.land(at, ticket, put, store)
    }

    fn fail_load(&self, at: At<'_>, ticket: u64, failure: Option<&str>) {
        self.fail(at, ticket, failure);
    }

    fn abandon_load(&self, at: At<'_>, ticket: u64) {
        self.abandon(at, ticket);
    }

    fn leave_load(&self, at: At<'_>, ticket: u64, left: bool) -> bool {
        let (_, shard) = self.locate(at.key);
        shard.state.write().loads.set_left(ticket, left)
    }

    fn load_counts(&self, at: At<'_>, ticket: u64) -> bool {
        let (_, shard) = self.locate(at.key);
        shard.state.read().loads.counts(at.key, at.version, ticket)
    }

    fn open_near(&self) -> Option<NearPlaces> {
        let clock = self.clock.place()?;
        let hits = HitCount::take()?;
        let places = NearPlaces { hits: hits.place(), epoch: self.epoch, clock };
        self.nears.lock().push(hits);
        Some(places)
    }

    fn close_near(&self, hits: u16) {
        let mut nears = self.nears.lock();
        if let Some(at) = nears.iter().position(|near| near.place() == hits) {
            let near = nears.swap_remove(at);
            self.near_hits.fetch_add(near.count(), Ordering::Relaxed);
        }
    }

    fn watch(&self, watcher: Arc<dyn Watcher<Removal>>) -> u64 {
        self.watchers.add(watcher)
    }

    fn unwatch(&self, number: u64) {
        self.watchers.remove(number);
    }

    fn stats(&self) -> CacheStats {
        let bytes = self.tag_bytes.load(Ordering::Relaxed) as u64;
        let mut total = CacheStats { hits: self.near_hit_count(), bytes, ..CacheStats::default() };
        for shard in &self.shards {
            shard.counters.add_to(&mut total);
            let state = shard.state.read();
            total.entries += state.table.len() as u64;
            total.bytes += state.table.bytes() as u64;
        }
        total.with_rate()
    }
}
