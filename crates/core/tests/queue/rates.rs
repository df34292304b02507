//! How many jobs begin in a time: of the queue, and of a worker.

use proptest::prelude::*;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{JobOptions, Rate, WorkerTerms};
use redstart_core::timer::Ticking;

use crate::support::{Rig, add_all, completed, ready, rig, run, taken, terms};

fn set(rig: &Rig, max: u32, duration: u64) {
    ready(rig.queue.set_rate(Some(Rate { max, duration }))).unwrap();
}

fn add_many(rig: &Rig, count: usize) {
    for _ in 0..count {
        rig.add(JobOptions::default());
    }
}

#[test]
fn no_more_jobs_begin_than_the_rate_allows_and_the_next_one_when_the_first_is_a_span_ago() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b", "c", "d", "e"]);
    set(&rig, 2, 1_000);
    assert_eq!(taken(&rig, worker, 1), ["a"]);
    rig.advance(400);
    assert_eq!(taken(&rig, worker, 9), ["b"]);
    assert_eq!(rig.queue.next_due_us(), Some((rig.now_ms() + 600) * 1_000), "the alarm is set for its room");
    rig.advance(599);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(1);
    assert_eq!(taken(&rig, worker, 9), ["c"]);
    rig.advance(400);
    assert_eq!(taken(&rig, worker, 9), ["d"]);
}

#[test]
fn jobs_that_end_free_nothing_under_a_rate() {
    let rig = rig();
    let worker = rig.worker(1);
    add_many(&rig, 3);
    set(&rig, 2, 1_000);
    run(&rig, worker, completed());
    run(&rig, worker, completed());
    assert!(rig.take(worker, 1).is_empty());
}

#[test]
fn workers_are_told_at_the_instant_at_which_a_rate_has_room_and_not_before() {
    let rig = rig();
    let worker = rig.worker(1);
    add_many(&rig, 4);
    set(&rig, 1, 1_000);
    for _ in 0..3 {
        assert_eq!(rig.take(worker, 9).len(), 1);
        assert!(rig.ear.take_ready().is_empty());
        rig.advance(999);
        assert!(rig.ear.take_ready().is_empty());
        rig.advance(1);
        assert_eq!(rig.ear.take_ready(), [worker]);
    }
    assert_eq!(rig.take(worker, 9).len(), 1);
    rig.advance(10_000);
    assert!(rig.ear.take_ready().is_empty(), "nothing waits any more");
}

#[test]
fn no_rate_frees_at_once() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b", "c"]);
    set(&rig, 1, 3_600_000);
    assert_eq!(taken(&rig, worker, 9), ["a"]);
    assert!(rig.take(worker, 9).is_empty() && rig.ear.take_ready().is_empty());
    ready(rig.queue.set_rate(None)).unwrap();
    assert_eq!(rig.ear.take_ready(), [worker]);
    assert_eq!(taken(&rig, worker, 9), ["b", "c"]);
    assert_eq!(rig.queue.next_due_us(), None, "no alarm is left behind");
}

#[test]
fn setting_the_same_rate_again_lets_nothing_more_begin() {
    let rig = rig();
    let worker = rig.worker(1);
    add_many(&rig, 3);
    set(&rig, 1, 1_000);
    assert_eq!(rig.take(worker, 9).len(), 1);
    set(&rig, 1, 1_000);
    assert!(rig.take(worker, 9).is_empty());
}

#[test]
fn a_rate_and_what_it_has_seen_outlive_a_restart() {
    let mut rig = rig();
    add_many(&rig, 3);
    set(&rig, 1, 60_000);
    assert_eq!(rig.take(rig.worker(1), 9).len(), 1);
    rig.restart();
    let worker = rig.worker(1);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(60_000);
    assert_eq!(rig.take(worker, 9).len(), 1);
}

