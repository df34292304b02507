//! A new session.

use std::sync::Arc;

use super::{Digest, Effect, Record, SessionData, SessionsOptions, State, room};
use crate::error::Result;

/// A session to begin.
#[derive(Clone, Debug)]
pub struct Create<'a> {
    /// Of an id that was just drawn.
    pub digest: Digest,
    /// What it holds.
    pub data: SessionData<'a>,
    /// Whose it is; none: a visitor's.
    pub user: Option<Arc<str>>,
    /// Its idle time, where it is not that of the options.
    pub ttl_ms: Option<u64>,
}

/// Stores the data under the new id, with its version; others of its kind make room where there are too many.
pub fn decide(
    state: &State,
    options: &SessionsOptions,
    command: Create<'_>,
    now_us: u64,
) -> Result<(Vec<Effect>, u64)> {
    let Create { digest, data, user, ttl_ms } = command;
    let wide = data.check(options.max_session_size)?;
    let ttl_us = options.ttl_us(ttl_ms)?;
    let mut effects = room::decide(state, options, user.as_deref(), digest, now_us)?;
    let version = state.next_version();
    effects.push(Effect::Stored(Record {
        digest,
        created_us: now_us,
        born: version,
        seen_us: now_us,
        ttl_us,
        expires_us: options.expiry_us(now_us, now_us, ttl_us),
        version,
        user,
        wide,
        data: data.bytes.into(),
    }));
    Ok((effects, version))
}
