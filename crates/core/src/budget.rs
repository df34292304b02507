//! Memory that may not be evicted: sessions, jobs, limiter keys. One cap a store; past it writes are refused.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// Bytes in use under a cap, shared by the features of one store.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    limit: u64,
}

impl Budget {
    /// An empty budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    /// Takes `bytes`, or fails with [`Error::StoreFull`] and takes nothing.
    pub fn take(&self, bytes: u64) -> Result<()> {
        let room_for = |used: u64| used.checked_add(bytes).filter(|&after| after <= self.limit);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, room_for)
            .map(drop)
            .map_err(|used| Error::StoreFull { asked: bytes, used, limit: self.limit })
    }

    /// Takes `bytes` whatever the cap: for the few that finishing work needs, which must never be refused.
    pub fn take_regardless(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Gives `bytes` back.
    pub fn give_back(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "gave back {bytes} of {before}");
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// The cap.
    pub fn limit(&self) -> u64 {
        self.limit
    }
}
