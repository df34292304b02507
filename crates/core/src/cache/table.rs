//! One bounded table of entries, and who goes when it is full.
//!
//! Entries live in a slab; a hash table maps keys to slab indexes; each entry stands in one of two queues; a timer wheel
//! knows when it falls due. `bytes` is the sum of [`Entry::cost`] over the entries at every moment: a recount must give
//! the same number (the model in tests/cache).
//!
//! **'s3-fifo'** (Yang, Zhang, Qiu, Yue and Vigfusson, "FIFO queues are all you need for cache eviction", SOSP 2023): a new
//! entry joins the small queue, a tenth of the room. What has been used more than once by the time it reaches its end moves
//! to the main queue, the rest goes and is remembered ([`super::ghost`]); who comes back while remembered joins the main queue. At the
//! end of the main queue an entry that was used goes round again with one use less. So a hit only counts, and a scan passes
//! through a tenth of the cache. **'lru'**: one queue, a hit makes its entry the newest.
//!
//! A key that was just set is always there: room is made while it stands in no queue. One that is overwritten keeps its queue
//! and its uses, and under 's3-fifo' also its place where the new value fits: links of its neighbours are read for nothing then.
//!
//! The slab and the table keep the size of their peak, which `bytes` knows nothing of. When more than half of the slab is
//! free, the entries move together into one of their own size. That many were dropped since the last move, so it costs each
//! drop a constant share. Nobody moves to a higher index, which [`Table::chunk`] relies on.

use std::fmt;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use super::entry::{Entry, NewEntry, Place};
use super::ghost::Ghost;
use super::queue::{NONE, Queue, Slab};
use super::wheel::Wheel;
use crate::key::Key;

/// Slots, about 100 KB, below which a slab is not worth moving.
const SLOTS_MIN: usize = 1_024;
/// The small queue's share of the room is one in so many.
const SMALL_SHARE: usize = 10;
/// Entries that are passed over in the search for one to evict: well under a millisecond.
const TURNS_MAX: usize = 4_096;
/// Uses in the small queue that earn a place in the main one.
const USES_TO_STAY: u8 = 2;

/// Who goes when a cache is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eviction {
    /// Small and main queue with a use counter.
    S3Fifo,
    /// The least recently used.
    Lru,
}

/// Why an entry went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// To make room.
    Evict,
    /// Its time had come.
    Expire,
    /// It was deleted or taken, by key, tag or prefix.
    Delete,
    /// It was overwritten.
    Set,
    /// Everything was.
    Clear,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evict => "evict",
            Self::Expire => "expire",
            Self::Delete => "delete",
            Self::Set => "set",
            Self::Clear => "clear",
        })
    }
}

/// How much a table may hold.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Bytes at most.
    pub bytes: usize,
    /// Entries at most.
    pub entries: usize,
}

/// A bounded table.
pub struct Table {
    index: HashTable<u32>,
    slab: Slab,
    free: Vec<u32>,
    small: Queue,
    main: Queue,
    ghost: Ghost,
    /// When entries fall due; whoever changes that instant says so here.
    pub wheel: Wheel,
    eviction: Eviction,
    room: Room,
    has_been_full: bool,
}

