//! Calls that wait for units: in order, for as long as they said, and never more than there is.

use redstart_core::clock::MS;
use redstart_core::engine::LimiterEngine;
use redstart_core::engine::memory::limiter::WAITING_MAX;
use redstart_core::limiter::{Algorithm, Answer, Ask, LimiterOptions, Reason};
use redstart_core::reply::{Pending, Reply};

use crate::support::{Rig, WAITER_BYTES, each, key, options, poll, settle};

/// A call that has to wait.
pub(crate) fn line_up(rig: &Rig, text: &str, ask: Ask, timeout_ms: Option<u64>) -> Pending<Answer> {
    match rig.limiter.wait(key(text), ask, timeout_ms) {
        Reply::Pending(pending) => pending,
        Reply::Ready(answer) => panic!("it was to wait and got {answer:?}"),
    }
}

/// Whether it has got what it wanted.
pub(crate) fn served(pending: &mut Pending<Answer>) -> bool {
    poll(pending).is_some_and(|answer| answer.unwrap().allowed)
}

#[test]
fn who_finds_units_there_does_not_wait() {
    for options in each(2, 1_600) {
        let rig = Rig::new(options);
        let Reply::Ready(Ok(answer)) = rig.limiter.wait(key("k"), Ask::units(2), None) else {
            panic!("it waits")
        };
        assert_eq!((answer.allowed, answer.remaining), (true, 0));
        assert_eq!((rig.stats().allowed, rig.stats().waiting), (1, 0));
        let Reply::Ready(Err(error)) = rig.limiter.wait(key("k"), Ask::units(3), None) else {
            panic!("it waits")
        };
        assert_eq!(error.code(), "ERR_INVALID_ARG");
    }
}

#[test]
fn who_waits_is_served_when_its_units_are_there_and_not_before() {
    for options in each(2, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 2);
        let retry_ms = rig.look("k", Ask::units(2)).retry_after_ms;
        let mut waits = line_up(&rig, "k", Ask::units(2), None);
        assert_eq!((rig.stats().waiting, rig.stats().denied), (1, 0));
        rig.check();
        rig.pass(retry_ms - 1);
        assert!(poll(&mut waits).is_none(), "{options:?}");
        rig.pass(1);
        let answer = poll(&mut waits).unwrap().unwrap();
        assert_eq!((answer.allowed, answer.remaining, answer.reason), (true, 0, None));
        let stats = rig.stats();
        assert_eq!((stats.waiting, stats.allowed, stats.denied), (0, 2, 0));
        rig.check();
    }
}

#[test]
fn a_line_is_served_in_order_and_a_small_call_behind_a_large_one_waits_too() {
    for options in each(4, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 4);
        let mut line: Vec<_> = [4, 1, 2, 1, 4].map(|cost| line_up(&rig, "k", Ask::units(cost), None)).into();
        let mut order = Vec::new();
        for _ in 0..400 {
            rig.pass(25);
            let newly = (0..line.len()).filter(|at| !order.contains(at)).collect::<Vec<_>>();
            order.extend(newly.into_iter().filter(|&at| served(&mut line[at])).collect::<Vec<_>>());
            if order.is_empty() {
                assert!(rig.peek("k").remaining <= 4 && rig.stats().waiting == 5);
            }
        }
        assert_eq!(order, [0, 1, 2, 3, 4], "{options:?}");
        assert_eq!((rig.stats().waiting, rig.stats().allowed), (0, 6));
        rig.check();
    }
}

#[test]
fn lines_of_other_keys_and_windows_move_on() {
    for options in each(4, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 4);
        rig.consume("l", 4);
        let mut large = line_up(&rig, "k", Ask { cost: 4, limit: None, window: None }, None);
        let mut behind = line_up(&rig, "k", Ask::units(1), None);
        let mut other = line_up(&rig, "l", Ask::units(1), None);
        let minutely = Ask { cost: 1, limit: None, window: Some(60_000) };
        assert!(matches!(rig.limiter.wait(key("k"), minutely, None), Reply::Ready(Ok(_))), "another window");
        assert!(
            matches!(rig.limiter.wait(key("m"), Ask::units(4), None), Reply::Ready(Ok(_))),
            "another key"
        );
        rig.refund("l", 1);
        assert!(served(&mut other), "{options:?}");
        assert!(poll(&mut large).is_none() && poll(&mut behind).is_none());
        assert!(rig.consume("m", 1).retry_after_ms > 0);
    }
}

