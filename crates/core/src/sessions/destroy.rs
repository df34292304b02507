//! The end of a session, or of all that a user has.

use super::{Digest, Effect, State};
use crate::error::Result;

/// A user's sessions that end in one step: some 500 µs, during which no other call on these sessions gets in.
pub const STEP_MAX: usize = 1_000;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destroyed {
    /// It has ended.
    Ended,
    /// There is no such session.
    Unknown,
    /// It has changed since the version that was named.
    Changed,
}

/// Ends a session; with `on` only one that is at that version still. One that is over is left to be collected.
pub fn decide(
    state: &State,
    digest: Digest,
    on: Option<u64>,
    now_us: u64,
) -> Result<(Vec<Effect>, Destroyed)> {
    let Some(record) = state.live(digest, now_us) else {
        return Ok((Vec::new(), Destroyed::Unknown));
    };
    if on.is_some_and(|version| version != record.version) {
        return Ok((Vec::new(), Destroyed::Changed));
    }
    Ok((vec![Effect::Destroyed { digest }], Destroyed::Ended))
}

/// A part of a user's sessions, by the versions they began as: those younger than `after`, up to `until`.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    after: u64,
    until: u64,
}

impl Part {
    /// All that have begun by now. Those that begin while others are being ended are no part of it.
    pub fn all(state: &State) -> Self {
        Self { after: 0, until: state.next_version() - 1 }
    }
}

/// What a step has ended.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// How many.
    pub ended: u64,
    /// Where the next one goes on; none: that was all.
    pub left: Option<Part>,
}

/// Ends up to [`STEP_MAX`] sessions of a user, the oldest first, but not that of `except`.
pub fn decide_user(
    state: &State,
    user: &str,
    except: Option<Digest>,
    part: Part,
    now_us: u64,
) -> Result<(Vec<Effect>, Step)> {
    let of_part = state.of_user(user, part.after).take_while(|record| record.born <= part.until);
    let step: Vec<_> = of_part.take(STEP_MAX).collect();
    let left = step.get(STEP_MAX - 1).map(|last| Part { after: last.born, ..part });
    let ended = step.iter().filter(|record| now_us < record.expires_us && Some(record.digest) != except);
    let effects: Vec<_> = ended.map(|record| Effect::Destroyed { digest: record.digest }).collect();
    let ended = effects.len() as u64;
    Ok((effects, Step { ended, left }))
}
