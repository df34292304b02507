//! Loads: one loader a key across all threads.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::read::copy;
use super::{MemoryCache, Shard, State};
use crate::cache::loads::{self, EndedLoad, Landed, Lapse, Leader};
use crate::cache::removals::Gone;
use crate::cache::{At, Put, tags};
use crate::clock;
use crate::engine::{Ended, Joined, LoadMode};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::reply::Reply;

impl MemoryCache {
    pub(super) fn join(
        &self,
        at: At<'_>,
        tags: &[Key<'_>],
        mode: LoadMode,
        timeout_ms: u64,
        leader: Arc<dyn Leader>,
        buffer: &mut Vec<u8>,
    ) -> Result<Joined> {
        tags::check(tags)?;
        let (hash, shard) = self.locate(at.key);
        let now_us = self.clock.now_us();
        let mut overdue = None;
        let mut gone = Gone::default();
        let joined = {
            let state = &mut *shard.state.write();
            if mode != LoadMode::Fresh {
                if let Some(index) = self.find_live(state, hash, at) {
                    return Ok(Joined::Found(copy(state.table.entry(index), buffer)));
                }
                self.settle_expired(state, hash, at, 0, shard, &mut gone);
            }
            let mut current = state.loads.current(at.key, at.version);
            if let Some(ticket) = current
                && state.loads.until_us(ticket) <= now_us
            {
                // It has had its time, and the background thread has not come to it yet.
                overdue = state.loads.end(ticket).map(|ended| (ticket, ended));
                current = None;
            }
            match (current, mode) {
                (Some(_), LoadMode::Refresh) => Joined::UnderWay,
                (Some(ticket), LoadMode::Join) => self.wait(state, hash, ticket),
                _ => {
                    let until_us = clock::after(now_us, timeout_ms);
                    // Before the ticket is drawn: who deletes a tag afterwards remembers it for this load.
                    self.loads_under_way.fetch_add(1, Ordering::SeqCst);
                    let ticket = state.loads.begin(at, tags, leader, until_us);
                    shard.counters.loads.add_one();
                    self.leases.lock().insert((until_us, ticket, self.shard_of(hash)));
                    self.set_alarm(until_us);
                    Joined::Lead(ticket)
                }
            }
        };
        self.watchers.tell(&gone);
        if let Some((ticket, ended)) = overdue {
            self.leases.lock().remove(&(ended.until_us, ticket, self.shard_of(hash)));
            self.time_out(shard, ticket, ended);
        }
        Ok(joined)
    }

    pub(super) fn tag(&self, at: At<'_>, ticket: u64, tags: &[Key<'_>]) -> Result<()> {
        tags::check(tags)?;
        let (_, shard) = self.locate(at.key);
        let state = &mut *shard.state.write();
        state.loads.set_tags(ticket, tags);
        // One may have been deleted since the load began, when nobody knew that it would bring it.
        if !self.tags.lock().load_counts(ticket, tags) {
            state.loads.overtake_ticket(at.key, at.version, ticket);
        }
        Ok(())
    }

    pub(super) fn land(&self, at: At<'_>, ticket: u64, put: Put<'_>, store: bool) -> Result<Ended> {
        tags::check(put.tags)?;
        let (hash, shard) = self.locate(at.key);
        let mut gone = Gone::default();
        let (ended, stored) = {
            let state = &mut *shard.state.write();
            let Some(ended) = state.loads.end(ticket) else { return Ok(Ended::Over) };
            let wanted = store && ended.counted;
            let stored = wanted.then(|| self.put(state, shard, hash, at, put, Some(ticket), &mut gone));
            (ended, stored)
        };
        self.end_lease(hash, ticket, &ended);
        self.watchers.tell(&gone);
        if !ended.waiters.is_empty() {
            loads::tell(ended.waiters, &Landed::Value(put.tag, put.value.into()));
        }
        match stored {
            // Who asked gets the value all the same; the rejection is counted.
            None | Some(Ok(false) | Err(Error::TooLarge { .. })) => Ok(Ended::Unstored),
            Some(Ok(true)) => Ok(Ended::Stored),
            Some(Err(error)) => Err(error),
        }
    }

    pub(super) fn fail(&self, at: At<'_>, ticket: u64, failure: Option<&str>) {
        let landed = failure.map_or(Landed::Nothing, |failure| Landed::Failed(failure.into()));
        if self.end(at, ticket, &landed) && failure.is_some() {
            self.locate(at.key).1.counters.load_errors.add_one();
        }
    }

    pub(super) fn abandon(&self, at: At<'_>, ticket: u64) {
        self.end(at, ticket, &Landed::Again);
    }

    /// Ends a load that brought nothing to store; whether it was under way.
    fn end(&self, at: At<'_>, ticket: u64, landed: &Landed) -> bool {
        let (hash, shard) = self.locate(at.key);
        let ended = shard.state.write().loads.end(ticket);
        let Some(ended) = ended else { return false };
        self.end_lease(hash, ticket, &ended);
        loads::tell(ended.waiters, landed);
        true
    }

    fn end_lease(&self, hash: u64, ticket: u64, ended: &EndedLoad) {
        self.leases.lock().remove(&(ended.until_us, ticket, self.shard_of(hash)));
        self.note_ended();
    }

    fn note_ended(&self) {
        self.loads_under_way.fetch_sub(1, Ordering::SeqCst);
    }

    /// A load has had its time: another may lead.
    pub(super) fn time_out(&self, shard: &Shard, ticket: u64, ended: EndedLoad) {
        shard.counters.load_errors.add_one();
        self.note_ended();
        ended.leader.lapsed(ticket, Lapse::TimedOut);
        loads::tell(ended.waiters, &Landed::Again);
    }

    fn wait(&self, state: &mut State, hash: u64, ticket: u64) -> Joined {
        let number = self.waits.fetch_add(1, Ordering::Relaxed);
        let receiver = state.loads.wait(ticket, number);
        let waiting = Waiting { cache: self.me.clone(), shard: self.shard_of(hash), ticket, number };
        Joined::Wait(
            ticket,
            Reply::Pending(Box::pin(async move {
                // Moved in, so that it leaves when the answer is not waited for any more.
                let _waiting = waiting;
                Ok(receiver.await.unwrap_or(Landed::Again))
            })),
        )
    }

    /// A waiter has left.
    fn leave_wait(&self, waiting: &Waiting) {
        let deserted = self.shards[waiting.shard].state.write().loads.leave(waiting.ticket, waiting.number);
        if let Some(leader) = deserted {
            leader.lapsed(waiting.ticket, Lapse::Deserted);
        }
    }
}

/// Someone who waits for a load.
struct Waiting {
    cache: Weak<MemoryCache>,
    shard: usize,
    ticket: u64,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(cache) = self.cache.upgrade() {
            cache.leave_wait(self);
        }
    }
}
