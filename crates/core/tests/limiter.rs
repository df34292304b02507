//! Limits through the engine's door, on a clock that a test moves.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

use std::collections::HashSet;
use std::sync::Arc;

use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::LimiterEngine;
use redstart_core::engine::memory::MemoryLimiter;
use redstart_core::key::Key;
use redstart_core::limiter::{Algorithm, Answer, Ask, LimiterOptions, Reason};

/// A multiple of every sub-bucket used here.
const START_US: u64 = 1_600_000_000_000_000;

struct Setting {
    clock: Arc<ManualClock>,
    budget: Arc<Budget>,
    limiter: Arc<MemoryLimiter>,
}

fn setting(options: LimiterOptions) -> Setting {
    setting_with_budget(options, 1 << 30)
}

fn setting_with_budget(options: LimiterOptions, bytes: u64) -> Setting {
    options.check().unwrap();
    let (clock, budget) = (ManualClock::new(START_US), Arc::new(Budget::new(bytes)));
    let limiter = MemoryLimiter::new(options, Clock::Manual(clock.clone()), budget.clone());
    Setting { clock, budget, limiter }
}

fn options(algorithm: Algorithm, limit: u32, window: u64) -> LimiterOptions {
    LimiterOptions { limit, window, algorithm, burst: None, block: None, max_keys: 1_000_000 }
}

impl Setting {
    fn consume(&self, key: &str, cost: u32) -> Answer {
        self.limiter.consume(Key::narrow(key.as_bytes()), Ask::units(cost)).unwrap()
    }

    fn peek(&self, key: &str) -> Answer {
        self.limiter.peek(Key::narrow(key.as_bytes()), Ask::units(1)).unwrap()
    }

    fn reset(&self, key: &str) -> bool {
        self.limiter.reset(Key::narrow(key.as_bytes()))
    }

    fn advance_us(&self, us: u64) {
        self.clock.advance_to(self.clock.now_us() + us);
    }
}

const BOTH: [Algorithm; 2] = [Algorithm::SlidingWindow, Algorithm::FixedWindow];

#[test]
fn a_key_gets_its_limit_and_then_waits_as_long_as_it_is_told() {
    for algorithm in BOTH {
        let at = setting(options(algorithm, 3, 1_600));
        for remaining in [2, 1, 0] {
            let answer = at.consume("k", 1);
            assert_eq!((answer.allowed, answer.remaining, answer.retry_after_ms), (true, remaining, 0));
            assert_eq!((answer.limit, answer.reason), (3, None));
        }
        let denied = at.consume("k", 1);
        assert_eq!((denied.allowed, denied.remaining, denied.reason), (false, 0, Some(Reason::Limit)));
        assert_eq!(denied.retry_after_ms, denied.reset_after_ms);
        at.advance_us((denied.retry_after_ms - 1) * MS);
        assert!(!at.consume("k", 1).allowed, "one millisecond early");
        at.advance_us(MS);
        assert!(at.consume("k", 1).allowed, "in time");
    }
}

#[test]
fn the_windows_say_when_units_come_back() {
    let sliding = setting(options(Algorithm::SlidingWindow, 3, 1_600));
    // Taken 40 ms into a sub-bucket of 100 ms, which the window has left 60 + 1,600 ms later.
    sliding.advance_us(40 * MS);
    assert_eq!(sliding.consume("k", 3).reset_after_ms, 1_660);
    let fixed = setting(options(Algorithm::FixedWindow, 3, 1_600));
    fixed.advance_us(40 * MS);
    assert_eq!(fixed.consume("k", 1).reset_after_ms, 1_600);
    fixed.advance_us(100 * MS);
    assert_eq!(fixed.consume("k", 1).reset_after_ms, 1_500);
}

#[test]
fn a_window_of_one_millisecond_works() {
    for algorithm in BOTH {
        let at = setting(options(algorithm, 2, 1));
        assert!(at.consume("k", 2).allowed);
        let denied = at.consume("k", 1);
        assert!(!denied.allowed);
        at.advance_us((denied.retry_after_ms - 1) * MS);
        assert!(!at.consume("k", 1).allowed);
        at.advance_us(MS);
        assert!(at.consume("k", 1).allowed);
    }
}

#[test]
fn a_cost_that_can_never_pass_is_an_error_that_says_so() {
    let at = setting(options(Algorithm::SlidingWindow, 3, 1_000));
    for (cost, says) in [(5, "cost 5 is above the limit 3: it can never pass"), (0, "cost is 0")] {
        let error = at.limiter.consume(Key::narrow(b"k"), Ask::units(cost)).unwrap_err();
        assert_eq!(error.code(), "ERR_INVALID_ARG");
        assert!(error.to_string().starts_with(says), "{error}");
    }
    assert_eq!(at.limiter.stats().keys, 0);
}

