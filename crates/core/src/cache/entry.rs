//! What a cache keeps of a key.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::ghost::SEEN_BYTES;
use super::wheel::LINK_BYTES;
use crate::clock::MS;
use crate::key::{Key, Width};
use crate::value::{Form, Tag};

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

/// One entry, a cache line of its own: a lookup in a large table waits for memory more than for anything else. Readers share
/// the lock under which it lives, so what a read changes is atomic.
#[repr(align(64))]
pub struct Entry {
    /// Key bytes, then value bytes: one allocation.
    data: Box<[u8]>,
    expires_us: AtomicU64,
    /// The key's, under the cache's seed.
    pub hash: u64,
    /// Names to delete it by.
    pub tags: Option<Box<Tags>>,
    /// Its neighbours in its queue.
    pub newer: u32,
    /// As above.
    pub older: u32,
    /// The shape of the value, by its number in the cache.
    pub version: u32,
    /// How long the key is, what is told apart by a bit, and the high bits of the TTL.
    shape: Shape,
    ttl_low: u32,
    form: Form,
    codec: u8,
    uses: AtomicU8,
}

/// Several small numbers in one.
#[derive(Clone, Copy)]
struct Shape(u32);

impl Shape {
    /// Keys are at most 64 KiB.
    const KEY_LEN: u32 = (1 << 17) - 1;
    const WIDE: u32 = 1 << 17;
    const LAPSED: u32 = 1 << 18;
    const MAIN: u32 = 1 << 19;
    const TTL_HIGH_AT: u32 = 20;

    fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    fn set(&mut self, bit: u32, on: bool) {
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// A TTL takes 44 bits of milliseconds, 557 years; this one is "never".
const TTL_NEVER: u64 = (1 << 44) - 1;

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
        let key_len = u32::try_from(new.key.bytes.len()).expect("keys are at most 64 KiB");
        let mut entry = Self {
            data: data.into_boxed_slice(),
            expires_us: AtomicU64::new(new.expires_us),
            hash: new.hash,
            tags: new.tags,
            newer: u32::MAX,
            older: u32::MAX,
            version: new.version,
            shape: Shape(key_len & Shape::KEY_LEN),
            ttl_low: 0,
            form: new.tag.form(),
            codec: new.tag.codec(),
            uses: AtomicU8::new(uses),
        };
        entry.shape.set(Shape::WIDE, new.key.is_wide());
        entry.set_place(place);
        entry.set_ttl_us(new.ttl_us);
        entry
    }

    /// The TTL it was set with, for starting it anew: to the millisecond, rounded up.
    pub fn ttl_us(&self) -> u64 {
        let ttl_ms = u64::from(self.shape.0 >> Shape::TTL_HIGH_AT) << 32 | u64::from(self.ttl_low);
        if ttl_ms == TTL_NEVER { NEVER_US } else { ttl_ms * MS }
    }

    /// Gives it another TTL to be started anew with.
    pub fn set_ttl_us(&mut self, ttl_us: u64) {
        let whole = if ttl_us == NEVER_US { TTL_NEVER } else { ttl_us.div_ceil(MS).min(TTL_NEVER - 1) };
        #[expect(clippy::cast_possible_truncation, reason = "in two parts")]
        let (high, low) = ((whole >> 32) as u32, whole as u32);
        self.ttl_low = low;
        self.shape.0 = self.shape.0 & !(u32::MAX << Shape::TTL_HIGH_AT) | high << Shape::TTL_HIGH_AT;
    }

    /// The queue it stands in.
    pub fn place(&self) -> Place {
        if self.shape.has(Shape::MAIN) { Place::Main } else { Place::Small }
    }

    /// Moves it to another queue.
    pub fn set_place(&mut self, place: Place) {
        self.shape.set(Shape::MAIN, place == Place::Main);
    }

    /// Whether somebody was told that it has expired, and it is kept only to be served stale: it is absent from then on,
    /// whatever a clock that is read again may say.
    pub fn lapsed(&self) -> bool {
        self.shape.has(Shape::LAPSED)
    }

    /// Somebody is told so.
    pub fn lapse(&mut self) {
        self.shape.set(Shape::LAPSED, true);
    }

    fn key_len(&self) -> usize {
        (self.shape.0 & Shape::KEY_LEN) as usize
    }

    /// How to read the value.
    #[inline]
    pub fn tag(&self) -> Tag {
        Tag::new(self.form, self.codec)
    }

    /// Its key.
    #[inline]
    pub fn key(&self) -> Key<'_> {
        let width = if self.shape.has(Shape::WIDE) { Width::Two } else { Width::One };
        Key { bytes: &self.data[..self.key_len()], width }
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.data[self.key_len()..]
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
        self.lapsed() || (expires_us != NEVER_US && expires_us <= now_us())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_cache_line_and_no_more_where_it_may_be_missing() {
        assert_eq!((size_of::<Entry>(), align_of::<Entry>(), size_of::<Option<Entry>>()), (64, 64, 64));
    }

    #[test]
    fn what_shares_a_number_does_not_meet() {
        let longest = vec![2; 65_536];
        let keys = [Key::narrow(b""), Key::wide(&longest), Key::narrow(&longest)];
        let ttls = [1, u64::from(u32::MAX), u64::from(u32::MAX) + 1, TTL_NEVER - 1].map(|ms| ms * MS);
        for key in keys {
            for ttl_us in ttls.into_iter().chain([NEVER_US]) {
                for place in [Place::Small, Place::Main] {
                    let tag = Tag::new(Form::Bytes, 9);
                    let new = NewEntry {
                        key,
                        hash: 7,
                        version: 3,
                        tag,
                        value: b"v",
                        expires_us: 1,
                        ttl_us,
                        tags: None,
                    };
                    let mut entry = Entry::new(new, 0, place);
                    assert_eq!((entry.key(), entry.value(), entry.place()), (key, &b"v"[..], place));
                    assert_eq!((entry.ttl_us(), entry.lapsed(), entry.tag()), (ttl_us, false, tag));
                    entry.lapse();
                    entry.set_ttl_us(5 * MS);
                    entry.set_place(Place::Main);
                    assert_eq!((entry.key(), entry.place(), entry.ttl_us()), (key, Place::Main, 5 * MS));
                    assert!(entry.lapsed());
                }
            }
        }
    }
}
