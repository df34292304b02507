//! A worker is gone, and its jobs go back.
//!
//! When a worker ends while its engine lives (closed by force, its thread died, its event loop stands still) its jobs go back
//! at once. Where nobody saw it end, as after a restart, a job goes back when the lease of its claim is over. A job
//! that keeps losing its workers may be what kills them: past the limit of its last worker it fails. One that was cancelled
//! fails in any case.

use std::sync::Arc;

use super::change;
use super::effect::Effect;
use super::failure::FinishKind;
use super::state::State;

/// An active job lost its worker: to the front, or failed when that happened too often. None for a job that
/// is not active.
pub fn stall(state: &State, number: u64, now_us: u64) -> Option<Effect> {
    let job = state.job(number)?;
    let allowed = job.claim()?.max_stalled_count;
    if let Some(reason) = job.cancelled() {
        return Some(change::cancelled(number, reason, now_us));
    }
    if job.stalled_count < allowed {
        return Some(Effect::Stalled { number, at_us: now_us });
    }
    let times = job.stalled_count + 1;
    let lost = format!("lost its worker {times} times; maxStalledCount is {allowed}");
    let failure = Arc::new(change::given_up(job, &lost, None));
    Some(Effect::Failed { number, at_us: now_us, kind: FinishKind::Stalled, failure })
}

/// As [`stall`], when the lease of claim `epoch` is over; none when that claim was settled meanwhile.
pub fn expire(state: &State, number: u64, epoch: u64, now_us: u64) -> Option<Effect> {
    let job = state.job(number)?;
    let over = job.epoch == epoch && job.claim()?.lease_until_us <= now_us;
    over.then(|| stall(state, number, now_us)).flatten()
}

/// An active job is given back on purpose by a worker that closes: to the front, no attempt and no stall
/// counted.
pub fn release(state: &State, number: u64, now_us: u64) -> Option<Effect> {
    let job = state.job(number)?;
    job.claim()?;
    Some(match job.cancelled() {
        Some(reason) => change::cancelled(number, reason, now_us),
        None => Effect::Released { number, at_us: now_us },
    })
}
