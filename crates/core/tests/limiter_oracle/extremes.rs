//! The same with numbers as large as they get: limits, bursts and costs of 32 bits, windows of a millisecond to
//! 100 years, clocks from 1970 to 2300 that jump either way.

use proptest::prelude::*;
use redstart_core::limiter::{
    Decide, FixedWindow, Gcra, Rule, SlidingCounter, SlidingLog, SlidingWindow, TokenBucket,
};

use crate::kept;
use crate::models::{Bucket, agree};
use crate::properties::{check_denial, check_remaining, check_reset};
use crate::traces::{Act, Step};

const CENTURY_US: u64 = 100 * 365 * 86_400_000_000;
const YEAR_2300_US: u64 = 10_413_792_000_000_000;

/// Numbers up to `most` of every magnitude, and the largest among them.
fn up_to(most: u64) -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..=64_u32).prop_map(
        move |(bits, shift)| {
            if shift == 64 { most } else { (bits >> shift).min(most) }
        },
    )
}

fn units() -> impl Strategy<Value = u32> {
    up_to(u32::MAX.into()).prop_map(|units| u32::try_from(units).unwrap().max(1))
}

fn windows() -> impl Strategy<Value = u64> {
    up_to(CENTURY_US).prop_map(|window_us| window_us.max(1_000))
}

/// Calls with a rule each, but of one window.
fn calls() -> impl Strategy<Value = Vec<Step>> {
    let call = (units(), units(), units(), up_to(YEAR_2300_US), any::<u8>());
    (windows(), proptest::collection::vec(call, 1..12)).prop_map(|(window_us, calls)| {
        let mut earlier: Option<Step> = None;
        let steps = calls.into_iter().map(|(limit, burst, units, now_us, kind)| {
            let mut rule = Rule { limit, burst, window_us };
            let mut now_us = now_us;
            if let Some(earlier) = earlier {
                if !kind.is_multiple_of(4) {
                    rule = earlier.rule;
                }
                if kind % 16 > 3 {
                    now_us = (earlier.now_us + now_us % (2 * window_us)).min(YEAR_2300_US);
                }
            }
            let act = if kind >= 230 { Act::GiveBack(units) } else { Act::Take(units) };
            *earlier.insert(Step { real_us: now_us, now_us, rule, act })
        });
        steps.collect()
    })
}

/// Nothing overflows, and every answer keeps its word.
fn hold<S: Decide>(calls: &[Step], limit_max: u32) -> Result<(), TestCaseError> {
    let mut state = S::default();
    for step in calls {
        let (now_us, rule) = (step.now_us, Rule { limit: step.rule.limit.min(limit_max), ..step.rule });
        if let Act::GiveBack(units) = step.act {
            state.settle(rule, now_us);
            state.give_back(rule, units, now_us);
            continue;
        }
        let cost = step.cost(S::capacity(rule));
        check_denial(&state, rule, cost, now_us)?;
        check_remaining(&state, rule, cost, now_us)?;
        check_reset(&state, rule, cost, now_us)?;
        state.decide(rule, cost, now_us);
    }
    Ok(())
}

/// A rule, and calls on a clock that goes on.
fn steady_calls() -> impl Strategy<Value = Vec<Step>> {
    calls().prop_map(|mut calls| {
        let rule = calls[0].rule;
        calls.sort_by_key(|step| step.now_us);
        for step in &mut calls {
            step.rule = rule;
        }
        calls
    })
}

proptest! {
    #![proptest_config(kept("tests/limiter_oracle/regressions/extremes.txt", 1_500))]

    #[test]
    fn the_sliding_window_keeps_its_word(calls in calls()) {
        hold::<SlidingWindow<u16>>(&calls, u16::MAX.into())?;
        hold::<SlidingWindow<u32>>(&calls, u32::MAX)?;
    }

    #[test]
    fn the_sliding_log_keeps_its_word(calls in calls()) {
        hold::<SlidingLog>(&calls, u32::MAX)?;
    }

    #[test]
    fn the_sliding_counter_keeps_its_word(calls in calls()) {
        hold::<SlidingCounter>(&calls, u32::MAX)?;
    }

    #[test]
    fn the_fixed_window_keeps_its_word(calls in calls()) {
        hold::<FixedWindow>(&calls, u32::MAX)?;
    }

    #[test]
    fn the_token_bucket_keeps_its_word(calls in calls()) {
        hold::<TokenBucket>(&calls, u32::MAX)?;
    }

    #[test]
    fn gcra_keeps_its_word(calls in calls()) {
        hold::<Gcra>(&calls, u32::MAX)?;
    }

    #[test]
    fn the_token_bucket_is_a_bucket_of_fractions_of_any_size(calls in steady_calls()) {
        agree::<TokenBucket, Bucket>(&calls)?;
    }

    #[test]
    fn gcra_is_a_bucket_of_fractions_of_any_size(calls in steady_calls()) {
        agree::<Gcra, Bucket>(&calls)?;
    }
}
