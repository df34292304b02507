//! What has no room: more keys than `maxKeys`, or than the budget has memory for.

use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions, Reason};

use crate::support::{Rig, each, options};

#[test]
fn keys_without_room_share_one_bucket_that_is_a_key_like_any_other() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        assert_eq!(rig.consume("a", 2).remaining, 1);
        let denied = rig.consume("b", 2);
        assert_eq!((denied.reason, denied.remaining), (Some(Reason::Overflow), 1));
        assert_eq!(rig.look("c", Ask::units(2)), denied);
        rig.pass(denied.retry_after_ms - 1);
        assert!(!rig.consume("c", 2).allowed, "one millisecond early");
        rig.pass(1);
        assert!(rig.consume("c", 2).allowed, "{options:?}");
        assert_eq!((rig.stats().keys, rig.stats().allowed, rig.stats().denied), (0, 2, 2));
        rig.limiter.reset_all();
        assert_eq!(rig.budget.used(), 0);
    }
}

#[test]
fn the_bucket_for_those_without_room_knows_the_limiters_window_alone() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        let hourly = Ask { cost: 2, limit: None, window: Some(3_600_000) };
        assert!(rig.ask("a", hourly).allowed);
        let denied = rig.ask("b", hourly);
        assert!(!denied.allowed && denied.retry_after_ms <= 3_200, "{options:?} {denied:?}");
        rig.pass(denied.retry_after_ms);
        assert!(rig.ask("c", hourly).allowed);
    }
}

#[test]
fn no_call_can_widen_the_bucket_for_those_without_room() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        let wide = Ask { cost: 1, limit: Some(1_000), window: None };
        let admitted = (0..10).filter(|number| rig.ask(&format!("k{number}"), wide).allowed).count();
        assert_eq!(admitted, 3, "{options:?}");
        let never = rig.ask("k", Ask { cost: 4, ..wide });
        assert_eq!((never.allowed, never.reason), (false, Some(Reason::Overflow)));
        assert!(never.retry_after_ms >= 1_600, "not while it shares the bucket: {never:?}");
    }
}

#[test]
fn parts_that_fit_no_shared_bucket_are_told_to_come_back_when_others_have_left() {
    for options in each(10, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        let answers = rig.consume_all(&[("a", Ask::units(6)), ("b", Ask::units(6))]).unwrap();
        let denied: Vec<_> = answers.iter().filter(|answer| !answer.allowed).collect();
        assert!(
            !denied.is_empty() && denied.iter().all(|answer| answer.retry_after_ms >= 1_600),
            "{answers:?}"
        );
        assert_eq!(rig.peek("c").remaining, 10, "{options:?}");
    }
}

#[test]
fn a_key_without_a_counter_of_its_own_gets_nothing_back() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        rig.consume("a", 2);
        rig.refund("a", 2);
        assert_eq!(rig.peek("a").remaining, 1, "whoever took them, it is not told");
        assert_eq!(rig.penalty("a", 9).reason, Some(Reason::Overflow));
        assert_eq!(rig.peek("b").remaining, 0);
        assert!(!rig.reset("a"));
    }
}

#[test]
fn keys_that_equal_absent_ones_make_room_before_the_sweep_comes_for_them() {
    for options in each(1, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 2, ..options });
        rig.consume("first", 1);
        rig.consume("second", 1);
        rig.refund("first", 1);
        assert_eq!(rig.stats().keys, 2, "it equals an absent one and is still held");
        assert!(rig.peek("third").allowed);
        assert!(rig.consume("third", 1).allowed);
        assert_eq!(
            rig.consume("third", 1).reason,
            Some(Reason::Limit),
            "{options:?}: it has a state of its own"
        );
        assert_eq!(rig.consume("second", 1).reason, Some(Reason::Limit));
        assert_eq!(rig.stats().keys, 2);
        rig.check();
    }
}

