//! What one key is answered.

use redstart_core::clock::MS;
use redstart_core::engine::LimiterEngine;
use redstart_core::key::Key;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions, Reason};

use crate::support::{Rig, each, key, options};

#[test]
fn a_key_gets_its_limit_and_then_waits_as_long_as_it_is_told() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        for remaining in [2, 1, 0] {
            let answer = rig.consume("k", 1);
            assert_eq!((answer.allowed, answer.remaining, answer.retry_after_ms), (true, remaining, 0));
            assert_eq!((answer.limit, answer.reason), (3, None));
        }
        let denied = rig.consume("k", 1);
        assert_eq!((denied.allowed, denied.remaining, denied.reason), (false, 0, Some(Reason::Limit)));
        rig.pass(denied.retry_after_ms - 1);
        assert!(!rig.consume("k", 1).allowed, "one millisecond early");
        rig.pass(1);
        assert!(rig.consume("k", 1).allowed, "in time");
        rig.check();
    }
}

#[test]
fn the_windows_say_when_units_come_back() {
    // Taken 40 ms into a window, or a sub-bucket of 100 ms.
    for (algorithm, resets_ms) in [
        (Algorithm::SlidingWindow, 60 + 1_600),
        (Algorithm::SlidingLog, 1_600),
        (Algorithm::SlidingCounter, 1_560 + 1_600),
        (Algorithm::FixedWindow, 1_600),
        (Algorithm::TokenBucket, 1_600),
        (Algorithm::Gcra, 1_600),
    ] {
        let rig = Rig::new(options(algorithm, 3, 1_600));
        rig.pass(40);
        assert_eq!(rig.consume("k", 3).reset_after_ms, resets_ms, "{algorithm:?}");
    }
}

#[test]
fn a_window_of_one_millisecond_works() {
    for options in each(2, 1) {
        let rig = Rig::new(options);
        assert!(rig.consume("k", 2).allowed);
        let denied = rig.consume("k", 2);
        assert!(!denied.allowed);
        rig.pass(denied.retry_after_ms);
        assert!(rig.consume("k", 2).allowed, "{options:?}");
    }
}

#[test]
fn a_cost_that_can_never_pass_is_an_error_that_says_so() {
    let rig = Rig::new(options(Algorithm::SlidingWindow, 3, 1_000));
    for (cost, says) in [(5, "cost 5 is above the limit 3: it can never pass"), (0, "cost is 0")] {
        let error = rig.limiter.consume(key("k"), Ask::units(cost)).unwrap_err();
        assert_eq!(error.code(), "ERR_INVALID_ARG");
        assert!(error.to_string().starts_with(says), "{error}");
        assert_eq!(rig.limiter.peek(key("k"), Ask::units(cost)).unwrap_err(), error);
    }
    let bucket = Rig::new(LimiterOptions { burst: Some(2), ..options(Algorithm::TokenBucket, 9, 1_000) });
    let error = bucket.limiter.consume(key("k"), Ask::units(3)).unwrap_err();
    assert!(error.to_string().starts_with("cost 3 is above the burst 2"), "{error}");
    assert_eq!((rig.stats().keys, bucket.stats().keys), (0, 0));
}

#[test]
fn a_denied_cost_takes_nothing_so_that_a_smaller_one_still_fits() {
    for options in each(5, 1_000) {
        let rig = Rig::new(options);
        assert!(rig.consume("k", 3).allowed);
        for _ in 0..10 {
            assert_eq!((rig.consume("k", 3).allowed, rig.consume("k", 3).remaining), (false, 2));
        }
        assert!(rig.consume("k", 2).allowed);
        assert_eq!((rig.stats().allowed, rig.stats().denied), (2, 20));
    }
}

