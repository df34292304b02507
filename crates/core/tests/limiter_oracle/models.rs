//! What each algorithm decides, said a second time in the plainest way there is: a list of calls, or fractions.

use proptest::prelude::*;
use redstart_core::limiter::{
    Decide, FixedWindow, Gcra, Rule, SlidingCounter, SlidingLog, SlidingWindow, TokenBucket,
};

use crate::kept;
use crate::ratio::Ratio;
use crate::traces::{ANY, Act, FORWARD, STEADY, Step, traces};

/// All that a model needs to say: whether units fit, now or later.
pub(crate) trait Model: Default {
    /// It is `now_us`; earlier than before when the clock was set back.
    fn meet(&mut self, rule: Rule, now_us: u64);
    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool;
    fn take(&mut self, rule: Rule, units: u32, now_us: u64);
    fn give_back(&mut self, rule: Rule, units: u32);
}

/// The algorithm decides as the model does, and tells of the future what the model will say then.
pub(crate) fn agree<S: Decide, M: Model>(trace: &[Step]) -> Result<(), TestCaseError> {
    let (mut state, mut model) = (S::default(), M::default());
    for step in trace {
        let (rule, now_us, capacity) = (step.rule, step.now_us, S::capacity(step.rule));
        model.meet(rule, now_us);
        let cost = step.cost(capacity);
        let decision = match step.act {
            Act::GiveBack(units) => {
                state.settle(rule, now_us);
                state.give_back(rule, units, now_us);
                model.give_back(rule, units);
                continue;
            }
            Act::Take(_) => state.decide(rule, cost, now_us),
        };
        prop_assert_eq!(decision.allowed, model.fits(rule, cost, now_us), "{:?}", step);
        prop_assert_eq!(decision.allowed, decision.retry_after_us == 0);
        if decision.allowed {
            model.take(rule, cost, now_us);
        } else {
            let retry_us = now_us + decision.retry_after_us;
            prop_assert!(model.fits(rule, cost, retry_us), "{:?} told {:?}", step, decision);
            prop_assert!(!model.fits(rule, cost, retry_us - 1), "{:?} told {:?}", step, decision);
        }
        let left = decision.remaining;
        prop_assert!(left == 0 || model.fits(rule, left, now_us), "{:?} told {:?}", step, decision);
        prop_assert!(
            left == capacity || !model.fits(rule, left + 1, now_us),
            "{:?} told {:?}",
            step,
            decision
        );
        let reset_us = now_us + decision.reset_after_us;
        prop_assert!(model.fits(rule, capacity, reset_us), "{:?} told {:?}", step, decision);
        prop_assert!(
            reset_us == now_us || !model.fits(rule, capacity, reset_us - 1),
            "{:?} told {:?}",
            step,
            decision
        );
    }
    Ok(())
}

/// Takes units off the end of a list of them.
pub(crate) fn drop_newest<T>(calls: &mut Vec<(T, u32)>, mut units: u32) {
    while let Some((_, taken)) = calls.last_mut() {
        if *taken > units {
            *taken -= units;
            return;
        }
        units -= *taken;
        calls.pop();
    }
}

/// Every call for a window.
#[derive(Default)]
struct Log(Vec<(u64, u32)>);

impl Model for Log {
    fn meet(&mut self, rule: Rule, now_us: u64) {
        self.0.retain(|call| call.0 + rule.window_us > now_us);
        for (at_us, _) in &mut self.0 {
            *at_us = now_us.min(*at_us);
        }
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        let within = self.0.iter().filter(|call| call.0 + rule.window_us > at_us);
        within.map(|call| call.1).sum::<u32>() + cost <= rule.limit
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        self.0.push((now_us, units));
    }

    fn give_back(&mut self, _: Rule, units: u32) {
        drop_newest(&mut self.0, units);
    }
}

/// Every call until the sixteenth of a window that it fell into is a window old.
#[derive(Default)]
struct SubBuckets(Vec<(u64, u32)>);

impl SubBuckets {
    fn gone_us(rule: Rule, at_us: u64) -> u64 {
        let length_us = rule.window_us.div_ceil(16);
        (at_us / length_us + 17) * length_us
    }
}

