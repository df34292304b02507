//! The open workers, and which of them want to hear of jobs.
//!
//! A worker whose take got less than it asked for wants more. It is told once, when there is something, and
//! wants nothing then until its next take. After every operation, still under the lock, the queue tells
//! workers that want more until as many are on their way as jobs wait, or no more want any.
//!
//! So no wake-up gets lost: what a worker wants is noted under the same lock as the take that found too
//! little, and a job that becomes waiting later finds the note. And none is owed to the dead: when a worker
//! that was told takes nothing or closes, it is no longer on its way, and the same rule tells the next one. So too when it
//! has not come after 10 ms: its event loop is busy, or stands still.
//!
//! The longest wanting is told first, so idle workers share the work evenly.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::watchdog::{Seen, steady_now};
use crate::queue::claim::Claimant;
use crate::queue::limits::Begun;
use crate::queue::{State, Subscriber, WorkerSpec, WorkerTerms};

/// How long a worker that was told may take to come before another one is told: an event loop that turns comes at once.
const LATE: Duration = Duration::from_millis(10);

/// The shortest lease that makes sense: the facade asks for at least this.
const LEASE_MS_MIN: u64 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    More,
    /// Told then that there is more; on its way.
    Told(Instant),
    /// Told, and its event loop has not come: nobody counts on it, though it may still come.
    Late,
}

struct Worker {
    spec: WorkerSpec,
    wish: Wish,
    /// Its last take was for none: it does not take for the time being.
    rests: bool,
    seen: Seen,
}

impl Worker {
    /// Whether there is a job that it may take now, were there room in the queue's own bounds.
    fn may_take(&self, state: &State, begun: &Begun, now_us: u64) -> bool {
        let WorkerTerms { limiter, group_concurrency, .. } = self.spec.terms;
        limiter.is_none_or(|limiter| begun.room(&limiter, now_us) > 0)
            && (group_concurrency.is_none() || state.order().next(group_concurrency).is_some())
    }
}

/// Open workers by number.
#[derive(Default)]
pub(super) struct Workers {
    open: HashMap<u64, Worker>,
    /// Those with `Wish::More`, the longest wanting first.
    wanting: VecDeque<u64>,
    /// Those with `Wish::Told`.
    told: usize,
    /// When each was told, the first one first; some have come since.
    told_since: VecDeque<(Instant, u64)>,
    /// Who else hears of a worker's lease ends, by number: the worker.
    guards: HashMap<u64, (u64, Arc<dyn Subscriber>)>,
    last_guard: u64,
    last_number: u64,
    /// The largest `max` of a limiter that a worker ever had; 0: none had one.
    limiter_max: u32,
}

impl Workers {
    /// With numbers after `last_number`: a restored queue remembers workers that are gone.
    pub(super) fn after(last_number: u64) -> Self {
        Self { last_number, ..Self::default() }
    }

    pub(super) fn open(&mut self, spec: WorkerSpec) -> u64 {
        self.last_number += 1;
        self.limiter_max = self.limiter_max.max(spec.terms.limiter.map_or(0, |limiter| limiter.max));
        let worker = Worker { spec, wish: Wish::Nothing, rests: false, seen: Seen::at(steady_now()) };
        self.open.insert(self.last_number, worker);
        self.last_number
    }

    /// Whether it was open.
    pub(super) fn close(&mut self, worker: u64) -> bool {
        self.wish(worker, Wish::Nothing);
        self.guards.retain(|_, (guarded, _)| *guarded != worker);
        self.open.remove(&worker).is_some()
    }

    /// The terms on which an open worker claims.
    pub(super) fn claimant(&self, worker: u64) -> Option<Claimant> {
        let WorkerTerms { lease_ms, max_stalled_count, group_concurrency, .. } =
            self.open.get(&worker)?.spec.terms;
        Some(Claimant { worker, lease_ms: lease_ms.max(LEASE_MS_MIN), max_stalled_count, group_concurrency })
    }

    /// How many more jobs a worker's limiter lets it take now.
    pub(super) fn room(&self, worker: u64, begun: &Begun, now_us: u64) -> usize {
        let limiter = self.open.get(&worker).and_then(|open| open.spec.terms.limiter);
        limiter.map_or(usize::MAX, |limiter| begun.room(&limiter, now_us))
    }

