//! A lane: what one load of lib/ owns in the addon. Its scratch array answers small results, its ring collects what
//! other threads have for it, its wake tells JavaScript to drain that ring.
//!
//! Jest loads lib/ once a test file and may share one environment between files, so lanes are attached explicitly and
//! nothing is keyed by thread. When the environment ends, the lane's workers are gone: their jobs go back at once.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use parking_lot::Mutex;
use redstart_core::cache::At;
use redstart_core::cache::loads::{Lapse, Leader};
use redstart_core::cache::removals::Removal;
use redstart_core::engine::{CacheEngine, QueueEngine};
use redstart_core::key::OwnedKey;
use redstart_core::queue::{Event, LeaseEnd, Subscriber, Token};
use redstart_core::sessions::SessionEvent;
use redstart_core::watch::Watcher;
use redstart_core::{Error, Result};

use crate::clock::NativeClock;
use crate::door::{self, Frame, OnEnd, Out, Wake};
use crate::reply::Promised;
use crate::store::{Handle, NativeStore};

/// Events that wait for one listening thread before it is told that it lags.
const EVENTS_WAITING_MAX: usize = 10_000;

/// Bytes of the same, as JSON: events carry results of up to a megabyte. The last one may go over.
const EVENTS_WAITING_BYTES_MAX: usize = 16 << 20;

/// Removals that wait for one listening thread before further ones are only counted.
const REMOVALS_WAITING_MAX: usize = 100_000;

/// Removals of one event.
const REMOVALS_A_BATCH: usize = 1_000;

/// `setWake`: no thread-safe function exists, so nothing is open for Jest to find.
const WAKE_CLOSED: u32 = 0;
/// `setWake`: other threads can wake this one, which does not keep the process alive.
const WAKE_UNREF: u32 = 1;

/// What the drain finds: scratch[1] of `drain`. 0 is an empty ring.
mod found {
    pub(super) const PROMISE: u64 = 1;
    pub(super) const READY: u64 = 2;
    pub(super) const LEASE_LOST: u64 = 3;
    pub(super) const EVENT: u64 = 4;
    pub(super) const LAPSED: u64 = 5;
}

/// Something that happened for this lane.
pub(crate) enum Completion {
    /// A pending reply has come, or made a step.
    Promise(Arc<Promised>),
    /// Jobs wait for a worker that had asked for more.
    Ready { line: u64 },
    /// A claim of a worker is no longer its own, or is to end.
    LeaseLost { line: u64, token: Token, why: LeaseEnd },
    /// Does the event loop of a worker turn? Whoever takes this out of the ring answers that.
    Ping { line: u64 },
    /// An event for a subscription, as JSON.
    Event { line: u64, json: String },
    /// How many events a subscription missed, as the JSON of an event; behind the last one that waited.
    Lagged { line: u64, json: String },
    /// A load that this lane leads has had its time (1), or nobody waits for it (2).
    Lapsed { line: u64, why: Lapse },
    /// Entries of a cache or sessions ended; they wait in `happened`.
    Happened { line: u64 },
}

#[derive(Default)]
struct Ring {
    waiting: VecDeque<Completion>,
    /// Subscriptions with events in the ring, by line.
    lag: HashMap<u64, Lag>,
}

/// How far a subscription is behind.
#[derive(Default)]
struct Lag {
    waiting: usize,
    waiting_bytes: usize,
    /// Events dropped since the last that waits.
    missed: u64,
    last_seq: u64,
}

/// What happened to entries, each as JSON, on its way to one listener.
#[derive(Default)]
struct Happened {
    waiting: VecDeque<String>,
    missed: u64,
}

/// A load that this lane leads.
pub(crate) struct Led {
    pub(crate) engine: Weak<dyn CacheEngine>,
    pub(crate) key: OwnedKey,
    pub(crate) version: u32,
}

/// The part of a lane that other threads reach.
#[derive(Default)]
pub(crate) struct Shared {
    wake: Wake,
    ring: Mutex<Ring>,
    numbers: AtomicU64,
    workers: Mutex<HashMap<u64, InQueue>>,
    subscriptions: Mutex<HashMap<u64, InQueue>>,
    guards: Mutex<HashMap<u64, InQueue>>,
    promised: Mutex<HashMap<u64, Weak<Promised>>>,
    loads: Mutex<HashMap<u64, Led>>,
    nears: Mutex<Vec<(Weak<dyn CacheEngine>, u16)>>,
    watches: Mutex<HashMap<u64, Unwatch>>,
    happened: Mutex<HashMap<u64, Happened>>,
}

