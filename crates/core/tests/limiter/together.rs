//! Units of several keys and limiters: all or none.

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::engine::memory::MemoryLimiter;
use redstart_core::limiter::{Algorithm, Answer, Ask, LimiterOptions, Reason};

use crate::support::{Rig, each, key, options};

fn all(rigs: &[&Rig], parts: &[(usize, &str, Ask)]) -> Result<Vec<Answer>> {
    let limiters: Vec<_> = rigs.iter().map(|rig| Arc::clone(&rig.limiter)).collect();
    let parts: Vec<_> = parts.iter().map(|&(at, text, ask)| (at, key(text), ask)).collect();
    MemoryLimiter::consume_all(&limiters, &parts)
}

/// A limiter for each algorithm, on one clock and budget.
fn six(limit: u32) -> Vec<Rig> {
    let first = Rig::new(options(Algorithm::ALL[0], limit, 1_600));
    let others = each(limit, 1_600).skip(1);
    let others: Vec<_> = others.map(|options| Rig::beside(options, &first.clock, &first.budget)).collect();
    std::iter::once(first).chain(others).collect()
}

#[test]
fn every_part_is_taken_or_none_across_all_algorithms() {
    let rigs = six(3);
    let rigs: Vec<&Rig> = rigs.iter().collect();
    // Backwards, so that the order of locking is not that of the parts.
    let parts: Vec<_> = (0..6).rev().map(|at| (at, "k", Ask::units(2))).collect();
    let answers = all(&rigs, &parts).unwrap();
    assert!(answers.iter().all(|answer| answer.allowed && answer.remaining == 1));
    for short in 0..6 {
        rigs[short].penalty("k", 1);
        let (looks, stats) = seen(&rigs);
        let parts: Vec<_> = (0..6).rev().map(|at| (at, "k", Ask::units(1))).collect();
        let answers = all(&rigs, &parts).unwrap();
        for (&(at, ..), answer) in parts.iter().zip(&answers) {
            assert_eq!(answer.allowed, at != short, "{at} {answer:?}");
            assert_eq!(*answer, rigs[at].peek("k"), "nothing was taken");
        }
        let (looks_after, stats_after) = seen(&rigs);
        assert_eq!((looks_after, stats_after), (looks, stats));
        rigs[short].refund("k", 1);
    }
    let denied: u64 = rigs.iter().map(|rig| rig.stats().denied).sum();
    assert_eq!(denied, 6, "one for each part that was denied");
}

/// What can be seen of some limiters, but for what they have counted.
fn seen(rigs: &[&Rig]) -> (Vec<Answer>, Vec<(u64, u64, u64)>) {
    let looks = rigs.iter().flat_map(|rig| ["k", "new", "other"].map(|text| rig.peek(text)));
    let stats = rigs.iter().map(|rig| rig.stats()).map(|stats| (stats.keys, stats.bytes, stats.blocked));
    (looks.collect(), stats.collect())
}

#[test]
fn a_key_that_was_never_seen_is_unknown_again_after_a_denial() {
    let rigs = six(3);
    let rigs: Vec<&Rig> = rigs.iter().collect();
    rigs[0].consume("k", 3);
    let before = seen(&rigs);
    let hourly = Ask { cost: 1, limit: Some(100_000), window: Some(3_600_000) };
    let new = (0..6).flat_map(|at| [(at, "new", Ask::units(3)), (at, "other", hourly)]);
    let parts: Vec<_> = new.chain([(0, "k", Ask::units(1))]).collect();
    let answers = all(&rigs, &parts).unwrap();
    assert!(!answers[12].allowed);
    assert!(answers[..12].iter().all(|answer| answer.allowed && answer.reset_after_ms == 0), "{answers:?}");
    assert_eq!(seen(&rigs), before);
    let allowed: Vec<u64> = rigs.iter().map(|rig| rig.stats().allowed).collect();
    assert_eq!(allowed, [1, 0, 0, 0, 0, 0]);
}

