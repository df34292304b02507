//! What each feature asks of an engine, in words of the feature, and the engines that answer.
//!
//! A contract speaks meaning (`take`, `finish`), never storage (`push`, `range`), so that an engine on a log or on
//! a server can decide the same things in its own place. Rules stay in the features: an engine calls their
//! decisions and applies the effects.

pub mod memory;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::cache::loads::{Landed, Leader};
use crate::cache::removals::Removal;
use crate::cache::{At, Put, Touch};
use crate::error::Result;
use crate::key::Key;
use crate::limiter::{Answer, Ask, LimiterStats};
use crate::queue::{
    Change, Changed, Counts, Finish, JobState, JobView, Json, Metrics, NewJob, Outcome, Rate, SchedulerView,
    Step, Subscriber, Token, Upsert, WorkerSpec,
};
use crate::reply::Reply;
use crate::sessions::destroy::Destroyed;
use crate::sessions::set::{Owner, Saved};
use crate::sessions::{Record, SessionData, SessionEvent, SessionsStats};
use crate::value::Tag;
use crate::watch::Watcher;

/// Where a lookup left the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// There is no live entry.
    Absent,
    /// The value's bytes are in the buffer that the caller lent.
    Copied(Tag),
}

/// Where a cache lookup left the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There is no live entry.
    Absent,
    /// The value's bytes are in the buffer that the caller lent.
    Found(Found),
}

/// A value read from a cache, with what a near cache needs to keep it: all taken under one lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How to read the value.
    pub tag: Tag,
    /// By which the engine knows it in `note_used`.
    pub hash: u64,
    /// Where the board has the generation of its key.
    pub slot: u32,
    /// That generation.
    pub generation: u32,
    /// When it expires; `u64::MAX` is never.
    pub expires_us: u64,
    /// It is past its TTL.
    pub stale: bool,
}

/// How a load is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// After a miss: what came meanwhile, or the load under way, or a new one.
    Join,
    /// A new one, whatever there is.
    Fresh,
    /// A new one unless there is one, for nobody who waits.
    Refresh,
}

/// What became of a value that was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was stored.
    Stored,
    /// It was handed out only.
    Unstored,
    /// The load was not under way any more: it had had its time.
    Over,
}

/// What came of asking for a load.
pub enum Joined {
    /// A fresh value came meanwhile; it is in the buffer.
    Found(Found),
    /// The caller loads, under this ticket.
    Lead(u64),
    /// Somebody loads, and the caller did not want to wait.
    UnderWay,
    /// Somebody loads, under this ticket; the answer comes when it has ended.
    Wait(u64, Reply<Landed>),
}

