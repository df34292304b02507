//! Finished jobs stay a while, so that results can be read and ids are not reused too soon; then they go.
//!
//! Each has its own retention. Bounded by count as jobs finish, and by age in the background. All of them but those kept for
//! ever yield to what the store has no room for otherwise; the job that just finished is then the last to go. Whoever waits
//! for its result is answered before.

use super::effect::Effect;
use super::state::State;
use super::view::JobState;

/// Jobs that go at most as one finishes: where the count has become smaller, the rest goes with the next ones.
pub const AT_ONCE_MAX: usize = 100;

/// `last` has just finished: the oldest of its outcome above its count goes, or itself where it is not to stay at all; ask
/// again until there is none.
pub fn over_count(state: &State, last: u64) -> Option<Effect> {
    let job = state.job(last)?;
    let retention = job.retention();
    if retention.forever {
        return None;
    }
    let number = match retention.count? {
        0 => last,
        count => {
            let finished = state.order().finished(job.state() == JobState::Completed);
            let over = finished.passing() as u64 > count;
            over.then(|| finished.first_passing()).flatten()?
        }
    };
    Some(Effect::Removed { number, told: false })
}

/// The finished job to let go of when the store has no room: the oldest completed one, then the oldest failed one, and
/// `last`, which has just finished, after all others; ask again until there is room or none is left.
pub fn for_room(state: &State, last: Option<u64>) -> Option<Effect> {
    let [completed, failed] =
        [true, false].map(|completed| state.order().finished(completed).first_passing());
    let other = |number: &u64| Some(*number) != last;
    let number = completed.filter(other).or(failed.filter(other)).or(completed).or(failed)?;
    Some(Effect::Removed { number, told: false })
}

/// A finished job that is too old goes; ask again until there is none.
pub fn over_age(state: &State, now_us: u64) -> Option<Effect> {
    let (due_us, number) = next(state)?;
    (due_us <= now_us).then_some(Effect::Removed { number, told: false })
}

/// When the next finished job is too old, in microseconds.
pub fn next_due_us(state: &State) -> Option<u64> {
    next(state).map(|(due_us, _)| due_us)
}

fn next(state: &State) -> Option<(u64, u64)> {
    let ages = [true, false].map(|completed| state.order().finished(completed).first_age());
    ages.into_iter().flatten().min()
}
