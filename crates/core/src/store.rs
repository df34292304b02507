//! Stores: names to features, and the registry of the process.
//!
//! `memory:app` opened by ten threads is one store; it lives until its last handle closes. Handles of threads that
//! ended without closing stay counted: a pool of threads may shrink to zero without losing its state. A private store
//! ('') goes with whoever holds it. Threads that work for a handle find its store, a private one too, by a name that it was
//! shared under, and count for nothing: it ends without them.
//!
//! This is the only place that picks an engine.

mod names;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::budget::Budget;
use crate::cache::CacheOptions;
use crate::clock::Clock;
use crate::engine::memory::{MemoryCache, MemoryLimiter, MemoryQueue, MemorySessions};
use crate::engine::{CacheEngine, CacheView, LimiterEngine, QueueEngine, SessionsEngine};
use crate::error::{Error, Result};
use crate::ids;
use crate::key::Key;
use crate::limiter::{Answer, Ask, LimiterOptions};
use crate::queue::QueueOptions;
use crate::reply::Reply;
use crate::sessions::SessionsOptions;
use names::Names;

pub use names::Asked;

static REGISTRY: LazyLock<DashMap<String, Registered>> = LazyLock::new(DashMap::new);

/// Stores by the names that [`Store::share`] made.
static SHARED: LazyLock<DashMap<String, Weak<Store>>> = LazyLock::new(DashMap::new);

/// What those names begin with: more characters than the facade lets the name of a store have, so no URL is one of them.
static SHARED_PREFIX: LazyLock<String> = LazyLock::new(|| format!("{:.<257}", "shared"));

struct Registered {
    store: Arc<Store>,
    handles: usize,
}

/// What a store is opened with, normalised by the facade.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoreOptions {
    /// Bytes of state that may not be evicted; as given by the caller, for comparison.
    max_memory: Option<u64>,
    /// The same where the caller gave none.
    default_max_memory: u64,
    /// Other options for a known name are ignored instead of refused.
    keep_first_options: bool,
}

/// One store: its clock, its budget, its features by name.
pub struct Store {
    /// '' for a private store.
    name: String,
    origin: String,
    clock: Clock,
    budget: Arc<Budget>,
    caches: Names<MemoryCache>,
    sessions: Names<MemorySessions>,
    limiters: Names<MemoryLimiter>,
    queues: Names<MemoryQueue>,
    defining: Mutex<()>,
    /// Its name in `SHARED`, once somebody has shared it.
    shared_as: OnceLock<String>,
    shut: AtomicBool,
}

/// A feature found by name.
pub struct Found<F> {
    /// The feature.
    pub feature: F,
    /// The options it was made with, as JSON.
    pub options: String,
}

/// Opens the store `name`, or makes it; '' makes one that is private to this handle. Every open wants one [`close`].
/// With it: whether the caller wants to go on with the first options of a name where it gives others.
pub fn open(name: String, options: &str, clock: Option<Clock>, origin: &str) -> Result<(Arc<Store>, bool)> {
    let options: StoreOptions = serde_json::from_str(options)
        .map_err(|error| Error::InvalidArg(format!("options of open(): {error}")))?;
    let keep_first = options.keep_first_options;
    if name.is_empty() {
        return Ok((Store::new(name, &options, clock, origin), keep_first));
    }
    match REGISTRY.entry(name.clone()) {
        Entry::Vacant(vacant) => {
            let store = Store::new(name, &options, clock, origin);
            vacant.insert(Registered { store: store.clone(), handles: 1 });
            Ok((store, keep_first))
        }
        Entry::Occupied(mut known) => {
            known.get().store.check_same(&options, clock.as_ref())?;
            known.get_mut().handles += 1;
            Ok((known.get().store.clone(), keep_first))
        }
    }
}

/// The store that [`Store::share`] named so; nothing where it is no such name. It is no handle, so it wants no [`close`], and
/// the store ends without it.
pub fn open_shared(name: &str) -> Result<Option<Arc<Store>>> {
    if !name.starts_with(SHARED_PREFIX.as_str()) {
        return Ok(None);
    }
    let known = SHARED.get(name).and_then(|known| known.upgrade());
    known.filter(|store| !store.is_shut()).map(Some).ok_or_else(|| {
        Error::Closed("the store that was shared by this name is closed; share one that is open".into())
    })
}

