//! What each feature asks of an engine, in words of the feature, and the engines that answer.
//!
//! A contract speaks meaning (`take`, `finish`), never storage (`push`, `range`), so that an engine on a log or on
//! a server can decide the same things in its own place. Rules stay in the features: an engine calls their
//! decisions and applies the effects.

pub mod memory;

use std::sync::Arc;

use crate::error::Result;
use crate::key::Key;
use crate::limiter::{Answer, LimiterStats};
use crate::queue::{Counts, Finish, JobView, NewJob, Outcome, Subscriber, Token, WorkerSpec};
use crate::reply::Reply;
use crate::sessions::{SessionData, SessionsStats};
use crate::value::Tag;

/// Where a cache lookup left the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There is no live entry.
    Absent,
    /// The value's bytes are in the buffer that the caller lent.
    Copied(Tag),
}

/// A bounded map of keys to values that may be evicted at any time.
pub trait CacheEngine: Send + Sync {
    /// Copies the live value of `key` into `buffer` (cleared first) and counts a hit or a miss.
    fn get(&self, key: Key<'_>, buffer: &mut Vec<u8>) -> Result<Lookup>;
    /// Stores a value until `ttl_ms` from now, or until evicted. A value over the entry limit removes the old one
    /// and fails with `TooLarge`.
    fn set(&self, key: Key<'_>, tag: Tag, value: &[u8], ttl_ms: Option<u64>) -> Result<()>;
    /// Draws a ticket before loading what `end_load` will store.
    fn begin_load(&self, key: Key<'_>) -> u64;
    /// As `set`, but only when nothing has changed the key since its ticket was drawn; says whether it stored.
    fn end_load(
        &self,
        key: Key<'_>,
        tag: Tag,
        value: &[u8],
        ttl_ms: Option<u64>,
        ticket: u64,
    ) -> Result<bool>;
    /// Whether nothing has changed the key since its ticket was drawn, and the load is still under way.
    fn load_counts(&self, key: Key<'_>, ticket: u64) -> bool;
    /// The load came to nothing: forgets its ticket.
    fn abandon_load(&self, key: Key<'_>, ticket: u64);
    /// Whether there is a live entry; counts nothing.
    fn has(&self, key: Key<'_>) -> bool;
    /// Removes an entry; whether it was live.
    fn delete(&self, key: Key<'_>) -> bool;
    /// Removes every entry.
    fn clear(&self);
    /// Counters and sizes.
    fn stats(&self) -> crate::cache::CacheStats;
}

/// Decisions on units per key and time.
pub trait LimiterEngine: Send + Sync {
    /// Takes `cost` units if they are there; a denial takes nothing.
    fn consume(&self, key: Key<'_>, cost: u32) -> Result<Answer>;
    /// Whether `consume(key, 1)` would pass and when, and the units left now; takes nothing.
    fn peek(&self, key: Key<'_>) -> Result<Answer>;
    /// Forgets a key; whether there was anything to forget.
    fn reset(&self, key: Key<'_>) -> bool;
    /// Counters and sizes.
    fn stats(&self) -> LimiterStats;
}

/// Sessions by id; only a digest of the id is kept.
pub trait SessionsEngine: Send + Sync {
    /// Stores `data` under a new random id and returns the id.
    fn create(&self, data: SessionData<'_>, ttl_ms: u64) -> Reply<String>;
    /// Copies the live session's data into `buffer` (cleared first).
    fn get(&self, id: &str, buffer: &mut Vec<u8>) -> Result<Lookup>;
    /// Replaces the data and renews the idle time; false for an unknown id, unless `adopt`.
    fn set(&self, id: &str, data: SessionData<'_>, ttl_ms: u64, adopt: bool) -> Reply<bool>;
    /// Renews the idle time; false for an unknown id.
    fn touch(&self, id: &str, ttl_ms: u64) -> Reply<bool>;
    /// Moves a session to a new id and returns that; the old id is dead in the same step.
    fn regenerate(&self, id: &str) -> Reply<Option<String>>;
    /// Removes a session; whether it was live.
    fn destroy(&self, id: &str) -> Reply<bool>;
    /// Live sessions, and their bytes.
    fn stats(&self) -> SessionsStats;
}

/// An at-least-once job queue.
pub trait QueueEngine: Send + Sync {
    /// Adds a job, or finds the one with the same id (`added` false).
    fn add(&self, job: NewJob) -> Reply<(JobView, bool)>;
    /// Registers a worker, whose leases are renewed until it is closed; returns its number.
    fn open_worker(&self, spec: WorkerSpec) -> u64;
    /// Claims up to `max` jobs for a worker. When it gets fewer, `Subscriber::ready` is called once when a job becomes
    /// waiting. With `max` 0 it wants none any more, and a job that it was told of goes to another worker.
    fn take(&self, worker: u64, max: usize) -> Result<Vec<(JobView, Token)>>;
    /// Settles a claimed job. A token that is no longer valid changes nothing and answers `Finish::LeaseLost`.
    fn finish(&self, token: Token, outcome: Outcome) -> Reply<Finish>;
    /// Forgets a worker that holds no jobs any more. Jobs it still holds go back: `released` (closed on purpose: to
    /// the front, no attempt lost) or stalled (its thread ended).
    fn close_worker(&self, worker: u64, released: bool);
    /// A job as it is now.
    fn get_job(&self, id: &str) -> Reply<Option<JobView>>;
    /// The JSON text of the job's result once it completes; `JobFailed`, `NotFound`, or `Timeout` after
    /// `timeout_ms`.
    fn result(&self, id: &str, timeout_ms: Option<u64>) -> Reply<String>;
    /// Jobs by state.
    fn counts(&self) -> Counts;
    /// Resolves when no job is waiting that a worker could take and none is active.
    fn settled(&self) -> Reply<()>;
    /// Sends every later event to `subscriber` until the returned number is unsubscribed.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) -> u64;
    /// Ends a subscription.
    fn unsubscribe(&self, subscription: u64);
    /// Bytes held, and the age of the oldest waiting job in milliseconds.
    fn load(&self) -> (u64, u64);
}