#[test]
fn who_does_not_wait_takes_what_is_there() {
    let rig = Rig::new(options(Algorithm::SlidingLog, 2, 1_000));
    rig.consume("k", 1);
    rig.pass(500);
    let mut waits = line_up(&rig, "k", Ask::units(2), None);
    assert!(rig.consume("k", 1).allowed);
    rig.pass(999);
    assert!(poll(&mut waits).is_none(), "units were taken meanwhile");
    rig.pass(1);
    assert!(served(&mut waits));
}

#[test]
fn a_wait_ends_denied_at_exactly_its_time() {
    for options in each(1, 100_000) {
        let rig = Rig::new(options);
        rig.consume("k", 1);
        let mut waits =
            [line_up(&rig, "k", Ask::units(1), Some(70)), line_up(&rig, "k", Ask::units(1), Some(50))];
        let mut forever = line_up(&rig, "k", Ask::units(1), None);
        rig.pass_us(50 * MS - 1);
        assert!(waits.iter_mut().all(|waits| poll(waits).is_none()));
        rig.pass_us(1);
        let denied = poll(&mut waits[1]).unwrap().unwrap();
        assert_eq!((denied.allowed, denied.reason, denied.remaining), (false, Some(Reason::Limit), 0));
        assert_eq!(denied, rig.peek("k"));
        assert!(poll(&mut waits[0]).is_none());
        rig.pass(20);
        assert!(!poll(&mut waits[0]).unwrap().unwrap().allowed);
        assert_eq!((rig.stats().waiting, rig.stats().denied), (1, 0), "it counts as no denial");
        rig.check();
        rig.pass(400_000);
        assert!(served(&mut forever), "{options:?}");
    }
}

#[test]
fn units_that_come_at_the_end_of_a_wait_still_count() {
    for options in each(1, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 1);
        let retry_ms = rig.peek("k").retry_after_ms;
        let mut waits = line_up(&rig, "k", Ask::units(1), Some(retry_ms));
        rig.pass(retry_ms);
        assert!(served(&mut waits), "{options:?}");
    }
}

#[test]
fn who_behind_a_large_one_gave_up_is_denied_though_its_units_are_there() {
    let rig = Rig::new(options(Algorithm::FixedWindow, 4, 1_600));
    rig.consume("k", 2);
    let large = line_up(&rig, "k", Ask::units(4), None);
    let mut small = line_up(&rig, "k", Ask::units(1), Some(10));
    rig.pass(10);
    let answer = poll(&mut small).unwrap().unwrap();
    assert!(!answer.allowed && answer.retry_after_ms > 0, "{answer:?}");
    drop(large);
    assert_eq!((rig.stats().waiting, rig.peek("k").remaining), (0, 2));
}

#[test]
fn a_line_whose_first_gives_up_moves_on_at_once() {
    for options in each(4, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 2);
        let _large = line_up(&rig, "k", Ask::units(4), Some(10));
        let mut small = line_up(&rig, "k", Ask::units(1), None);
        rig.pass(10);
        assert!(served(&mut small), "{options:?}");
        let large = line_up(&rig, "k", Ask::units(4), None);
        let mut small = line_up(&rig, "k", Ask::units(1), None);
        drop(large);
        assert!(served(&mut small), "{options:?}");
        assert_eq!(rig.stats().waiting, 0);
        rig.check();
    }
}

#[test]
fn who_leaves_from_the_middle_takes_nothing_and_holds_up_nobody() {
    for options in each(2, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 2);
        let mut line: Vec<_> = (0..5).map(|_| line_up(&rig, "k", Ask::units(1), Some(1_000_000))).collect();
        drop(line.remove(3));
        drop(line.remove(1));
        assert_eq!(rig.stats().waiting, 3);
        rig.pass(10_000);
        assert!(line.iter_mut().all(served), "{options:?}");
        assert_eq!((rig.stats().waiting, rig.stats().allowed), (0, 4));
        drop(line);
        rig.pass(10_000_000);
        assert_eq!((rig.budget.used(), rig.stats().waiting), (0, 0));
    }
}