#[test]
fn two_parts_of_one_key_are_one_after_the_other() {
    for options in each(5, 1_600) {
        let rig = Rig::new(options);
        let answers =
            rig.consume_all(&[("k", Ask::units(2)), ("l", Ask::units(1)), ("k", Ask::units(3))]).unwrap();
        assert_eq!(answers.iter().map(|answer| answer.remaining).collect::<Vec<_>>(), [3, 4, 0]);
        assert_eq!((rig.stats().keys, rig.peek("k").remaining), (2, 0));
        rig.check();
        let never = rig.consume_all(&[("n", Ask::units(3)), ("n", Ask::units(3))]).unwrap_err();
        assert_eq!(never.code(), "ERR_INVALID_ARG");
        assert_eq!(rig.stats().keys, 2);
    }
}

#[test]
fn two_parts_of_one_key_are_told_when_both_pass() {
    for options in each(10, 1_600) {
        let rig = Rig::new(options);
        rig.pass(700);
        rig.consume("k", 7);
        let parts = [("k", Ask::units(2)), ("k", Ask::units(3))];
        let answers = rig.consume_all(&parts).unwrap();
        assert_eq!((answers[0].allowed, answers[0].remaining), (true, 3));
        assert_eq!((answers[1].allowed, answers[1].remaining), (false, 3), "as much is left as there was");
        assert_eq!(answers[1].reset_after_ms, rig.peek("k").reset_after_ms, "{options:?}");
        rig.pass(answers[1].retry_after_ms - 1);
        assert!(!rig.consume_all(&parts).unwrap()[1].allowed, "{options:?}: one millisecond early");
        rig.pass(1);
        assert!(rig.consume_all(&parts).unwrap()[1].allowed, "{options:?}: in time");
    }
}

#[test]
fn a_denial_changes_no_rate_at_which_units_come_back() {
    for options in each(10, 1_600) {
        let (rig, untouched) = (Rig::new(options), Rig::new(options));
        for rig in [&rig, &untouched] {
            rig.consume("k", 10);
            rig.consume("short", 10);
            rig.pass(400);
        }
        let fast = Ask { cost: 1, limit: Some(10_000), window: None };
        assert!(!rig.consume_all(&[("k", fast), ("short", Ask::units(10))]).unwrap()[1].allowed);
        for _ in 0..40 {
            rig.pass(53);
            untouched.pass(53);
            assert_eq!(rig.peek("k"), untouched.peek("k"), "{options:?}");
        }
    }
}

#[test]
fn a_denied_part_blocks_its_key_and_no_other() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { block: Some(9_000), ..options });
        rig.consume("k", 3);
        let answers =
            rig.consume_all(&[("l", Ask::units(1)), ("k", Ask::units(1)), ("k", Ask::units(1))]).unwrap();
        assert_eq!(answers.iter().map(|answer| answer.allowed).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!((answers[1].retry_after_ms, answers[1].reason), (9_000, Some(Reason::Limit)));
        assert_eq!((rig.stats().blocked, rig.stats().keys, rig.stats().denied), (1, 1, 2), "{options:?}");
        rig.pass(100);
        let answers = rig.consume_all(&[("l", Ask::units(1)), ("k", Ask::units(1))]).unwrap();
        assert_eq!((answers[1].retry_after_ms, answers[1].reason), (8_900, Some(Reason::Blocked)));
        assert!(answers[0].allowed && rig.peek("l").remaining == 3);
        rig.check();
    }
}

