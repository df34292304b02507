//! The algorithms against oracles that remember everything.

use proptest::prelude::*;
use redstart_core::clock::MS;
use redstart_core::limiter::{Decide, Decision, FixedWindow, Rule, SlidingWindow};

/// One call: when it comes, and what it asks for.
type Call = (u64, u32);

/// Rules, and calls where it is tight: bursts at one instant, whole windows and sub-buckets apart and a
/// microsecond or a millisecond to either side of them, and anywhere.
fn traces() -> impl Strategy<Value = (Rule, Vec<Call>)> {
    let rules = (1..=20_u32, prop_oneof![Just(1), Just(2), Just(7), Just(16), Just(1_000), 1..5_000_u64]);
    (rules, 0..3_u64, proptest::collection::vec((0..9_u8, any::<u64>(), any::<u32>()), 1..120)).prop_map(
        |((limit, window_ms), start, steps)| {
            let rule = Rule { limit, window_us: window_ms * MS };
            let sub_us = rule.window_us.div_ceil(16);
            let mut now_us = start * rule.window_us;
            let calls = steps.into_iter().map(|(kind, spread, cost)| {
                now_us += match kind {
                    0..=2 => 0,
                    3 => rule.window_us - 1 + spread % 3,
                    4 => (spread % 18) * sub_us + spread % 2,
                    5 => ((spread % 18) * sub_us).saturating_sub(1),
                    6 => MS,
                    7 => spread % sub_us,
                    _ => spread % (2 * rule.window_us),
                };
                (now_us, 1 + cost % if kind % 2 == 0 { 1 } else { limit })
            });
            (rule, calls.collect())
        },
    )
}

/// Runs a trace and checks what holds for any algorithm; returns what was admitted.
fn run<S: Decide + PartialEq + std::fmt::Debug>(
    rule: Rule,
    calls: &[Call],
) -> Result<Vec<Call>, TestCaseError> {
    let (mut state, mut admitted) = (S::default(), Vec::new());
    for &(now_us, cost) in calls {
        let (after, decision) = state.decide(rule, cost, now_us);
        check_reset(rule, after, decision, now_us)?;
        if decision.allowed {
            admitted.push((now_us, cost));
            prop_assert_eq!(decision.retry_after_us, 0);
        } else {
            check_retry(rule, state, decision, (now_us, cost))?;
            for later_us in [now_us, now_us + 1, now_us + rule.window_us / 2] {
                let (without, with) = (state.decide(rule, 1, later_us), after.decide(rule, 1, later_us));
                prop_assert_eq!(with, without, "a denial took something");
            }
        }
        prop_assert!(decision.remaining <= rule.limit);
        let left = decision.remaining;
        prop_assert!(left == 0 || after.decide(rule, left, now_us).1.allowed, "remaining says too much");
        prop_assert!(left == rule.limit || !after.decide(rule, left + 1, now_us).1.allowed, "and too little");
        state = after;
    }
    Ok(admitted)
}

/// Told in whole milliseconds: the same call is denied one earlier and passes then.
fn check_retry<S: Decide>(rule: Rule, state: S, decision: Decision, call: Call) -> Result<(), TestCaseError> {
    let (now_us, cost) = call;
    let retry_us = now_us + decision.retry_after_us.div_ceil(MS) * MS;
    prop_assert!(retry_us > now_us);
    prop_assert!(!state.decide(rule, cost, retry_us - MS).1.allowed);
    prop_assert!(state.decide(rule, cost, retry_us).1.allowed);
    Ok(())
}

/// Told in whole milliseconds: the key equals an absent one then, and did not one earlier.
fn check_reset<S: Decide + PartialEq + std::fmt::Debug>(
    rule: Rule,
    state: S,
    decision: Decision,
    now_us: u64,
) -> Result<(), TestCaseError> {
    let reset_us = now_us + decision.reset_after_us.div_ceil(MS) * MS;
    prop_assert!(reset_us > now_us);
    prop_assert_eq!(state.decide(rule, 1, reset_us), S::default().decide(rule, 1, reset_us));
    prop_assert!(!state.decide(rule, rule.limit, reset_us - MS).1.allowed);
    prop_assert_eq!(state.absent_at_us(rule), now_us + decision.reset_after_us);
    Ok(())
}

