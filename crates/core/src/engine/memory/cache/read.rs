//! Reads of one key.

use super::{MemoryCache, Shard, State};
use crate::board;
use crate::cache::At;
use crate::cache::entry::{Entry, NEVER_US};
use crate::cache::removals::Gone;
use crate::cache::table::Reason;
use crate::clock::MS;
use crate::engine::{Found, Read};

/// What a near cache needs to keep an entry, under its lock.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
pub(super) fn found(entry: &Entry, stale: bool) -> Found {
    let slot = board::slot_of(entry.hash);
    let generation = board::generation(slot);
    Found { tag: entry.tag, slot, generation, expires_us: entry.expires_us(), stale }
}

impl MemoryCache {
    /// The live value, or with `stale_ms` one whose TTL ended less than that ago; counts.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
    pub(super) fn read(&self, at: At<'_>, stale_ms: Option<u64>, buffer: &mut Vec<u8>) -> Read {
        let (hash, shard) = self.locate(at.key);
        if !self.readers_share() {
            let state = &mut *shard.state.write();
            if let Some(index) = state.table.find(hash, at.key) {
                state.table.renew(index);
            }
        }
        let state = shard.state.read();
        let Some(index) = state.table.find(hash, at.key) else { return missed(shard) };
        let entry = state.table.entry(index);
        if entry.version != at.version {
            return missed(shard);
        }
        let expired = entry.has_expired(|| self.clock.coarse_us());
        if expired && !stale_ms.is_some_and(|window_ms| self.is_within(entry, window_ms)) {
            let seen = (!entry.lapsed).then(|| entry.expires_us());
            drop(state);
            if let Some(expires_us) = seen {
                self.meet_expired(hash, at, expires_us);
            }
            return missed(shard);
        }
        buffer.clear();
        buffer.extend_from_slice(entry.value());
        if expired {
            shard.counters.stale.add_one();
            return Read::Found(found(entry, true));
        }
        entry.note_use();
        if self.options.update_age_on_get && entry.ttl_us != NEVER_US {
            entry.expire_at(self.clock.now_us().saturating_add(entry.ttl_us));
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
        let entry = state.table.entry(state.table.find(hash, at.key)?);
        if entry.version != at.version {
            return None;
        }
        let expired = entry.has_expired(|| self.clock.coarse_us());
        if expired && !self.is_within(entry, window_ms) {
            let seen = (!entry.lapsed).then(|| entry.expires_us());
            drop(state);
            if let Some(expires_us) = seen {
                self.meet_expired(hash, at, expires_us);
            }
            return None;
        }
        Some(look(found(entry, expired), entry))
    }

    /// Copies the live value, under the lock that `state` is; counts nothing.
    pub(super) fn copy_live(
        &self,
        state: &State,
        hash: u64,
        at: At<'_>,
        buffer: &mut Vec<u8>,
    ) -> Option<Found> {
        let entry = state.table.entry(state.table.find(hash, at.key)?);
        if entry.version != at.version || entry.has_expired(|| self.clock.coarse_us()) {
            return None;
        }
        buffer.clear();
        buffer.extend_from_slice(entry.value());
        Some(found(entry, false))
    }

    /// Counts a use that was not seen here.
    pub(super) fn use_entry(&self, at: At<'_>) {
        let (hash, shard) = self.locate(at.key);
        if self.readers_share() {
            let state = shard.state.read();
            if let Some(index) = state.table.find(hash, at.key) {
                state.table.entry(index).note_use();
            }
            return;
        }
        let state = &mut *shard.state.write();
        if let Some(index) = state.table.find(hash, at.key) {
            state.table.renew(index);
        }
    }

    /// Whether less than `window_ms` have passed since the entry's TTL ended. Nothing is within no window, even where the
    /// clock asked here is behind the one by which the TTL was ended.
    fn is_within(&self, entry: &Entry, window_ms: u64) -> bool {
        if window_ms == 0 {
            return false;
        }
        let until_us = entry.expires_us().saturating_add(window_ms.saturating_mul(MS));
        self.clock.coarse_us() < until_us
    }

    /// An entry was seen to have expired, at the instant that it had then: from now on nobody sees it live, and no near
    /// cache does. The coarse clock is not asked whether it really has: a later reading may be an earlier time.
    #[cold]
    pub(super) fn meet_expired(&self, hash: u64, at: At<'_>, expires_us: u64) {
        let shard = &self.shards[self.shard_of(hash)];
        let mut gone = Gone::default();
        {
            let state = &mut *shard.state.write();
            let Some(index) = state.table.find(hash, at.key) else { return };
            let entry = state.table.entry(index);
            if entry.expires_us() == expires_us && !entry.lapsed {
                let now_us = self.clock.coarse_us().max(expires_us);
                self.lapse_or_remove(state, index, now_us, shard, &mut gone);
                state.table.compact();
            }
        }
        self.watchers.tell(&gone);
    }

    /// As `meet_expired`, under the lock that `state` is: whoever tells a caller that an entry is absent calls it.
    pub(super) fn settle_expired(
        &self,
        state: &mut State,
        hash: u64,
        at: At<'_>,
        shard: &Shard,
        gone: &mut Gone,
    ) {
        let Some(index) = state.table.find(hash, at.key) else { return };
        let entry = state.table.entry(index);
        let expires_us = entry.expires_us();
        let now_us = self.clock.coarse_us();
        if expires_us <= now_us && !entry.lapsed {
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
            entry.lapsed = true;
            board::raise(entry.hash);
            state.table.wheel.set(index, kept_until_us, now_us);
            self.set_alarm(kept_until_us);
        }
    }
}

fn missed(shard: &Shard) -> Read {
    shard.counters.misses.add_one();
    Read::Absent
}