#[test]
fn a_cost_is_as_many_units_taken_one_by_one() {
    for options in each(9, 1_600) {
        let (at_once, one_by_one) = (Rig::new(options), Rig::new(options));
        for cost in [2, 4, 3, 3, 1] {
            let answer = at_once.consume("k", cost);
            if one_by_one.look("k", Ask::units(cost)).allowed {
                let answers: Vec<_> = (0..cost).map(|_| one_by_one.consume("k", 1)).collect();
                assert_eq!(answers.last(), Some(&answer), "{options:?}");
            } else {
                assert_eq!(one_by_one.look("k", Ask::units(cost)), answer, "{options:?}");
            }
            at_once.pass(170);
            one_by_one.pass(170);
        }
    }
}

#[test]
fn peek_tells_what_consume_will_find_and_takes_nothing() {
    for options in each(2, 1_000) {
        let rig = Rig::new(options);
        for _ in 0..3 {
            let found = rig.peek("k");
            assert_eq!(rig.peek("k"), found);
            let taken = rig.consume("k", 1);
            assert_eq!((taken.allowed, taken.retry_after_ms), (found.allowed, found.retry_after_ms));
            assert_eq!(taken.remaining + u32::from(taken.allowed), found.remaining);
            assert!(taken.reset_after_ms >= found.reset_after_ms);
            rig.pass(10);
        }
        assert!(!rig.peek("k").allowed);
        let untouched = rig.peek("another");
        assert_eq!((untouched.remaining, untouched.reset_after_ms), (2, 0));
        assert_eq!((rig.stats().allowed, rig.stats().denied, rig.stats().keys), (2, 1, 1));
    }
}

#[test]
fn keys_that_look_alike_are_different_keys() {
    let rig = Rig::new(options(Algorithm::SlidingWindow, 1, 1_000));
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
        assert!(rig.limiter.consume(key, Ask::units(1)).unwrap().allowed);
    }
    for key in keys {
        assert!(!rig.limiter.consume(key, Ask::units(1)).unwrap().allowed);
    }
}

#[test]
fn a_call_with_another_window_means_a_counter_of_its_own() {
    let daily = Ask { cost: 1, limit: Some(5), window: Some(86_400_000) };
    for options in each(2, 1_000) {
        let rig = Rig::new(options);
        assert_eq!(rig.consume("k", 2).remaining, 0);
        for remaining in (0..5).rev() {
            let answer = rig.ask("k", daily);
            assert_eq!((answer.remaining, answer.limit), (remaining, 5));
        }
        assert!(!rig.ask("k", daily).allowed && !rig.consume("k", 1).allowed, "{options:?}");
        assert_eq!(rig.stats().keys, 2);
        rig.check();
        rig.pass(2_000);
        assert!(rig.consume("k", 1).allowed);
        let denied = rig.look("k", Ask { cost: 5, ..daily });
        assert!(!denied.allowed && denied.retry_after_ms * MS > 10_000_000, "{denied:?}");
        assert!(rig.reset("k"), "both are forgotten");
        assert_eq!((rig.look("k", daily).remaining, rig.peek("k").remaining), (5, 2));
        assert_eq!((rig.stats().keys, rig.stats().bytes), (0, 0));
    }
}

#[test]
fn a_call_with_another_limit_is_the_same_counter() {
    for options in each(10, 1_600) {
        // GCRA keeps the share of the bucket, not the number of units.
        if options.algorithm != Algorithm::Gcra {
            let rig = Rig::new(options);
            rig.consume("k", 4);
            let found = rig.look("k", Ask { cost: 1, limit: Some(100_000), window: None });
            assert_eq!((found.remaining, found.limit), (99_996, 100_000), "{options:?}");
            let taken = rig.ask("k", Ask { cost: 90_000, limit: Some(100_000), window: None });
            assert_eq!((taken.allowed, taken.remaining), (true, 9_996), "{options:?}");
            assert_eq!((rig.peek("k").remaining, rig.stats().keys), (0, 1));
            rig.limiter.refund(key("k"), Ask { cost: 90_000, limit: Some(100_000), window: None }).unwrap();
            assert_eq!(rig.peek("k").remaining, 6, "{options:?}");
            rig.check();
        }
    }
}