#[test]
fn a_denied_cost_takes_nothing_so_that_a_smaller_one_still_fits() {
    for algorithm in BOTH {
        let at = setting(options(algorithm, 5, 1_000));
        assert!(at.consume("k", 3).allowed);
        for _ in 0..10 {
            assert_eq!((at.consume("k", 3).allowed, at.consume("k", 3).remaining), (false, 2));
        }
        assert!(at.consume("k", 2).allowed);
    }
}

#[test]
fn peek_tells_what_consume_will_find_and_takes_nothing() {
    for algorithm in BOTH {
        let at = setting(options(algorithm, 2, 1_000));
        for _ in 0..3 {
            let found = at.peek("k");
            assert_eq!(at.peek("k"), found);
            let taken = at.consume("k", 1);
            assert_eq!((taken.allowed, taken.retry_after_ms), (found.allowed, found.retry_after_ms));
            assert_eq!(taken.remaining + u32::from(taken.allowed), found.remaining);
            assert!(taken.reset_after_ms >= found.reset_after_ms);
            at.advance_us(10 * MS);
        }
        assert!(!at.peek("k").allowed);
        let untouched = at.peek("another");
        assert_eq!((untouched.remaining, untouched.reset_after_ms), (2, 0));
        assert_eq!((at.limiter.stats().allowed, at.limiter.stats().denied), (2, 1));
    }
}

#[test]
fn reset_forgets_a_key_and_tells_whether_there_was_anything_to_forget() {
    let at = setting(options(Algorithm::SlidingWindow, 1, 1_000));
    assert!(!at.reset("k"));
    assert!(at.consume("k", 1).allowed);
    assert!(!at.consume("k", 1).allowed);
    assert!(at.reset("k"));
    assert!(!at.reset("k"));
    assert_eq!(at.budget.used(), 0);
    assert!(at.consume("k", 1).allowed);
}

#[test]
fn keys_that_look_alike_are_different_keys() {
    let at = setting(options(Algorithm::SlidingWindow, 1, 1_000));
    let long = vec![b'x'; 60_000];
    let keys = [
        Key::narrow(b""),
        Key::narrow(b"\0"),
        Key::narrow(b"ab"),
        Key::wide(b"ab"),
        Key::wide(b""),
        Key::narrow(&long),
        Key::narrow(&long[1..]),
    ];
    for key in keys {
        assert!(at.limiter.consume(key, Ask::units(1)).unwrap().allowed);
    }
    for key in keys {
        assert!(!at.limiter.consume(key, Ask::units(1)).unwrap().allowed);
    }
}

#[test]
fn keys_leave_in_the_background_and_give_their_bytes_back() {
    for algorithm in BOTH {
        let at = setting(options(algorithm, 5, 1_600));
        for number in 0..10_000 {
            at.consume(&number.to_string(), 1);
        }
        let held = at.limiter.stats();
        assert_eq!((held.keys, held.bytes), (10_000, at.budget.used()));
        at.advance_us(1_599 * MS);
        assert_eq!(at.limiter.stats().keys, 10_000, "all still count");
        at.advance_us(101 * MS);
        assert_eq!((at.limiter.stats().keys, at.budget.used()), (0, 0));
    }
}

#[test]
fn keys_in_use_stay_while_others_leave() {
    let at = setting(options(Algorithm::FixedWindow, 1_000, 1_000));
    for step in 0..100 {
        at.consume("regular", 1);
        at.consume(&format!("visitor {step}"), 1);
        at.advance_us(50 * MS);
    }
    assert!(at.limiter.stats().keys <= 25, "{:?}", at.limiter.stats());
    // Its windows began at 0, 1, 2, 3 and 4 s.
    assert_eq!(at.consume("regular", 1).remaining, 999);
    assert_eq!(at.consume("regular", 1).remaining, 998);
}

