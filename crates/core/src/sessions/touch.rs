//! More idle time for a session.

use super::{Digest, Effect, State, expiry_us};
use crate::error::Result;

/// A session that was used.
#[derive(Clone, Copy, Debug)]
pub struct Touch {
    /// Whose.
    pub digest: Digest,
    /// Its idle time, from now on.
    pub ttl_ms: u64,
}

/// Renews the idle time and nothing else, so that it never writes old data back: whether there is such a session.
pub fn decide(state: &State, command: Touch, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    let Touch { digest, ttl_ms } = command;
    let expires_us = expiry_us(now_us, ttl_ms)?;
    if state.live(digest, now_us).is_none() {
        return Ok((Vec::new(), false));
    }
    Ok((vec![Effect::Touched { digest, expires_us }], true))
}
