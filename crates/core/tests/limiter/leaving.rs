//! Keys that equal absent ones leave in the background, and nothing is due while there are none.

use redstart_core::clock::MS;
use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions};

use crate::support::{Rig, each, key, options};

/// The longest that a state under any algorithm counts, in its windows, and the sweep's rest after it.
const GONE_WINDOWS: u64 = 4;

/// How often something is due until `rig` has nothing left to do, at most.
fn idle_after(rig: &Rig, most: usize) -> usize {
    let far_us = rig.clock.now_us() + 400 * 365 * 86_400_000 * MS;
    (0..most).find(|_| !rig.clock.step_towards(far_us)).expect("it comes to rest")
}

#[test]
fn keys_leave_in_the_background_and_give_their_bytes_back() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        for number in 0..10_000 {
            rig.consume(&number.to_string(), 5);
        }
        assert_eq!(rig.stats().keys, 10_000);
        rig.check();
        rig.pass(1_599);
        assert_eq!(rig.stats().keys, 10_000, "all still count");
        rig.pass(GONE_WINDOWS * 1_600);
        assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0), "{options:?}");
    }
}

#[test]
fn states_under_every_window_leave_when_their_own_is_over() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        for number in 0..2_000 {
            let text = number.to_string();
            rig.ask(&text, Ask { cost: 5, limit: None, window: Some(80) });
            rig.ask(&text, Ask { cost: 5, limit: None, window: Some(160_000) });
            rig.consume(&text, 5);
            rig.limiter.block(key(&text), 30_000).unwrap();
        }
        rig.check();
        assert_eq!((rig.stats().keys, rig.stats().blocked), (6_000, 2_000));
        rig.pass(1_590);
        assert!((4_000..=6_000).contains(&rig.stats().keys), "a sweep may come once a window");
        rig.pass(1_600);
        rig.pass(1_600);
        rig.pass(1_600);
        assert_eq!((rig.stats().keys, rig.stats().blocked), (2_000, 2_000), "{options:?}");
        rig.pass(30_000);
        assert_eq!((rig.stats().keys, rig.stats().blocked), (2_000, 0));
        rig.check();
        rig.pass(GONE_WINDOWS * 160_000);
        assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0), "{options:?}");
    }
}

#[test]
fn a_first_key_of_a_long_window_does_not_keep_those_behind_it() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        let yearly = Ask { cost: 1, limit: None, window: Some(365 * 86_400_000) };
        rig.ask("long", yearly);
        for number in 0..100 {
            rig.consume(&number.to_string(), 1);
        }
        rig.pass(GONE_WINDOWS * 1_600);
        assert_eq!(rig.stats().keys, 1, "{options:?}");
        assert_eq!(rig.look("long", yearly).remaining, 4);
    }
}

#[test]
fn keys_in_use_stay_while_others_leave() {
    let rig = Rig::new(options(Algorithm::FixedWindow, 1_000, 1_000));
    for step in 0..100 {
        rig.consume("regular", 1);
        rig.consume(&format!("visitor {step}"), 1);
        rig.pass(50);
    }
    assert!(rig.stats().keys <= 25, "{:?}", rig.stats());
    // Its windows began at 0, 1, 2, 3 and 4 s.
    assert_eq!(rig.consume("regular", 1).remaining, 999);
    assert_eq!(rig.consume("regular", 1).remaining, 998);
}

#[test]
fn a_key_that_counts_is_never_forgotten_however_often_the_sweep_comes() {
    for options in each(2, 16_000) {
        let rig = Rig::new(options);
        rig.consume("k", 2);
        let retry_ms = rig.consume("k", 1).retry_after_ms;
        for turn in 0..retry_ms / 100 {
            rig.pass(100);
            rig.ask(&turn.to_string(), Ask { cost: 1, limit: None, window: Some(50) });
            if (turn + 1) * 100 < retry_ms {
                assert!(!rig.peek("k").allowed, "{options:?} after {turn}");
            }
        }
        rig.pass(100);
        assert!(rig.consume("k", 1).allowed);
    }
}

#[test]
fn nothing_is_due_without_keys_and_a_key_costs_a_few_wakings_and_not_one_a_call() {
    for options in each(1_000, 1_600) {
        let rig = Rig::new(options);
        assert_eq!(idle_after(&rig, 1), 0);
        for _ in 0..500 {
            rig.consume("k", 1);
        }
        let wakings = idle_after(&rig, 100);
        assert!((1..=6).contains(&wakings), "{options:?}: {wakings}");
        assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0));
        for number in 0..500 {
            rig.consume(&number.to_string(), 1);
        }
        let wakings = idle_after(&rig, 100);
        assert!((1..=6).contains(&wakings), "{options:?}: {wakings}");
        assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0));
    }
}

#[test]
fn a_limiter_comes_to_rest_after_anything_that_makes_an_entry() {
    type Make = fn(&Rig);
    let makes: [(&str, Make); 6] = [
        ("consume", |rig| _ = rig.consume("k", 1)),
        ("another window", |rig| _ = rig.ask("k", Ask { cost: 1, limit: None, window: Some(9_000) })),
        ("penalty", |rig| _ = rig.penalty("k", 1)),
        ("block", |rig| rig.block("k", 5_000)),
        ("consume_all", |rig| drop(rig.consume_all(&[("k", Ask::units(1)), ("l", Ask::units(1))]))),
        ("a denied consume_all", |rig| {
            rig.block("l", 1);
            rig.pass(0);
            drop(rig.consume_all(&[("k", Ask::units(1)), ("l", Ask::units(1))]));
        }),
    ];
    for options in each(5, 1_600) {
        for (name, make) in makes {
            let rig = Rig::new(options);
            for _ in 0..2 {
                make(&rig);
                assert!(rig.stats().bytes > 0, "{name}");
                idle_after(&rig, 100);
                let stats = rig.stats();
                assert_eq!((stats.keys, stats.blocked, rig.budget.used()), (0, 0, 0), "{name} {options:?}");
            }
        }
    }
}

#[test]
fn what_the_shared_bucket_of_logs_grew_by_is_given_back_when_its_window_is_over() {
    let rig = Rig::new(LimiterOptions { max_keys: 1, ..options(Algorithm::SlidingLog, 1_000, 1_600) });
    rig.consume("held", 1);
    for number in 0..1_000 {
        assert!(rig.consume(&number.to_string(), 1).allowed);
        rig.pass_us(1);
    }
    assert!(rig.stats().bytes > 8_000);
    rig.pass(2 * GONE_WINDOWS * 1_600);
    assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0));
}
