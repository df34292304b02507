//! Refund, penalty and reset.

use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Algorithm, Ask, Reason};

use crate::support::{Rig, each, key, options};

#[test]
fn units_given_back_are_there_again_and_never_more_than_were_taken() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        rig.refund("k", 3);
        assert_eq!((rig.stats().keys, rig.peek("k").remaining), (0, 5), "there was nothing to give back");
        rig.consume("k", 4);
        rig.refund("k", 3);
        assert_eq!(rig.peek("k").remaining, 4);
        rig.refund("k", u32::MAX);
        assert_eq!((rig.peek("k").remaining, rig.peek("k").reset_after_ms), (5, 0), "{options:?}");
        assert!(rig.consume("k", 5).allowed && !rig.consume("k", 1).allowed);
        rig.check();
    }
}

#[test]
fn a_refund_counts_as_no_call_and_lifts_no_block() {
    for options in each(2, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 2);
        rig.block("k", 500);
        rig.refund("k", 2);
        assert_eq!(rig.consume("k", 1).reason, Some(Reason::Blocked));
        rig.pass(500);
        assert!(rig.consume("k", 2).allowed);
        assert_eq!((rig.stats().allowed, rig.stats().denied), (2, 1));
    }
}

#[test]
fn a_penalty_takes_what_is_there_and_tells_when_there_is_more() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        let answer = rig.penalty("k", 2);
        assert_eq!((answer.allowed, answer.remaining, answer.limit), (true, 3, 5));
        assert_eq!(answer, rig.peek("k"));
        let answer = rig.penalty("k", u32::MAX);
        assert_eq!((answer.allowed, answer.remaining, answer.reason), (false, 0, Some(Reason::Limit)));
        assert_eq!(answer, rig.peek("k"));
        assert_eq!(rig.penalty("k", 1), answer, "where nothing is left, nothing is taken");
        rig.pass(answer.retry_after_ms);
        assert!(rig.consume("k", 1).allowed, "{options:?}");
        assert_eq!((rig.stats().allowed, rig.stats().denied), (1, 0), "a penalty is no call");
        rig.check();
    }
}

#[test]
fn a_penalty_on_a_blocked_key_is_served_after_the_block() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        rig.block("k", 10);
        let answer = rig.penalty("k", 4);
        assert_eq!((answer.allowed, answer.remaining, answer.reason), (false, 0, Some(Reason::Blocked)));
        rig.pass(10);
        assert_eq!(rig.peek("k").remaining, 1, "{options:?}");
    }
}

#[test]
fn reset_forgets_a_key_and_tells_whether_there_was_anything_to_forget() {
    for options in each(1, 1_600) {
        let rig = Rig::new(options);
        assert!(!rig.reset("k"));
        assert!(rig.consume("k", 1).allowed && !rig.consume("k", 1).allowed);
        assert!(rig.reset("k") && !rig.reset("k"));
        assert_eq!(rig.budget.used(), 0);
        assert!(rig.consume("k", 1).allowed);
        rig.block("k", 10);
        assert!(rig.reset("k"), "a block counts");
        assert_eq!((rig.stats().blocked, rig.stats().keys, rig.budget.used()), (0, 0, 0));
        assert!(rig.consume("k", 1).allowed);
        rig.refund("k", 1);
        assert!(!rig.reset("k"), "a key that equals an absent one is none");
        assert_eq!(rig.budget.used(), 0);
    }
}

#[test]
fn reset_all_forgets_every_key_window_block_and_the_overflow_bucket_but_no_count() {
    for options in each(2, 1_600) {
        let rig = Rig::new(redstart_core::limiter::LimiterOptions { max_keys: 40, ..options });
        for number in 0..10 {
            let text = number.to_string();
            rig.consume(&text, 1);
            rig.ask(&text, Ask { cost: 1, limit: None, window: Some(5) });
            rig.ask(&text, Ask { cost: 1, limit: None, window: Some(6) });
            rig.block(&text, 1_000_000);
        }
        assert_eq!(rig.consume("more", 2).remaining, 0);
        assert_eq!(rig.consume("more", 1).reason, Some(Reason::Overflow));
        rig.limiter.reset_all();
        let stats = rig.stats();
        assert_eq!((stats.keys, stats.blocked, stats.bytes, rig.budget.used()), (0, 0, 0, 0), "{options:?}");
        assert_eq!((stats.allowed, stats.denied), (31, 1));
        assert_eq!((rig.consume("1", 1).remaining, rig.consume("more", 2).remaining), (1, 0));
        assert_eq!(rig.consume("more", 1).reason, Some(Reason::Limit), "it has a state of its own now");
        for number in 0..38 {
            rig.consume(&format!("other {number}"), 1);
        }
        assert!(rig.consume("last", 2).allowed, "the bucket is full again");
        assert_eq!(rig.consume("last", 1).reason, Some(Reason::Overflow));
    }
}

#[test]
fn a_refund_of_nothing_and_a_penalty_of_nothing_are_errors() {
    let rig = Rig::new(options(Algorithm::Gcra, 2, 1_000));
    for error in [
        rig.limiter.refund(key("k"), Ask::units(0)).unwrap_err(),
        rig.limiter.penalty(key("k"), Ask::units(0)).unwrap_err(),
        rig.limiter.penalty(key("k"), Ask { cost: 1, limit: Some(0), window: None }).unwrap_err(),
    ] {
        assert_eq!(error.code(), "ERR_INVALID_ARG");
    }
    assert_eq!(rig.stats().bytes, 0);
}
