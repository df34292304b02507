//! Changes of one key.

use std::sync::atomic::Ordering;

use super::read::copy;
use super::{MemoryCache, Shard, State};
use crate::board;
use crate::cache::entry::{self, NEVER_US, NewEntry};
use crate::cache::removals::Gone;
use crate::cache::table::Reason;
use crate::cache::{At, Put, Touch, tags};
use crate::clock::MS;
use crate::engine::Read;
use crate::error::{Error, Result};

impl MemoryCache {
    pub(super) fn set_entry(&self, at: At<'_>, put: Put<'_>) -> Result<()> {
        tags::check(put.tags)?;
        let (hash, shard) = self.locate(at.key);
        let mut gone = Gone::default();
        let stored = {
            let state = &mut *shard.state.write();
            state.loads.overtake(at.key);
            self.put(state, shard, hash, at, put, None, &mut gone)
        };
        self.watchers.tell(&gone);
        stored.map(drop)
    }

    /// Stores a value; with the ticket of the load that brought it, only if none of its tags was deleted since. Whether it
    /// did. What is too large takes the old value with it.
    #[expect(clippy::too_many_arguments, reason = "a shard in three parts, and what to do with it")]
    pub(super) fn put(
        &self,
        state: &mut State,
        shard: &Shard,
        hash: u64,
        at: At<'_>,
        put: Put<'_>,
        ticket: Option<u64>,
        gone: &mut Gone,
    ) -> Result<bool> {
        let size = entry::cost(at.key, put.value, tags::cost(put.tags)) + tags::index_cost(put.tags);
        if size > self.max_entry_bytes {
            shard.counters.rejections.add_one();
            if let Some(index) = state.table.find(hash, at.key) {
                // Whatever its age, the old value must not outlive a newer one.
                self.remove(state, index, Reason::Delete, shard, gone);
                state.table.compact();
            }
            return Err(Error::TooLarge {
                what: format!("the cache entry '{}'", at.key),
                size,
                limit: self.max_entry_bytes,
                remedy: "store less under this key, or raise maxEntrySize",
            });
        }
        // Held over the whole change: a tag that is deleted meanwhile finds either the entry or the load.
        let mut index = (!put.tags.is_empty()).then(|| self.tags.lock());
        if let (Some(index), Some(ticket)) = (&index, ticket)
            && !index.load_counts(ticket, put.tags)
        {
            return Ok(false);
        }
        let ttl_us = put.ttl_ms.map_or(NEVER_US, |ttl_ms| self.jittered_us(state, ttl_ms));
        let now_us = if ttl_us == NEVER_US { 0 } else { self.clock.now_us() };
        let expires_us = now_us.saturating_add(ttl_us);
        let tagged = index.as_mut().and_then(|index| index.enter(hash, put.tags));
        let new = NewEntry {
            key: at.key,
            hash,
            version: at.version,
            tag: put.tag,
            value: put.value,
            expires_us,
            ttl_us,
            tags: tagged,
        };
        // The index takes its bytes from all shards alike.
        let tag_bytes =
            index.as_ref().map_or_else(|| self.tag_bytes.load(Ordering::Relaxed), |index| index.bytes());
        let taken = tag_bytes / self.shards.len();
        let mut armed_us = NEVER_US;
        let place = state.table.set(new, taken, &mut |entry, reason| {
            if reason == Reason::Set && !entry.lapsed() {
                armed_us = entry.expires_us();
            }
            self.let_go(&entry, reason, &shard.counters, index.as_mut(), gone);
        });
        if let (Some(index), Some(tags)) = (&mut index, &state.table.entry(place).tags) {
            // The value that was overwritten may have left a tag that this one has too.
            index.stay(hash, tags);
        }
        if let Some(index) = &index {
            self.note_tag_bytes(index);
        }
        if expires_us == NEVER_US {
            state.table.wheel.remove(place);
        } else if armed_us > expires_us || armed_us == NEVER_US {
            state.table.wheel.set(place, expires_us, now_us);
            self.set_alarm(expires_us);
        }
        // Else the wheel comes for it when the old value would have expired, and finds that it is later: the neighbours there
        // of what is often overwritten are not moved each time.
        state.table.compact();
        Ok(true)
    }