    /// Notes a claim for the limiters.
    pub(super) fn note_claim(&self, begun: &mut Begun, at_us: u64) {
        if self.limiter_max > 0 {
            begun.note(at_us, self.limiter_max);
        }
    }

    pub(super) fn guard(&mut self, worker: u64, subscriber: Arc<dyn Subscriber>) -> u64 {
        self.last_guard += 1;
        self.guards.insert(self.last_guard, (worker, subscriber));
        self.last_guard
    }

    pub(super) fn unguard(&mut self, guard: u64) {
        self.guards.remove(&guard);
    }

    /// Who hears of a worker's lease ends: itself, and those that guard it.
    pub(super) fn hear_lease_ends(&self, worker: u64) -> impl Iterator<Item = Arc<dyn Subscriber>> {
        let guards = self.guards.values().filter(move |(guarded, _)| *guarded == worker);
        self.subscriber(worker).into_iter().chain(guards.map(|(_, subscriber)| subscriber.clone()))
    }

    pub(super) fn subscriber(&self, worker: u64) -> Option<Arc<dyn Subscriber>> {
        self.open.get(&worker).map(|open| open.spec.subscriber.clone())
    }

    /// What the watchdog knows of a worker, and for how long its event loop may stand still.
    pub(super) fn seen(&mut self, worker: u64) -> Option<(&mut Seen, u64)> {
        let open = self.open.get_mut(&worker)?;
        Some((&mut open.seen, open.spec.terms.stall_after_ms?))
    }

    /// When the watchdog is to look at a worker.
    pub(super) fn next_look_at(&self, worker: u64) -> Option<Instant> {
        let open = self.open.get(&worker)?;
        Some(open.seen.next(open.spec.terms.stall_after_ms?))
    }

    /// Workers that the watchdog watches.
    pub(super) fn watched(&self) -> impl Iterator<Item = (u64, &Seen, u64)> {
        self.open
            .iter()
            .filter_map(|(&worker, open)| Some((worker, &open.seen, open.spec.terms.stall_after_ms?)))
    }

    /// Whether one of them takes jobs, and may take one now, were there room in the queue's own bounds.
    pub(super) fn any_may_take(&self, state: &State, begun: &Begun, now_us: u64) -> bool {
        self.open.values().any(|open| !open.rests && open.may_take(state, begun, now_us))
    }

    /// When a rate leaves room again for a job that waits and somebody wants: now where it has and nobody was told; none where
    /// no rate is in the way.
    pub(super) fn next_room_us(&self, state: &State, begun: &Begun, now_us: u64) -> Option<u64> {
        if self.wanting.is_empty() || state.order().waiting() == 0 {
            return None;
        }
        if self.next_wanting(state.claimable(now_us), state, begun, now_us).is_some() {
            return Some(now_us);
        }
        if let Some(free_us) = state.rate_free_us(now_us) {
            return Some(free_us);
        }
        if self.limiter_max == 0 {
            return None;
        }
        let wanting = self.wanting.iter().filter_map(|worker| self.open.get(worker));
        wanting.filter_map(|open| begun.free_us(&open.spec.terms.limiter?, now_us)).min()
    }

    /// Notes that a worker took: whether it wants jobs at all, and whether more than it got.
    pub(super) fn took(&mut self, worker: u64, rests: bool, wants_more: bool) {
        if let Some(open) = self.open.get_mut(&worker) {
            open.rests = rests;
        }
        self.wish(worker, if wants_more { Wish::More } else { Wish::Nothing });
    }

    fn wish(&mut self, worker: u64, wish: Wish) {
        let Some(open) = self.open.get_mut(&worker) else {
            return;
        };
        let before = std::mem::replace(&mut open.wish, wish);
        if before == wish {
            return;
        }
        match before {
            Wish::Nothing | Wish::Late => {}
            Wish::More => self.wanting.retain(|&wanting| wanting != worker),
            Wish::Told(_) => self.told -= 1,
        }
        if wish == Wish::More {
            self.wanting.push_back(worker);
        }
    }

