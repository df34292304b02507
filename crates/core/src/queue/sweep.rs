//! What touches many jobs: drain, clean, retry of all that failed. Each decision is one job; an engine makes
//! [`STEP_MAX`] of them under one lock at most, and says whether there are more.

use super::effect::Effect;
use super::state::State;
use super::view::JobState;
use crate::clock;

/// Jobs of one step.
pub const STEP_MAX: usize = 1_000;

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<T> {
    /// It, or how much of it.
    pub done: T,
    /// Whether to ask again.
    pub more: bool,
}

/// Removes a job that waits or is delayed; ask again until there is none.
pub fn drain(state: &State) -> Option<Effect> {
    let number = state.order().oldest_waiting().or_else(|| state.order().first_delayed())?.1;
    Some(Effect::Removed { number, told: true })
}

/// Removes the job that is in that state for longest, if for longer than `older_than_ms`; ask again until there is none.
/// 'waiting' means the prioritized ones too; active jobs are not cleaned.
pub fn clean(state: &State, of: JobState, older_than_ms: u64, now_us: u64) -> Option<Effect> {
    let order = state.order();
    let (since_us, number) = match of {
        JobState::Waiting | JobState::Prioritized => order.since(false).next(),
        JobState::Delayed => order.since(true).next(),
        JobState::Completed => order.finished(true).in_order().next(),
        JobState::Failed => order.finished(false).in_order().next(),
        JobState::Active => None,
    }?;
    let old = clock::after(since_us, older_than_ms) <= now_us;
    old.then_some(Effect::Removed { number, told: true })
}

/// Lets the job that failed first wait again; ask again until there is none.
pub fn retry_failed(state: &State, now_us: u64) -> Option<Effect> {
    let (_, number) = state.order().finished(false).in_order().next()?;
    Some(Effect::Restarted { number, at_us: now_us })
}
