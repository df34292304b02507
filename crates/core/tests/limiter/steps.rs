//! What can be done to a limiter, drawn at random.

use proptest::prelude::*;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions};

pub(crate) const KEYS: [&str; 4] = ["a", "b", "", "dd"];

/// One a piece divides the limiter's, one is it, and one is much longer.
const WINDOWS: [u64; 3] = [80, 1_600, 50_000];

/// An ask before its cost is known to fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// One less than the cost, modulo what may ever be there.
    pub(crate) cost: u32,
    pub(crate) limit: Option<u32>,
    pub(crate) window: Option<u64>,
}

impl Wish {
    pub(crate) fn ask(self, capacity: impl Fn(Ask) -> u32) -> Ask {
        let ask = Ask { cost: 1, limit: self.limit, window: self.window };
        Ask { cost: self.cost % capacity(ask) + 1, ..ask }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Consume(usize, Wish),
    Peek(usize, Wish),
    Refund(usize, Wish),
    /// Takes and gives back at once.
    TakeBack(usize, Wish),
    Penalty(usize, Wish),
    Block(usize, u64),
    Reset(usize),
    ResetAll,
    Together(Vec<(usize, Wish)>),
    Pass(u64),
}

fn wish(algorithm: Algorithm) -> impl Strategy<Value = Wish> {
    let cost = prop_oneof![6 => 0..3_u32, 2 => 0..12_u32, 1 => any::<u32>()];
    let most = if algorithm == Algorithm::SlidingLog { 1_000_000 } else { u32::MAX };
    let other = prop_oneof![4 => 1..20_u32, 1 => 65_530..65_540_u32, 1 => 100_000..=most];
    let limit = prop_oneof![5 => Just(None), 2 => other.prop_map(Some)];
    let window = prop_oneof![5 => Just(None), 1 => (0..WINDOWS.len()).prop_map(|place| Some(WINDOWS[place]))];
    (cost, limit, window).prop_map(|(cost, limit, window)| Wish { cost, limit, window })
}

pub(crate) fn steps(algorithm: Algorithm) -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS.len();
    let wish = move || wish(algorithm);
    let parts = proptest::collection::vec((key(), wish()), 1..5);
    let pass_us = prop_oneof![
        3 => 1..200_000_u64,
        1 => Just(1),
        1 => (0..40_u64).prop_map(|buckets| buckets * 100_000),
        1 => 1..10_000_000_u64,
        1 => Just(200_000_000),
    ];
    let step = prop_oneof![
        10 => (key(), wish()).prop_map(|(key, wish)| Step::Consume(key, wish)),
        2 => (key(), wish()).prop_map(|(key, wish)| Step::Peek(key, wish)),
        3 => (key(), wish()).prop_map(|(key, wish)| Step::Refund(key, wish)),
        2 => (key(), wish()).prop_map(|(key, wish)| Step::TakeBack(key, wish)),
        2 => (key(), wish()).prop_map(|(key, wish)| Step::Penalty(key, wish)),
        1 => (key(), prop_oneof![1..5_u64, 1..5_000_u64]).prop_map(|(key, ms)| Step::Block(key, ms)),
        1 => key().prop_map(Step::Reset),
        1 => prop_oneof![2 => Just(Step::Pass(1)), 1 => Just(Step::ResetAll)],
        4 => parts.prop_map(Step::Together),
        6 => pass_us.prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..60)
}

pub(crate) fn any_options(algorithm: Algorithm) -> impl Strategy<Value = LimiterOptions> {
    let limit = prop_oneof![6 => 1..12_u32, 1 => 65_530..65_540_u32];
    let window = prop_oneof![4 => Just(1_600_u64), 1 => 30..40_u64, 1 => Just(1_000)];
    let burst = proptest::option::of(1..20_u32);
    let block = prop_oneof![3 => Just(None), 1 => (1..4_000_u64).prop_map(Some)];
    (limit, window, burst, block).prop_map(move |(limit, window, burst, block)| LimiterOptions {
        limit,
        window,
        algorithm,
        burst: burst.filter(|_| algorithm.refills()),
        block,
        max_keys: 1_000_000,
    })
}
