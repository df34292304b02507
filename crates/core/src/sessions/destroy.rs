//! The end of a session, or of all that a user has.

use super::{Digest, Effect, State};
use crate::error::Result;

/// Ends a session: whether there was one. One that is over is left to be collected.
pub fn decide(state: &State, digest: Digest, now_us: u64) -> Result<(Vec<Effect>, bool)> {
    if state.live(digest, now_us).is_none() {
        return Ok((Vec::new(), false));
    }
    Ok((vec![Effect::Destroyed { digest }], true))
}

/// Ends all sessions of a user but one: how many there were.
pub fn decide_user(
    state: &State,
    user: &str,
    except: Option<Digest>,
    now_us: u64,
) -> Result<(Vec<Effect>, u64)> {
    let live = state.of_user(user).filter(|record| now_us < record.expires_us);
    let ended = live.filter(|record| Some(record.digest) != except);
    let effects: Vec<_> = ended.map(|record| Effect::Destroyed { digest: record.digest }).collect();
    let count = effects.len() as u64;
    Ok((effects, count))
}
