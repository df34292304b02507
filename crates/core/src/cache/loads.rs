//! Loads under way: who loads a key, who waits for it, and whether what it brings may still be stored.
//!
//! A loader reads its source, then stores what it read. A write, delete or clear of that key in between is newer than
//! what the loader read, so its value must not replace it: the load is overtaken. Who waits for it already still gets its
//! value; who comes later starts a new one. So a key has at most one current load, and perhaps overtaken ones.
//!
//! A load ends in one of four ways for those who wait: a value, nothing, a failure, or "again", when whoever led it is gone,
//! had too long or gave up. Then each asks anew, and the first leads: so there is no hand-over that could get lost.
//!
//! Only keys with a load under way cost memory. Rejected: a change counter per group of keys, under which unrelated writes
//! void loads and a busy cache never fills.

use std::collections::HashMap as StdHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use tokio::sync::oneshot;

use crate::cache::At;
use crate::key::{Key, OwnedKey};
use crate::value::Tag;

/// Tickets drawn in this process: none is drawn twice, and later ones are higher.
static DRAWN: AtomicU64 = AtomicU64::new(0);

/// The last ticket drawn.
pub fn last_ticket() -> u64 {
    DRAWN.load(Ordering::SeqCst)
}

/// What a load came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// A value, stored or not.
    Value(Tag, Arc<[u8]>),
    /// The loader found nothing to keep.
    Nothing,
    /// The loader failed; as it was told.
    Failed(Arc<str>),
    /// Nobody loads any more: ask again.
    Again,
}

/// Why a leader loses its load, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// It had its time; the load is not its own any more.
    TimedOut,
    /// Nobody waits for it, neither its own callers nor others.
    Deserted,
}

/// Whoever runs a loader.
pub trait Leader: Send + Sync {
    /// Its load with this ticket has lapsed. Called under no lock of the cache.
    fn lapsed(&self, ticket: u64, why: Lapse);
}

/// Those who wait, and how to tell them.
pub type Waiters = Vec<(u64, oneshot::Sender<Landed>)>;

/// Tells all waiters, under no lock.
pub fn tell(waiters: Waiters, landed: &Landed) {
    for (_, waiter) in waiters {
        // One that has left meanwhile hears nothing.
        let _ = waiter.send(landed.clone());
    }
}

struct Load {
    key: OwnedKey,
    version: u32,
    /// What its caller said the value will be deleted by.
    tags: Vec<OwnedKey>,
    leader: Arc<dyn Leader>,
    /// The leader's own callers have all left.
    left: bool,
    waiters: Waiters,
    /// When it has had its time.
    until_us: u64,
}

/// The loads of one shard.
#[derive(Default)]
pub struct Loads {
    by_ticket: StdHashMap<u64, Load>,
    /// The load that a newcomer joins, by key and shape of the value.
    current: Current,
}

type Current = HashMap<OwnedKey, Vec<(u32, u64)>>;

/// Newcomers do not join this load any more; whether they did.
fn forget(current: &mut Current, key: Key<'_>, version: u32, ticket: u64) -> bool {
    let Some(of_key) = current.get_mut(&key) else { return false };
    let before = of_key.len();
    of_key.retain(|&load| load != (version, ticket));
    let joined = of_key.len() < before;
    if of_key.is_empty() {
        current.remove(&key);
    }
    joined
}

/// A load that has ended: who waited, and whether it was the current one of its key.
pub struct EndedLoad {
    /// To be told.
    pub waiters: Waiters,
    /// Nothing had overtaken it.
    pub counted: bool,
    /// When it would have had its time.
    pub until_us: u64,
    /// Who led it.
    pub leader: Arc<dyn Leader>,
}

impl Loads {
    /// The ticket of the load that a newcomer joins.
    pub fn current(&self, key: Key<'_>, version: u32) -> Option<u64> {
        let of_key = self.current.get(&key)?;
        of_key.iter().find(|(shape, _)| *shape == version).map(|&(_, ticket)| ticket)
    }

