//! The open workers, and which of them want to hear of jobs.
//!
//! A worker whose take got less than it asked for wants more. It is told once, when there is something, and
//! wants nothing then until its next take. After every operation, still under the lock, the queue tells
//! workers that want more until as many are on their way as jobs wait, or no more want any.
//!
//! So no wake-up gets lost: what a worker wants is noted under the same lock as the take that found too
//! little, and a job that becomes waiting later finds the note. And none is owed to the dead: when a worker
//! that was told takes nothing or closes, it is no longer on its way, and the same rule tells the next one.
//!
//! The longest wanting is told first, so idle workers share the work evenly.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::queue::claim::Claimant;
use crate::queue::{Subscriber, WorkerSpec};

/// The shortest lease that makes sense: the facade asks for at least this.
const LEASE_MS_MIN: u64 = 1_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    More,
    /// Told that there is more; on its way.
    Told,
}

struct Worker {
    spec: WorkerSpec,
    wish: Wish,
}

/// Open workers by number.
#[derive(Default)]
pub(super) struct Workers {
    open: HashMap<u64, Worker>,
    /// Those with `Wish::More`, the longest wanting first.
    wanting: VecDeque<u64>,
    /// Those with `Wish::Told`.
    told: usize,
    last_number: u64,
}

impl Workers {
    /// With numbers after `last_number`: a restored queue remembers workers that are gone.
    pub(super) fn after(last_number: u64) -> Self {
        Self { last_number, ..Self::default() }
    }

    pub(super) fn open(&mut self, spec: WorkerSpec) -> u64 {
        self.last_number += 1;
        self.open.insert(self.last_number, Worker { spec, wish: Wish::Nothing });
        self.last_number
    }

    /// Whether it was open.
    pub(super) fn close(&mut self, worker: u64) -> bool {
        self.wish(worker, Wish::Nothing);
        self.open.remove(&worker).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The terms on which an open worker claims.
    pub(super) fn claimant(&self, worker: u64) -> Option<Claimant> {
        let WorkerSpec { lease_ms, max_stalled_count, .. } = self.open.get(&worker)?.spec;
        Some(Claimant { worker, lease_ms: lease_ms.max(LEASE_MS_MIN), max_stalled_count })
    }

    pub(super) fn subscriber(&self, worker: u64) -> Option<Arc<dyn Subscriber>> {
        self.open.get(&worker).map(|open| open.spec.subscriber.clone())
    }

    /// Notes that a worker took, and whether it wanted more than it got.
    pub(super) fn took(&mut self, worker: u64, wants_more: bool) {
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
            Wish::Nothing => {}
            Wish::More => self.wanting.retain(|&wanting| wanting != worker),
            Wish::Told => self.told -= 1,
        }
        if wish == Wish::More {
            self.wanting.push_back(worker);
        }
    }

    /// The next worker to tell while `waiting` jobs wait; none when enough are on their way.
    pub(super) fn next_to_tell(&mut self, waiting: usize) -> Option<(Arc<dyn Subscriber>, u64)> {
        if waiting <= self.told {
            return None;
        }
        let worker = self.wanting.pop_front()?;
        let open = self.open.get_mut(&worker)?;
        open.wish = Wish::Told;
        self.told += 1;
        Some((open.spec.subscriber.clone(), worker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Event, Token};

    struct Deaf;
    impl Subscriber for Deaf {
        fn ready(&self, _worker: u64) {}
        fn event(&self, _subscription: u64, _event: &Event) {}
        fn lease_lost(&self, _worker: u64, _token: Token) {}
    }

    fn workers(count: u64) -> Workers {
        let mut workers = Workers::default();
        for _ in 0..count {
            let spec = WorkerSpec { lease_ms: 30_000, max_stalled_count: 1, subscriber: Arc::new(Deaf) };
            let worker = workers.open(spec);
            workers.took(worker, true);
        }
        workers
    }

    fn told(workers: &mut Workers, waiting: usize) -> Vec<u64> {
        std::iter::from_fn(|| workers.next_to_tell(waiting).map(|(_, worker)| worker)).collect()
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
        workers.took(1, true);
        workers.took(2, true);
        assert_eq!(told(&mut workers, 3), [2, 3, 1]);
    }

    #[test]
    fn when_a_told_worker_takes_nothing_or_closes_the_next_one_is_told() {
        let mut workers = workers(3);
        assert_eq!(told(&mut workers, 1), [1]);
        workers.took(1, false);
        assert_eq!(told(&mut workers, 1), [2]);
        assert!(workers.close(2));
        assert_eq!(told(&mut workers, 1), [3]);
        assert!(workers.close(3) && !workers.close(3));
        assert!(told(&mut workers, 1).is_empty());
        assert!(!workers.is_empty());
    }

    #[test]
    fn a_closed_worker_is_not_told() {
        let mut workers = workers(2);
        workers.close(1);
        assert_eq!(told(&mut workers, 2), [2]);
    }
}
