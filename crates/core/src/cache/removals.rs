//! Entries that went, for whoever listens. With nobody listening it costs a look at a flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::entry::Entry;
use super::table::Reason;
use crate::key::OwnedKey;

/// One entry that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its key.
    pub key: OwnedKey,
    /// Why.
    pub reason: Reason,
}

/// Whoever wants to know.
pub trait Watcher: Send + Sync {
    /// These went. Called under no lock of the cache; it must not wait.
    fn removed(&self, removals: &[Removal]);
}

/// Those who listen to one cache.
#[derive(Default)]
pub struct Watchers {
    watched: AtomicBool,
    numbers: AtomicU64,
    all: Mutex<Vec<(u64, Arc<dyn Watcher>)>>,
}

/// What went in one step, kept until the locks are free.
#[derive(Default)]
pub struct Gone(Vec<Removal>);

impl Watchers {
    /// Tells `watcher` of every later removal until the returned number is removed.
    pub fn add(&self, watcher: Arc<dyn Watcher>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut all = self.all.lock();
        all.push((number, watcher));
        self.watched.store(true, Ordering::Release);
        number
    }

    /// The counterpart of `add`.
    pub fn remove(&self, number: u64) {
        let mut all = self.all.lock();
        all.retain(|&(known, _)| known != number);
        self.watched.store(!all.is_empty(), Ordering::Release);
    }

    /// Keeps a removal for `tell`, if anybody listens.
    #[inline]
    pub fn note(&self, gone: &mut Gone, entry: &Entry, reason: Reason) {
        if self.is_watched() {
            gone.0.push(Removal { key: entry.key().to_owned(), reason });
        }
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// Tells what went, under no lock of the cache.
    #[inline]
    pub fn tell(&self, gone: &Gone) {
        if !gone.0.is_empty() {
            self.tell_all(&gone.0);
        }
    }

    #[cold]
    fn tell_all(&self, removals: &[Removal]) {
        let all: Vec<_> = self.all.lock().iter().map(|(_, watcher)| watcher.clone()).collect();
        for watcher in all {
            watcher.removed(removals);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::{NEVER_US, NewEntry, Place};
    use crate::key::Key;
    use crate::value::{Form, Tag};

    #[derive(Default)]
    struct Ear(Mutex<Vec<Removal>>);
    impl Watcher for Ear {
        fn removed(&self, removals: &[Removal]) {
            self.0.lock().extend_from_slice(removals);
        }
    }

    fn entry(key: Key<'_>) -> Entry {
        let tag = Tag::new(Form::Bytes, 0);
        let (expires_us, ttl_us) = (NEVER_US, NEVER_US);
        let new = NewEntry { key, hash: 0, version: 0, tag, value: b"value", expires_us, ttl_us, tags: None };
        Entry::new(new, 0, Place::Main)
    }

    #[test]
    fn with_nobody_listening_nothing_is_kept() {
        let watchers = Watchers::default();
        let mut gone = Gone::default();
        watchers.note(&mut gone, &entry(Key::narrow(b"a")), Reason::Delete);
        assert!(!watchers.is_watched() && gone.0.is_empty());
        watchers.tell(&gone);
    }

    #[test]
    fn each_who_listens_hears_the_whole_key_and_why_until_it_is_removed() {
        let watchers = Watchers::default();
        let ears = [Arc::<Ear>::default(), Arc::<Ear>::default()];
        let numbers = ears.clone().map(|ear| watchers.add(ear));
        assert_ne!(numbers[0], numbers[1]);
        let key = Key::wide(b"\x22\x6f");
        let went = Removal { key: key.to_owned(), reason: Reason::Evict };
        let tell = || {
            let mut gone = Gone::default();
            watchers.note(&mut gone, &entry(key), Reason::Evict);
            watchers.tell(&gone);
        };
        tell();
        watchers.remove(numbers[0]);
        watchers.remove(numbers[0]);
        assert!(watchers.is_watched());
        tell();
        watchers.remove(numbers[1]);
        assert!(!watchers.is_watched());
        tell();
        assert_eq!((ears[0].0.lock().len(), ears[1].0.lock().len()), (1, 2));
        assert!(ears.iter().all(|ear| ear.0.lock().iter().all(|heard| *heard == went)));
    }
}
