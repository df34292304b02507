//! The end of a session.

use super::{Digest, Effect, State};
use crate::error::Result;

/// Ends a session: whether there was one. One that is over is left to be collected.
pub fn decide(state: &State, digest: Digest, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    if state.live(digest, now_us).is_none() {
        return Ok((Vec::new(), false));
    }
    Ok((vec![Effect::Destroyed { digest }], true))
}
