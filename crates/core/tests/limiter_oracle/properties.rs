//! What holds for every algorithm, asked of the algorithm itself at each step of a trace.

use proptest::prelude::*;
use redstart_core::clock::MS;
use redstart_core::limiter::{Decide, Decision, Rule};

use crate::kept;
use crate::traces::{ANY, Act, FORWARD, STEPPING, Step, traces};

type Checked = Result<(), TestCaseError>;

fn settled<S: Decide>(state: &S, rule: Rule, now_us: u64) -> S {
    let mut state = state.clone();
    state.settle(rule, now_us);
    state
}

pub(crate) fn passes<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> bool {
    settled(state, rule, now_us).look(rule, cost, now_us).retry_after_us == 0
}

/// Both decide alike from now on, as far as three calls tell.
fn same<S: Decide>(one: &S, other: &S, rule: Rule, now_us: u64) -> Checked {
    for (cost, later_us) in [(1, 0), (S::capacity(rule), rule.window_us / 3), (1, rule.window_us)] {
        let at_us = now_us + later_us;
        let decisions = [one, other].map(|state| state.clone().decide(rule, cost, at_us));
        prop_assert_eq!(decisions[0], decisions[1], "{:?} and {:?} at {}", one, other, at_us);
    }
    Ok(())
}

/// A denial changes nothing, and the call passes exactly when it was told to: to the microsecond, and to the
/// millisecond where answers are told in those.
pub(crate) fn check_denial<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> Checked {
    let (before, mut after) = (settled(state, rule, now_us), state.clone());
    let Decision { allowed, retry_after_us, .. } = after.decide(rule, cost, now_us);
    prop_assert_eq!(allowed, retry_after_us == 0);
    if allowed {
        return Ok(());
    }
    prop_assert_eq!(&after, &before, "a denial took something");
    let retry_us = now_us + retry_after_us;
    let told_us = now_us + retry_after_us.div_ceil(MS) * MS;
    for early_us in [retry_us - 1, told_us - MS] {
        prop_assert!(!passes(&before, rule, cost, early_us), "{:?}: {} at {}", before, cost, early_us);
    }
    for late_us in [retry_us, told_us] {
        prop_assert!(passes(&before, rule, cost, late_us), "{:?}: not {} at {}", before, cost, late_us);
    }
    Ok(())
}

/// What is said to remain passes, and one more does not.
pub(crate) fn check_remaining<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> Checked {
    let (mut after, capacity) = (state.clone(), S::capacity(rule));
    let left = after.decide(rule, cost, now_us).remaining;
    prop_assert!(left <= capacity);
    prop_assert!(left == 0 || passes(&after, rule, left, now_us), "{:?}: {} are said to remain", after, left);
    prop_assert!(left == capacity || !passes(&after, rule, left + 1, now_us), "{:?}: {}", after, left);
    Ok(())
}

/// The key equals one never seen when it was told to, and a microsecond or a millisecond earlier it does not.
pub(crate) fn check_reset<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> Checked {
    let (mut after, capacity) = (state.clone(), S::capacity(rule));
    let reset_after_us = after.decide(rule, cost, now_us).reset_after_us;
    let reset_us = now_us + reset_after_us;
    prop_assert_eq!(after.absent_at_us(rule.window_us).max(now_us), reset_us);
    same(&after, &S::default(), rule, reset_us)?;
    if reset_after_us > 0 {
        for early_us in [reset_us - 1, now_us + (reset_after_us.div_ceil(MS) - 1) * MS] {
            prop_assert!(!passes(&after, rule, capacity, early_us), "{:?} at {}", after, early_us);
        }
    }
    Ok(())
}

/// Units given back at the instant they were taken were never taken. (Under the limit that others were last
/// taken under: a bucket refills at the rate of the last, and GCRA counts in its fractions.)
fn check_give_back<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> Checked {
    let before = settled(state, rule, now_us);
    let units = cost.min(before.look(rule, 1, now_us).left);
    if units > 0 {
        let mut after = before.clone();
        after.take(rule, units, now_us);
        after.give_back(rule, units, now_us);
        same(&after, &before, rule, now_us)?;
    }
    Ok(())
}

/// A call for some units is as many calls for one, at one instant.
fn check_cost<S: Decide>(state: &S, rule: Rule, cost: u32, now_us: u64) -> Checked {
    let (mut at_once, mut one_by_one) = (state.clone(), state.clone());
    let decision = at_once.decide(rule, cost, now_us);
    let admitted = (0..cost).filter(|_| one_by_one.decide(rule, 1, now_us).allowed).count();
    if decision.allowed {
        prop_assert_eq!(admitted, cost as usize);
        same(&at_once, &one_by_one, rule, now_us)?;
    } else {
        prop_assert_eq!(admitted, decision.remaining as usize);
    }
    Ok(())
}

