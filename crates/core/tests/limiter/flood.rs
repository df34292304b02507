//! Millions of made-up keys: memory stays flat, and no key that is limited gets its limit back.

use redstart_core::engine::LimiterEngine;
use redstart_core::key::Key;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions, Reason};

use crate::support::{Rig, each, options};

/// Twenty times as many where code is optimised.
const MANY: u64 = if cfg!(debug_assertions) { 500_000 } else { 10_000_000 };

/// Bytes of this process that are in memory.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4_096)
}

fn flood(rig: &Rig, keys: std::ops::Range<u64>) -> u64 {
    let one = |number: u64| rig.limiter.consume(Key::narrow(&number.to_le_bytes()), Ask::units(1)).unwrap();
    keys.map(one).filter(|answer| answer.reason == Some(Reason::Overflow)).count() as u64
}

fn stands_a_flood(options: LimiterOptions, keys: u64) {
    let rig = Rig::new(options);
    rig.consume("limited", options.limit);
    rig.consume("nearly", options.limit - 1);
    let first = 2 * u64::from(options.max_keys);
    let denied = flood(&rig, 0..first);
    let (held, resident_before) = (rig.stats(), resident());
    assert_eq!(held.keys, u64::from(options.max_keys));
    let denied = denied + flood(&rig, first..keys);
    let after = rig.stats();
    assert_eq!((after.keys, after.blocked), (held.keys, 0));
    assert_eq!(after.bytes, rig.budget.used());
    if options.algorithm != Algorithm::SlidingLog {
        assert_eq!(after.bytes, held.bytes, "memory is flat");
        assert_eq!(after.bytes, after.keys * after.bytes_per_key);
    }
    if let (Some(before), Some(after)) = (resident_before, resident()) {
        assert!(after <= before + before / 10, "{before} bytes in memory grew to {after}");
    }
    // Two keys were there, and the bucket that is shared has one limit.
    let shared = keys - (u64::from(options.max_keys) - 2);
    assert_eq!(denied, shared - u64::from(options.limit), "{options:?}");
    assert_eq!(rig.consume("limited", 1).reason, Some(Reason::Limit), "{options:?}");
    assert!(rig.consume("nearly", 1).allowed);
    assert_eq!(rig.consume("nearly", 1).reason, Some(Reason::Limit));
    assert_eq!(rig.peek("one more").reason, Some(Reason::Overflow));
    rig.check();
    // The clock walks through the sweep's rounds.
    rig.pass(8 * options.window);
    assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0), "{options:?}");
    assert_eq!(rig.consume("one more", options.limit).reason, None);
    assert_eq!(rig.consume("one more", 1).reason, Some(Reason::Limit));
}

#[test]
fn a_flood_of_keys_takes_no_more_memory_and_forgets_no_limited_key() {
    stands_a_flood(
        LimiterOptions { max_keys: 100_000, ..options(Algorithm::SlidingWindow, 3, 3_600_000) },
        MANY,
    );
}

#[test]
fn a_smaller_flood_is_stood_under_every_algorithm() {
    for options in each(3, 3_600_000) {
        stands_a_flood(LimiterOptions { max_keys: 10_000, ..options }, MANY / 10);
    }
}

#[test]
fn a_flood_of_keys_that_come_and_go_leaves_one_key_alone() {
    for options in each(3, 1_600) {
        let rig = Rig::new(LimiterOptions { max_keys: 1_000, ..options });
        let yearly = Ask { cost: 3, limit: None, window: Some(365 * 86_400_000) };
        assert!(rig.ask("limited", yearly).allowed);
        for round in 0..20 {
            flood(&rig, round * 2_000..(round + 1) * 2_000);
            rig.pass(800);
            assert!(!rig.look("limited", yearly).allowed, "{options:?} in round {round}");
            assert!(rig.stats().keys <= 1_000);
        }
        rig.check();
    }
}
