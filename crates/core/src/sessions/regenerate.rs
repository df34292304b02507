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

/// Gives the session another id, everything else as it was, its age too: whether there is such a session. The old id is dead
/// as soon as the new one lives. The idle time is not renewed, because a log-in that follows sets the data, which renews it.
pub fn decide(state: &State, command: Regenerate, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    let Regenerate { old, new } = command;
    if state.live(old, now_us).is_none() {
        return Ok((Vec::new(), false));
    }
    Ok((vec![Effect::Moved { from: old, to: new }], true))
}