impl Model for SubBuckets {
    fn meet(&mut self, rule: Rule, now_us: u64) {
        self.0.retain(|call| Self::gone_us(rule, call.0) > now_us);
        for (at_us, _) in &mut self.0 {
            *at_us = now_us.min(*at_us);
        }
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        let within = self.0.iter().filter(|call| Self::gone_us(rule, call.0) > at_us);
        within.map(|call| call.1).sum::<u32>() + cost <= rule.limit
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        self.0.push((now_us, units));
    }

    fn give_back(&mut self, _: Rule, units: u32) {
        drop_newest(&mut self.0, units);
    }
}

/// A counter that lives for a window.
#[derive(Default)]
struct Counter(Option<(u64, u32)>);

impl Model for Counter {
    fn meet(&mut self, rule: Rule, now_us: u64) {
        self.0 = self.0.filter(|&(start_us, used)| start_us + rule.window_us > now_us && used > 0);
        self.0 = self.0.map(|(start_us, used)| (start_us.min(now_us), used));
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        match self.0 {
            Some((start_us, used)) if start_us + rule.window_us > at_us => used + cost <= rule.limit,
            _ => cost <= rule.limit,
        }
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        let (start_us, used) = self.0.unwrap_or((now_us, 0));
        self.0 = Some((start_us, used + units));
    }

    fn give_back(&mut self, _: Rule, units: u32) {
        self.0 = self.0.map(|(start_us, used)| (start_us, used.saturating_sub(units))).filter(|it| it.1 > 0);
    }
}

/// Every call of this window and the last, on a time axis whose windows start at multiples of their length; a
/// clock that is set back before the start of the present window shifts the axis along.
#[derive(Default)]
struct TwoWindows {
    calls: Vec<(u64, u32)>,
    /// What the axis is ahead of the clock.
    ahead_us: u64,
    latest_us: u64,
}

impl Model for TwoWindows {
    fn meet(&mut self, rule: Rule, now_us: u64) {
        let window_us = rule.window_us;
        let start_us = self.latest_us / window_us * window_us;
        self.ahead_us += start_us.saturating_sub(now_us + self.ahead_us);
        self.latest_us = now_us + self.ahead_us;
        let present = self.latest_us / window_us;
        self.calls.retain(|call| call.0 / window_us + 1 >= present);
        if self.calls.is_empty() {
            (self.ahead_us, self.latest_us) = (0, now_us);
        }
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        let (limit, window_us) = (rule.limit, rule.window_us);
        let at_us = at_us + self.ahead_us;
        let present = at_us / window_us;
        let taken_in = |window: u64| {
            let calls = self.calls.iter().filter(move |call| call.0 / window_us == window);
            u64::from(calls.map(|call| call.1).sum::<u32>().min(limit))
        };
        let before = if present == 0 { 0 } else { taken_in(present - 1) };
        // All terms times W.
        let used = taken_in(present) * window_us + before * (window_us - at_us % window_us);
        used + u64::from(cost) * window_us <= u64::from(limit) * window_us
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        self.calls.push((now_us + self.ahead_us, units));
    }

    fn give_back(&mut self, _: Rule, units: u32) {
        drop_newest(&mut self.calls, units);
    }
}

/// A bucket of fractions of units.
#[derive(Default)]
pub(crate) struct Bucket {
    lack: Ratio,
    since_us: u64,
    refilled_at: u32,
}

impl Bucket {
    fn lack(&self, rule: Rule, at_us: u64) -> Ratio {
        let refilled = i128::from(at_us - self.since_us) * i128::from(self.refilled_at);
        (self.lack - Ratio::new(refilled, rule.window_us)).max(Ratio::whole(0))
    }
}

impl Model for Bucket {
    fn meet(&mut self, rule: Rule, now_us: u64) {
        self.since_us = self.since_us.min(now_us);
        self.lack = self.lack(rule, now_us);
        self.since_us = now_us;
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        let lack = self.lack(rule, at_us) + Ratio::whole(cost);
        lack.is_at_most(Ratio::whole(TokenBucket::capacity(rule)))
    }

    fn take(&mut self, rule: Rule, units: u32, _: u64) {
        self.lack = self.lack + Ratio::whole(units);
        self.refilled_at = rule.limit;
    }

