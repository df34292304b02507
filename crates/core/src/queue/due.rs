//! A delayed job's time has come.

use super::effect::Effect;
use super::state::State;

/// The first delayed job whose instant has come becomes waiting; ask again until there is none. Jobs that are
/// due together keep the order of their instants, then that in which they came.
pub fn decide(state: &State, now_us: u64) -> Option<Effect> {
    let (run_at_us, number) = state.order().first_delayed()?;
    (run_at_us <= now_us).then_some(Effect::Due { number, at_us: now_us })
}
