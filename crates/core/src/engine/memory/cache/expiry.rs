//! What falls due, on the background thread: entries whose time has come give their memory back without being read, and
//! loads that have had their time make room for another.

use std::sync::Arc;

use super::MemoryCache;
use crate::cache::entry::Entry;
use crate::cache::removals::Gone;
use crate::clock::Clock;
use crate::timer::Ticking;

/// Under the machine's clock what falls due within so long is done together: 20 wake-ups a second at most, and an entry's
/// memory is held that much longer at most.
const TOGETHER_US: u64 = 50_000;
/// Entries that go under one lock.
const SWEPT_A_LOCK: usize = 256;
/// Locks taken a tick and shard; with more left the thread looks after others in between.
const LOCKS_A_TICK: usize = 16;

impl MemoryCache {
    /// Says that something is due at `due_us`, after the change that makes it so.
    #[inline]
    pub(super) fn set_alarm(&self, due_us: u64) {
        if !self.alarm.is_set_for(due_us) {
            self.alarm.set(self.together(due_us));
        }
    }

    fn together(&self, due_us: u64) -> u64 {
        match self.clock {
            Clock::System => due_us.checked_next_multiple_of(TOGETHER_US).unwrap_or(due_us),
            Clock::Manual(_) => due_us,
        }
    }

    /// Removes what is due in one shard; whether that was all.
    fn sweep(&self, number: usize, now_us: u64) -> bool {
        let shard = &self.shards[number];
        let mut gone = Gone::default();
        let mut swept = 0;
        {
            let state = &mut *shard.state.write();
            let due_us = |entry: &Entry| {
                let kept_us = if entry.lapsed() { self.stale_us } else { 0 };
                entry.expires_us().saturating_add(kept_us)
            };
            while swept < SWEPT_A_LOCK {
                let Some(index) = state.table.pop_due(now_us, due_us) else { break };
                let due_us = due_us(state.table.entry(index));
                if due_us > now_us {
                    // A read has moved it to later meanwhile.
                    state.table.wheel.set(index, due_us, now_us);
                } else {
                    self.lapse_or_remove(state, index, now_us, shard, &mut gone);
                }
                swept += 1;
            }
            state.table.compact();
        }
        self.watchers.tell(&gone);
        swept < SWEPT_A_LOCK
    }

    fn end_leases(&self, now_us: u64) {
        loop {
            let due = {
                let mut leases = self.leases.lock();
                match leases.first() {
                    Some(&(until_us, _, _)) if until_us <= now_us => leases.pop_first(),
                    _ => None,
                }
            };
            let Some((_, ticket, shard)) = due else { return };
            let ended = self.shards[shard].state.write().loads.end(ticket);
            if let Some(ended) = ended {
                self.time_out(&self.shards[shard], ticket, ended);
            }
        }
    }
}

impl Ticking for MemoryCache {
    fn next_due_us(&self) -> Option<u64> {
        let of_shards = self.shards.iter().filter_map(|shard| shard.state.read().table.wheel.next_due_us());
        let of_leases = self.leases.lock().first().map(|&(until_us, _, _)| until_us);
        let due_us = of_shards.chain(of_leases).min()?;
        // What is overdue was left over by the last tick and does not wait.
        Some(if due_us <= self.clock.now_us() { due_us } else { self.together(due_us) })
    }

    fn tick(&self, now_us: u64) {
        self.end_leases(now_us);
        for shard in 0..self.shards.len() {
            let mut locks = 0;
            while !self.sweep(shard, now_us) && locks < LOCKS_A_TICK {
                locks += 1;
            }
        }
    }
}

/// Runs `step` on the background thread until it has nothing left to do, letting other work in between.
pub(super) fn in_background<T: Send + 'static>(
    cache: Option<Arc<MemoryCache>>,
    mut state: T,
    mut step: impl FnMut(Option<&MemoryCache>, &mut T) -> bool + Send + 'static,
    done: impl FnOnce(T) + Send + 'static,
) {
    crate::timer::spawn(async move {
        while step(cache.as_deref(), &mut state) {
            crate::timer::turn().await;
        }
        done(state);
    });
}
