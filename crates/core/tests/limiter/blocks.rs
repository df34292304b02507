//! Keys that are denied for a time, whatever they have left.

use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Algorithm, Answer, Ask, LimiterOptions, Reason};

use crate::support::{BLOCK_BYTES, Rig, each, key, options, poll};
use redstart_core::reply::Reply;

/// Limiters that block a key for `block` ms once it was denied.
fn blocking(limit: u32, window: u64, block: u64) -> impl Iterator<Item = LimiterOptions> {
    each(limit, window).map(move |options| LimiterOptions { block: Some(block), ..options })
}

fn assert_blocked(answer: Answer, ms: u64) {
    let told = (answer.allowed, answer.remaining, answer.retry_after_ms, answer.reason);
    assert_eq!(told, (false, 0, ms, Some(Reason::Blocked)));
    assert!(answer.reset_after_ms >= ms, "{answer:?}");
}

#[test]
fn the_first_denial_blocks_a_key_and_later_ones_do_not_prolong_it() {
    for options in blocking(4, 100, 60_000) {
        let rig = Rig::new(options);
        rig.consume("k", 3);
        let denied = rig.consume("k", 2);
        let told = (denied.allowed, denied.remaining, denied.retry_after_ms, denied.reason);
        assert_eq!(told, (false, 0, 60_000, Some(Reason::Limit)), "{options:?}");
        assert!(denied.reset_after_ms >= 60_000);
        for left_ms in (1..=60_000).rev().step_by(7_000) {
            rig.clock.advance_to(crate::support::START_US + (60_000 - left_ms) * 1_000);
            assert_blocked(rig.consume("k", 1), left_ms);
            assert_blocked(rig.peek("k"), left_ms);
            rig.check();
        }
        assert_eq!(rig.stats().blocked, 1);
        rig.clock.advance_to(crate::support::START_US + 59_999_000);
        assert_blocked(rig.consume("k", 1), 1);
        rig.pass(1);
        assert!(rig.consume("k", 4).allowed, "{options:?}");
        assert_eq!(rig.consume("k", 1).reason, Some(Reason::Limit), "and may be blocked anew");
        assert_blocked(rig.consume("k", 1), 60_000);
    }
}

#[test]
fn a_block_shorter_than_the_wait_for_units_does_not_shorten_it() {
    for options in blocking(1, 1_600, 10) {
        let rig = Rig::new(options);
        rig.consume("k", 1);
        let denied = rig.consume("k", 1);
        assert!(denied.retry_after_ms >= 1_600, "{options:?} {denied:?}");
        rig.pass(denied.retry_after_ms - 1);
        assert!(!rig.peek("k").allowed);
        rig.pass(1);
        assert!(rig.consume("k", 1).allowed);
    }
}

#[test]
fn a_block_is_of_the_key_under_every_window() {
    for options in blocking(1, 1_600, 9_000) {
        let rig = Rig::new(options);
        let hourly = Ask { cost: 1, limit: Some(100), window: Some(3_600_000) };
        rig.consume("k", 1);
        assert!(!rig.consume("k", 1).allowed);
        assert_blocked(rig.ask("k", hourly), 9_000);
        assert!(rig.ask("other", hourly).allowed);
    }
}

#[test]
fn neither_a_look_nor_a_wait_nor_a_penalty_starts_a_block() {
    for options in blocking(1, 1_600, 60_000) {
        let rig = Rig::new(options);
        rig.consume("k", 1);
        assert!(!rig.peek("k").allowed);
        rig.penalty("k", 1);
        let Reply::Pending(mut waits) = rig.limiter.wait(key("k"), Ask::units(1), Some(5)) else {
            panic!("there is nothing to be had")
        };
        rig.pass(5);
        assert!(!poll(&mut waits).unwrap().unwrap().allowed);
        assert_eq!((rig.stats().blocked, rig.stats().denied), (0, 0));
        rig.pass(rig.peek("k").retry_after_ms);
        assert!(rig.consume("k", 1).allowed, "{options:?}");
    }
}

#[test]
fn a_block_given_takes_the_place_of_the_one_there_was() {
    for options in blocking(2, 1_600, 50_000) {
        let rig = Rig::new(options);
        rig.block("k", 80_000);
        assert_blocked(rig.consume("k", 1), 80_000);
        assert_eq!(rig.stats().keys, 0, "a block needs no counter");
        rig.block("k", 20);
        assert_blocked(rig.peek("k"), 20);
        rig.block("k", 40);
        rig.pass(39);
        assert_blocked(rig.consume("k", 2), 1);
        assert_eq!((rig.stats().blocked, rig.stats().bytes), (1, BLOCK_BYTES));
        rig.pass(1);
        assert!(rig.consume("k", 2).allowed);
        assert!(!rig.consume("k", 1).allowed);
        rig.block("k", 7);
        rig.pass(6);
        assert_eq!(rig.peek("k").reason, Some(Reason::Blocked));
        rig.pass(1);
        assert_eq!(rig.peek("k").reason, Some(Reason::Limit), "shorter than the one it had earned");
    }
}