/// How a watch of this lane ends.
type Unwatch = Box<dyn FnOnce() + Send>;

/// A worker or subscription of this lane: its queue, and its number there.
type InQueue = (Weak<dyn QueueEngine>, u64);

impl Shared {
    /// A number never used before in this lane.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Adds to the ring and wakes the lane.
    pub(crate) fn push(&self, completion: Completion) {
        if self.wake.has_ended() {
            return;
        }
        self.ring.lock().waiting.push_back(completion);
        self.wake.poke();
    }

    /// Adds an event, or counts it as missed when its listener is too far behind.
    fn push_event(&self, line: u64, event: &Event) {
        if self.wake.has_ended() {
            return;
        }
        let mut ring = self.ring.lock();
        let lag = ring.lag.entry(line).or_default();
        lag.last_seq = event.seq;
        let full = lag.waiting >= EVENTS_WAITING_MAX || lag.waiting_bytes >= EVENTS_WAITING_BYTES_MAX;
        if full || lag.missed > 0 {
            lag.missed += 1;
            return;
        }
        let json = serde_json::to_string(event).expect("an event is plain data");
        lag.waiting += 1;
        lag.waiting_bytes += json.len();
        ring.waiting.push_back(Completion::Event { line, json });
        drop(ring);
        self.wake.poke();
    }

    fn pop(&self) -> Option<Completion> {
        let mut ring = self.ring.lock();
        let completion = ring.waiting.pop_front()?;
        if let Completion::Event { line, json } = &completion
            && let Some(lag) = ring.lag.get_mut(line)
        {
            lag.waiting -= 1;
            lag.waiting_bytes -= json.len();
            if lag.waiting == 0 {
                let (line, missed, seq) = (*line, lag.missed, lag.last_seq);
                ring.lag.remove(&line);
                if missed > 0 {
                    let payload = serde_json::json!({ "seq": seq, "missed": missed });
                    let event = serde_json::json!({ "event": "lagged", "payload": payload });
                    ring.waiting.push_front(Completion::Lagged { line, json: event.to_string() });
                }
            }
        }
        Some(completion)
    }

    /// Keeps a worker, so that the end of the environment gives back what it runs.
    pub(crate) fn add_worker(&self, line: u64, queue: Weak<dyn QueueEngine>, worker: u64) {
        self.workers.lock().insert(line, (queue, worker));
    }

    /// Forgets a worker that was closed.
    pub(crate) fn remove_worker(&self, line: u64) {
        self.workers.lock().remove(&line);
    }

    /// Tells the queue of a worker that this thread's event loop turns.
    fn pong(&self, line: u64) {
        let known = self.workers.lock().get(&line).cloned();
        if let Some((queue, worker)) = known
            && let Some(queue) = queue.upgrade()
        {
            queue.pong(worker);
        }
    }

    /// Keeps a subscription, so that the end of the environment ends it.
    pub(crate) fn add_subscription(&self, line: u64, queue: Weak<dyn QueueEngine>, subscription: u64) {
        self.subscriptions.lock().insert(line, (queue, subscription));
    }

    /// Forgets a subscription that has ended.
    pub(crate) fn remove_subscription(&self, line: u64) {
        self.subscriptions.lock().remove(&line);
    }

    /// Keeps a guard of another lane's worker, so that the end of the environment ends it.
    pub(crate) fn add_guard(&self, line: u64, queue: Weak<dyn QueueEngine>, guard: u64) {
        self.guards.lock().insert(line, (queue, guard));
    }

    /// Forgets a guard that has ended.
    pub(crate) fn remove_guard(&self, line: u64) {
        self.guards.lock().remove(&line);
    }

    /// Keeps a pending reply, so that the end of the environment gives it up.
    pub(crate) fn add_promised(&self, promised: &Arc<Promised>) {
        self.promised.lock().insert(promised.number, Arc::downgrade(promised));
    }

