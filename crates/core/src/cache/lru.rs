//! One bounded table, least recently used out first.
//!
//! Entries live in a slab, joined into a list from the most to the least recently used; a hash table maps keys to slab
//! indexes. Key and value share one allocation. `bytes` is the sum of [`Lru::cost`] over the entries at every moment:
//! a recount must give the same number (tests/cache.rs).
//!
//! The slab and the table keep the size of their peak, which `bytes` knows nothing of. When more than half of the slab is
//! free, the entries move into one of their own size, in order of use. That many were dropped since the last move, so
//! it costs each drop a constant share.
//!
//! A key that was just set is always there: room is made among the others, and an entry that cannot fit alone is
//! refused by the caller before it gets here.

use hashbrown::HashTable;

use crate::key::{Key, Width};
use crate::value::Tag;

/// "No entry" in a list of u32 indexes.
const NONE: u32 = u32::MAX;

/// Slots, about 100 KB, below which a slab is not worth moving.
const SLOTS_MIN: usize = 1_024;

/// Bytes an entry costs beside its key and value: its place in the slab, its share of the hash table at the usual
/// load, and what the allocator adds to a small block.
pub const ENTRY_OVERHEAD_BYTES: usize = size_of::<Entry>() + 8 + 16;

struct Entry {
    hash: u64,
    /// Key bytes, then value bytes.
    data: Box<[u8]>,
    expires_us: u64,
    key_len: u32,
    newer: u32,
    older: u32,
    width: Width,
    tag: Tag,
}

impl Entry {
    fn key(&self) -> Key<'_> {
        Key { bytes: &self.data[..self.key_len as usize], width: self.width }
    }
}

/// A live entry's value.
pub struct Hit<'a> {
    /// How to read it.
    pub tag: Tag,
    /// The bytes.
    pub value: &'a [u8],
}

/// Why there is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// There was none.
    Absent,
    /// There was one, past its time, which is gone now.
    Expired,
}

/// A bounded table in order of use.
pub struct Lru {
    table: HashTable<u32>,
    slab: Vec<Option<Entry>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    bytes: usize,
    bytes_max: usize,
}