impl Table {
    /// An empty table.
    pub fn new(room: Room, eviction: Eviction) -> Self {
        Self {
            index: HashTable::new(),
            slab: Slab::new(),
            free: Vec::new(),
            small: Queue::default(),
            main: Queue::default(),
            ghost: Ghost::default(),
            wheel: Wheel::default(),
            eviction,
            room,
            has_been_full: false,
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.small.bytes + self.main.bytes
    }

    /// Entries held.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Where the entry of `key` is.
    #[inline]
    pub fn find(&self, hash: u64, key: Key<'_>) -> Option<u32> {
        let is_it = |&index: &u32| {
            let entry = self.entry(index);
            entry.hash == hash && entry.key().is(key)
        };
        // Not `HashTable::find`, which calls what tells the entries apart through a pointer.
        self.index.iter_hash(hash).copied().find(is_it)
    }

    /// Where the entry with this hash is for which `wanted` holds.
    pub fn find_by(&self, hash: u64, wanted: impl Fn(&Entry) -> bool) -> Option<u32> {
        let found = self.index.find(hash, |&index| {
            let entry = self.entry(index);
            entry.hash == hash && wanted(entry)
        });
        found.copied()
    }

    /// The entry at an index in use.
    #[inline]
    pub fn entry(&self, index: u32) -> &Entry {
        self.slab[index as usize].as_ref().expect("an index in use has an entry")
    }

    /// As `entry`, to change it.
    pub fn entry_mut(&mut self, index: u32) -> &mut Entry {
        self.slab[index as usize].as_mut().expect("an index in use has an entry")
    }

    /// Counts a use where that needs the table for itself.
    pub fn renew(&mut self, index: u32) {
        if self.eviction == Eviction::Lru {
            self.main.renew(&mut self.slab, index);
        } else {
            self.entry(index).note_use();
        }
    }

    /// Stores an entry that fits into the room, of which `taken` bytes are in other use; `gone` hears of what it overwrites
    /// and of what goes for it. Its index.
    pub fn set(&mut self, new: NewEntry<'_>, taken: usize, gone: &mut impl FnMut(Entry, Reason)) -> u32 {
        let (cost, hash) = (new.cost() + taken, new.hash);
        if let Some(index) = self.find(hash, new.key) {
            if self.eviction == Eviction::S3Fifo && self.fits_in_place(index, cost) {
                gone(self.overwrite(index, new), Reason::Set);
                return index;
            }
            let place = self.entry(index).place();
            self.queue(place, |queue, slab| queue.remove(slab, index));
            gone(self.replace(index, new), Reason::Set);
            // It counts as an entry of the table already, and stands in no queue while the others make room.
            self.make_room(cost, 0, gone);
            self.queue(place, |queue, slab| queue.push(slab, index));
            return index;
        }
        self.make_room(cost, 1, gone);
        let place = match self.eviction {
            Eviction::S3Fifo if !self.earns_main(hash) => Place::Small,
            _ => Place::Main,
        };
        let index = self.occupy(Entry::new(new, 0, place));
        self.queue(place, |queue, slab| queue.push(slab, index));
        index
    }

    /// Whether an entry of `cost` bytes, other use included, may take the place of the one at `index` and nobody has to go.
    fn fits_in_place(&self, index: u32, cost: usize) -> bool {
        self.bytes() + cost - self.entry(index).cost() <= self.room.bytes
    }

    /// A new value for the entry at `index`, which stays where it stands.
    fn overwrite(&mut self, index: u32, new: NewEntry<'_>) -> Entry {
        let (newer, older) = (self.entry(index).newer, self.entry(index).older);
        let old = self.replace(index, new);
        let entry = self.entry_mut(index);
        (entry.newer, entry.older) = (newer, older);
        let (place, cost) = (entry.place(), entry.cost());
        self.queue(place, |queue, _| queue.bytes = queue.bytes + cost - old.cost());
        old
    }

    /// A new value for the entry at `index`, which counts as a use; its links are open.
    fn replace(&mut self, index: u32, new: NewEntry<'_>) -> Entry {
        let old = self.entry(index);
        let (uses, place) = (old.uses() + 1, old.place());
        let mut entry = Entry::new(new, 0, place);
        entry.set_uses(uses);
        self.slab[index as usize].replace(entry).expect("an index in use has an entry")
    }

    /// The wheel's next entry that is due, which is off the wheel then.
    pub fn pop_due(&mut self, now_us: u64, due_us: impl Fn(&Entry) -> u64) -> Option<u32> {
        let slab = &self.slab;
        let due_us = |index: u32| slab[index as usize].as_ref().map_or(u64::MAX, &due_us);
        self.wheel.pop(now_us, due_us)
    }

    /// Takes an entry out. Call `compact` when no index is held any more.
    pub fn remove(&mut self, index: u32) -> Entry {
        let place = self.entry(index).place();
        self.wheel.remove(index);
        self.queue(place, |queue, slab| queue.remove(slab, index));
        let entry = self.slab[index as usize].take().expect("an index in use has an entry");
        if let Ok(found) = self.index.find_entry(entry.hash, |&other| other == index) {
            found.remove();
        }
        self.free.push(index);
        entry
    }

    /// Empties the table and hands over what it held.
    #[must_use]
    pub fn clear(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.room, self.eviction))
    }

    /// Takes all entries out, in no order.
    pub fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.slab.into_iter().flatten()
    }

    /// Up to `slots` places below `below`, from the highest down: `visit` sees the entries in them. The place to go on
    /// below; 0 when the table has been walked through. It ends early where `visit` has had enough. Entries may come and go between two chunks: they only ever move to
    /// lower places, so none that stays is missed.
    pub fn chunk(&self, below: u32, slots: u32, mut visit: impl FnMut(u32, &Entry) -> bool) -> u32 {
        let high = below.min(u32::try_from(self.slab.len()).unwrap_or(u32::MAX));
        let low = high.saturating_sub(slots);
        for index in (low..high).rev() {
            if let Some(entry) = &self.slab[index as usize]
                && !visit(index, entry)
            {
                return index;
            }
        }
        low
    }

    /// Bytes counted entry by entry: what `bytes` must equal.
    pub fn recount(&self) -> usize {
        self.slab.iter().flatten().map(Entry::cost).sum()
    }

    /// Every entry, for tests and recounts.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slab.iter().flatten()
    }

    /// Moves the entries together when most of the slab is free. Every index changes.
    #[inline]
    pub fn compact(&mut self) {
        if self.slab.len() > SLOTS_MIN && self.free.len() > self.slab.len() / 2 {
            self.rebuild();
        }
    }

    fn queue<T>(&mut self, place: Place, call: impl FnOnce(&mut Queue, &mut Slab) -> T) -> T {
        match place {
            Place::Small => call(&mut self.small, &mut self.slab),
            Place::Main => call(&mut self.main, &mut self.slab),
        }
    }

    /// Whether a new key joins the main queue: one that was evicted too early, or, until the cache has been full, one that
    /// finds the small queue full. So the first entries fill both queues.
    fn earns_main(&self, hash: u64) -> bool {
        if self.has_been_full {
            return self.ghost.contains(hash, self.remembered());
        }
        self.small.len * SMALL_SHARE >= self.room.entries || self.small.bytes * SMALL_SHARE >= self.room.bytes
    }

    /// Keys that the ghost remembers: as many as the main queue has when it has its share. Not as many as it has now: it
    /// starts empty, and in a loop larger than the cache nothing would ever get into it.
    fn remembered(&self) -> usize {
        self.len() - self.len() / SMALL_SHARE
    }

    fn occupy(&mut self, entry: Entry) -> u32 {
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
        self.index.insert_unique(hash, index, rehash);
        index
    }

    /// Evicts until `bytes` and `entries` more fit, or nothing stands in a queue.
    fn make_room(&mut self, bytes: usize, entries: usize, gone: &mut impl FnMut(Entry, Reason)) {
        loop {
            let too_many = self.index.len() + entries > self.room.entries;
            if !too_many && self.bytes() + bytes <= self.room.bytes {
                return;
            }
            self.has_been_full = true;
            let Some(index) = self.victim(too_many) else { return };
            gone(self.remove(index), Reason::Evict);
        }
    }

    /// Who goes next: after so many turns, in which each moved an entry to the main queue or took a use off one, the oldest
    /// whatever its uses.
    fn victim(&mut self, too_many: bool) -> Option<u32> {
        if self.eviction == Eviction::Lru {
            return self.main.oldest();
        }
        for _ in 0..TURNS_MAX {
            let small_is_full = if too_many {
                self.small.len * SMALL_SHARE >= self.room.entries
            } else {
                self.small.bytes * SMALL_SHARE >= self.room.bytes
            };
            let from_small = (small_is_full || self.main.is_empty()) && !self.small.is_empty();
            let queue = if from_small { &self.small } else { &self.main };
            let index = queue.oldest()?;
            let uses = self.entry(index).uses();
            if from_small {
                if uses < USES_TO_STAY {
                    self.ghost.insert(self.entry(index).hash, self.remembered());
                    return Some(index);
                }
                self.small.remove(&mut self.slab, index);
                let entry = self.entry_mut(index);
                entry.set_place(Place::Main);
                entry.set_uses(0);
                self.main.push(&mut self.slab, index);
            } else if uses == 0 {
                return Some(index);
            } else {
                self.entry_mut(index).set_uses(uses - 1);
                self.main.renew(&mut self.slab, index);
            }
        }
        self.main.oldest()
    }

    #[cold]
    fn rebuild(&mut self) {
        let held = self.len();
        let mut moved = vec![NONE; self.slab.len()];
        let mut slab = Slab::with_capacity(held);
        for (index, entry) in std::mem::take(&mut self.slab).into_iter().enumerate() {
            if entry.is_some() {
                moved[index] = u32::try_from(slab.len()).expect("fewer than before");
                slab.push(entry);
            }
        }
        let moved = |index: u32| if index == NONE { NONE } else { moved[index as usize] };
        self.index = HashTable::with_capacity(held);
        self.free = Vec::new();
        for (index, entry) in slab.iter_mut().enumerate() {
            let entry = entry.as_mut().expect("only entries were moved");
            entry.newer = moved(entry.newer);
            entry.older = moved(entry.older);
            self.index.insert_unique(entry.hash, u32::try_from(index).expect("as above"), |_| 0);
        }
        self.small.relink(moved);
        self.main.relink(moved);
        self.wheel.relink(held, moved);
        self.slab = slab;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::NEVER_US;
    use crate::value::{Form, Tag};

    const ROOMY: Room = Room { bytes: usize::MAX, entries: usize::MAX };

    fn hash(number: u32) -> u64 {
        u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn set(table: &mut Table, number: u32, size: usize) -> Vec<(u64, Reason)> {
        let (key, value) = (number.to_le_bytes(), vec![0; size]);
        let new = NewEntry {
            key: Key::narrow(&key),
            hash: hash(number),
            version: 0,
            tag: Tag::new(Form::Bytes, 0),
            value: &value,
            expires_us: NEVER_US,
            ttl_us: NEVER_US,
            tags: None,
        };
        let mut gone = Vec::new();
        let index = table.set(new, 0, &mut |entry, reason| gone.push((entry.hash, reason)));
        assert_eq!(find(table, number), Some(index));
        gone
    }

    fn find(table: &Table, number: u32) -> Option<u32> {
        table.find(hash(number), Key::narrow(&number.to_le_bytes()))
    }

    fn use_it(table: &mut Table, number: u32, times: usize) {
        let index = find(table, number).unwrap();
        (0..times).for_each(|_| table.renew(index));
    }

    fn full(eviction: Eviction, entries: usize) -> Table {
        Table::new(Room { entries, ..ROOMY }, eviction)
    }

    /// The numbers that went.
    fn evicted(gone: Vec<(u64, Reason)>) -> Vec<u32> {
        let number = |hash_wanted: u64| (0..100_000).find(|&number| hash(number) == hash_wanted).unwrap();
        gone.into_iter()
            .map(|(hash, reason)| (number(hash), reason))
            .map(|(number, reason)| {
                assert_eq!(reason, Reason::Evict);
                number
            })
            .collect()
    }

    #[test]
    fn two_keys_of_one_hash_are_two_entries() {
        let mut table = Table::new(ROOMY, Eviction::S3Fifo);
        let new = |key: &'static [u8]| NewEntry {
            key: Key::narrow(key),
            hash: 7,
            version: 0,
            tag: Tag::new(Form::Bytes, 0),
            value: key,
            expires_us: NEVER_US,
            ttl_us: NEVER_US,
            tags: None,
        };
        for key in [&b"one"[..], b"two"] {
            table.set(new(key), 0, &mut |_, _| panic!("nothing goes"));
        }
        let at = |table: &Table, key: &[u8]| table.find(7, Key::narrow(key));
        let one = at(&table, b"one").unwrap();
        assert_eq!(table.entry(one).value(), b"one");
        table.remove(one);
        assert!(at(&table, b"one").is_none() && at(&table, b"two").is_some());
    }

    #[test]
    fn s3_fifo_fills_both_queues_first() {
        let mut table = full(Eviction::S3Fifo, 20);
        (0..20).for_each(|number| assert!(set(&mut table, number, 0).is_empty()));
        assert_eq!((table.small.len, table.main.len), (2, 18));
        (20..100).for_each(|number| assert_eq!(set(&mut table, number, 0).len(), 1));
        assert_eq!((table.small.len, table.main.len), (2, 18), "and neither grows at the cost of the other");
    }

    #[test]
    fn s3_fifo_moves_what_was_used_twice_and_evicts_what_was_used_once() {
        let mut table = full(Eviction::S3Fifo, 20);
        (0..50).for_each(|number| drop(set(&mut table, number, 0)));
        use_it(&mut table, 48, 2);
        use_it(&mut table, 49, 1);
        set(&mut table, 50, 0);
        assert_eq!(table.entry(find(&table, 48).unwrap()).place(), Place::Main);
        assert_eq!(table.small.len, 2, "its share, so that one of the main queue went for it");
        assert_eq!(evicted(set(&mut table, 51, 0)), [49]);
    }

    #[test]
    fn s3_fifo_remembers_what_left_the_small_queue_and_takes_it_into_the_main_one() {
        let mut table = full(Eviction::S3Fifo, 20);
        (0..20).for_each(|number| assert!(set(&mut table, number, 0).is_empty()));
        assert_eq!(evicted(set(&mut table, 20, 0)), [0]);
        set(&mut table, 0, 0);
        assert_eq!(table.entry(find(&table, 0).unwrap()).place(), Place::Main);
        set(&mut table, 21, 0);
        assert_eq!(table.entry(find(&table, 21).unwrap()).place(), Place::Small);
    }

    #[test]
    fn s3_fifo_lets_a_used_entry_of_the_main_queue_go_round_once_a_use() {
        let mut table = full(Eviction::S3Fifo, 2);
        set(&mut table, 0, 0);
        set(&mut table, 1, 0);
        (0..2).for_each(|number| use_it(&mut table, number, 2));
        // One moves to the main queue, the uses it had behind it; the other there goes round.
        assert_eq!(evicted(set(&mut table, 2, 0)), [0]);
        use_it(&mut table, 1, 3);
        // A small queue of one is full here, so the scan goes through it.
        (3..20).for_each(|number| assert_eq!(evicted(set(&mut table, number, 0)), [number - 1]));
        assert!(find(&table, 1).is_some());
    }

    #[test]
    fn an_overwrite_keeps_the_queue_and_the_uses_and_is_never_its_own_victim() {
        for eviction in [Eviction::S3Fifo, Eviction::Lru] {
            let base = crate::cache::entry::cost(Key::narrow(&[0; 4]), b"", 0);
            let mut table = Table::new(Room { bytes: 4 * base, ..ROOMY }, eviction);
            (0..4).for_each(|number| assert!(set(&mut table, number, 0).is_empty()));
            use_it(&mut table, 0, 1);
            let gone = set(&mut table, 0, 3 * base);
            assert_eq!((gone[0], gone.len()), ((hash(0), Reason::Set), 4));
            let entry = table.entry(find(&table, 0).unwrap());
            assert_eq!((table.len(), table.bytes(), entry.value().len()), (1, 4 * base, 3 * base));
            assert!(eviction == Eviction::Lru || entry.uses() == 2);
            assert_eq!(table.recount(), table.bytes());
        }
    }

    #[test]
    fn lru_evicts_the_least_recently_used() {
        let mut table = full(Eviction::Lru, 3);
        (0..3).for_each(|number| assert!(set(&mut table, number, 0).is_empty()));
        use_it(&mut table, 0, 1);
        assert_eq!(evicted(set(&mut table, 3, 0)), [1]);
        set(&mut table, 2, 0);
        assert_eq!(evicted(set(&mut table, 4, 0)), [0]);
        assert_eq!(evicted(set(&mut table, 5, 0)), [3]);
    }

    #[test]
    fn when_most_of_the_slab_is_free_the_entries_move_together_and_lose_nothing() {
        let mut table = Table::new(ROOMY, Eviction::S3Fifo);
        let due_us = |number: u32| 1_000_000 + 1_000 * u64::from(number);
        for number in 0..5_000 {
            set(&mut table, number, 1);
            let index = find(&table, number).unwrap();
            table.entry(index).expire_at(due_us(number));
            table.wheel.set(index, due_us(number), 0);
        }
        let order = |table: &Table| {
            let next = |&index: &u32| Some(table.entry(index).newer).filter(|&newer| newer != NONE);
            let indexes = std::iter::successors(table.small.oldest(), next);
            indexes.map(|index| table.entry(index).hash).collect::<Vec<_>>()
        };
        let stays = |number: &u32| number.is_multiple_of(10);
        for number in (0..5_000).filter(|number| !stays(number)) {
            let before = find(&table, 0).unwrap();
            table.remove(find(&table, number).unwrap());
            table.compact();
            assert!(find(&table, 0).unwrap() <= before, "nobody moves up");
        }
        assert!(table.slab.len() <= SLOTS_MIN.max(2 * table.len()), "{} slots", table.slab.len());
        assert_eq!((table.len(), table.recount()), (500, table.bytes()));
        let kept: Vec<u32> = (0..5_000).filter(stays).collect();
        assert_eq!(order(&table), kept.iter().map(|&number| hash(number)).collect::<Vec<_>>());
        for number in kept {
            let at_us = due_us(number);
            let index = table.pop_due(at_us, Entry::expires_us).expect("its timer moved along");
            assert_eq!(Some(index), find(&table, number));
            assert!(table.pop_due(at_us, Entry::expires_us).is_none());
        }
    }

    #[test]
    fn a_walk_in_chunks_meets_what_stays_while_entries_move_together() {
        let mut table = Table::new(ROOMY, Eviction::Lru);
        (0..8_000).for_each(|number| drop(set(&mut table, number, 0)));
        let stays = |number: u32| number.is_multiple_of(8);
        let (mut below, mut met, mut next) = (u32::MAX, std::collections::HashSet::new(), 0);
        while below != 0 {
            below = table.chunk(below, 100, |_, entry| {
                met.insert(entry.hash);
                true
            });
            for number in (next..8_000.min(next + 400)).filter(|&number| !stays(number)) {
                table.remove(find(&table, number).unwrap());
                table.compact();
            }
            next += 400;
        }
        assert!((0..8_000).filter(|&number| stays(number)).all(|number| met.contains(&hash(number))));
        assert!(table.slab.len() < 8_000, "they did move");
    }

    #[test]
    fn what_is_cleared_is_handed_over_whole() {
        let mut table = full(Eviction::S3Fifo, 50);
        (0..80).for_each(|number| drop(set(&mut table, number, 3)));
        let old = table.clear();
        assert!(table.is_empty() && table.bytes() == 0 && find(&table, 79).is_none());
        assert_eq!((old.len(), old.into_entries().count()), (50, 50));
        (0..80).for_each(|number| drop(set(&mut table, number, 3)));
        assert_eq!(table.len(), 50, "the bounds are still its own");
    }
}