/// Gives a handle back. The last one of a store takes its state with it: the answer tells the unfinished jobs that
/// went, per queue, where there were any.
pub fn close(store: &Arc<Store>) -> BTreeMap<String, u64> {
    if !store.name.is_empty()
        && let Entry::Occupied(mut known) = REGISTRY.entry(store.name.clone())
        && Arc::ptr_eq(&known.get().store, store)
    {
        known.get_mut().handles -= 1;
        if known.get().handles > 0 {
            return BTreeMap::new();
        }
        known.remove();
    }
    store.shut()
}

impl Store {
    fn new(name: String, options: &StoreOptions, clock: Option<Clock>, origin: &str) -> Arc<Self> {
        Arc::new(Self {
            name,
            origin: origin.to_owned(),
            clock: clock.unwrap_or(Clock::System),
            budget: Arc::new(Budget::new(options.max_memory.unwrap_or(options.default_max_memory))),
            caches: Names::new("cache", Some("{ ttl }")),
            sessions: Names::new("sessions", Some("{ ttl }")),
            limiters: Names::new("limiter", Some("{ limit, window }")),
            queues: Names::new("queue", None),
            defining: Mutex::new(()),
            shared_as: OnceLock::new(),
            shut: AtomicBool::new(false),
        })
    }

    /// A name by which [`open_shared`] finds this store, a private one too, until its last handle closes. Nobody can guess it.
    pub fn share(self: &Arc<Self>) -> String {
        let name = self.shared_as.get_or_init(|| {
            let name = format!("{}{}", *SHARED_PREFIX, ids::session_id());
            SHARED.insert(name.clone(), Arc::downgrade(self));
            name
        });
        name.clone()
    }

    /// Whether its last handle was closed.
    pub fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    fn share_no_more(&self) {
        if let Some(name) = self.shared_as.get() {
            SHARED.remove(name);
        }
    }

    /// As one would open it: 'memory:app'.
    pub fn url(&self) -> String {
        format!("memory:{}", self.name)
    }

    fn check_same(&self, options: &StoreOptions, clock: Option<&Clock>) -> Result<()> {
        if options.keep_first_options {
            return Ok(());
        }
        let conflict = |first: String, second: String| Error::OptionsConflict {
            what: format!("the store '{}'", self.url()),
            first,
            second,
            origin: self.origin.clone(),
        };
        if clock.is_some_and(|clock| !clock.is_same(&self.clock)) {
            let first =
                if matches!(self.clock, Clock::System) { "the system clock" } else { "another manual clock" };
            return Err(conflict(first.into(), "a manual clock of its own".into()));
        }
        match options.max_memory {
            Some(asked) if asked != self.budget.limit() => {
                Err(conflict(format!("maxMemory {}", self.budget.limit()), format!("maxMemory {asked}")))
            }
            _ => Ok(()),
        }
    }

    /// The cache `name`; its first call needs options.
    pub fn cache(&self, asked: &Asked<'_>) -> Result<Found<CacheView>> {
        let make = |options: CacheOptions| {
            options.check()?;
            Ok(MemoryCache::new(options, self.clock.clone()))
        };
        let (engine, options) = self.caches.get_or_make(asked, make)?;
        let known: CacheOptions = serde_json::from_str(&options)
            .map_err(|error| Error::Internal(format!("options that were just written: {error}")))?;
        let version = engine.version(known.handle.version.as_deref());
        Ok(Found { feature: CacheView { engine, version }, options })
    }

    /// The sessions `name`; their first call needs options.
    pub fn sessions(&self, asked: &Asked<'_>) -> Result<Found<Arc<dyn SessionsEngine>>> {
        let make = |options: SessionsOptions| {
            options.check()?;
            Ok(MemorySessions::new(options, self.clock.clone(), self.budget.clone()))
        };
        let (feature, options) = self.sessions.get_or_make(asked, make)?;
        Ok(Found { feature, options })
    }

    /// The limiter `name`; its first call needs options.
    pub fn limiter(&self, asked: &Asked<'_>) -> Result<Found<Arc<dyn LimiterEngine>>> {
        let make = |options: LimiterOptions| {
            options.check()?;
            Ok(MemoryLimiter::new(options, self.clock.clone(), self.budget.clone()))
        };
        let (feature, options) = self.limiters.get_or_make(asked, make)?;
        Ok(Found { feature, options })
    }