    pub(super) fn delete_entry(&self, at: At<'_>) -> bool {
        let (hash, shard) = self.locate(at.key);
        let mut gone = Gone::default();
        let was_live = {
            let state = &mut *shard.state.write();
            state.loads.overtake(at.key);
            let Some(index) = state.table.find(hash, at.key) else { return false };
            let entry = state.table.entry(index);
            let was_live = !entry.has_expired(|| self.clock.coarse_us());
            let was_ours = entry.version == at.version;
            let reason = if was_live { Reason::Delete } else { Reason::Expire };
            self.remove(state, index, reason, shard, &mut gone);
            state.table.compact();
            was_live && was_ours
        };
        self.watchers.tell(&gone);
        was_live
    }

    pub(super) fn take_entry(&self, at: At<'_>, buffer: &mut Vec<u8>) -> Read {
        let (hash, shard) = self.locate(at.key);
        let mut gone = Gone::default();
        let taken = {
            let state = &mut *shard.state.write();
            state.loads.overtake(at.key);
            let live = self.find_live(state, hash, at);
            let taken = live.map(|index| copy(state.table.entry(index), buffer));
            if let Some(index) = live {
                self.remove(state, index, Reason::Delete, shard, &mut gone);
                state.table.compact();
            } else {
                self.settle_expired(state, hash, at, 0, shard, &mut gone);
            }
            taken
        };
        self.watchers.tell(&gone);
        let counter = if taken.is_some() { &shard.counters.hits } else { &shard.counters.misses };
        counter.add_one();
        taken.map_or(Read::Absent, Read::Found)
    }

    pub(super) fn touch_entry(&self, at: At<'_>, touch: Touch) -> bool {
        self.change_live(at, |state, index, _| {
            let ttl_us = match touch {
                Touch::Own => state.table.entry(index).ttl_us(),
                Touch::For(ttl_ms) => ttl_ms.map_or(NEVER_US, |ttl_ms| self.jittered_us(state, ttl_ms)),
            };
            let now_us = self.clock.now_us();
            let expires_us = if ttl_us == NEVER_US { NEVER_US } else { now_us.saturating_add(ttl_us) };
            let entry = state.table.entry_mut(index);
            entry.set_ttl_us(ttl_us);
            entry.expire_at(expires_us);
            board::raise(entry.hash);
            if expires_us == NEVER_US {
                state.table.wheel.remove(index);
            } else {
                state.table.wheel.set(index, expires_us, now_us);
                self.set_alarm(expires_us);
            }
        })
    }

    pub(super) fn expire_entry(&self, at: At<'_>) -> bool {
        let (_, shard) = self.locate(at.key);
        // What is being loaded now was read before, too.
        shard.state.write().loads.overtake(at.key);
        self.change_live(at, |state, index, gone| self.expire_now(state, index, shard, gone))
    }

    /// Ends the TTL of a live entry.
    pub(super) fn expire_now(&self, state: &mut State, index: u32, shard: &Shard, gone: &mut Gone) {
        let now_us = self.clock.now_us();
        state.table.entry(index).expire_at(now_us);
        self.lapse_or_remove(state, index, now_us, shard, gone);
        state.table.compact();
    }

    /// Changes the live entry of a key; whether there was one.
    fn change_live(&self, at: At<'_>, change: impl FnOnce(&mut State, u32, &mut Gone)) -> bool {
        let (hash, shard) = self.locate(at.key);
        let mut gone = Gone::default();
        let changed = {
            let state = &mut *shard.state.write();
            let index = self.find_live(state, hash, at);
            match index {
                Some(index) => change(state, index, &mut gone),
                None => self.settle_expired(state, hash, at, 0, shard, &mut gone),
            }
            index.is_some()
        };
        self.watchers.tell(&gone);
        changed
    }

    /// A TTL, shortened by a random share up to the cache's jitter, and never to nothing.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a TTL, which stays below 2^53 µs"
    )]
    fn jittered_us(&self, state: &mut State, ttl_ms: u64) -> u64 {
        if self.options.ttl_jitter == 0.0 {
            return ttl_ms.saturating_mul(MS);
        }
        let shortened_ms = (ttl_ms as f64 * self.options.ttl_jitter * state.spread.unit()) as u64;
        (ttl_ms - shortened_ms.min(ttl_ms.saturating_sub(1))).saturating_mul(MS)
    }
}
