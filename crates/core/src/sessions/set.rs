//! Other data for a session.
//!
//! An unknown id stays unknown. Otherwise a request that was still running when its user logged out would bring
//! the session back, and whoever makes an id up would choose a victim's next one (fixation). Only adapters of web
//! frameworks, whose contract is to store under the id they bring, adopt ids.
//!
//! A change may say which version it was made on. When the session has changed since, nothing is stored: whoever asked
//! reads again, brings the two changes together and asks anew, so that none is lost unseen.

use std::sync::Arc;

use super::create::{self, Create};
use super::{Digest, Effect, Record, SessionData, SessionsOptions, State, room};
use crate::error::Result;

/// Whose a session is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// As it was: the caller does not know.
    AsItWas,
    /// This user's; none: a visitor's.
    Is(Option<Arc<str>>),
}

/// Data to replace.
#[derive(Clone, Debug)]
pub struct Set<'a> {
    /// Whose.
    pub digest: Digest,
    /// What it is to hold.
    pub data: SessionData<'a>,
    /// Whose it is then.
    pub owner: Owner,
    /// Its idle time from now on, where it is not as it was.
    pub ttl_ms: Option<u64>,
    /// Whether to begin a session under an id that is unknown or over; not where the change was made on a version, since the
    /// session that had it has ended.
    pub adopt: bool,
    /// The version that the change was made on, or [`ABSENT`]; none: whichever it is.
    pub on: Option<u64>,
    /// Whether a session that is there is over when it was, unseen as it was.
    pub keep: bool,
}

/// The version of a session that is not there.
pub const ABSENT: u64 = 0;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It holds the data, as this version.
    Stored(u64),
    /// There is no such session.
    Unknown,
    /// It has changed since the version that was named.
    Changed,
}

/// Replaces the data and renews the idle time, unless it is to be kept. `TooLarge` over the size allowed; the session then keeps its data.
pub fn decide(
    state: &State,
    options: &SessionsOptions,
    command: Set<'_>,
    now_us: u64,
) -> Result<(Vec<Effect>, Saved)> {
    let Set { digest, data, owner, ttl_ms, adopt, on, keep } = command;
    let wide = data.check(options.max_session_size)?;
    let Some(record) = state.live(digest, now_us) else {
        if !adopt || on.is_some_and(|version| version != ABSENT) {
            return Ok((Vec::new(), Saved::Unknown));
        }
        let user = if let Owner::Is(user) = owner { user } else { None };
        let (effects, version) =
            create::decide(state, options, Create { digest, data, user, ttl_ms }, now_us)?;
        return Ok((effects, Saved::Stored(version)));
    };
    if on.is_some_and(|version| version != record.version) {
        return Ok((Vec::new(), Saved::Changed));
    }
    let asked_us = ttl_ms.map(|ms| options.ttl_us(Some(ms))).transpose()?;
    let user = match owner {
        Owner::AsItWas => record.user.clone(),
        Owner::Is(user) => user,
    };
    let mut effects = Vec::new();
    if user != record.user {
        effects = room::decide(state, options, user.as_deref(), digest, now_us)?;
    }
    let (seen_us, ttl_us, expires_us) = if keep {
        (record.seen_us, record.ttl_us, record.expires_us)
    } else {
        let ttl_us = asked_us.unwrap_or(record.ttl_us);
        (now_us, ttl_us, options.expiry_us(record.created_us, now_us, ttl_us))
    };
    let version = state.next_version();
    effects.push(Effect::Stored(Record {
        digest,
        created_us: record.created_us,
        born: record.born,
        seen_us,
        ttl_us,
        expires_us,
        version,
        user,
        wide,
        data: data.bytes.into(),
    }));
    Ok((effects, Saved::Stored(version)))
}