#[test]
fn blocks_leave_in_the_background() {
    for options in blocking(1, 1_600, 30_000) {
        let rig = Rig::new(options);
        for number in 0..1_000 {
            let text = number.to_string();
            rig.block(&text, 5_000);
            rig.consume(&format!("denied {number}"), 1);
            rig.consume(&format!("denied {number}"), 1);
        }
        assert_eq!((rig.stats().blocked, rig.stats().keys), (2_000, 1_000));
        rig.check();
        rig.pass(4_999);
        assert_eq!(rig.stats().blocked, 2_000);
        rig.pass(2_000);
        assert_eq!((rig.stats().blocked, rig.stats().keys), (1_000, 0), "{options:?}");
        rig.check();
        rig.pass(30_000);
        assert_eq!((rig.stats().blocked, rig.budget.used()), (0, 0));
    }
}

#[test]
fn a_block_of_a_hundred_years_keeps_nothing_else() {
    for options in each(1, 1_600) {
        let rig = Rig::new(options);
        rig.block("villain", 100 * 365 * 86_400_000);
        rig.consume("k", 1);
        rig.pass(2 * 1_700);
        assert_eq!((rig.stats().keys, rig.stats().blocked), (0, 1), "{options:?}");
    }
}

#[test]
fn a_block_that_finds_no_room_is_an_error_and_not_forgotten_in_silence() {
    for options in each(1, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 2, ..options });
        rig.consume("a", 1);
        rig.block("b", 1_000);
        let error = rig.limiter.block(key("c"), 1_000).unwrap_err();
        assert_eq!(error.code(), "ERR_STORE_FULL");
        assert!(error.to_string().contains("maxKeys"), "{error}");
        rig.block("b", 5);
        rig.pass(5);
        rig.block("c", 1_000);
        assert_eq!(rig.stats().blocked, 1, "the one that was over made room");
        rig.check();
        let rig = Rig::within(options, 40);
        rig.block("a", 1_000);
        let error = rig.limiter.block(key("b"), 1_000).unwrap_err();
        assert_eq!(error.code(), "ERR_STORE_FULL");
        assert!(error.to_string().contains("maxMemory"), "{error}");
        rig.block("a", 2_000);
    }
}

#[test]
fn a_key_that_is_held_can_always_be_blocked_by_a_denial() {
    for options in blocking(1, 1_600, 9_000) {
        let rig = Rig::new(LimiterOptions { max_keys: 3, ..options });
        for text in ["a", "b", "c"] {
            rig.consume(text, 1);
        }
        for text in ["a", "b", "c"] {
            assert_eq!(rig.consume(text, 1).reason, Some(Reason::Limit));
            assert_blocked(rig.consume(text, 1), 9_000);
        }
        assert_eq!((rig.stats().keys, rig.stats().blocked), (3, 3), "{options:?}");
        rig.check();
    }
}

#[test]
fn the_overflow_bucket_is_never_blocked() {
    for options in blocking(2, 1_600, 60_000) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.consume("held", 1);
        rig.consume("a", 2);
        for text in ["a", "b", "c"] {
            assert_eq!(rig.consume(text, 1).reason, Some(Reason::Overflow));
            let answers = rig.consume_all(&[(text, Ask::units(1))]).unwrap();
            assert_eq!(answers[0].reason, Some(Reason::Overflow));
        }
        assert_eq!(rig.stats().blocked, 0);
        let retry_ms = rig.peek("d").retry_after_ms;
        assert!(retry_ms < 60_000);
        rig.consume("held", 2);
        rig.pass(retry_ms);
        assert!(rig.consume("d", 1).allowed, "{options:?}");
    }
}

#[test]
fn a_blocked_key_is_denied_though_there_is_no_room_for_its_counter() {
    let rig = Rig::new(LimiterOptions { max_keys: 1, ..options(Algorithm::SlidingWindow, 5, 1_600) });
    rig.block("k", 1_000);
    assert_blocked(rig.consume("k", 1), 1_000);
    assert_eq!(rig.consume("other", 1).reason, None);
    assert_eq!(rig.peek("other").remaining, 4, "from the bucket for those without room");
    assert_eq!(rig.peek("third").remaining, 4);
}