    fn give_back(&mut self, _: Rule, units: u32) {
        self.lack = (self.lack - Ratio::whole(units)).max(Ratio::whole(0));
    }
}

/// The instant at which all is there again, as a fraction.
#[derive(Default)]
struct Arrival {
    at: Ratio,
    /// The rule of the call that units were last taken by.
    of: Option<Rule>,
    now_us: u64,
}

/// The time that `units` take to come back.
fn time(units: u32, rule: Rule) -> Ratio {
    Ratio::new(i128::from(units) * i128::from(rule.window_us), rule.limit)
}

impl Arrival {
    fn seen_by(&self, rule: Rule) -> Ratio {
        let is_same = self.of.is_some_and(|of| of.limit == rule.limit);
        if is_same { self.at } else { self.at.round_up() }
    }
}

impl Model for Arrival {
    fn meet(&mut self, _: Rule, now_us: u64) {
        self.now_us = now_us;
        if self.at.is_at_most(Ratio::whole(now_us)) {
            *self = Self { now_us, ..Self::default() };
        }
        if let Some(of) = self.of {
            let emptied = time(of.burst, of) + Ratio::whole(now_us);
            if !self.at.is_at_most(emptied) {
                self.at = emptied;
            }
        }
    }

    fn fits(&self, rule: Rule, cost: u32, at_us: u64) -> bool {
        let after = self.seen_by(rule).max(Ratio::whole(at_us)) + time(cost, rule);
        after.is_at_most(Ratio::whole(at_us) + time(Gcra::capacity(rule), rule))
    }

    fn take(&mut self, rule: Rule, units: u32, now_us: u64) {
        self.at = self.seen_by(rule).max(Ratio::whole(now_us)) + time(units, rule);
        self.of = Some(rule);
    }

    /// What the units are worth under the limit of their call or of the last, whichever is less.
    fn give_back(&mut self, rule: Rule, units: u32) {
        if let Some(of) = self.of {
            let parts = i128::from(units) * i128::from(of.window_us) * i128::from(of.limit);
            self.at = self.at - Ratio::new(parts / i128::from(of.limit.max(rule.limit)), of.limit);
            self.meet(of, self.now_us);
        }
    }
}

proptest! {
    #![proptest_config(kept("tests/limiter_oracle/regressions/models.txt", 4_000))]

    #[test]
    fn the_sliding_log_is_a_list_of_all_calls_of_a_window(trace in traces(ANY)) {
        agree::<SlidingLog, Log>(&trace)?;
    }

    #[test]
    fn the_sliding_window_is_a_list_of_all_calls_of_seventeen_sub_buckets(trace in traces(ANY)) {
        agree::<SlidingWindow<u16>, SubBuckets>(&trace)?;
    }

    #[test]
    fn wide_sub_buckets_decide_as_narrow_ones_do(trace in traces(ANY)) {
        agree::<SlidingWindow<u32>, SubBuckets>(&trace)?;
    }

    #[test]
    fn the_fixed_window_is_a_counter_that_lives_for_a_window(trace in traces(ANY)) {
        agree::<FixedWindow, Counter>(&trace)?;
    }

    #[test]
    fn the_sliding_counter_is_its_closed_formula(trace in traces(FORWARD)) {
        agree::<SlidingCounter, TwoWindows>(&trace)?;
    }

    #[test]
    fn the_sliding_counter_is_its_closed_formula_on_an_axis_that_a_clock_set_back_shifts(trace in traces(ANY)) {
        agree::<SlidingCounter, TwoWindows>(&trace)?;
    }

    #[test]
    fn the_token_bucket_is_a_bucket_of_fractions(trace in traces(ANY)) {
        agree::<TokenBucket, Bucket>(&trace)?;
    }

    #[test]
    fn gcra_is_a_bucket_of_fractions_as_long_as_the_rule_stays(trace in traces(STEADY)) {
        agree::<Gcra, Bucket>(&trace)?;
    }

    #[test]
    fn gcra_is_the_instant_at_which_its_bucket_is_full(trace in traces(ANY)) {
        agree::<Gcra, Arrival>(&trace)?;
    }
}
