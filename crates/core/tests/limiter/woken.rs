//! Whatever gives units back serves who waits, at once.

use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Ask, LimiterOptions};

use crate::support::{Rig, each, key, poll};
use crate::waiting::{line_up, served};

#[test]
fn units_given_back_go_to_the_first_in_line() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 3);
        let mut line: Vec<_> = [2, 1].map(|cost| line_up(&rig, "k", Ask::units(cost), None)).into();
        rig.refund("k", 1);
        assert!(line.iter_mut().all(|waits| poll(waits).is_none()), "the first wants two");
        rig.refund("k", 1);
        assert!(served(&mut line[0]) && poll(&mut line[1]).is_none(), "{options:?}");
        rig.refund("k", 1);
        assert!(served(&mut line[1]));
        assert_eq!((rig.stats().waiting, rig.peek("k").remaining), (0, 0));
        rig.check();
    }
}

#[test]
fn reset_serves_every_line_of_its_key() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        let hourly = Ask { cost: 3, limit: None, window: Some(3_600_000) };
        rig.consume("k", 3);
        rig.ask("k", hourly);
        rig.consume("l", 3);
        let mut own = line_up(&rig, "k", Ask::units(3), None);
        let mut other = line_up(&rig, "k", hourly, None);
        let mut of_l = line_up(&rig, "l", Ask::units(1), None);
        rig.reset("k");
        assert!(served(&mut own) && served(&mut other) && poll(&mut of_l).is_none(), "{options:?}");
        assert_eq!(rig.peek("k").remaining, 0);
    }
}

#[test]
fn a_line_longer_than_is_served_at_once_is_served_all_the_same_on_a_clock_that_stands_still() {
    let rig = Rig::new(LimiterOptions { limit: 5_000, ..each(1, 1_600).next().unwrap() });
    rig.consume("k", 5_000);
    let mut line: Vec<_> = (0..3_000).map(|_| line_up(&rig, "k", Ask::units(1), None)).collect();
    rig.refund("k", 3_000);
    assert!(line.iter_mut().all(served));
    assert_eq!(rig.stats().waiting, 0);
}

#[test]
fn reset_all_serves_everybody_as_far_as_units_go() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        let texts: Vec<String> = (0..1_500).map(|number| number.to_string()).collect();
        for text in &texts {
            rig.consume(text, 3);
        }
        let mut lines: Vec<_> =
            texts.iter().map(|text| [2, 2].map(|cost| line_up(&rig, text, Ask::units(cost), None))).collect();
        rig.limiter.reset_all();
        assert!(
            lines.iter_mut().all(|[first, second]| served(first) && poll(second).is_none()),
            "{options:?}"
        );
        assert_eq!(rig.stats().waiting, 1_500);
        rig.check();
        rig.pass(10_000);
        assert!(lines.iter_mut().all(|[_, second]| served(second)));
        assert_eq!(rig.stats().waiting, 0);
    }
}

#[test]
fn a_penalty_delays_the_line_and_does_not_lose_it() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        rig.consume("k", 3);
        let mut waits = line_up(&rig, "k", Ask::units(3), None);
        rig.pass(800);
        rig.refund("k", 1);
        rig.penalty("k", 3);
        let retry_ms = rig.look("k", Ask::units(3)).retry_after_ms;
        rig.pass(retry_ms - 1);
        assert!(poll(&mut waits).is_none(), "{options:?}");
        rig.pass(1);
        assert!(served(&mut waits), "{options:?}");
    }
}

#[test]
fn a_block_delays_the_line_and_a_shorter_one_lets_it_go_sooner() {
    for options in each(3, 1_600) {
        let rig = Rig::new(options);
        rig.block("k", 90_000);
        let mut waits = line_up(&rig, "k", Ask::units(1), None);
        rig.pass(50_000);
        assert!(poll(&mut waits).is_none());
        rig.block("k", 100);
        rig.pass(99);
        assert!(poll(&mut waits).is_none());
        rig.pass(1);
        assert!(served(&mut waits), "{options:?}");
    }
}

#[test]
fn a_block_that_a_denial_starts_delays_the_line() {
    for options in each(1, 1_600) {
        let rig = Rig::new(LimiterOptions { block: Some(60_000), ..options });
        rig.consume("k", 1);
        let mut waits = line_up(&rig, "k", Ask::units(1), None);
        rig.consume("k", 1);
        rig.pass(59_999);
        assert!(poll(&mut waits).is_none());
        rig.pass(1);
        assert!(served(&mut waits), "{options:?}");
    }
}

#[test]
fn nothing_is_due_while_a_line_waits_beside_what_it_waits_for() {
    for options in each(1, 1_600) {
        let rig = Rig::new(options);
        rig.limiter.block(key("k"), 10_000_000).unwrap();
        let _line: Vec<_> = (0..100).map(|_| line_up(&rig, "k", Ask::units(1), None)).collect();
        let end_us = rig.clock.now_us() + 160_000_000;
        // A sweep a window looks whether others have left.
        let steps = (0..1_000).find(|_| !rig.clock.step_towards(end_us)).unwrap();
        assert!(steps <= 101, "{options:?}: {steps}");
    }
}
