//! A new session.

use super::{Digest, Effect, SessionData, State, expiry_us};
use crate::error::Result;

/// A session to begin.
#[derive(Clone, Copy, Debug)]
pub struct Create<'a> {
    /// Of an id that was just drawn.
    pub digest: Digest,
    /// What it holds.
    pub data: SessionData<'a>,
    /// Its idle time.
    pub ttl_ms: u64,
    /// The most its data may take.
    pub bytes_max: u64,
}

/// Stores the data under the new id; `TooLarge` over the size allowed.
pub fn decide(_: &State, command: Create<'_>, now_us: u64) -> Result<(Vec<Effect>, ())> {
    let Create { digest, data, ttl_ms, bytes_max } = command;
    let wide = data.check(bytes_max)?;
    let expires_us = expiry_us(now_us, ttl_ms)?;
    Ok((vec![Effect::Stored { digest, expires_us, wide, data: data.bytes.into() }], ()))
}
