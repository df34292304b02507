//! What happens to sessions: the words of the log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Digest;

/// One change. Complete in itself: applying it needs no clock, no randomness and no rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Effect {
    /// There is now a session with this data, in place of one that was there.
    Stored {
        /// Whose.
        digest: Digest,
        /// When it is over, in microseconds since the epoch.
        expires_us: u64,
        /// Whether the text has two bytes a unit.
        wide: bool,
        /// The text.
        data: Arc<[u8]>,
    },
    /// A session that exists is over at another instant.
    Touched {
        /// Whose.
        digest: Digest,
        /// When it is over, in microseconds since the epoch.
        expires_us: u64,
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
}

impl Effect {
    /// Whose session it changes.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Stored { digest, .. }
            | Self::Touched { digest, .. }
            | Self::Destroyed { digest }
            | Self::Expired { digest } => *digest,
        }
    }
}