/// Units admitted in the window that ends with each call.
fn windows(rule: Rule, admitted: &[Call]) -> impl Iterator<Item = u32> {
    admitted.iter().enumerate().map(move |(last, &(end_us, _))| {
        let within = admitted[..=last].iter().filter(move |call| call.0 + rule.window_us > end_us);
        within.map(|call| call.1).sum()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sliding_window_never_admits_more_than_the_limit_in_any_window((rule, calls) in traces()) {
        let admitted = run::<SlidingWindow<u16>>(rule, &calls)?;
        for units in windows(rule, &admitted) {
            prop_assert!(units <= rule.limit, "{} of {}", units, rule.limit);
        }
        prop_assert_eq!(run::<SlidingWindow<u32>>(rule, &calls)?, admitted, "wide counters decide alike");
    }

    #[test]
    fn the_sliding_window_denies_only_what_a_window_and_a_sixteenth_would((rule, calls) in traces()) {
        let mut state = SlidingWindow::<u16>::default();
        let mut admitted: Vec<Call> = Vec::new();
        let span_us = rule.window_us.div_ceil(16) * 17;
        for (now_us, cost) in calls {
            let (after, decision) = state.decide(rule, cost, now_us);
            state = after;
            let within = admitted.iter().filter(|call| call.0 + span_us > now_us);
            let used: u32 = within.map(|call| call.1).sum();
            if decision.allowed {
                admitted.push((now_us, cost));
            } else {
                prop_assert!(used + cost > rule.limit, "denied {} beside {}", cost, used);
            }
        }
    }

    #[test]
    fn the_fixed_window_is_a_counter_that_lives_for_a_window((rule, calls) in traces()) {
        let admitted = run::<FixedWindow>(rule, &calls)?;
        let (mut window, mut expected) = (None, Vec::new());
        for (now_us, cost) in calls {
            let (start_us, used) = match window {
                Some((start_us, used)) if now_us < start_us + rule.window_us => (start_us, used),
                _ => (now_us, 0),
            };
            if used + cost <= rule.limit {
                window = Some((start_us, used + cost));
                expected.push((now_us, cost));
            }
        }
        prop_assert_eq!(&admitted, &expected);
        for units in windows(rule, &admitted) {
            prop_assert!(units < 2 * rule.limit, "{} of {}", units, rule.limit);
        }
    }

    #[test]
    fn a_clock_set_back_any_number_of_times_admits_nothing_early_and_locks_nobody_out(
        (rule, calls) in traces(),
        steps_back in proptest::collection::vec(prop_oneof![3 => Just(0), 1 => 0..3_000_000_u64], 120),
    ) {
        // The windows that count are those of real time, which goes on as in the trace.
        let (mut sliding, mut fixed) = (SlidingWindow::<u16>::default(), FixedWindow::default());
        let mut admitted: Vec<Call> = Vec::new();
        let mut behind_us = 0;
        for ((real_us, cost), step_us) in calls.into_iter().zip(steps_back) {
            behind_us += step_us;
            let shown_us = 1_000_000_000 + real_us - behind_us;
            let (after, decision) = sliding.decide(rule, cost, shown_us);
            sliding = after;
            prop_assert!(decision.retry_after_us <= 18 * rule.window_us.div_ceil(16));
            if decision.allowed {
                admitted.push((real_us, cost));
            }
            let (after, decision) = fixed.decide(rule, cost, shown_us);
            fixed = after;
            prop_assert!(decision.retry_after_us <= rule.window_us);
        }
        for units in windows(rule, &admitted) {
            prop_assert!(units <= rule.limit, "{} of {}", units, rule.limit);
        }
    }
}
