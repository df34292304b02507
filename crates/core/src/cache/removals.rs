//! Entries that went, for whoever listens.

use super::entry::Entry;
use super::table::Reason;
use crate::key::OwnedKey;
use crate::watch;

/// One entry that went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its key.
    pub key: OwnedKey,
    /// Why.
    pub reason: Reason,
}

/// Those who listen to one cache.
pub type Watchers = watch::Watchers<Removal>;

/// What went in one step, kept until the locks are free.
#[derive(Default)]
pub struct Gone(Vec<Removal>);

impl Watchers {
    /// Keeps a removal for `tell`, if anybody listens.
    #[inline]
    pub fn note(&self, gone: &mut Gone, entry: &Entry, reason: Reason) {
        if self.is_watched() {
            gone.0.push(Removal { key: entry.key().to_owned(), reason });
        }
    }

    /// Tells what went, under no lock of the cache.
    #[inline]
    pub fn tell(&self, gone: &Gone) {
        self.tell_of(&gone.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::cache::entry::{NEVER_US, NewEntry, Place};
    use crate::key::Key;
    use crate::value::{Form, Tag};

    #[derive(Default)]
    struct Ear(Mutex<Vec<Removal>>);
    impl watch::Watcher<Removal> for Ear {
        fn told(&self, removals: &[Removal]) {
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
