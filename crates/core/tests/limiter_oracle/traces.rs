//! Traces: calls at one instant, whole windows and sub-buckets apart, at their edges, at the instants units
//! come back, a microsecond to either side of all those, and anywhere; with limits that change and clocks that
//! step back.

use proptest::prelude::*;
use redstart_core::clock::MS;
use redstart_core::limiter::Rule;

/// What happens in a trace beside calls under one rule, on a clock that goes on.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ways {
    /// Limits change from call to call.
    pub(crate) limits: bool,
    /// The clock is set back now and then.
    pub(crate) steps_back: bool,
    /// Units are given back.
    pub(crate) refunds: bool,
}

pub(crate) const STEADY: Ways = Ways { limits: false, steps_back: false, refunds: false };
pub(crate) const REFUNDING: Ways = Ways { refunds: true, ..STEADY };
pub(crate) const STEPPING: Ways = Ways { steps_back: true, ..STEADY };
pub(crate) const FORWARD: Ways = Ways { limits: true, steps_back: false, refunds: true };
pub(crate) const ANY: Ways = Ways { limits: true, steps_back: true, refunds: true };

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Asks for one unit more than this, modulo what may ever be there.
    Take(u32),
    GiveBack(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// What the time is.
    pub(crate) real_us: u64,
    /// What the clock shows; never ahead of what has passed since it was last set.
    pub(crate) now_us: u64,
    pub(crate) rule: Rule,
    pub(crate) act: Act,
}

/// Later than any clock here is set back by.
const START_US: u64 = 1_000_000_000_000;

const LONGEST: usize = 36;

/// Numbers drawn for a trace, each to be used once.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        let drawn = self.0 % end;
        self.0 /= end;
        drawn
    }
}

pub(crate) fn traces(ways: Ways) -> impl Strategy<Value = Vec<Step>> {
    (any::<u64>(), proptest::collection::vec(any::<u64>(), 1..=LONGEST)).prop_map(move |(first, words)| {
        let mut draw = Draw(first);
        let rule = rule(&mut draw);
        let bursts_follow = draw.below(2) == 0;
        let rule = if bursts_follow { Rule { burst: rule.limit, ..rule } } else { rule };
        let start_us = if ways.steps_back { START_US } else { 0 };
        let mut real_us = start_us + draw.below(4 * rule.window_us);
        let mut behind_us = 0;
        let steps = words.into_iter().map(|word| {
            let mut draw = Draw(word);
            let units = u32::try_from(draw.below(2) * draw.below(64)).unwrap();
            let is_refund = draw.below(8) == 7 && ways.refunds;
            let rule = if ways.limits { other_limit(rule, bursts_follow, draw.below(8)) } else { rule };
            real_us += wait_us(rule, real_us - behind_us, &mut draw);
            if ways.steps_back && draw.below(6) == 5 {
                behind_us += step_us(rule, &mut draw);
            }
            let act = if is_refund { Act::GiveBack(1 + units % 5) } else { Act::Take(units) };
            Step { real_us, now_us: real_us - behind_us, rule, act }
        });
        steps.collect()
    })
}

fn rule(draw: &mut Draw) -> Rule {
    let limit = 1 + u32::try_from(draw.below(20)).unwrap();
    let window_us = match draw.below(6) {
        0 => MS,
        1 => 7 * MS,
        2 => 16 * MS,
        3 => 1_000 * MS,
        4 => MS + draw.below(5_000),
        _ => MS + draw.below(5_000_000),
    };
    Rule { limit, burst: 1 + u32::try_from(draw.below(25)).unwrap(), window_us }
}

fn other_limit(rule: Rule, bursts_follow: bool, which: u64) -> Rule {
    let limit = match which {
        0..=3 => rule.limit,
        4 => 1,
        5 => rule.limit.div_ceil(2),
        6 => rule.limit + 1,
        _ => rule.limit * 3,
    };
    Rule { limit, burst: if bursts_follow { limit } else { rule.burst }, ..rule }
}

/// How long until the next call.
fn wait_us(rule: Rule, now_us: u64, draw: &mut Draw) -> u64 {
    let Rule { limit, window_us, .. } = rule;
    let sub_us = window_us.div_ceil(16);
    let until_edge_us = |length_us: u64| length_us - now_us % length_us;
    // A microsecond early, in time, late.
    let around = |us: u64, draw: &mut Draw| us.saturating_sub(1) + draw.below(3);
    match draw.below(16) {
        0..=4 => 0,
        5 => around(window_us, draw),
        6 => {
            let windows = 1 + draw.below(3);
            around(windows * window_us, draw)
        }
        7 => around(until_edge_us(window_us), draw),
        8 => around(until_edge_us(sub_us), draw),
        9 => {
            let subs = draw.below(18);
            around(subs * sub_us, draw)
        }
        10 => around(window_us.div_ceil(u64::from(limit)), draw),
        11 => MS,
        12 => 1,
        13 => draw.below(sub_us),
        14 => draw.below(window_us),
        _ => draw.below(2 * window_us),
    }
}

/// How far the clock is set back.
fn step_us(rule: Rule, draw: &mut Draw) -> u64 {
    let window_us = rule.window_us;
    match draw.below(6) {
        0 => 1,
        1 => window_us.div_ceil(16),
        2 => window_us - 1 + draw.below(3),
        3 => draw.below(window_us),
        4 => draw.below(3 * window_us),
        _ => 10 * window_us,
    }
}

impl Step {
    /// The units that it asks for; 0 when it gives back.
    pub(crate) fn cost(&self, capacity: u32) -> u32 {
        match self.act {
            Act::Take(units) => 1 + units % capacity,
            Act::GiveBack(_) => 0,
        }
    }
}
