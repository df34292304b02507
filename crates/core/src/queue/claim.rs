//! A worker takes the next job.

use super::effect::Effect;
use super::state::State;
use super::worker::Token;
use crate::clock;

/// Who claims, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    /// The worker's number in the queue.
    pub worker: u64,
    /// Milliseconds the lease lasts unless renewed.
    pub lease_ms: u64,
    /// Times the job may lose its worker before it fails.
    pub max_stalled_count: u32,
    /// None is taken of a group of which so many are active.
    pub group_concurrency: Option<u32>,
}

/// The claim of the next job, and the token that settles it; none when no job may be claimed now: none waits, the queue is
/// paused, or what bounds it leaves no room. The nonce is drawn by the caller.
pub fn decide(state: &State, claimant: &Claimant, nonce: u64, now_us: u64) -> Option<(Effect, Token)> {
    if state.claimable(now_us) == 0 {
        return None;
    }
    let number = state.order().next(claimant.group_concurrency)?;
    let epoch = state.job(number)?.epoch + 1;
    let effect = Effect::Claimed {
        number,
        worker: claimant.worker,
        epoch,
        nonce,
        at_us: now_us,
        lease_until_us: clock::after(now_us, claimant.lease_ms),
        max_stalled_count: claimant.max_stalled_count,
    };
    Some((effect, Token { job: number, epoch, nonce }))
}
