//! The hot calls, by name: what instructions are counted for.

use redstart_core::limiter::Algorithm;
use redstart_core::store::Store;

use crate::{cache, limiter, queue, sessions};

/// Calls of which a single one does little.
const CALLS: usize = 20_000;
/// Calls of which one does more.
const FEWER: usize = 5_000;
/// Calls that do something to many jobs.
const FEW: usize = 200;

const ENTRIES: usize = 10_000;
const KEYS: usize = 1_000;
const SESSIONS: usize = 1_000;
const WAITING: usize = 1_000;
const MANY: usize = 50;

/// Something that is done for each scenario.
pub trait Each {
    /// `make` is given a store and the calls that will be made at most.
    fn scenario<C: FnMut()>(
        &mut self,
        name: &'static str,
        calls: usize,
        make: impl FnOnce(&Store, usize) -> C,
    );
}

/// Goes through all of them.
pub fn each(to: &mut impl Each) {
    to.scenario("cache get, hit", CALLS, |store, _| cache::get_hit(store, ENTRIES));
    to.scenario("cache get, miss", CALLS, |store, _| cache::get_miss(store, ENTRIES));
    to.scenario("cache has", CALLS, |store, _| cache::has(store, ENTRIES));
    to.scenario("cache set, replace", CALLS, |store, _| cache::set_replace(store, ENTRIES));
    to.scenario("cache set, new", CALLS, |store, calls| cache::set_new(store, ENTRIES, calls));
    to.scenario("cache set, evict", CALLS, |store, _| cache::set_evict(store, ENTRIES));
    to.scenario("cache delete", CALLS, cache::delete);
    for algorithm in Algorithm::ALL {
        to.scenario(consume(algorithm), CALLS, |store, _| limiter::consume(store, algorithm, KEYS));
    }
    to.scenario("limiter deny, sliding-window", CALLS, |store, _| {
        limiter::deny(store, Algorithm::SlidingWindow, KEYS)
    });
    to.scenario("sessions get", FEWER, |store, _| sessions::get(store, SESSIONS));
    to.scenario("sessions set", FEWER, |store, _| sessions::set(store, SESSIONS));
    to.scenario("sessions touch", FEWER, |store, _| sessions::touch(store, SESSIONS));
    to.scenario("sessions create", FEWER, |store, _| sessions::create(store, SESSIONS));
    to.scenario("queue add", FEWER, |store, calls| queue::add(store, WAITING, calls));
    to.scenario("queue addBulk, 50", FEW, |store, calls| queue::add_bulk(store, MANY, calls));
    to.scenario("queue run, 1", FEWER, |store, calls| queue::run(store, WAITING, 1, calls));
    to.scenario("queue run, 50", FEW, |store, calls| queue::run(store, WAITING, MANY, calls));
    to.scenario("queue retry", FEWER, |store, calls| queue::retry(store, WAITING, calls));
    to.scenario("queue jobs to JSON, 50", FEW, |store, _| queue::as_json(store, MANY));
}

fn consume(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::SlidingWindow => "limiter consume, sliding-window",
        Algorithm::SlidingLog => "limiter consume, sliding-log",
        Algorithm::SlidingCounter => "limiter consume, sliding-counter",
        Algorithm::FixedWindow => "limiter consume, fixed-window",
        Algorithm::TokenBucket => "limiter consume, token-bucket",
        Algorithm::Gcra => "limiter consume, gcra",
    }
}
