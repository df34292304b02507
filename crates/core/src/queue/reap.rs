//! A worker is gone, and its jobs go back.
//!
//! When a worker ends while its engine lives (closed by force, or its thread died) its jobs go back at once.
//! Where nobody saw it end, as after a restart, a job goes back when the lease of its claim is over. A job
//! that keeps losing its workers may be what kills them: past the limit of its last worker it fails.

use std::sync::Arc;

use super::effect::Effect;
use super::failure::{Failure, FinishKind};
use super::state::State;
use crate::key::Shown;

/// An active job lost its worker: to the front, or failed when that happened too often. None for a job that
/// is not active.
pub fn stall(state: &State, number: u64, now_us: u64) -> Option<Effect> {
    let job = state.job(number)?;
    let allowed = job.claim()?.max_stalled_count;
    if job.stalled_count < allowed {
        return Some(Effect::Stalled { number, at_us: now_us });
    }
    let times = job.stalled_count + 1;
    let failure = Failure {
        name: "Error".into(),
        message: format!(
            "job '{}' lost its worker {times} times; maxStalledCount is {allowed}",
            Shown(&job.id)
        ),
        stack: None,
        code: None,
    };
    Some(Effect::Failed { number, at_us: now_us, kind: FinishKind::Stalled, failure: Arc::new(failure) })
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
    state.job(number)?.claim()?;
    Some(Effect::Released { number, at_us: now_us })
}
