//! What a cache keeps of a key.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::ghost::SEEN_BYTES;
use super::wheel::LINK_BYTES;
use crate::key::{Key, Width};
use crate::value::Tag;

/// "Never", as an instant and as a TTL.
pub const NEVER_US: u64 = u64::MAX;

/// The use counter counts to here: two bits.
const USES_MAX: u8 = 3;

/// Bytes an entry costs beside its key, value and tags: its place in the slab, its shares of the hash table, the timer
/// wheel and the ghost at the usual load, and what the allocator adds to a small block.
pub const ENTRY_OVERHEAD_BYTES: usize = size_of::<Entry>() + 8 + LINK_BYTES + SEEN_BYTES + 16;

/// The tags of an entry, by their numbers in the cache's index.
pub struct Tags {
    /// Each once.
    pub numbers: Box<[u64]>,
    /// Bytes they count for.
    pub bytes: usize,
}

/// The queue that an entry stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// New ones, a tenth of the cache.
    Small,
    /// What has been used again; with 'lru' everything.
    Main,
}

/// One entry. Readers share the lock under which it lives, so what a read changes is atomic.
pub struct Entry {
    /// Key bytes, then value bytes: one allocation.
    data: Box<[u8]>,
    expires_us: AtomicU64,
    /// The key's, under the cache's seed.
    pub hash: u64,
    key_len: u32,
    /// The shape of the value, by its number in the cache.
    pub version: u32,
    uses: AtomicU8,
    wide: bool,
    /// Somebody was told that it has expired, and it is kept only to be served stale: it is absent from then on, whatever a
    /// clock that is read again may say.
    pub lapsed: bool,
    /// How to read the value.
    pub tag: Tag,
    /// The queue it stands in.
    pub place: Place,
    /// Its neighbours there.
    pub newer: u32,
    /// As above.
    pub older: u32,
    /// The TTL it was set with, for starting it anew.
    pub ttl_us: u64,
    /// Names to delete it by.
    pub tags: Option<Box<Tags>>,
}

/// What to store.
pub struct NewEntry<'a> {
    /// The key.
    pub key: Key<'a>,
    /// Its hash.
    pub hash: u64,
    /// The shape of the value.
    pub version: u32,
    /// How to read the value.
    pub tag: Tag,
    /// The value.
    pub value: &'a [u8],
    /// When it expires.
    pub expires_us: u64,
    /// The TTL behind that.
    pub ttl_us: u64,
    /// Names to delete it by.
    pub tags: Option<Box<Tags>>,
}

impl NewEntry<'_> {
    /// Bytes it will count for.
    pub fn cost(&self) -> usize {
        cost(self.key, self.value, self.tags.as_ref().map_or(0, |tags| tags.bytes))
    }
}

/// Bytes that an entry counts for.
pub fn cost(key: Key<'_>, value: &[u8], tags_bytes: usize) -> usize {
    key.bytes.len() + value.len() + tags_bytes + ENTRY_OVERHEAD_BYTES
}

impl Entry {
    /// An entry that stands in no queue yet.
    pub fn new(new: NewEntry<'_>, uses: u8, place: Place) -> Self {
        let mut data = Vec::with_capacity(new.key.bytes.len() + new.value.len());
        data.extend_from_slice(new.key.bytes);
        data.extend_from_slice(new.value);
        Self {
            data: data.into_boxed_slice(),
            expires_us: AtomicU64::new(new.expires_us),
            hash: new.hash,
            key_len: u32::try_from(new.key.bytes.len()).expect("keys are at most 64 KiB"),
            version: new.version,
            uses: AtomicU8::new(uses),
            wide: new.key.is_wide(),
            lapsed: false,
            tag: new.tag,
            place,
            newer: u32::MAX,
            older: u32::MAX,
            ttl_us: new.ttl_us,
            tags: new.tags,
        }
    }

    /// Its key.
    #[inline]
    pub fn key(&self) -> Key<'_> {
        let width = if self.wide { Width::Two } else { Width::One };
        Key { bytes: &self.data[..self.key_len as usize], width }
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.data[self.key_len as usize..]
    }

    /// Bytes it counts for.
    pub fn cost(&self) -> usize {
        self.data.len() + self.tags.as_ref().map_or(0, |tags| tags.bytes) + ENTRY_OVERHEAD_BYTES
    }

    /// When it expires.
    #[inline]
    pub fn expires_us(&self) -> u64 {
        self.expires_us.load(Ordering::Relaxed)
    }

    /// Lets it expire at another instant.
    pub fn expire_at(&self, expires_us: u64) {
        self.expires_us.store(expires_us, Ordering::Relaxed);
    }

    /// Whether its time has come; `now_us` is asked only when it has one.
    #[inline]
    pub fn has_expired(&self, now_us: impl FnOnce() -> u64) -> bool {
        let expires_us = self.expires_us();
        self.lapsed || (expires_us != NEVER_US && expires_us <= now_us())
    }

    /// Counts a use. Two readers at once may count one, which is all that a counter to three needs; the hottest entries
    /// are not written to.
    #[inline]
    pub fn note_use(&self) {
        let uses = self.uses.load(Ordering::Relaxed);
        if uses < USES_MAX {
            self.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    /// Uses counted since the counter was last set.
    pub fn uses(&self) -> u8 {
        self.uses.load(Ordering::Relaxed)
    }

    /// Sets the counter.
    pub fn set_uses(&mut self, uses: u8) {
        *self.uses.get_mut() = uses.min(USES_MAX);
    }
}
