//! Memory that may not be evicted: sessions, jobs, limiter keys. One cap a store; past it writes are refused.
//!
//! One thing yields before a write is refused: history, which nobody is promised for long (a queue's finished jobs).
//! `take` itself asks nobody, so it may be called under any lock. Who was refused calls [`Budget::make_room`], which asks
//! every registered [`Yields`], and takes again. A yielder locks itself and asks nobody in turn; so whoever calls
//! `make_room` must hold no lock of a yielder, and may hold its own. Queues therefore call it without their lock, and
//! under it let go of their own history only.
//!
//! Rejected: evicting the oldest history of all queues in one order. It needs one index over all of them, for a case in
//! which any history is better gone than a session refused.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// What holds bytes that it can do without.
pub trait Yields: Send + Sync {
    /// How many bytes it can do without.
    fn yieldable(&self) -> u64;
    /// Gives back what it can do without, oldest first, until the budget has room for `bytes` or nothing of it is left.
    fn yield_room(&self, bytes: u64);
}

/// Bytes in use under a cap, shared by the features of one store.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    limit: u64,
    yielders: Mutex<Vec<Weak<dyn Yields>>>,
}

impl Budget {
    /// An empty budget of `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit, yielders: Mutex::default() }
    }

    /// Takes `bytes`, or fails with [`Error::StoreFull`] and takes nothing.
    pub fn take(&self, bytes: u64) -> Result<()> {
        let room_for = |used: u64| used.checked_add(bytes).filter(|&after| after <= self.limit);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, room_for)
            .map(drop)
            .map_err(|used| Error::StoreFull { asked: bytes, used, limit: self.limit })
    }

    /// Whether `bytes` more would fit; 0 asks whether the cap is kept.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.used().checked_add(bytes).is_some_and(|after| after <= self.limit)
    }

    /// Whether `bytes` more would fit once `yielded` were given back.
    pub fn would_fit(&self, bytes: u64, yielded: u64) -> bool {
        self.used().saturating_sub(yielded).checked_add(bytes).is_some_and(|after| after <= self.limit)
    }

    /// Asks `yielder` whenever room is made, for as long as it lives.
    pub fn register(&self, yielder: Weak<dyn Yields>) {
        let mut yielders = self.yielders.lock();
        yielders.retain(|known| known.strong_count() > 0);
        yielders.push(yielder);
    }

    /// Asks those who can do without until `bytes` more would fit: whether they do. The caller holds no lock of a
    /// yielder. What would not fit though all of them gave all costs nobody anything.
    pub fn make_room(&self, bytes: u64) -> bool {
        if self.has_room(bytes) || bytes > self.limit {
            return bytes <= self.limit;
        }
        // Out of the lock before any is asked, and before the last owner of one might drop it here.
        let yielders: Vec<_> = self.yielders.lock().iter().filter_map(Weak::upgrade).collect();
        // Over the cap already (0): each byte that comes back is good.
        if bytes > 0 && !self.would_fit(bytes, yielders.iter().map(|yielder| yielder.yieldable()).sum()) {
            return false;
        }
        yielders.iter().any(|yielder| {
            yielder.yield_room(bytes);
            self.has_room(bytes)
        })
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
