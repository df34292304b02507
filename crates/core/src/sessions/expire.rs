//! Collecting sessions that are over.

use super::{Effect, State};

/// Sessions collected in one step: some 300 µs, during which no other call on these sessions gets in.
pub const STEP_MAX: usize = 1_000;

/// Collects sessions that are over, longest first, up to [`STEP_MAX`] of them.
pub fn decide(state: &State, now_us: u64) -> Vec<Effect> {
    state.over(now_us).take(STEP_MAX).map(|digest| Effect::Expired { digest }).collect()
}