    fn remove_promised(&self, number: u64) -> Option<Weak<Promised>> {
        self.promised.lock().remove(&number)
    }

    /// Whoever is told, under this number, that a load has lapsed.
    pub(crate) fn leader(self: &Arc<Self>, line: u64) -> Arc<dyn Leader> {
        Arc::new(LoadLine { lane: Arc::downgrade(self), line })
    }

    /// Keeps a load by its ticket, so that the end of the environment gives it up.
    pub(crate) fn add_load(&self, ticket: u64, led: Led) {
        self.loads.lock().insert(ticket, led);
    }

    /// Forgets a load that has ended.
    pub(crate) fn remove_load(&self, ticket: u64) {
        self.loads.lock().remove(&ticket);
    }

    /// Keeps a near cache, so that the end of the environment closes it.
    pub(crate) fn add_near(&self, engine: &Arc<dyn CacheEngine>, hits: u16) {
        let mut nears = self.nears.lock();
        nears.retain(|(known, _)| known.strong_count() > 0);
        nears.push((Arc::downgrade(engine), hits));
    }

    /// Closes a near cache, unless that has been done.
    pub(crate) fn close_near(&self, engine: &Arc<dyn CacheEngine>, hits: u16) {
        let mut nears = self.nears.lock();
        let engine_of =
            |known: &Weak<dyn CacheEngine>| std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(engine));
        if let Some(at) = nears.iter().position(|(known, open)| *open == hits && engine_of(known)) {
            nears.swap_remove(at);
            engine.close_near(hits);
        }
    }

    /// Keeps a watch of what happens to entries, so that the end of the environment ends it.
    pub(crate) fn add_watch(&self, line: u64, unwatch: Unwatch) {
        self.watches.lock().insert(line, unwatch);
    }

    /// Forgets a watch that has ended.
    pub(crate) fn remove_watch(&self, line: u64) {
        self.watches.lock().remove(&line);
        self.happened.lock().remove(&line);
    }

    fn push_happened<E>(&self, line: u64, events: &[E], show: impl Fn(&E) -> String) {
        if self.wake.has_ended() {
            return;
        }
        let first = {
            let mut all = self.happened.lock();
            let known = all.entry(line).or_default();
            let first = known.waiting.is_empty();
            let room = REMOVALS_WAITING_MAX - known.waiting.len();
            known.waiting.extend(events.iter().take(room).map(show));
            known.missed += events.len().saturating_sub(room) as u64;
            first
        };
        if first {
            self.push(Completion::Happened { line });
        }
    }

    /// The next batch as JSON: a list, or {"missed": n} when it is due to say so.
    fn pop_happened(&self, line: u64) -> Option<String> {
        let mut all = self.happened.lock();
        let known = all.get_mut(&line)?;
        if known.waiting.is_empty() {
            let missed = known.missed;
            all.remove(&line);
            return (missed > 0).then(|| serde_json::json!({ "missed": missed }).to_string());
        }
        let count = known.waiting.len().min(REMOVALS_A_BATCH);
        let batch: Vec<String> = known.waiting.drain(..count).collect();
        if known.waiting.is_empty() && known.missed == 0 {
            all.remove(&line);
        } else {
            drop(all);
            self.push(Completion::Happened { line });
        }
        Some(format!("[{}]", batch.join(",")))
    }
}

impl Drop for Shared {
    /// Nothing holds this load of lib/ any more, though its environment may live on (Jest).
    fn drop(&mut self) {
        self.ended();
    }
}

impl OnEnd for Shared {
    fn wake(&self) -> &Wake {
        &self.wake
    }