/// To bring a state to the present changes nothing, on a clock that goes on.
fn check_settle<S: Decide>(state: &S, rule: Rule, now_us: u64) -> Checked {
    let (once, before) = (settled(state, rule, now_us), state.clone());
    prop_assert_eq!(&settled(&once, rule, now_us), &once);
    same(&once, &before, rule, now_us)
}

/// A state grows by no more than it said: a budget relies on that.
fn check_growth<S: Decide>(state: &mut S, rule: Rule, cost: u32, now_us: u64) -> Result<bool, TestCaseError> {
    state.settle(rule, now_us);
    let (before, growth) = (state.heap_bytes(), state.growth(cost));
    prop_assert!(S::GROWS || before + growth == 0);
    let allowed = state.decide(rule, cost, now_us).allowed;
    prop_assert!(state.heap_bytes() <= if allowed { before + growth } else { before }, "{:?}", state);
    Ok(allowed)
}

fn hold<S: Decide>(trace: &[Step]) -> Checked {
    let (mut state, mut met_us, mut taken_under) = (S::default(), 0, None);
    for step in trace {
        let (rule, now_us) = (step.rule, step.now_us);
        let has_stepped_back = met_us > now_us;
        met_us = now_us;
        if let Act::GiveBack(units) = step.act {
            state.settle(rule, now_us);
            state.give_back(rule, units, now_us);
            continue;
        }
        let cost = step.cost(S::capacity(rule));
        if !has_stepped_back {
            check_settle(&state, rule, now_us)?;
        }
        check_denial(&state, rule, cost, now_us)?;
        check_remaining(&state, rule, cost, now_us)?;
        check_reset(&state, rule, cost, now_us)?;
        check_give_back(&state, taken_under.unwrap_or(rule), cost, now_us)?;
        check_cost(&state, rule, cost, now_us)?;
        if check_growth(&mut state, rule, cost, now_us)? {
            taken_under = Some(rule);
        }
    }
    Ok(())
}

/// The longest that a key that has just spent all it may waits for all of it again, by any of the rules it met.
fn longest_us<S: Decide>(rules: &[Rule]) -> u64 {
    let alone_us = |&rule: &Rule| {
        let capacity = S::capacity(rule);
        // The windows of the sliding counter are aligned: the first instant of one is the worst.
        let mut state = S::default();
        state.take(rule, capacity, 0);
        state.look(rule, capacity, 0).retry_after_us
    };
    rules.iter().map(alone_us).max().unwrap_or(0)
}

/// Whatever the clock does, and whatever limits do: nobody waits longer than that.
fn locked_out_for_a_while_at_most<S: Decide>(trace: &[Step]) -> Checked {
    let (mut state, mut rules) = (S::default(), Vec::new());
    for step in trace {
        let (rule, now_us, capacity) = (step.rule, step.now_us, S::capacity(step.rule));
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
        state.decide(rule, step.cost(capacity), now_us);
        let wait_us = settled(&state, rule, now_us).look(rule, capacity, now_us).retry_after_us;
        // GCRA rounds up once where the limit changes.
        let most_us = longest_us::<S>(&rules) + u64::from(rules.len() > 1);
        prop_assert!(wait_us <= most_us, "{:?} waits {} of {} at {:?}", state, wait_us, most_us, step);
    }
    Ok(())
}

/// A test of each property for each algorithm.
macro_rules! algorithms {
    ($($name:ident: $state:ty),+ $(,)?) => {
        $(mod $name {
            use super::*;
            use redstart_core::limiter::*;

            proptest! {
                #![proptest_config(kept("tests/limiter_oracle/regressions/properties.txt", 2_000))]

                #[test]
                fn what_holds_for_all_holds_on_a_clock_that_goes_on(trace in traces(FORWARD)) {
                    hold::<$state>(&trace)?;
                }

                #[test]
                fn what_holds_for_all_holds_on_a_clock_that_steps_back(trace in traces(ANY)) {
                    hold::<$state>(&trace)?;
                }
            }

            proptest! {
                #![proptest_config(kept("tests/limiter_oracle/regressions/properties.txt", 2_000))]

                #[test]
                fn a_clock_set_back_locks_nobody_out(trace in traces(STEPPING)) {
                    locked_out_for_a_while_at_most::<$state>(&trace)?;
                }

                #[test]
                fn limits_that_change_lock_nobody_out_either(trace in traces(ANY)) {
                    locked_out_for_a_while_at_most::<$state>(&trace)?;
                }
            }
        })+
    };
}

algorithms! {
    sliding_window: SlidingWindow<u16>,
    wide_sliding_window: SlidingWindow<u32>,
    sliding_log: SlidingLog,
    sliding_counter: SlidingCounter,
    fixed_window: FixedWindow,
    token_bucket: TokenBucket,
    gcra: Gcra,
}