#[test]
fn who_waits_hears_that_the_store_was_closed() {
    for options in each(1, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 1);
        let waits = [line_up(&rig, "k", Ask::units(1), None), line_up(&rig, "k", Ask::units(1), Some(5))];
        rig.limiter.shut();
        assert_eq!((rig.stats().waiting, rig.budget.used()), (0, 0));
        for waits in waits {
            assert_eq!(settle(Reply::Pending(waits)).unwrap_err().code(), "ERR_CLOSED");
        }
        rig.consume("k", 1);
        let waits = line_up(&rig, "k", Ask::units(1), None);
        drop(rig.limiter);
        assert_eq!(settle(Reply::Pending(waits)).unwrap_err().code(), "ERR_CLOSED");
        assert_eq!(rig.budget.used(), 0);
    }
}

#[test]
fn who_left_before_the_store_was_closed_takes_nobody_along_who_came_after() {
    let rig = Rig::new(options(Algorithm::FixedWindow, 1, 1_600));
    rig.consume("k", 1);
    let old = line_up(&rig, "k", Ask::units(1), None);
    rig.limiter.shut();
    rig.consume("k", 1);
    let mut new = line_up(&rig, "k", Ask::units(1), None);
    drop(old);
    rig.pass(1_600);
    assert!(served(&mut new));
}

#[test]
fn as_many_wait_as_may_and_no_more() {
    let rig = Rig::new(options(Algorithm::SlidingWindow, 1, 1_600));
    rig.consume("k", 1);
    let waits: Vec<_> = (0..WAITING_MAX).map(|_| line_up(&rig, "k", Ask::units(1), None)).collect();
    let Reply::Ready(Err(error)) = rig.limiter.wait(key("k"), Ask::units(1), None) else {
        panic!("one too many")
    };
    assert_eq!(error.code(), "ERR_STORE_FULL");
    assert!(
        matches!(rig.limiter.wait(key("l"), Ask::units(1), None), Reply::Ready(Ok(_))),
        "it need not wait"
    );
    assert_eq!((rig.stats().waiting, rig.stats().bytes), (WAITING_MAX, WAITING_MAX * WAITER_BYTES + 2 * 73));
    drop(waits);
    rig.reset("k");
    rig.reset("l");
    assert_eq!((rig.stats().waiting, rig.budget.used()), (0, 0));
}

#[test]
fn who_finds_no_memory_to_wait_in_is_told() {
    let rig = Rig::within(options(Algorithm::SlidingWindow, 1, 1_600), 500);
    rig.consume("k", 1);
    let _waits = line_up(&rig, "k", Ask::units(1), None);
    let Reply::Ready(Err(error)) = rig.limiter.wait(key("k"), Ask::units(1), None) else { panic!("it fits") };
    assert_eq!(error.code(), "ERR_STORE_FULL");
    assert!(error.to_string().contains("maxMemory"), "{error}");
    rig.check();
}

#[test]
fn waiting_for_memory_to_write_a_log_on_wakes_nobody_all_the_time() {
    let rig = Rig::new(options(Algorithm::SlidingLog, 100, 60_000));
    rig.block("k", 10);
    let waits = line_up(&rig, "k", Ask::units(1), Some(30_000));
    let all = rig.budget.limit();
    rig.budget.take_regardless(all);
    let end_us = rig.clock.now_us() + 30_000 * MS;
    let wakings = (0..1_000).find(|_| !rig.clock.step_towards(end_us));
    assert!(wakings.is_some(), "more than a thousand wakings in half a minute");
    let denied = settle(Reply::Pending(waits)).unwrap();
    assert_eq!((denied.allowed, denied.reason), (false, Some(Reason::Overflow)));
    rig.budget.give_back(all);
    rig.check();
}

#[test]
fn a_wait_at_the_shared_bucket_is_served_when_it_has_units() {
    for options in each(2, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1, ..options });
        rig.block("held", 1_000_000);
        rig.consume("a", 2);
        let mut waits = [line_up(&rig, "b", Ask::units(1), None), line_up(&rig, "c", Ask::units(1), Some(5))];
        rig.pass(5);
        assert_eq!(poll(&mut waits[1]).unwrap().unwrap().reason, Some(Reason::Overflow));
        rig.pass(3_300);
        assert!(served(&mut waits[0]), "{options:?}");
    }
}