    fn ended(&self) {
        // Out of the lock: what was on its way may give back what it brought, and tell others of this lane.
        let undelivered = std::mem::take(&mut *self.ring.lock());
        drop(undelivered);
        // Listeners first: what is given back below is nothing to tell a thread that is gone.
        let subscriptions = std::mem::take(&mut *self.subscriptions.lock());
        for (queue, subscription) in subscriptions.into_values() {
            if let Some(queue) = queue.upgrade() {
                queue.unsubscribe(subscription);
            }
        }
        let guards = std::mem::take(&mut *self.guards.lock());
        for (queue, guard) in guards.into_values() {
            if let Some(queue) = queue.upgrade() {
                queue.unguard(guard);
            }
        }
        let watches = std::mem::take(&mut *self.watches.lock());
        for unwatch in watches.into_values() {
            unwatch();
        }
        self.happened.lock().clear();
        let nears = std::mem::take(&mut *self.nears.lock());
        for (cache, hits) in nears {
            if let Some(cache) = cache.upgrade() {
                cache.close_near(hits);
            }
        }
        let loads = std::mem::take(&mut *self.loads.lock());
        for (ticket, Led { engine, key, version }) in loads {
            if let Some(engine) = engine.upgrade() {
                engine.abandon_load(At { key: key.as_key(), version }, ticket);
            }
        }
        let promised = std::mem::take(&mut *self.promised.lock());
        for promised in promised.into_values().filter_map(|promised| promised.upgrade()) {
            promised.give_up();
        }
        let workers = std::mem::take(&mut *self.workers.lock());
        for (queue, worker) in workers.into_values() {
            if let Some(queue) = queue.upgrade() {
                queue.close_worker(worker, false);
            }
        }
    }
}

/// How a load tells the lane that leads it. It does not keep the lane.
struct LoadLine {
    lane: Weak<Shared>,
    line: u64,
}

impl Leader for LoadLine {
    fn lapsed(&self, ticket: u64, why: Lapse) {
        if let Some(lane) = self.lane.upgrade() {
            if why == Lapse::TimedOut {
                lane.remove_load(ticket);
            }
            lane.push(Completion::Lapsed { line: self.line, why });
        }
    }
}

/// What a cache or sessions tell one listener of a lane: `number` is its line there.
pub(crate) struct HappenedLine {
    pub(crate) lane: Arc<Shared>,
    pub(crate) number: u64,
}

impl Watcher<Removal> for HappenedLine {
    fn told(&self, removals: &[Removal]) {
        self.lane.push_happened(self.number, removals, |removal| {
            format!("[{},\"{}\"]", removal.key.as_key().to_json(), removal.reason)
        });
    }
}

impl Watcher<SessionEvent> for HappenedLine {
    fn told(&self, events: &[SessionEvent]) {
        self.lane.push_happened(self.number, events, |event| {
            serde_json::json!([event.why.name(), event.digest.handle(), event.user]).to_string()
        });
    }
}

/// What a queue tells one worker or one subscription of a lane: `line` is its number there.
pub(crate) struct Line {
    pub(crate) lane: Arc<Shared>,
    pub(crate) number: u64,
}

impl Subscriber for Line {
    fn ready(&self, _worker: u64) {
        self.lane.push(Completion::Ready { line: self.number });
    }

    fn event(&self, _subscription: u64, event: &Event) {
        self.lane.push_event(self.number, event);
    }

    fn lease_lost(&self, _worker: u64, token: Token, why: LeaseEnd) {
        self.lane.push(Completion::LeaseLost { line: self.number, token, why });
    }

    fn ping(&self, _worker: u64) {
        self.lane.push(Completion::Ping { line: self.number });
    }
}

fn drain(lane: &Arc<Shared>, frame: &mut Frame<'_>) -> Result<Out> {
    while let Some(completion) = lane.pop() {
        if let Some(out) = deliver(lane, completion, frame) {
            return out;
        }
    }
    frame.set(1, 0.0);
    Ok(Out::Undefined)
}