#[test]
fn a_rate_that_changes_counts_on_and_one_that_was_taken_away_counts_anew() {
    let rig = rig();
    let worker = rig.worker(1);
    let set = |rate: Option<(u32, u64)>| {
        ready(rig.queue.set_rate(rate.map(|(max, duration)| Rate { max, duration }))).unwrap();
    };
    add_many(&rig, 30);
    set(Some((3, 1_000)));
    assert_eq!(rig.take(worker, 9).len(), 3);
    rig.advance(500);
    set(Some((5, 1_000)));
    assert_eq!(rig.take(worker, 9).len(), 2, "three of the five have begun");
    set(Some((2, 1_000)));
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(999);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(1);
    assert_eq!(rig.take(worker, 9).len(), 2);
    set(None);
    set(Some((2, 1_000)));
    assert_eq!(rig.take(worker, 9).len(), 2);
}

#[test]
fn impossible_rates_are_refused() {
    let rig = rig();
    for (max, duration) in [(0, 1), (100_001, 1), (1, 0)] {
        assert!(ready(rig.queue.set_rate(Some(Rate { max, duration }))).is_err());
        let limiter = Some(Rate { max, duration });
        let spec = redstart_core::queue::WorkerSpec {
            terms: WorkerTerms { limiter, ..terms() },
            subscriber: rig.ear.clone(),
        };
        assert!(rig.queue.open_worker(spec).is_err());
    }
}

#[test]
fn a_worker_with_a_limiter_takes_only_while_the_queue_has_begun_fewer() {
    let rig = rig();
    let limited = rig.open(WorkerTerms { limiter: Some(Rate { max: 3, duration: 1_000 }), ..terms() });
    let free = rig.worker(1);
    add_many(&rig, 20);
    assert_eq!(rig.take(limited, 2).len(), 2);
    rig.advance(10);
    assert_eq!(rig.take(free, 5).len(), 5, "the bound is that worker's own");
    assert!(rig.take(limited, 9).is_empty(), "what others began counts");
    assert_eq!(
        rig.queue.next_due_us(),
        Some((rig.now_ms() + 1_000) * 1_000),
        "the alarm is set for its room"
    );
    assert!(rig.ear.take_ready().is_empty());
    rig.advance(999);
    assert!(rig.ear.take_ready().is_empty());
    rig.advance(1);
    assert_eq!(rig.ear.take_ready(), [limited]);
    assert_eq!(rig.take(limited, 9).len(), 3);
}

#[test]
fn workers_with_different_limiters_each_keep_their_own() {
    let rig = rig();
    let [slow, fast] = [(1, 10_000), (4, 1_000)]
        .map(|(max, duration)| rig.open(WorkerTerms { limiter: Some(Rate { max, duration }), ..terms() }));
    add_many(&rig, 20);
    assert_eq!(rig.take(slow, 9).len(), 1);
    assert_eq!(rig.take(fast, 9).len(), 3);
    assert!(rig.take(slow, 9).is_empty());
    rig.advance(1_000);
    assert_eq!(rig.ear.take_ready(), [fast]);
    assert_eq!(rig.take(fast, 9).len(), 4);
    rig.queue.close_worker(fast, true);
    rig.advance(9_999);
    assert!(rig.ear.take_ready().is_empty());
    rig.advance(1);
    assert_eq!(rig.ear.take_ready(), [slow]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Looked at by hand: each span that ends with a claim.
    #[test]
    fn no_span_ever_sees_more_claims_than_the_rate_and_no_room_goes_unused(
        max in 1_u32..6,
        duration in 1_u64..50,
        limited in any::<bool>(),
        steps in proptest::collection::vec((0_u64..20, 0_usize..4), 1..60),
    ) {
        let rig = rig();
        let rate = Rate { max, duration };
        let worker = if limited {
            rig.open(WorkerTerms { limiter: Some(rate), ..terms() })
        } else {
            ready(rig.queue.set_rate(Some(rate))).unwrap();
            rig.worker(1)
        };
        add_many(&rig, 200);
        let mut claims: Vec<u64> = Vec::new();
        for (wait, wanted) in steps {
            rig.advance(wait);
            let now = rig.now_ms();
            let in_span = claims.iter().filter(|&&at| at + duration > now).count();
            let got = rig.take(worker, wanted).len();
            prop_assert_eq!(got, wanted.min(max as usize - in_span));
            claims.extend(std::iter::repeat_n(now, got));
        }
    }
}
