//! Reads of one key.

use parking_lot::RwLockReadGuard;

use super::{MemoryCache, Shard, State};
use crate::board;
use crate::cache::At;
use crate::cache::entry::{Entry, NEVER_US};
use crate::cache::removals::Gone;
use crate::cache::table::Reason;
use crate::clock;
use crate::engine::{Found, Read};

/// What a near cache needs to keep an entry, under its lock.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
fn found(entry: &Entry, stale: bool) -> Found {
    let slot = board::slot_of(entry.hash);
    let generation = board::generation(slot);
    Found { tag: entry.tag(), hash: entry.hash, slot, generation, expires_us: entry.expires_us(), stale }
}

impl MemoryCache {
    /// The live value, or with `stale_ms` one whose TTL ended less than that ago; counts.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
    pub(super) fn read(&self, at: At<'_>, stale_ms: Option<u64>, buffer: &mut Vec<u8>) -> Read {
        let (hash, shard) = self.locate(at.key);
        if !self.readers_share() {
            renew(shard, hash, at);
        }
        let state = shard.state.read();
        let Some(index) = state.table.find(hash, at.key) else { return missed(shard) };
        let entry = state.table.entry(index);
        if entry.version != at.version {
            return missed(shard);
        }
        let expired = entry.has_expired(|| self.clock.coarse_us());
        if expired && !stale_ms.is_some_and(|window_ms| self.is_within(entry, window_ms)) {
            self.leave_expired(state, index, hash, at);
            return missed(shard);
        }
        buffer.clear();
        buffer.extend_from_slice(entry.value());
        if expired {
            shard.counters.stale.add_one();
            return Read::Found(found(entry, true));
        }
        entry.note_use();
        if self.options.update_age_on_get && entry.ttl_us() != NEVER_US {
            entry.expire_at(self.clock.now_us().saturating_add(entry.ttl_us()));
        }
        shard.counters.hits.add_one();
        Read::Found(found(entry, false))
    }

    /// Shows `look` the live entry, or one whose TTL ended less than `window_ms` ago; counts nothing.
    pub(super) fn look<T>(
        &self,
        at: At<'_>,
        window_ms: u64,
        look: impl FnOnce(Found, &Entry) -> T,
    ) -> Option<T> {
        let (hash, shard) = self.locate(at.key);
        let state = shard.state.read();
        let index = state.table.find(hash, at.key)?;
        let entry = state.table.entry(index);
        if entry.version != at.version {
            return None;
        }
        let expired = entry.has_expired(|| self.clock.coarse_us());
        if expired && !self.is_within(entry, window_ms) {
            self.leave_expired(state, index, hash, at);
            return None;
        }
        Some(look(found(entry, expired), entry))
    }

    /// Where the live entry of a key is.
    pub(super) fn find_live(&self, state: &State, hash: u64, at: At<'_>) -> Option<u32> {
        let index = state.table.find(hash, at.key)?;
        let entry = state.table.entry(index);
        let live = entry.version == at.version && !entry.has_expired(|| self.clock.coarse_us());
        live.then_some(index)
    }

    /// Counts a use that was not seen here. Should two keys have one hash, it is the use of either.
    pub(super) fn use_entry(&self, hash: u64) {
        let shard = self.shard(hash);
        if self.readers_share() {
            let state = shard.state.read();
            if let Some(index) = state.table.find_by(hash, |_| true) {
                state.table.entry(index).note_use();
            }
        } else {
            let mut state = shard.state.write();
            if let Some(index) = state.table.find_by(hash, |_| true) {
                state.table.renew(index);
            }
        }
    }

    /// Whether less than `window_ms` have passed since the entry's TTL ended. Nothing is within no window, even where the
    /// clock asked here is behind the one by which the TTL was ended.
    fn is_within(&self, entry: &Entry, window_ms: u64) -> bool {
        if window_ms == 0 {
            return false;
        }
        let until_us = clock::after(entry.expires_us(), window_ms);
        self.clock.coarse_us() < until_us
    }

    /// A reader has seen that the entry at `index` has expired, and lets go of its lock.
    #[cold]
    fn leave_expired(&self, state: RwLockReadGuard<'_, State>, index: u32, hash: u64, at: At<'_>) {
        let entry = state.table.entry(index);
        let (lapsed, expires_us) = (entry.lapsed(), entry.expires_us());
        drop(state);
        if lapsed {
            return;
        }
        let shard = &self.shards[self.shard_of(hash)];
        let mut gone = Gone::default();
        self.settle_expired(&mut shard.state.write(), hash, at, expires_us, shard, &mut gone);
        self.watchers.tell(&gone);
    }

    /// An expired entry was seen, or will be told to be absent: from now on nobody sees it live, and no near cache does.
    /// `seen_us` is an instant that somebody has seen pass: a later reading of the coarse clock may be an earlier time.
    pub(super) fn settle_expired(
        &self,
        state: &mut State,
        hash: u64,
        at: At<'_>,
        seen_us: u64,
        shard: &Shard,
        gone: &mut Gone,
    ) {
        let Some(index) = state.table.find(hash, at.key) else { return };
        let entry = state.table.entry(index);
        let now_us = self.clock.coarse_us().max(seen_us);
        if entry.expires_us() <= now_us && !entry.lapsed() {
            self.lapse_or_remove(state, index, now_us, shard, gone);
            state.table.compact();
        }
    }

    /// An expired entry goes, or is kept to be served stale.
    pub(super) fn lapse_or_remove(
        &self,
        state: &mut State,
        index: u32,
        now_us: u64,
        shard: &Shard,
        gone: &mut Gone,
    ) {
        let entry = state.table.entry_mut(index);
        let kept_until_us = entry.expires_us().saturating_add(self.stale_us);
        if kept_until_us <= now_us {
            self.remove(state, index, Reason::Expire, shard, gone);
        } else {
            entry.lapse();
            board::raise(entry.hash);
            state.table.wheel.set(index, kept_until_us, now_us);
            self.set_alarm(kept_until_us);
        }
    }
}

/// Counts a use where that changes who goes next.
fn renew(shard: &Shard, hash: u64, at: At<'_>) {
    let state = &mut *shard.state.write();
    if let Some(index) = state.table.find(hash, at.key) {
        state.table.renew(index);
    }
}

/// Copies a value, with what a near cache needs to keep it; under the entry's lock.
pub(super) fn copy(entry: &Entry, buffer: &mut Vec<u8>) -> Found {
    buffer.clear();
    buffer.extend_from_slice(entry.value());
    found(entry, false)
}

fn missed(shard: &Shard) -> Read {
    shard.counters.misses.add_one();
    Read::Absent
}
