//! Other data for a session.
//!
//! An unknown id stays unknown. Otherwise a request that was still running when its user logged out would bring
//! the session back, and whoever makes an id up would choose a victim's next one (fixation). Only adapters of web
//! frameworks, whose contract is to store under the id they bring, adopt ids.

use super::{Digest, Effect, SessionData, State, expiry_us};
use crate::error::Result;

/// Data to replace.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// Whose.
    pub digest: Digest,
    /// What it is to hold.
    pub data: SessionData<'a>,
    /// Its idle time, from now on.
    pub ttl_ms: u64,
    /// Whether to begin a session under an id that is unknown or over.
    pub adopt: bool,
    /// The most its data may take.
    pub bytes_max: u64,
}

/// Replaces the data and renews the idle time: whether there was such a session, or now is. `TooLarge` over the
/// size allowed; the session then keeps its data.
pub fn decide(state: &State, command: Set<'_>, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    let Set { digest, data, ttl_ms, adopt, bytes_max } = command;
    let wide = data.check(bytes_max)?;
    let expires_us = expiry_us(now_us, ttl_ms)?;
    if !adopt && state.live(digest, now_us).is_none() {
        return Ok((Vec::new(), false));
    }
    Ok((vec![Effect::Stored { digest, expires_us, wide, data: data.bytes.into() }], true))
}
