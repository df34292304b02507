//! Loads under way, so that a load which was overtaken stores nothing.
//!
//! A loader reads its source, then stores what it read. A write, delete or clear of that key in between is newer than
//! what the loader read, so its value must not replace it. `begin` draws a ticket; every change of the key voids the
//! tickets drawn for it; `end` tells whether the ticket still counts. Only keys with a load under way cost memory.
//! Rejected: a change counter per group of keys, under which unrelated writes void loads and a busy cache never fills.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tickets by the hash of their key. Two keys of one 64-bit hash share them, which at worst leaves a value unstored.
#[derive(Debug, Default)]
pub struct Loads {
    tickets: HashMap<u64, Vec<u64>>,
}

/// Tickets drawn in this process: none is drawn twice, so that one of a store that was closed counts in no other.
static DRAWN: AtomicU64 = AtomicU64::new(0);

impl Loads {
    /// A ticket for a load of the key with this hash.
    pub fn begin(&mut self, hash: u64) -> u64 {
        let ticket = DRAWN.fetch_add(1, Ordering::Relaxed) + 1;
        self.tickets.entry(hash).or_default().push(ticket);
        ticket
    }

    /// Whether a load under way has not been overtaken.
    pub fn counts(&self, hash: u64, ticket: u64) -> bool {
        self.tickets.get(&hash).is_some_and(|tickets| tickets.contains(&ticket))
    }

    /// The load is over: whether its ticket still counts.
    pub fn end(&mut self, hash: u64, ticket: u64) -> bool {
        let Some(tickets) = self.tickets.get_mut(&hash) else { return false };
        let Some(at) = tickets.iter().position(|&drawn| drawn == ticket) else { return false };
        tickets.swap_remove(at);
        if tickets.is_empty() {
            self.tickets.remove(&hash);
        }
        true
    }

    /// The key with this hash has changed.
    pub fn overtake(&mut self, hash: u64) {
        if !self.tickets.is_empty() {
            self.tickets.remove(&hash);
        }
    }

    /// Every key has changed.
    pub fn overtake_all(&mut self) {
        self.tickets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_counts_unless_its_key_changed() {
        let mut loads = Loads::default();
        let (first, second, other) = (loads.begin(1), loads.begin(1), loads.begin(2));
        assert!(loads.end(1, first));
        loads.overtake(1);
        assert!(!loads.end(1, second));
        assert!(loads.end(2, other));
        assert!(loads.tickets.is_empty());
    }

    #[test]
    fn a_load_counts_once_and_none_outlives_a_clear() {
        let mut loads = Loads::default();
        let once = loads.begin(1);
        assert!(loads.end(1, once));
        assert!(!loads.end(1, once));
        let cleared = loads.begin(1);
        loads.overtake_all();
        assert!(!loads.end(1, cleared));
    }
}