#[test]
fn parts_without_room_share_the_bucket_and_give_back_what_they_took_of_it() {
    for options in each(5, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.consume("held", 5);
        assert_eq!(rig.consume("o", 1).remaining, 4);
        let (before, shared) = (rig.stats(), rig.peek("a"));
        let answers =
            rig.consume_all(&[("a", Ask::units(2)), ("b", Ask::units(2)), ("held", Ask::units(1))]).unwrap();
        assert_eq!(answers[2].reason, Some(Reason::Limit));
        assert!(answers[0].allowed && answers[1].allowed);
        assert_eq!((rig.stats().keys, rig.peek("a")), (before.keys, shared), "{options:?}");
        let answers = rig.consume_all(&[("a", Ask::units(3)), ("b", Ask::units(2))]).unwrap();
        assert_eq!((answers[0].allowed, answers[1].reason), (true, Some(Reason::Overflow)));
        assert_eq!((rig.peek("a"), rig.stats().blocked), (shared, 0));
        let answers = rig.consume_all(&[("a", Ask::units(2)), ("b", Ask::units(2))]).unwrap();
        assert!(answers.iter().all(|answer| answer.allowed) && rig.peek("c").remaining == 0);
        rig.check();
    }
}

#[test]
fn two_parts_of_one_new_key_need_one_place() {
    for options in each(5, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        let answers = rig.consume_all(&[("k", Ask::units(2)), ("k", Ask::units(3))]).unwrap();
        assert!(answers.iter().all(|answer| answer.allowed));
        assert_eq!((rig.stats().keys, rig.peek("k").remaining), (1, 0));
        assert_eq!(rig.peek("k").reason, Some(Reason::Limit), "{options:?}");
        assert_eq!(rig.peek("l").remaining, 5, "nothing was taken of the shared bucket");
        rig.check();
        rig.reset("k");
        assert_eq!(rig.budget.used(), 0);
        assert!(rig.consume("l", 1).allowed && rig.consume("l", 5).reason == Some(Reason::Limit));
    }
}

#[test]
fn a_log_that_cannot_be_written_on_denies_all_parts() {
    let rig = Rig::within(options(Algorithm::SlidingLog, 100, 60_000), 2 * (65 + 32));
    for _ in 0..4 {
        rig.consume("full", 1);
        rig.pass_us(10);
    }
    rig.consume("roomy", 1);
    rig.pass_us(10);
    let before = (rig.peek("roomy"), rig.stats().bytes);
    let answers = rig.consume_all(&[("roomy", Ask::units(1)), ("full", Ask::units(1))]).unwrap();
    assert!(answers[0].allowed);
    assert_eq!((answers[1].allowed, answers[1].reason), (false, Some(Reason::Overflow)));
    assert_eq!((rig.peek("roomy"), rig.stats().bytes), before);
    rig.check();
}

#[test]
fn no_parts_are_no_answers_and_a_wrong_part_takes_nothing() {
    let rig = Rig::new(options(Algorithm::SlidingWindow, 5, 1_600));
    assert_eq!(rig.consume_all(&[]).unwrap(), []);
    for wrong in [Ask::units(0), Ask::units(6), Ask { cost: 1, limit: Some(0), window: None }] {
        let error = rig.consume_all(&[("k", Ask::units(1)), ("k", wrong)]).unwrap_err();
        assert_eq!(error.code(), "ERR_INVALID_ARG");
    }
    assert_eq!(rig.stats().bytes, 0);
}

#[test]
fn parts_of_one_key_and_window_agree_in_their_limit() {
    for options in each(10, 1_600) {
        let rig = Rig::new(LimiterOptions { block: Some(86_400_000), ..options });
        let two = Ask { cost: 2, limit: Some(2), window: None };
        let error = rig.consume_all(&[("k", two), ("k", Ask::units(1))]).unwrap_err();
        assert_eq!(error.code(), "ERR_INVALID_ARG");
        assert!(error.to_string().contains("limits of 2 and 10"), "{error}");
        let other_window = Ask { window: Some(80), ..two };
        let answers = rig.consume_all(&[("k", other_window), ("k", Ask::units(1)), ("l", two)]).unwrap();
        assert!(answers.iter().all(|answer| answer.allowed));
    }
}