impl Lru {
    /// An empty table of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            table: HashTable::new(),
            slab: Vec::new(),
            free: Vec::new(),
            newest: NONE,
            oldest: NONE,
            bytes: 0,
            bytes_max,
        }
    }

    /// Bytes that an entry counts for.
    pub fn cost(key: Key<'_>, value: &[u8]) -> usize {
        key.bytes.len() + value.len() + ENTRY_OVERHEAD_BYTES
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The live entry of `key`, now the most recently used. An expired one is removed.
    pub fn get(&mut self, hash: u64, key: Key<'_>, now_us: u64) -> Result<Hit<'_>, Miss> {
        let index = self.live(hash, key, now_us)?;
        if self.newest != index {
            self.unlink(index);
            self.link_newest(index);
        }
        let entry = self.entry(index);
        Ok(Hit { tag: entry.tag, value: &entry.data[entry.key_len as usize..] })
    }

    /// As `get`, without counting as a use.
    pub fn has(&mut self, hash: u64, key: Key<'_>, now_us: u64) -> Result<(), Miss> {
        self.live(hash, key, now_us).map(drop)
    }

    /// Removes the entry of `key`.
    pub fn remove(&mut self, hash: u64, key: Key<'_>, now_us: u64) -> Result<(), Miss> {
        let index = self.live(hash, key, now_us)?;
        self.drop_entry(index);
        self.compact();
        Ok(())
    }

    /// Stores a value that fits; returns how many entries went to make room.
    pub fn set(&mut self, hash: u64, key: Key<'_>, tag: Tag, value: &[u8], expires_us: u64) -> u64 {
        if let Some(old) = self.find(hash, key) {
            self.drop_entry(old);
        }
        let cost = Self::cost(key, value);
        let mut evicted = 0;
        while self.bytes + cost > self.bytes_max && self.oldest != NONE {
            self.drop_entry(self.oldest);
            evicted += 1;
        }
        let mut data = Vec::with_capacity(key.bytes.len() + value.len());
        data.extend_from_slice(key.bytes);
        data.extend_from_slice(value);
        let key_len = u32::try_from(key.bytes.len()).expect("keys are at most 64 KiB");
        let data = data.into_boxed_slice();
        let entry =
            Entry { hash, data, expires_us, key_len, newer: NONE, older: NONE, width: key.width, tag };
        self.bytes += cost;
        self.insert(entry);
        self.compact();
        evicted
    }

    /// Empties the table and hands over what it held, for the caller to free where nobody waits for it.
    #[must_use]
    pub fn clear(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.bytes_max))
    }

    /// Bytes counted entry by entry: what `bytes` must equal.
    pub fn recount(&self) -> usize {
        let costs = self.slab.iter().flatten().map(|entry| entry.data.len() + ENTRY_OVERHEAD_BYTES);
        costs.sum()
    }

    fn live(&mut self, hash: u64, key: Key<'_>, now_us: u64) -> Result<u32, Miss> {
        let index = self.find(hash, key).ok_or(Miss::Absent)?;
        if self.entry(index).expires_us <= now_us {
            self.drop_entry(index);
            self.compact();
            return Err(Miss::Expired);
        }
        Ok(index)
    }

    fn find(&self, hash: u64, key: Key<'_>) -> Option<u32> {
        let found = self.table.find(hash, |&index| {
            let entry = self.entry(index);
            entry.hash == hash && entry.key() == key
        });
        found.copied()
    }

    fn entry(&self, index: u32) -> &Entry {
        self.slab[index as usize].as_ref().expect("an index in use has an entry")
    }

    fn entry_mut(&mut self, index: u32) -> &mut Entry {
        self.slab[index as usize].as_mut().expect("an index in use has an entry")
    }

    fn insert(&mut self, entry: Entry) {
        let hash = entry.hash;
        let index = if let Some(index) = self.free.pop() {
            self.slab[index as usize] = Some(entry);
            index
        } else {
            self.slab.push(Some(entry));
            u32::try_from(self.slab.len() - 1).expect("a shard holds fewer than 2^32 entries")
        };
        let slab = &self.slab;
        let rehash = |&index: &u32| slab[index as usize].as_ref().map_or(0, |entry| entry.hash);
        self.table.insert_unique(hash, index, rehash);
        self.link_newest(index);
    }

    fn drop_entry(&mut self, index: u32) {
        self.unlink(index);
        let entry = self.slab[index as usize].take().expect("an index in use has an entry");
        if let Ok(found) = self.table.find_entry(entry.hash, |&other| other == index) {
            found.remove();
        }
        self.bytes -= entry.data.len() + ENTRY_OVERHEAD_BYTES;
        self.free.push(index);
    }

    /// Moves the entries into a slab and a table of their own size when most of the slab is free. Every index changes.
    #[inline]
    fn compact(&mut self) {
        if self.slab.len() > SLOTS_MIN && self.free.len() > self.slab.len() / 2 {
            self.rebuild();
        }
    }

    #[cold]
    fn rebuild(&mut self) {
        let held = self.len();
        let mut slab = std::mem::take(&mut self.slab);
        let mut oldest = self.oldest;
        self.slab = Vec::with_capacity(held);
        self.table = HashTable::with_capacity(held);
        self.free = Vec::new();
        (self.newest, self.oldest) = (NONE, NONE);
        while oldest != NONE {
            let entry = slab[oldest as usize].take().expect("an index in use has an entry");
            oldest = entry.newer;
            self.insert(entry);
        }
    }

    fn unlink(&mut self, index: u32) {
        let (newer, older) = {
            let entry = self.entry(index);
            (entry.newer, entry.older)
        };
        if newer == NONE {
            self.newest = older;
        } else {
            self.entry_mut(newer).older = older;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            self.entry_mut(older).newer = newer;
        }
    }

    fn link_newest(&mut self, index: u32) {
        let before = self.newest;
        let entry = self.entry_mut(index);
        entry.newer = NONE;
        entry.older = before;
        if before == NONE {
            self.oldest = index;
        } else {
            self.entry_mut(before).newer = index;
        }
        self.newest = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Form;

    const TAG: Tag = Tag::new(Form::OneByteText, 0);

    fn set(lru: &mut Lru, number: u32, value: &[u8]) {
        lru.set(u64::from(number), Key::narrow(&number.to_le_bytes()), TAG, value, u64::MAX);
    }

    fn get(lru: &mut Lru, number: u32) -> bool {
        lru.get(u64::from(number), Key::narrow(&number.to_le_bytes()), 0).is_ok()
    }

    #[test]
    fn after_many_small_entries_a_few_large_ones_leave_no_large_slab_behind() {
        let mut lru = Lru::new(1 << 20);
        (0..20_000).for_each(|number| set(&mut lru, number, b""));
        let peak = lru.slab.len();
        assert!(peak > 8_000);
        (20_000..20_200).for_each(|number| set(&mut lru, number, &[0; 10_000]));
        assert!(lru.bytes() <= 1 << 20 && lru.len() <= 110);
        assert!(lru.slab.capacity() <= SLOTS_MIN * 2 && lru.free.capacity() <= SLOTS_MIN * 2);
        assert!(lru.table.capacity() <= SLOTS_MIN * 4);
    }

    #[test]
    fn entries_that_move_keep_their_order_of_use() {
        let mut lru = Lru::new(1 << 20);
        (0..5_000).for_each(|number| set(&mut lru, number, b"v"));
        assert!(get(&mut lru, 0), "the oldest is used again");
        for number in (0..5_000_u32).filter(|number| number % 5 != 0) {
            lru.remove(u64::from(number), Key::narrow(&number.to_le_bytes()), 0).expect("it is there");
        }
        assert!(lru.slab.len() < 2_500 && lru.len() == 1_000 && lru.recount() == lru.bytes());
        let mut order = Vec::new();
        while !lru.is_empty() {
            let key = lru.entry(lru.oldest).key().bytes.try_into().expect("four bytes");
            order.push(u32::from_le_bytes(key));
            lru.drop_entry(lru.oldest);
        }
        assert!(order.into_iter().eq((1..1_000).map(|number| number * 5).chain([0])));
    }

    #[test]
    fn entries_that_expire_give_their_slots_back() {
        let mut lru = Lru::new(1 << 20);
        for number in 0..4_000_u32 {
            lru.set(u64::from(number), Key::narrow(&number.to_le_bytes()), TAG, b"v", 0);
        }
        assert!((0..4_000).all(|number| !get(&mut lru, number)));
        assert!(lru.is_empty() && lru.slab.capacity() <= SLOTS_MIN * 2);
    }
}
