//! What was admitted in every window of real time, counted one by one; also while a clock is set back again and
//! again.

use proptest::prelude::*;
use redstart_core::limiter::{
    Decide, FixedWindow, Gcra, Rule, SlidingCounter, SlidingLog, SlidingWindow, TokenBucket,
};

use crate::kept;
use crate::models::drop_newest;
use crate::traces::{ANY, Act, FORWARD, REFUNDING, STEADY, STEPPING, Step, traces};

/// Calls admitted, by real time.
type Admitted = Vec<(u64, u32)>;

/// Runs a trace and hands each call that was admitted to `check`, together with all before it that were not
/// given back.
fn admit<S: Decide>(
    trace: &[Step],
    check: impl Fn(&Step, &Admitted) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut state, mut admitted) = (S::default(), Admitted::new());
    for step in trace {
        let (rule, now_us) = (step.rule, step.now_us);
        match step.act {
            Act::GiveBack(units) => {
                state.settle(rule, now_us);
                state.give_back(rule, units, now_us);
                drop_newest(&mut admitted, units);
            }
            Act::Take(_) => {
                let cost = step.cost(S::capacity(rule));
                if state.decide(rule, cost, now_us).allowed {
                    admitted.push((step.real_us, cost));
                    check(step, &admitted)?;
                }
            }
        }
    }
    Ok(())
}

/// As `admit`, where each refund names a call admitted before: that one is forgotten, whatever was taken since.
fn admit_but<S: Decide>(
    trace: &[Step],
    check: impl Fn(&Step, &Admitted) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut state, mut admitted) = (S::default(), Admitted::new());
    for step in trace {
        let (rule, now_us) = (step.rule, step.now_us);
        match step.act {
            Act::GiveBack(units) if !admitted.is_empty() => {
                let (taken_us, cost) = admitted.remove(units as usize * 7 % admitted.len());
                state.settle(rule, now_us);
                state.give_back_of(rule, cost, taken_us, now_us);
            }
            Act::GiveBack(_) => {}
            Act::Take(_) => {
                let cost = step.cost(S::capacity(rule));
                if state.decide(rule, cost, now_us).allowed {
                    admitted.push((now_us, cost));
                    check(step, &admitted)?;
                }
            }
        }
    }
    Ok(())
}

/// Units admitted in (end - W, end].
fn within(admitted: &Admitted, rule: Rule, end_us: u64) -> u32 {
    let calls = admitted.iter().filter(|call| call.0 + rule.window_us > end_us && call.0 <= end_us);
    calls.map(|call| call.1).sum()
}

fn never_above_the_limit(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let units = within(admitted, step.rule, step.real_us);
    prop_assert!(units <= step.rule.limit, "{} of {} at {:?}", units, step.rule.limit, step);
    Ok(())
}

fn under_twice_the_limit(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let units = within(admitted, step.rule, step.real_us);
    prop_assert!(units < 2 * step.rule.limit, "{} of {} at {:?}", units, step.rule.limit, step);
    Ok(())
}

/// A refund may give back what has come back by itself, for a burst's worth of calls at most.
fn up_to_two_bursts_and_the_refill(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let Rule { limit, burst, window_us } = step.rule;
    let units: u32 = admitted.iter().filter(|call| call.0 == step.now_us).map(|call| call.1).sum();
    prop_assert!(units <= 2 * burst, "{} at once at {:?}", units, step);
    let refill = u64::from(within(admitted, step.rule, step.real_us));
    prop_assert!(
        refill <= 2 * u64::from(burst) + u64::from(limit),
        "{} in {} at {:?}",
        refill,
        window_us,
        step
    );
    Ok(())
}

/// A window whose first call was given back may have started before all that count.
fn up_to_twice_the_limit(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let units = within(admitted, step.rule, step.real_us);
    prop_assert!(units <= 2 * step.rule.limit, "{} of {} at {:?}", units, step.rule.limit, step);
    Ok(())
}

/// From any call to this one: the burst, and what has come back since.
fn never_above_the_burst_and_the_refill(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let Rule { limit, burst, window_us } = step.rule;
    let mut units = 0;
    for &(from_us, taken) in admitted.iter().rev() {
        units += taken;
        let refilled = (step.real_us - from_us) * u64::from(limit) / window_us;
        prop_assert!(
            u64::from(units) <= u64::from(burst) + refilled,
            "{} since {} at {:?}",
            units,
            from_us,
            step
        );
    }
    Ok(())
}

