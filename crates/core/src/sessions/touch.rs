//! More idle time for a session.

use super::{Digest, Effect, SessionsOptions, State};
use crate::clock::MS;
use crate::error::Result;

/// A session that was used.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// Whose.
    pub digest: Digest,
    /// Its idle time from now on, where it is not as it was.
    pub ttl_ms: Option<u64>,
}

/// Renews the idle time and nothing else, so that it never writes old data back: whether there is such a session. Within
/// `touchAfter` of the last time it leaves the session as it is, unless its idle time is to be another.
pub fn decide(
    state: &State,
    options: &SessionsOptions,
    command: Touch,
    now_us: u64,
) -> Result<(Vec<Effect>, bool)> {
    let Touch { digest, ttl_ms } = command;
    let asked_us = ttl_ms.map(|ms| options.ttl_us(Some(ms))).transpose()?;
    let Some(record) = state.live(digest, now_us) else {
        return Ok((Vec::new(), false));
    };
    let ttl_us = asked_us.unwrap_or(record.ttl_us);
    // A session that lives for less than twice as long is renewed when half its time is over: in use it must not end.
    let after_us = options.touch_after.saturating_mul(MS).min(record.ttl_us / 2);
    let soon = now_us.saturating_sub(record.seen_us) < after_us;
    if soon && ttl_us == record.ttl_us {
        return Ok((Vec::new(), true));
    }
    let expires_us = options.expiry_us(record.created_us, now_us, ttl_us);
    Ok((vec![Effect::Touched { digest, seen_us: now_us, ttl_us, expires_us }], true))
}
