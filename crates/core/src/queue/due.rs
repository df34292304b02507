//! What time does to jobs: a delay is over, an attempt has run for too long, a job had to begin by now, an id that adds had
//! in common is free again.

use std::sync::Arc;

use super::change;
use super::effect::Effect;
use super::failure::FinishKind;
use super::finish;
use super::state::State;

/// The code of the error that a timed out attempt fails with.
const CODE_TIMEOUT: &str = "ERR_JOB_TIMEOUT";

/// The first delayed job whose instant has come becomes waiting; ask again until there is none. Jobs that are
/// due together keep the order of their instants, then that in which they came.
pub fn delayed(state: &State, now_us: u64) -> Option<Effect> {
    let (run_at_us, number) = state.order().first_delayed()?;
    (run_at_us <= now_us).then_some(Effect::Due { number, at_us: now_us })
}

/// The first attempt that has run for as long as it may fails, as by its handler; ask again until there is none. `random` as
/// for a finish. Its worker no longer has it: what it still does changes nothing.
pub fn timed_out(state: &State, random: f64, now_us: u64) -> Option<Effect> {
    let (deadline_us, number) = state.order().first_deadline()?;
    if deadline_us > now_us {
        return None;
    }
    let job = state.job(number)?;
    let ran = format!("ran for {} ms, its timeout, and was given up", job.terms.timeout_ms.unwrap_or(0));
    let failure = change::given_up(job, &ran, Some(CODE_TIMEOUT));
    Some(finish::attempt_failed(
        number,
        job,
        failure,
        finish::How::Again(None),
        FinishKind::Timeout,
        random,
        now_us,
    ))
}

/// The first job that had to begin by now fails; ask again until there is none.
pub fn expired(state: &State, now_us: u64) -> Option<Effect> {
    let (expires_us, number) = state.order().first_expiry()?;
    let job = state.job(number).filter(|_| expires_us <= now_us)?;
    let failure = Arc::new(change::given_up(job, "had not begun in time (expiresIn)", None));
    Some(Effect::Failed { number, at_us: now_us, kind: FinishKind::Expired, failure })
}

/// The first id whose time is over is free again; ask again until there is none.
pub fn dedup_over(state: &State, now_us: u64) -> Option<Effect> {
    let (until_us, id) = state.dedups().first_end()?;
    (until_us <= now_us).then(|| Effect::DedupOver { id: id.clone() })
}

/// When something of this, or a scheduler, is next due, in microseconds.
pub fn next_us(state: &State) -> Option<u64> {
    let order = state.order();
    let at = |first: Option<(u64, u64)>| first.map(|(at_us, _)| at_us);
    let jobs = [order.first_delayed(), order.first_deadline(), order.first_expiry()].map(at);
    let dedup = state.dedups().first_end().map(|(until_us, _)| until_us);
    jobs.into_iter().chain([dedup, state.next_scheduled_us()]).flatten().min()
}