fn deliver(lane: &Shared, completion: Completion, frame: &Frame<'_>) -> Option<Result<Out>> {
    Some(match completion {
        Completion::Promise(promised) => {
            let outcome = promised.poll()?;
            lane.remove_promised(promised.number);
            frame.set_whole(1, found::PROMISE);
            frame.set_whole(2, promised.number);
            outcome
        }
        Completion::Ready { line } => {
            frame.set_whole(1, found::READY);
            frame.set_whole(2, line);
            Ok(Out::Undefined)
        }
        Completion::LeaseLost { line, token, why } => {
            frame.set_whole(1, found::LEASE_LOST);
            frame.set_whole(2, line);
            frame.set_whole(3, token.job);
            frame.set_whole(4, token.epoch);
            let why = match why {
                LeaseEnd::Lost => 0,
                LeaseEnd::TimedOut { again: true } => 1,
                LeaseEnd::Cancelled => 2,
                LeaseEnd::TimedOut { again: false } => 3,
            };
            frame.set_whole(5, why);
            Ok(Out::Undefined)
        }
        // That it was drained is the answer; JavaScript has nothing to do for it.
        Completion::Ping { line } => {
            lane.pong(line);
            return None;
        }
        Completion::Event { line, json } | Completion::Lagged { line, json } => {
            frame.set_whole(1, found::EVENT);
            frame.set_whole(2, line);
            Ok(Out::Text(json))
        }
        Completion::Lapsed { line, why } => {
            frame.set_whole(1, found::LAPSED);
            frame.set_whole(2, line);
            frame.set_whole(3, if why == Lapse::TimedOut { 1 } else { 2 });
            Ok(Out::Undefined)
        }
        Completion::Happened { line } => {
            let json = lane.pop_happened(line)?;
            frame.set_whole(1, found::EVENT);
            frame.set_whole(2, line);
            Ok(Out::Text(json))
        }
    })
}

/// Nobody waits for a pending reply any more.
fn cancel(lane: &Arc<Shared>, frame: &mut Frame<'_>) -> Result<Out> {
    let number = frame.whole(0).unwrap_or_default();
    if let Some(promised) = lane.remove_promised(number).and_then(|promised| promised.upgrade()) {
        promised.give_up();
    }
    Ok(Out::Undefined)
}

/// The memory that near caches read.
fn board(_lane: &Arc<Shared>, _frame: &mut Frame<'_>) -> Result<Out> {
    let refused = std::env::var_os("REDSTART_NO_SHARED_MEMORY").is_some_and(|value| !value.is_empty());
    Ok(if refused { Out::Undefined } else { Out::Board })
}

/// One load of lib/ as JavaScript holds it.
#[napi]
pub struct NativeLane {
    pub(crate) lane: Rc<door::Lane>,
    pub(crate) shared: Arc<Shared>,
}

#[napi]
impl NativeLane {
    /// A lane that answers through `scratch`, a `Float64Array` of at least 8 elements.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, scratch: Object<'_>) -> napi::Result<Self> {
        let shared = Arc::default();
        door::tell_of_end(env, &shared)?;
        Ok(Self { lane: door::Lane::new(env, &scratch)?, shared })
    }

    /// `drain` takes one completion out of the ring a call.
    #[napi(ts_return_type = "LaneFunctions", catch_unwind)]
    pub fn functions<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let functions = self.lane.functions(env)?.with::<0, _>("drain", self.shared.clone(), drain)?;
        let functions = functions.with::<1, _>("cancel", self.shared.clone(), cancel)?;
        Ok(functions.with::<0, _>("board", self.shared.clone(), board)?.build())
    }

    /// 0: nothing can wake this thread; 1: other threads can; 2: they can, and the process stays alive for it.
    #[napi(catch_unwind)]
    pub fn set_wake(&self, env: Env, mode: u32, on_wake: Object<'_>) -> napi::Result<()> {
        Wake::close(env, &self.shared);
        if mode != WAKE_CLOSED {
            Wake::open(env, &self.shared, &on_wake)?;
            self.shared.wake.keep_alive(env, mode != WAKE_UNREF);
        }
        Ok(())
    }

    /// Lets an open wake keep the process alive, or not.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: Env, yes: bool) {
        self.shared.wake.keep_alive(env, yes);
    }

    /// The error of the last failed call, as JSON.
    #[napi(catch_unwind)]
    pub fn take_error(&self) -> Option<String> {
        self.lane.take_error().as_ref().map(crate::error::to_json)
    }

    /// A handle of the store `name` ('' is private to this call), or nothing and an error to take.
    #[napi(catch_unwind)]
    pub fn open_store(
        &self,
        name: String,
        options: String,
        origin: String,
        clock: Option<&NativeClock>,
    ) -> Option<NativeStore> {
        let handle = Handle::open(name, &options, &origin, clock, &self.shared);
        self.keep(handle).map(|handle| NativeStore::new(self.lane.clone(), handle))
    }

    fn keep<T>(&self, result: Result<T>) -> Option<T> {
        result.map_err(|error: Error| self.lane.fail(error)).ok()
    }
}