/// The limit, and of the previous window's units the share that is taken to lie before this window.
fn above_the_limit_by_what_is_estimated(step: &Step, admitted: &Admitted) -> Result<(), TestCaseError> {
    let Rule { limit, window_us, .. } = step.rule;
    let passed_us = step.real_us % window_us;
    let start_us = step.real_us - passed_us;
    let earlier = admitted.iter().filter(|call| call.0 < start_us && call.0 + window_us >= start_us);
    let previous = u64::from(earlier.map(|call| call.1).sum::<u32>());
    let units = u64::from(within(admitted, step.rule, step.real_us));
    let most = u64::from(limit) * window_us + previous * passed_us;
    prop_assert!(units * window_us <= most, "{} of {} beside {} at {:?}", units, limit, previous, step);
    Ok(())
}

/// Units left when a bucket was emptied so many times, had filled each time, and all but the last call is given back.
fn left_after<S: Decide>(rule: Rule, calls: u64) -> u32 {
    let (mut state, fill_us) = (S::default(), u64::from(rule.burst) * rule.window_us);
    let instants: Vec<u64> = (0..calls).map(|call| call * fill_us).collect();
    for &at_us in &instants {
        assert!(state.decide(rule, rule.burst, at_us).allowed);
    }
    let now_us = calls * fill_us;
    assert!(state.decide(rule, rule.burst, now_us).allowed);
    for taken_us in instants {
        state.settle(rule, now_us);
        state.give_back_of(rule, rule.burst, taken_us, now_us);
    }
    state.settle(rule, now_us);
    state.look(rule, 1, now_us).left
}

proptest! {
    #![proptest_config(kept("tests/limiter_oracle/regressions/guarantees.txt", 4_000))]

    #[test]
    fn the_sliding_window_never_admits_more_than_the_limit_in_any_window(trace in traces(ANY)) {
        admit::<SlidingWindow<u16>>(&trace, never_above_the_limit)?;
    }

    #[test]
    fn the_sliding_log_never_admits_more_than_the_limit_in_any_window(trace in traces(ANY)) {
        admit::<SlidingLog>(&trace, never_above_the_limit)?;
    }

    #[test]
    fn whatever_call_is_given_back_the_others_go_on_counting(trace in traces(FORWARD)) {
        admit_but::<SlidingWindow<u16>>(&trace, never_above_the_limit)?;
        admit_but::<SlidingLog>(&trace, never_above_the_limit)?;
    }

    #[test]
    fn whatever_call_is_given_back_the_rest_stays_within_twice_the_limit(trace in traces(REFUNDING)) {
        admit_but::<SlidingCounter>(&trace, under_twice_the_limit)?;
        admit_but::<FixedWindow>(&trace, up_to_twice_the_limit)?;
    }

    #[test]
    fn whatever_call_is_given_back_a_bucket_admits_one_burst_more_at_most(trace in traces(REFUNDING)) {
        admit_but::<TokenBucket>(&trace, up_to_two_bursts_and_the_refill)?;
        admit_but::<Gcra>(&trace, up_to_two_bursts_and_the_refill)?;
    }

    #[test]
    fn units_that_have_come_back_are_not_given_back_again(calls in 1..200_u64, burst in 1..20_u32) {
        let rule = Rule { limit: 10, burst, window_us: 1_000_000 };
        prop_assert_eq!((left_after::<TokenBucket>(rule, calls), left_after::<Gcra>(rule, calls)), (0, 0));
    }

    #[test]
    fn the_fixed_window_admits_less_than_twice_the_limit(trace in traces(STEPPING)) {
        admit::<FixedWindow>(&trace, under_twice_the_limit)?;
    }

    #[test]
    fn the_sliding_counter_admits_less_than_twice_the_limit(trace in traces(STEPPING)) {
        admit::<SlidingCounter>(&trace, under_twice_the_limit)?;
    }

    #[test]
    fn the_sliding_counter_errs_by_no_more_than_it_estimates(trace in traces(STEADY)) {
        admit::<SlidingCounter>(&trace, above_the_limit_by_what_is_estimated)?;
    }

    #[test]
    fn the_token_bucket_admits_its_burst_and_the_refill_since(trace in traces(STEPPING)) {
        admit::<TokenBucket>(&trace, never_above_the_burst_and_the_refill)?;
    }

    #[test]
    fn gcra_admits_its_burst_and_the_refill_since(trace in traces(STEPPING)) {
        admit::<Gcra>(&trace, never_above_the_burst_and_the_refill)?;
    }

    #[test]
    fn the_sliding_window_denies_only_what_a_window_and_a_sixteenth_would(trace in traces(STEADY)) {
        let (mut state, mut admitted) = (SlidingWindow::<u16>::default(), Admitted::new());
        for step in &trace {
            let cost = step.cost(step.rule.limit);
            if state.decide(step.rule, cost, step.now_us).allowed {
                admitted.push((step.now_us, cost));
            } else {
                let longer = Rule { window_us: 17 * step.rule.window_us.div_ceil(16), ..step.rule };
                let used = within(&admitted, longer, step.now_us);
                prop_assert!(used + cost > step.rule.limit, "denied {} beside {}", cost, used);
            }
        }
    }
}
