//! Finished jobs stay a while, so that results can be read and ids are not reused too soon; then they go.
//!
//! Bounded by count as jobs finish, and by age in the background. The job that just finished is the last to
//! go, so whoever waits for its result gets it. All of them yield to what the store has no room for otherwise.

use super::effect::Effect;
use super::state::State;
use super::view::JobState;

const HOUR_US: u64 = 60 * 60 * 1_000_000;

/// Completed jobs kept at most.
const COMPLETED_MAX: usize = 1_000;
/// How long a completed job is kept at most.
const COMPLETED_AGE_US: u64 = HOUR_US;
/// Failed jobs kept at most: more, because people look into them.
const FAILED_MAX: usize = 10_000;
/// How long a failed job is kept at most: seven days.
const FAILED_AGE_US: u64 = 7 * 24 * HOUR_US;

/// The oldest finished job above the count goes; ask again until there is none.
pub fn over_count(state: &State) -> Option<Effect> {
    let order = state.order();
    let oldest = if order.count(JobState::Completed) > COMPLETED_MAX {
        order.first_completed()
    } else if order.count(JobState::Failed) > FAILED_MAX {
        order.first_failed()
    } else {
        None
    };
    oldest.map(|(_, number)| Effect::Removed { number })
}

/// The finished job to let go of when the store has no room: the oldest completed one, then the oldest failed one, and
/// `last`, which has just finished, after all others; ask again until there is room or none is left.
pub fn for_room(state: &State, last: Option<u64>) -> Option<Effect> {
    let order = state.order();
    let [completed, failed] =
        [order.first_completed(), order.first_failed()].map(|first| first.map(|(_, number)| number));
    let other = |number: &u64| Some(*number) != last;
    let number = completed.filter(other).or(failed.filter(other)).or(completed).or(failed)?;
    Some(Effect::Removed { number })
}

/// A finished job that is too old goes; ask again until there is none.
pub fn over_age(state: &State, now_us: u64) -> Option<Effect> {
    let (due_us, number) = next(state)?;
    (due_us <= now_us).then_some(Effect::Removed { number })
}

/// When the next finished job is too old, in microseconds.
pub fn next_due_us(state: &State) -> Option<u64> {
    next(state).map(|(due_us, _)| due_us)
}

fn next(state: &State) -> Option<(u64, u64)> {
    let aged = |(at_us, number): (u64, u64), age_us: u64| (at_us.saturating_add(age_us), number);
    let completed = state.order().first_completed().map(|first| aged(first, COMPLETED_AGE_US));
    let failed = state.order().first_failed().map(|first| aged(first, FAILED_AGE_US));
    completed.into_iter().chain(failed).min()
}