    /// Takes the units of every part or of none: their answers in order, and when they were given. A part names its limiter
    /// by number.
    pub fn consume_all(&self, parts: &[(u64, Key<'_>, Ask)]) -> Result<(Vec<Answer>, u64)> {
        let of_store = self.limiters.all();
        let (mut limiters, mut by_place) =
            (Vec::<Arc<MemoryLimiter>>::new(), Vec::with_capacity(parts.len()));
        for &(number, key, ask) in parts {
            let known = limiters.iter().position(|limiter| limiter.number() == number);
            let place = known.unwrap_or(limiters.len());
            if known.is_none() {
                let found = of_store.iter().find(|limiter| limiter.number() == number);
                limiters.push(found.cloned().ok_or_else(|| {
                    Error::InvalidArg(format!(
                        "consumeAll() takes limiters of one store, and one of these is of another than {}; open them in one",
                        self.url()
                    ))
                })?);
            }
            by_place.push((place, key, ask));
        }
        MemoryLimiter::take_all(&limiters, &by_place)
    }

    /// The queue `name`; all its options have defaults.
    pub fn queue(&self, asked: &Asked<'_>) -> Result<Found<Arc<dyn QueueEngine>>> {
        // One after the other: two queues that named each other at once would both be fine.
        let _defining = self.defining.lock();
        let given = asked.options.and_then(|text| serde_json::from_str::<QueueOptions>(text).ok());
        if let Some(dead_letter) = given.and_then(|options| options.dead_letter) {
            self.check_dead_letters(asked.name, dead_letter)?;
        }
        self.queues.adopt(asked, |queue, options: QueueOptions| {
            options.check()?;
            queue.adopt(options);
            Ok(())
        })?;
        let make = |options: QueueOptions| {
            options.check()?;
            Ok(self.make_queue(asked.name, options))
        };
        let (feature, options) = self.queues.get_or_make(asked, make)?;
        if let Some(name) = feature.dead_letter() {
            feature.post_to(self.queues.imply(&name, |options| Ok(self.make_queue(&name, options)))?);
        }
        Ok(Found { feature, options })
    }

    /// Fails where a job of `queue` that fails there, and in every queue that its dead letters go to, would come back to it.
    fn check_dead_letters(&self, queue: &str, dead_letter: String) -> Result<()> {
        let mut path = vec![queue.to_owned(), dead_letter];
        while let Some(last) = path.last() {
            if last == queue {
                return Err(Error::InvalidArg(format!(
                    "deadLetter goes round in a circle ('{}'): a job that always fails would run for ever; name another queue",
                    path.join("' -> '")
                )));
            }
            let Some(next) = self.queues.get(last).and_then(|queue| queue.dead_letter()) else {
                break;
            };
            path.push(next);
        }
        Ok(())
    }

    fn make_queue(&self, name: &str, options: QueueOptions) -> Arc<MemoryQueue> {
        MemoryQueue::new(name.to_owned(), options, self.clock.clone(), self.budget.clone())
    }

    /// Everything worth watching, as the JSON of `StoreStats` in index.d.ts.
    pub fn stats(&self) -> Value {
        let caches = self.caches.each(CacheEngine::stats);
        let sessions = self.sessions.each(MemorySessions::stats);
        let limiters = self.limiters.each(MemoryLimiter::stats);
        let queues = self.queues.each(|queue| {
            let (bytes, oldest_waiting_age_ms) = queue.load();
            json!({ "counts": queue.counts(), "bytes": bytes, "oldestWaitingAgeMs": oldest_waiting_age_ms })
        });
        let in_caches: u64 = caches.values().map(|stats| stats.bytes).sum();
        json!({
            "bytes": in_caches + self.budget.used(),
            "budget": { "used": self.budget.used(), "limit": self.budget.limit() },
            "caches": caches,
            "sessions": sessions,
            "limiters": limiters,
            "queues": queues,
        })
    }

    /// Resolves when, in all of `stores`, no job is active and none waits that a worker could take.
    pub fn all_settled(stores: Vec<Arc<Self>>) -> Reply<()> {
        Reply::Pending(Box::pin(async move {
            for store in stores {
                for queue in store.queues.all() {
                    match queue.settled() {
                        Reply::Ready(settled) => settled?,
                        Reply::Pending(settled) => settled.await?,
                    }
                }
            }
            Ok(())
        }))
    }

    fn shut(&self) -> BTreeMap<String, u64> {
        self.shut.store(true, Ordering::Release);
        self.share_no_more();
        // V8 may hold the facades for long: what the store held goes now.
        self.caches.each(CacheEngine::clear);
        self.sessions.each(MemorySessions::shut);
        self.limiters.each(MemoryLimiter::shut);
        let dropped = self.queues.each(MemoryQueue::shut);
        dropped.into_iter().filter(|&(_, unfinished)| unfinished > 0).collect()
    }
}

impl Drop for Store {
    /// The thread of a private store ended without closing it.
    fn drop(&mut self) {
        self.share_no_more();
    }
}