/// A bounded map of keys to values that may be evicted at any time. Buffers are cleared before they are written to.
pub trait CacheEngine: Send + Sync {
    /// The number of a shape of values, the same for the same text.
    fn version(&self, text: Option<&str>) -> u32;
    /// Copies the live value and counts a hit or a miss.
    fn get(&self, at: At<'_>, buffer: &mut Vec<u8>) -> Result<Read>;
    /// As `get`, and also a value whose TTL ended less than `window_ms` ago, which counts as stale.
    fn get_stale(&self, at: At<'_>, window_ms: u64, buffer: &mut Vec<u8>) -> Result<Read>;
    /// Copies the live value, or one whose TTL ended less than `window_ms` ago; counts nothing and no use.
    fn peek(&self, at: At<'_>, window_ms: u64, buffer: &mut Vec<u8>) -> Result<Read>;
    /// Copies the live value and removes it; counts a hit or a miss.
    fn take(&self, at: At<'_>, buffer: &mut Vec<u8>) -> Result<Read>;
    /// Counts a use of each of these entries, as far as they are still there, for reads that a near cache answered.
    fn note_used(&self, hashes: &[u64]);
    /// Stores a value until its TTL ends, or until evicted. A value over the entry limit removes the old one and fails
    /// with `TooLarge`.
    fn set(&self, at: At<'_>, put: Put<'_>) -> Result<()>;
    /// Whether there is a live entry; counts nothing.
    fn has(&self, at: At<'_>) -> bool;
    /// Removes an entry; whether it was live.
    fn delete(&self, at: At<'_>) -> bool;
    /// Starts the TTL of a live entry anew; whether there was one.
    fn touch(&self, at: At<'_>, touch: Touch) -> bool;
    /// Microseconds a live entry has left; `u64::MAX`: it does not expire.
    fn remaining_us(&self, at: At<'_>) -> Option<u64>;
    /// Ends the TTL of a live entry now; whether there was one.
    fn expire(&self, at: At<'_>) -> bool;
    /// Removes every entry with one of the tags.
    fn delete_by_tag(&self, tags: &[Key<'_>]) -> Reply<()>;
    /// Ends the TTL of every entry with one of the tags.
    fn expire_by_tag(&self, tags: &[Key<'_>]) -> Reply<()>;
    /// Removes every entry whose key starts with `prefix`; how many were live.
    fn delete_by_prefix(&self, prefix: Key<'_>) -> Reply<u64>;
    /// Removes every entry.
    fn clear(&self);
    /// Shows `visit` a chunk of the live entries whose key starts with `prefix`. Starts at cursor 0 and answers the next
    /// one, 0 at the end; `visit` says whether it has room for more. An entry that is there throughout is shown at least
    /// once.
    fn scan(
        &self,
        cursor: u64,
        prefix: Key<'_>,
        version: u32,
        visit: &mut dyn FnMut(Key<'_>, Tag, &[u8]) -> bool,
    ) -> u64;
    /// Joins or starts the load of a key. Who leads ends it with `end_load`, `fail_load` or `abandon_load`; after
    /// `timeout_ms` it is ended for it. `tags`: what the value will be deleted by, as far as it is known.
    fn join_load(
        &self,
        at: At<'_>,
        tags: &[Key<'_>],
        mode: LoadMode,
        timeout_ms: u64,
        leader: Arc<dyn Leader>,
        buffer: &mut Vec<u8>,
    ) -> Result<Joined>;
    /// What the value of a load under way will be deleted by, where that was not known when it was joined.
    fn tag_load(&self, at: At<'_>, ticket: u64, tags: &[Key<'_>]) -> Result<()>;
    /// Hands a loaded value to all who wait, and stores it when `store` and nothing has overtaken the load.
    fn end_load(&self, at: At<'_>, ticket: u64, put: Put<'_>, store: bool) -> Result<Ended>;
    /// The loader found nothing to keep, or failed: all who wait are told.
    fn fail_load(&self, at: At<'_>, ticket: u64, failure: Option<&str>);
    /// The leader is gone or gives up: all who wait ask anew.
    fn abandon_load(&self, at: At<'_>, ticket: u64);
    /// The leader's own callers have left, or one is back. Whether nobody waits; otherwise the leader hears of it when
    /// the last one leaves.
    fn leave_load(&self, at: At<'_>, ticket: u64, left: bool) -> bool;
    /// Whether a newcomer would join this load.
    fn load_counts(&self, at: At<'_>, ticket: u64) -> bool;
    /// A place to count near hits in until it is closed; none: no near cache is possible.
    fn open_near(&self) -> Option<NearPlaces>;
    /// Takes the hits over and gives the place back.
    fn close_near(&self, hits: u16);
    /// Tells `watcher` of every later removal until the returned number is unwatched.
    fn watch(&self, watcher: Arc<dyn Watcher<Removal>>) -> u64;
    /// The counterpart of `watch`.
    fn unwatch(&self, number: u64);
    /// Counters and sizes.
    fn stats(&self) -> crate::cache::CacheStats;
}

/// A cache as one handle sees it.
#[derive(Clone)]
pub struct CacheView {
    /// The cache.
    pub engine: Arc<dyn CacheEngine>,
    /// The shape of the values that the handle reads and writes.
    pub version: u32,
}

/// Where a near cache finds its numbers on the board.
#[derive(Clone, Copy, Debug)]
pub struct NearPlaces {
    /// Its own hits.
    pub hits: u16,
    /// The cache's epoch.
    pub epoch: u16,
    /// The store's clock.
    pub clock: u16,
}

/// Decisions on units per key and time. Where a call asks for another window than the limiter's, it means another counter
/// of the key.
pub trait LimiterEngine: Send + Sync {
    /// Unlike any other limiter's of the process: what a store finds it by.
    fn number(&self) -> u64;
    /// Takes units if they are there; a denial takes nothing.
    fn consume(&self, key: Key<'_>, ask: Ask) -> Result<Answer> {
        self.take(key, ask).map(|(answer, _)| answer)
    }
    /// As `consume`, and when that was, for `give_back`.
    fn take(&self, key: Key<'_>, ask: Ask) -> Result<(Answer, u64)>;
    /// Whether `consume` would pass and when, and the units left now; takes and counts nothing.
    fn peek(&self, key: Key<'_>, ask: Ask) -> Result<Answer>;
    /// Gives back the units taken last, at most those that still count.
    fn refund(&self, key: Key<'_>, ask: Ask) -> Result<()> {
        self.give_back(key, ask, u64::MAX)
    }
    /// Gives back units that were taken at `taken_us` or before: later ones go on counting.
    fn give_back(&self, key: Key<'_>, ask: Ask, taken_us: u64) -> Result<()>;
    /// Takes what is there of the units; answers as `peek` for one unit then.
    fn penalty(&self, key: Key<'_>, ask: Ask) -> Result<Answer>;
    /// Denies a key for so long, whatever it has left, in place of an earlier block.
    fn block(&self, key: Key<'_>, duration_ms: u64) -> Result<()>;
    /// Forgets a key; whether there was anything to forget.
    fn reset(&self, key: Key<'_>) -> bool;
    /// Forgets all keys.
    fn reset_all(&self);
    /// Takes units when they are there and all who waited before for this key have had theirs; a denial after the timeout.
    fn wait(&self, key: Key<'_>, ask: Ask, timeout_ms: Option<u64>) -> Reply<Answer>;
    /// Counters and sizes.
    fn stats(&self) -> LimiterStats;
}

/// What a session is written with.
pub struct SessionWrite<'a> {
    /// What it is to hold.
    pub data: SessionData<'a>,
    /// Whose it is then.
    pub owner: Owner,
    /// Its idle time in milliseconds; none: as it was, or the options'.
    pub ttl_ms: Option<u64>,
    /// Whether to begin a session under an id that is unknown.
    pub adopt: bool,
    /// The version that the change was made on, or `ABSENT` (0); none: whichever it is.
    pub on: Option<u64>,
    /// Whether a session that is there is over when it was, unseen as it was.
    pub keep: bool,
}

/// What was read of a session beside its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRead {
    /// How its bytes in the buffer are to be read.
    pub tag: Tag,
    /// Another one with each change of the data.
    pub version: u64,
    /// When it is over, in milliseconds since the epoch, rounded down.
    pub expires_ms: u64,
}

/// Sessions by id; only a digest of the id is kept.
pub trait SessionsEngine: Send + Sync {
    /// Begins a session: its id. `owner`'s `AsItWas` is a visitor's.
    fn create(&self, write: SessionWrite<'_>) -> Reply<String>;
    /// Copies the data of a live session into `buffer`; does not renew its idle time.
    fn get(&self, id: &str, buffer: &mut Vec<u8>) -> Result<Option<SessionRead>>;
    /// Replaces the data and renews the idle time.
    fn set(&self, id: &str, write: SessionWrite<'_>) -> Reply<Saved>;
    /// Renews the idle time; whether there is such a session.
    fn touch(&self, id: &str, ttl_ms: Option<u64>) -> Reply<bool>;
    /// Gives a session a new id, which it answers.
    fn regenerate(&self, id: &str) -> Reply<Option<String>>;
    /// Ends a session; with `on` only one that is at that version still.
    fn destroy(&self, id: &str, on: Option<u64>) -> Reply<Destroyed>;
    /// The same by the handle that lists show.
    fn destroy_handle(&self, handle: &str) -> Reply<Destroyed>;
    /// Ends all sessions that a user has now, in steps, but that of one id; how many.
    fn destroy_user(&self, user: &str, except: Option<&str>) -> Reply<u64>;
    /// A user's live sessions from a cursor on (0: the first), oldest first, at most `max` and about 1 MB of data, and where to
    /// go on (none: that was all).
    fn list_user(&self, user: &str, cursor: u64, max: usize) -> (Vec<Record>, Option<u64>);
    /// Live sessions from a cursor on (0: the first), as many at most, and where to go on. A session that is there throughout
    /// comes once.
    fn scan(&self, cursor: u64, max: usize) -> (Vec<Record>, Option<u64>);
    /// Ends all sessions, telling nobody of each.
    fn clear(&self) -> Reply<()>;
    /// Tells `watcher` of sessions that end and of changes that met, until the returned number is removed.
    fn watch(&self, watcher: Arc<dyn Watcher<SessionEvent>>) -> u64;
    /// The counterpart of `watch`.
    fn unwatch(&self, number: u64);
    /// Counters and sizes.
    fn stats(&self) -> SessionsStats;
}

/// An at-least-once job queue.
pub trait QueueEngine: Send + Sync {
    /// Adds a job, or finds the one that it is a duplicate of (`added` false).
    fn add(&self, job: NewJob) -> Reply<(JobView, bool)>;
    /// The same for all of them in order, or for none.
    fn add_bulk(&self, jobs: Vec<NewJob>) -> Reply<Vec<(JobView, bool)>>;
    /// `add`, then `result` of that job, in one step: however soon it ends, and goes, its result comes.
    fn add_and_wait(&self, job: NewJob, timeout_ms: Option<u64>) -> Reply<String>;
    /// Registers a worker, whose leases are renewed until it is closed; returns its number.
    fn open_worker(&self, spec: WorkerSpec) -> Result<u64>;
    /// Claims up to `max` jobs for a worker. When it gets fewer, `Subscriber::ready` is called once when there is a job
    /// that it may take. With `max` 0 it wants none any more, and a job that it was told of goes to another worker.
    fn take(&self, worker: u64, max: usize) -> Result<Vec<(JobView, Token)>>;
    /// Settles a claimed job. A token that is no longer valid changes nothing and answers `Finish::LeaseLost`.
    fn finish(&self, token: Token, outcome: Outcome) -> Reply<Finish>;
    /// Settles claims as completed, each as `finish` would, in one step; none for a result over the queue's limit, whose claim
    /// stays as it is.
    fn complete_all(&self, completed: Vec<(Token, Json)>) -> Reply<Vec<Option<Finish>>>;
    /// What a handler says of its job; false where the token is no longer valid.
    fn progress(&self, token: Token, progress: Box<RawValue>) -> Reply<bool>;
    /// A line that a handler leaves with its job; false where the token is no longer valid.
    fn log(&self, token: Token, line: &str) -> Reply<bool>;
    /// The worker's thread answers [`Subscriber::ping`]: its event loop turns.
    fn pong(&self, worker: u64);
    /// Tells `subscriber` too of each lease end of a worker, until that is closed or the returned number is unguarded: the
    /// worker's own thread may hang.
    fn guard(&self, worker: u64, subscriber: Arc<dyn Subscriber>) -> u64;
    /// Ends a guard.
    fn unguard(&self, guard: u64);
    /// Forgets a worker that holds no jobs any more. Jobs it still holds go back: `released` (closed on purpose: to
    /// the front, no attempt lost) or stalled (its thread ended).
    fn close_worker(&self, worker: u64, released: bool);
    /// A job as it is now.
    fn get_job(&self, id: &str) -> Reply<Option<JobView>>;
    /// Where a job is now.
    fn state(&self, id: &str) -> Reply<Option<JobState>>;
    /// Jobs in any of these states, state by state, in the order in which they run or finished, or with `asc` false the
    /// other way round: from `start` on, at most `max`. Costs a step a job, those that are passed over too.
    fn get_jobs(&self, states: &[JobState], start: usize, max: usize, asc: bool) -> Reply<Vec<JobView>>;
    /// The lines of a job's log from `start` on, at most `max`; none of a job that is not there.
    fn logs(&self, id: &str, start: usize, max: usize) -> Reply<Vec<Arc<str>>>;
    /// The JSON text of the job's result once it completes; `JobFailed`, `NotFound`, or `Timeout` after
    /// `timeout_ms`.
    fn result(&self, id: &str, timeout_ms: Option<u64>) -> Reply<String>;
    /// Does to one job what a person asks for.
    fn change(&self, id: &str, change: Change) -> Reply<Changed>;
    /// Jobs by state.
    fn counts(&self) -> Counts;
    /// Rates, times and ages.
    fn metrics(&self) -> Metrics;
    /// Whether nothing is claimed.
    fn is_paused(&self) -> bool;
    /// Lets nothing be claimed, or everything again.
    fn set_paused(&self, paused: bool) -> Reply<()>;
    /// Bounds how many jobs are active at once; none: no bound.
    fn set_concurrency(&self, limit: Option<u32>) -> Reply<()>;
    /// Bounds how many jobs begin in a time; none: no bound.
    fn set_rate(&self, rate: Option<Rate>) -> Reply<()>;
    /// Removes waiting and delayed jobs, one step of them: how many.
    fn drain(&self) -> Reply<Step<u64>>;
    /// Removes jobs that have been in that state for longer, one step of them and at most `limit`: their ids.
    fn clean(&self, state: JobState, older_than_ms: u64, limit: usize) -> Reply<Step<Vec<Arc<str>>>>;
    /// Lets failed jobs wait again, the oldest first, one step of them and at most `limit`: how many.
    fn retry_failed(&self, limit: usize) -> Reply<Step<u64>>;
    /// Removes everything at once: how many jobs. `InvalidState` while jobs are active, unless `force`.
    fn obliterate(&self, force: bool) -> Reply<u64>;
    /// Sets a scheduler, in place of one of the same id.
    fn upsert_scheduler(&self, upsert: Upsert) -> Reply<()>;
    /// Ends a scheduler; whether it was there.
    fn remove_scheduler(&self, id: &str) -> Reply<bool>;
    /// All schedulers, by id.
    fn schedulers(&self) -> Reply<Vec<SchedulerView>>;
    /// Resolves when no job is waiting that a worker could take and none is active.
    fn settled(&self) -> Reply<()>;
    /// Sends every later event to `subscriber` until the returned number is unsubscribed.
    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) -> u64;
    /// Ends a subscription.
    fn unsubscribe(&self, subscription: u64);
    /// Bytes held, and the age of the oldest waiting job in milliseconds.
    fn load(&self) -> (u64, u64);
}
