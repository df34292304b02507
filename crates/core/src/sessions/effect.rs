//! What happens to sessions: the words of the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Digest;

/// One session, all that is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Of its id.
    pub digest: Digest,
    /// When it began, in microseconds since the epoch.
    pub created_us: u64,
    /// The version it began as: of two sessions that began in one microsecond the later one has the higher.
    pub born: u64,
    /// When it was last written or touched.
    pub seen_us: u64,
    /// Its idle time.
    pub ttl_us: u64,
    /// When it is over: after the idle time, or before that when it is too old.
    pub expires_us: u64,
    /// Another one with each change of the data; no two changes of any session have the same.
    pub version: u64,
    /// Whose it is; none: a visitor's.
    pub user: Option<Arc<str>>,
    /// Whether the text has two bytes a unit.
    pub wide: bool,
    /// JSON text.
    pub data: Arc<[u8]>,
}

/// One change. Complete in itself: applying it needs no clock, no randomness and no rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Effect {
    /// There is now this session, in place of one of the same id that was there.
    Stored(Record),
    /// A session that exists was used.
    Touched {
        /// Whose.
        digest: Digest,
        /// When.
        seen_us: u64,
        /// Its idle time from now on.
        ttl_us: u64,
        /// When it is over, in microseconds since the epoch.
        expires_us: u64,
    },
    /// A session has another id now.
    Moved {
        /// Of the id that is dead.
        from: Digest,
        /// Of the id that lives.
        to: Digest,
    },
    /// Someone ended a session.
    Destroyed {
        /// Whose.
        digest: Digest,
    },
    /// A session was over and has been collected.
    Expired {
        /// Whose.
        digest: Digest,
    },
    /// A session had to make room for another of its kind.
    Evicted {
        /// Whose.
        digest: Digest,
    },
    /// Someone ended all sessions.
    Cleared,
}

/// Why a session went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its time was over.
    Expired,
    /// Someone ended it.
    Destroyed,
    /// It made room for another: of its user, or of a visitor.
    Evicted,
    /// It did not go: a change met one that had been made since its data was read.
    Conflict,
}

impl Why {
    /// As listeners know it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Destroyed => "destroyed",
            Self::Evicted => "evicted",
            Self::Conflict => "conflict",
        }
    }
}

/// What is told of a session to those who listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// Which.
    pub digest: Digest,
    /// Whose it is or was.
    pub user: Option<Arc<str>>,
    /// What happened.
    pub why: Why,
}

impl Effect {
    /// The session that goes by it.
    pub fn ends(&self) -> Option<(Digest, Why)> {
        match self {
            Self::Destroyed { digest } => Some((*digest, Why::Destroyed)),
            Self::Expired { digest } => Some((*digest, Why::Expired)),
            Self::Evicted { digest } => Some((*digest, Why::Evicted)),
            Self::Stored(_) | Self::Touched { .. } | Self::Moved { .. } | Self::Cleared => None,
        }
    }
}