    /// The next worker to tell while so many jobs may be claimed: the longest wanting one for which there is a job; none when
    /// enough are on their way.
    pub(super) fn next_to_tell(
        &mut self,
        claimable: usize,
        state: &State,
        begun: &Begun,
        now_us: u64,
    ) -> Option<(Arc<dyn Subscriber>, u64)> {
        let at = self.next_wanting(claimable, state, begun, now_us)?;
        let worker = self.wanting.remove(at)?;
        let now = steady_now();
        self.told += 1;
        self.forget_who_came();
        self.told_since.push_back((now, worker));
        let open = self.open.get_mut(&worker)?;
        open.wish = Wish::Told(now);
        Some((open.spec.subscriber.clone(), worker))
    }

    /// When the one that was told first is late; none while nobody is on its way.
    pub(super) fn next_late(&self) -> Option<Instant> {
        let first = self.told_since.iter().find(|(since, worker)| self.is_told(*worker, *since));
        first.map(|(since, _)| *since + LATE)
    }

    /// Counts on nobody who was told long ago: the queue tells others.
    pub(super) fn give_up_late(&mut self, now: Instant) {
        self.forget_who_came();
        while let Some(&(since, worker)) = self.told_since.front()
            && since + LATE <= now
        {
            self.wish(worker, Wish::Late);
            self.forget_who_came();
        }
    }

    fn forget_who_came(&mut self) {
        while let Some(&(since, worker)) = self.told_since.front()
            && !self.is_told(worker, since)
        {
            self.told_since.pop_front();
        }
    }

    fn is_told(&self, worker: u64, since: Instant) -> bool {
        self.open.get(&worker).is_some_and(|open| open.wish == Wish::Told(since))
    }

    /// Where in the line of those that want more the next one to tell is.
    fn next_wanting(&self, claimable: usize, state: &State, begun: &Begun, now_us: u64) -> Option<usize> {
        if claimable <= self.told {
            return None;
        }
        let may =
            |worker: &u64| self.open.get(worker).is_some_and(|open| open.may_take(state, begun, now_us));
        self.wanting.iter().position(may)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Event, LeaseEnd, Token};

    struct Deaf;
    impl Subscriber for Deaf {
        fn ready(&self, _worker: u64) {}
        fn event(&self, _subscription: u64, _event: &Event) {}
        fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
        fn ping(&self, _worker: u64) {}
    }

    fn workers(count: u64) -> Workers {
        let mut workers = Workers::default();
        for _ in 0..count {
            let terms: WorkerTerms =
                serde_json::from_str(r#"{"leaseMs":30000,"maxStalledCount":1}"#).unwrap();
            let spec = WorkerSpec { terms, subscriber: Arc::new(Deaf) };
            let worker = workers.open(spec);
            workers.took(worker, false, true);
        }
        workers
    }

    fn told(workers: &mut Workers, waiting: usize) -> Vec<u64> {
        let (state, begun) = (State::default(), Begun::default());
        std::iter::from_fn(|| workers.next_to_tell(waiting, &state, &begun, 0).map(|(_, worker)| worker))
            .collect()
    }

    #[test]
    fn as_many_are_told_as_jobs_wait_and_each_once() {
        let mut workers = workers(3);
        assert!(told(&mut workers, 0).is_empty());
        assert_eq!(told(&mut workers, 1), [1]);
        assert!(told(&mut workers, 1).is_empty());
        assert_eq!(told(&mut workers, 9), [2, 3]);
    }

    #[test]
    fn the_longest_wanting_is_told_first() {
        let mut workers = workers(3);
        assert_eq!(told(&mut workers, 1), [1]);
        workers.took(1, false, true);
        workers.took(2, false, true);
        assert_eq!(told(&mut workers, 3), [2, 3, 1]);
    }

    #[test]
    fn when_a_told_worker_takes_nothing_or_closes_the_next_one_is_told() {
        let mut workers = workers(3);
        assert_eq!(told(&mut workers, 1), [1]);
        workers.took(1, false, false);
        assert_eq!(told(&mut workers, 1), [2]);
        assert!(workers.close(2));
        assert_eq!(told(&mut workers, 1), [3]);
        assert!(workers.close(3) && !workers.close(3));
        assert!(told(&mut workers, 1).is_empty());
    }

    #[test]
    fn a_closed_worker_is_not_told() {
        let mut workers = workers(2);
        workers.close(1);
        assert_eq!(told(&mut workers, 2), [2]);
    }
}
