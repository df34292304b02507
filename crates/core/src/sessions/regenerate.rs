//! A new id for a session.

use super::{Digest, Effect, State};
use crate::error::Result;

/// A session to move.
#[derive(Clone, Copy, Debug)]
pub struct Regenerate {
    /// Whose.
    pub old: Digest,
    /// Of an id that was just drawn.
    pub new: Digest,
}

/// Ends the session under its old id and stores it under the new one, data and expiry as they were: whether there
/// is such a session. Both effects belong to one step: the old id is dead as soon as the new one lives. The idle
/// time is not renewed, because a log-in that follows sets the data, which renews it.
pub fn decide(state: &State, command: Regenerate, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    let Regenerate { old, new } = command;
    let Some(record) = state.live(old, now_us) else {
        return Ok((Vec::new(), false));
    };
    let moved = Effect::Stored {
        digest: new,
        expires_us: record.expires_us,
        wide: record.wide,
        data: record.data.clone(),
    };
    Ok((vec![Effect::Destroyed { digest: old }, moved], true))
}