    /// Begins a load, which is the current one of its key from now on.
    pub fn begin(&mut self, at: At<'_>, tags: &[Key<'_>], leader: Arc<dyn Leader>, until_us: u64) -> u64 {
        let ticket = DRAWN.fetch_add(1, Ordering::SeqCst) + 1;
        let (key, version) = (at.key.to_owned(), at.version);
        let tags = tags.iter().map(Key::to_owned).collect();
        let of_key = self.current.entry(key.clone()).or_default();
        of_key.retain(|&(shape, _)| shape != version);
        of_key.push((version, ticket));
        let load = Load { key, version, tags, leader, left: false, waiters: Vec::new(), until_us };
        self.by_ticket.insert(ticket, load);
        ticket
    }

    /// When a load has had its time.
    pub fn until_us(&self, ticket: u64) -> u64 {
        self.by_ticket.get(&ticket).map_or(u64::MAX, |load| load.until_us)
    }

    /// Waits for a load under way, under a number of the caller's choice.
    pub fn wait(&mut self, ticket: u64, number: u64) -> oneshot::Receiver<Landed> {
        let (sender, receiver) = oneshot::channel();
        let load = self.by_ticket.get_mut(&ticket).expect("a current load is under way");
        load.waiters.push((number, sender));
        receiver
    }

    /// A waiter has left. The leader, where it should be told that nobody waits any more.
    pub fn leave(&mut self, ticket: u64, number: u64) -> Option<Arc<dyn Leader>> {
        let load = self.by_ticket.get_mut(&ticket)?;
        let before = load.waiters.len();
        load.waiters.retain(|&(waiter, _)| waiter != number);
        (load.waiters.len() < before && load.waiters.is_empty() && load.left).then(|| load.leader.clone())
    }

    /// The leader's own callers have left, or one is back: whether nobody waits.
    pub fn set_left(&mut self, ticket: u64, left: bool) -> bool {
        self.by_ticket.get_mut(&ticket).is_some_and(|load| {
            load.left = left;
            left && load.waiters.is_empty()
        })
    }

    /// Whether a load is the current one of its key.
    pub fn counts(&self, key: Key<'_>, version: u32, ticket: u64) -> bool {
        self.current(key, version) == Some(ticket)
    }

    /// Ends a load, if it is under way.
    pub fn end(&mut self, ticket: u64) -> Option<EndedLoad> {
        let Load { key, version, leader, waiters, until_us, .. } = self.by_ticket.remove(&ticket)?;
        let counted = forget(&mut self.current, key.as_key(), version, ticket);
        Some(EndedLoad { waiters, counted, until_us, leader })
    }

    /// The key has changed.
    #[inline]
    pub fn overtake(&mut self, key: Key<'_>) {
        if !self.current.is_empty() {
            self.current.remove(&key);
        }
    }

    /// What the value of a load will be deleted by.
    pub fn set_tags(&mut self, ticket: u64, tags: &[Key<'_>]) {
        if let Some(load) = self.by_ticket.get_mut(&ticket) {
            load.tags = tags.iter().map(Key::to_owned).collect();
        }
    }

    /// What this load will bring has changed.
    pub fn overtake_ticket(&mut self, key: Key<'_>, version: u32, ticket: u64) {
        forget(&mut self.current, key, version, ticket);
    }

    /// Every value with one of these tags has changed.
    pub fn overtake_tags(&mut self, tags: &[Key<'_>]) {
        let has_one = |load: &Load| load.tags.iter().any(|tag| tags.contains(&tag.as_key()));
        for (&ticket, load) in self.by_ticket.iter().filter(|(_, load)| has_one(load)) {
            forget(&mut self.current, load.key.as_key(), load.version, ticket);
        }
    }

    /// Every key that starts with `prefix` has changed.
    pub fn overtake_prefix(&mut self, prefix: Key<'_>) {
        self.current.retain(|key, _| !key.as_key().starts_with(prefix));
    }

    /// Every key has changed.
    pub fn overtake_all(&mut self) {
        self.current.clear();
    }

    /// Loads under way, overtaken ones included.
    pub fn len(&self) -> usize {
        self.by_ticket.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_ticket.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    const A: Key<'_> = Key { bytes: b"a", width: crate::key::Width::One };
    const B: Key<'_> = Key { bytes: b"b", width: crate::key::Width::One };

    #[derive(Default)]
    struct Heard(Mutex<Vec<Lapse>>);
    impl Leader for Heard {
        fn lapsed(&self, _ticket: u64, why: Lapse) {
            self.0.lock().push(why);
        }
    }

    fn begin(loads: &mut Loads, key: Key<'_>) -> u64 {
        loads.begin(At { key, version: 0 }, &[], Arc::new(Heard::default()), 0)
    }

    #[test]
    fn a_load_counts_unless_its_key_changed() {
        let mut loads = Loads::default();
        let (first, other) = (begin(&mut loads, A), begin(&mut loads, B));
        assert!(loads.counts(A, 0, first) && !loads.counts(A, 1, first));
        loads.overtake(A);
        assert_eq!(loads.current(A, 0), None);
        assert!(!loads.end(first).unwrap().counted && loads.end(other).unwrap().counted);
        assert!(loads.is_empty() && loads.current.is_empty());
    }

    #[test]
    fn a_load_ends_once_and_none_outlives_a_clear_or_its_prefix() {
        let mut loads = Loads::default();
        let once = begin(&mut loads, A);
        assert!(loads.end(once).unwrap().counted);
        assert!(loads.end(once).is_none());
        let (cleared, prefixed) = (begin(&mut loads, A), begin(&mut loads, B));
        loads.overtake_prefix(Key::narrow(b"b"));
        assert!(loads.counts(A, 0, cleared) && !loads.end(prefixed).unwrap().counted);
        loads.overtake_all();
        assert!(!loads.end(cleared).unwrap().counted);
    }

    #[test]
    fn who_waits_for_an_overtaken_load_still_hears_what_it_came_to() {
        let mut loads = Loads::default();
        let first = begin(&mut loads, A);
        let mut waiting = loads.wait(first, 1);
        loads.overtake(A);
        let second = begin(&mut loads, A);
        tell(loads.end(first).unwrap().waiters, &Landed::Nothing);
        assert_eq!(waiting.try_recv().unwrap(), Landed::Nothing);
        assert!(loads.counts(A, 0, second));
    }

    #[test]
    fn a_load_is_deserted_when_its_leader_and_all_who_wait_have_left() {
        let mut loads = Loads::default();
        let ticket = begin(&mut loads, A);
        assert!(loads.set_left(ticket, true));
        assert!(!loads.set_left(ticket, false));
        let (_one, _two) = (loads.wait(ticket, 1), loads.wait(ticket, 2));
        assert!(!loads.set_left(ticket, true));
        assert!(loads.leave(ticket, 1).is_none());
        assert!(loads.leave(ticket, 2).is_some());
        assert!(loads.leave(ticket, 2).is_none(), "it left already");
    }
}