#[test]
fn a_key_goes_from_the_shared_bucket_to_one_of_its_own_when_there_is_room() {
    for options in each(2, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.consume("held", 1);
        assert!(rig.consume("a", 2).allowed);
        assert_eq!(rig.consume("a", 1).reason, Some(Reason::Overflow));
        rig.reset("held");
        assert!(rig.consume("a", 2).allowed);
        assert_eq!(rig.consume("a", 1).reason, Some(Reason::Limit), "{options:?}");
        assert_eq!(
            rig.consume("held", 1).reason,
            Some(Reason::Overflow),
            "what was taken there still counts"
        );
    }
}

#[test]
fn a_budget_that_is_used_up_means_the_shared_bucket_and_not_an_error() {
    for options in each(1, 1_600) {
        let rig = Rig::within(options, 1_000);
        for number in 0..100 {
            rig.consume(&number.to_string(), 1);
            rig.check();
        }
        let held = rig.stats();
        assert!((6..25).contains(&held.keys) && held.bytes <= 1_000, "{held:?}");
        let denied = rig.consume("another", 1);
        assert_eq!((denied.allowed, denied.reason), (false, Some(Reason::Overflow)), "{options:?}");
        assert_eq!(rig.peek("0").reason, Some(Reason::Limit));
        rig.pass(4_000);
        assert_eq!(rig.consume("another", 1).reason, None);
    }
}

/// A budget with room for `keys` logs of one call and no more, and so many keys.
fn full_of_logs(keys: usize) -> Rig {
    let rig = Rig::within(options(Algorithm::SlidingLog, 100, 60_000), (keys * (65 + 32)) as u64);
    for number in 0..keys {
        assert!(rig.consume(&number.to_string(), 1).allowed);
        rig.pass_us(10);
    }
    assert!(!rig.budget.has_room(8), "{:?}", rig.stats());
    rig
}

#[test]
fn a_log_that_there_is_no_memory_to_write_on_denies_and_records_nothing() {
    let rig = full_of_logs(3);
    for _ in 0..3 {
        assert!(rig.consume("0", 1).allowed, "four words were taken with the first");
        rig.pass_us(10);
    }
    let bytes = rig.stats().bytes;
    let denied = rig.consume("0", 1);
    assert_eq!((denied.allowed, denied.reason, denied.remaining), (false, Some(Reason::Overflow), 96));
    assert_eq!(rig.peek("0"), denied, "peek tells what consume finds");
    assert_eq!(rig.stats().bytes, bytes);
    rig.check();
    // When all it holds has left there is room in what it has.
    rig.pass(denied.retry_after_ms);
    assert!(rig.consume("0", 1).allowed);
    rig.check();
}

#[test]
fn a_log_goes_on_when_memory_comes_back() {
    let rig = full_of_logs(3);
    for _ in 0..3 {
        rig.consume("0", 1);
        rig.pass_us(10);
    }
    assert_eq!(rig.consume("0", 1).reason, Some(Reason::Overflow));
    assert!(rig.reset("1"));
    assert!(rig.consume("0", 1).allowed);
    assert_eq!(rig.peek("0").remaining, 95, "nothing of the denial was recorded");
    rig.check();
}

#[test]
fn a_new_key_with_no_memory_for_its_log_is_told_to_come_back_in_a_while() {
    let rig = full_of_logs(3);
    let denied = rig.consume("new", 1);
    assert_eq!((denied.allowed, denied.reason), (false, Some(Reason::Overflow)));
    assert!(denied.retry_after_ms >= 1_000, "whoever waits must not spin: {denied:?}");
    assert_eq!(rig.peek("new"), denied);
    assert_eq!(rig.stats().keys, 3);
    // Room for a counter, and none for what it would count.
    rig.budget.give_back(80);
    let denied = rig.peek("new");
    assert_eq!((denied.allowed, denied.reason), (false, Some(Reason::Overflow)));
    assert_eq!(rig.consume("new", 1), denied);
    rig.budget.take_regardless(80);
    rig.check();
}

#[test]
fn dropping_a_limiter_gives_its_bytes_back() {
    for options in each(100_000, 1_600) {
        let rig = Rig::new(options);
        for number in 0..100 {
            rig.consume(&number.to_string(), 2);
            rig.block(&number.to_string(), 10);
        }
        assert!(rig.budget.used() > 0);
        drop(rig.limiter);
        assert_eq!(rig.budget.used(), 0);
    }
}