#[test]
fn a_flood_of_keys_stays_within_its_bounds_and_forgets_no_limited_key() {
    for algorithm in BOTH {
        let at = setting(LimiterOptions { max_keys: 1_000, ..options(algorithm, 2, 60_000) });
        at.consume("limited", 2);
        let mut reasons = HashSet::new();
        for number in 0..200_000 {
            let answer = at.consume(&format!("flood {number}"), 1);
            reasons.extend(answer.reason.map(|reason| format!("{reason:?}")));
        }
        let held = at.limiter.stats();
        assert_eq!(held.keys, 1_000);
        assert!(held.bytes <= 1_000 * 200, "{held:?}");
        assert_eq!(held.bytes, at.budget.used());
        assert_eq!((held.allowed, held.denied), (1_000 + 2, 200_001 - 1_002));
        assert_eq!(reasons, HashSet::from(["Overflow".to_owned()]));
        assert_eq!(at.consume("limited", 1).reason, Some(Reason::Limit));
        assert_eq!(at.peek("one more").reason, Some(Reason::Overflow));
        at.advance_us(2 * 60_000 * MS);
        assert_eq!((at.limiter.stats().keys, at.budget.used()), (0, 0));
        assert_eq!(at.consume("one more", 2).reason, None);
        assert_eq!(at.consume("one more", 1).reason, Some(Reason::Limit));
    }
}

#[test]
fn the_overflow_bucket_is_a_key_like_any_other() {
    let at = setting(LimiterOptions { max_keys: 1, ..options(Algorithm::FixedWindow, 3, 1_000) });
    at.consume("held", 1);
    assert_eq!(at.consume("a", 2).remaining, 1);
    let denied = at.consume("b", 2);
    assert_eq!((denied.reason, denied.remaining), (Some(Reason::Overflow), 1));
    at.advance_us(denied.retry_after_ms * MS - 1);
    assert!(!at.consume("c", 2).allowed);
    at.advance_us(1);
    assert!(at.consume("c", 2).allowed);
}

#[test]
fn keys_that_equal_absent_ones_make_room_before_the_sweep_comes_for_them() {
    let at = setting(LimiterOptions { max_keys: 2, ..options(Algorithm::FixedWindow, 1, 1_600) });
    at.consume("first", 1);
    at.advance_us(10 * MS);
    at.consume("second", 1);
    // The sweep drops the first as its window ends, and then rests for 100 ms.
    at.advance_us(1_590 * MS);
    assert_eq!(at.limiter.stats().keys, 1);
    at.advance_us(20 * MS);
    assert_eq!(at.limiter.stats().keys, 1, "the second is over and still held");
    for key in ["third", "fourth"] {
        assert!(at.consume(key, 1).allowed);
        assert_eq!(at.consume(key, 1).reason, Some(Reason::Limit), "it has a state of its own");
    }
    assert_eq!(at.limiter.stats().keys, 2);
}

#[test]
fn a_budget_that_is_used_up_means_overflow_and_not_an_error() {
    let at = setting_with_budget(options(Algorithm::SlidingWindow, 1, 1_000), 1_000);
    for number in 0..100 {
        at.consume(&number.to_string(), 1);
    }
    let held = at.limiter.stats();
    assert!(held.keys > 0 && held.keys < 10 && at.budget.used() == held.bytes, "{held:?}");
    assert_eq!(at.consume("another", 1).reason, Some(Reason::Overflow));
}

#[test]
fn dropping_a_limiter_gives_its_bytes_back() {
    let at = setting(options(Algorithm::SlidingWindow, 100_000, 1_000));
    for number in 0..100 {
        at.consume(&number.to_string(), 1);
    }
    assert!(at.budget.used() > 0);
    drop(at.limiter);
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn eight_threads_on_a_clock_that_stands_still_admit_exactly_the_limit() {
    for algorithm in BOTH {
        let at = setting(LimiterOptions { max_keys: 2, ..options(algorithm, 1_000, 60_000) });
        // Two keys of their own, and the overflow bucket for the rest.
        at.consume("a", 1);
        at.consume("b", 1);
        let admitted = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let keys = ["a", "b", "c", "d"];
                        (0..4_000).filter(|turn| at.consume(keys[turn % 4], 1).allowed).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(admitted, 3 * 1_000 - 2);
    }
}

#[test]
fn threads_that_bring_the_same_new_keys_leave_each_of_them_once() {
    let at = setting(options(Algorithm::SlidingWindow, 8, 60_000));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..2_000).for_each(|number| assert!(at.consume(&number.to_string(), 1).allowed)));
        }
    });
    assert_eq!((at.limiter.stats().keys, at.budget.used()), (2_000, at.limiter.stats().bytes));
    assert!((0..2_000).all(|number| !at.consume(&number.to_string(), 1).allowed));
    at.advance_us(70_000 * MS);
    assert_eq!((at.limiter.stats().keys, at.budget.used()), (0, 0));
}
