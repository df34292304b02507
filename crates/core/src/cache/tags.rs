//! Which entries have a tag.
//!
//! A tag maps to the hashes of its entries' keys, so deleting by tag touches those entries and nothing else. Rejected:
//! generations (a number a tag, compared at every read), which make the deletion itself cheaper but every read of a tagged
//! entry dearer, and leave dead entries to be found by looking through the whole cache.
//!
//! A tag deleted while a load is under way that will come back with it must not find its entry stored afterwards: the index
//! remembers such deletions for as long as there are loads. Tickets of loads only grow, so "begun before the deletion" is
//! "has a lower ticket".
//!
//! The index counts its own bytes, which are part of the cache's: a tag of one entry costs many times what a further entry
//! of the same tag does.
//!
//! One lock a cache, taken inside a shard's, never the other way round.

use hashbrown::{HashMap, HashTable};

use super::entry::Tags;
use crate::error::{Error, Result};
use crate::key::{Key, OwnedKey, Seed};

/// Tags of one entry, or of one call, at most.
pub const TAGS_MAX: usize = 64;
/// Bytes of a tag at most, as stored.
pub const TAG_BYTES_MAX: usize = 1_024;
/// What having tags costs an entry, and each of them: the list of their numbers.
const TAGS_BYTES: usize = size_of::<Tags>() + 32;
const NUMBER_BYTES: usize = size_of::<u64>();
/// What a tag costs beside its text: its slot and its places in two tables, at the usual load, and the allocator's share.
const SLOT_BYTES: usize = 2 * (size_of::<u64>() + size_of::<Slot>()) + 4 * size_of::<u64>();
/// What each member of a tag costs when it has more than one, at the usual load.
const MEMBER_BYTES: usize = 16;
/// Deleted tags remembered while loads are under way; past it every load begun before counts as overtaken.
const OVERTAKEN_MAX: usize = 4_096;
/// Slots below which a table is not worth shrinking.
const SLOTS_MIN: usize = 1_024;

#[derive(Debug)]
struct Slot {
    text: OwnedKey,
    members: Members,
    /// Entries that hold the number of this slot.
    holders: u32,
    /// A deletion is under way, which new entries have nothing to do with.
    retired: bool,
}

/// Hashes of keys, scattered by themselves. Many tags have one member, which needs no table.
#[derive(Debug)]
enum Members {
    One(Option<u64>),
    Many(HashTable<u64>),
}

impl Members {
    fn insert(&mut self, hash: u64) {
        match self {
            Self::One(Some(only)) if *only == hash => {}
            Self::One(one @ None) => *one = Some(hash),
            Self::One(Some(only)) => {
                let mut many = HashTable::with_capacity(2);
                many.insert_unique(*only, *only, |&member| member);
                many.insert_unique(hash, hash, |&member| member);
                *self = Self::Many(many);
            }
            Self::Many(many) => {
                many.entry(hash, |&member| member == hash, |&member| member).or_insert(hash);
            }
        }
    }

    fn remove(&mut self, hash: u64) {
        match self {
            Self::One(one) => *one = one.filter(|&only| only != hash),
            Self::Many(many) => {
                if let Ok(member) = many.find_entry(hash, |&member| member == hash) {
                    member.remove();
                }
                if many.len() == 1 {
                    *self = Self::One(many.iter().next().copied());
                }
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        let (one, many) = match self {
            Self::One(one) => (*one, None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }

    fn bytes(&self) -> usize {
        match self {
            Self::One(_) => 0,
            Self::Many(many) => many.len() * MEMBER_BYTES,
        }
    }
}

impl Slot {
    fn bytes(&self) -> usize {
        SLOT_BYTES + self.text.as_key().bytes.len() + self.members.bytes()
    }
}

/// The tags of a cache.
pub struct TagIndex {
    seed: Seed,
    /// The numbers of each text, by its hash: new entries take the one that is not retired.
    by_text: HashTable<u64>,
    slots: HashMap<u64, Slot>,
    /// Numbers given out: none is ever used again, so a deletion under way that knows one never meets another tag.
    numbers: u64,
    bytes: usize,
    /// Deleted tags, with the last ticket drawn before.
    overtaken: HashMap<OwnedKey, u64>,
    /// As for every tag.
    all_overtaken: u64,
}

impl Default for TagIndex {
    fn default() -> Self {
        Self {
            seed: Seed::random(),
            by_text: HashTable::new(),
            slots: HashMap::new(),
            numbers: 0,
            bytes: 0,
            overtaken: HashMap::new(),
            all_overtaken: 0,
        }
    }
}

/// Fails on tags that no entry can have.
pub fn check(tags: &[Key<'_>]) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(Error::InvalidArg(format!(
            "an entry has {} tags, the limit is {TAGS_MAX}; use fewer, broader ones",
            tags.len()
        )));
    }
    match tags.iter().find(|tag| tag.bytes.len() > TAG_BYTES_MAX) {
        Some(tag) => Err(Error::InvalidArg(format!(
            "the tag '{tag}' is {} bytes, the limit is {TAG_BYTES_MAX}; use a shorter one, such as a hash of it",
            tag.bytes.len()
        ))),
        None => Ok(()),
    }
}

/// Bytes that these tags cost their entry, beside what the index counts.
pub fn cost(tags: &[Key<'_>]) -> usize {
    if tags.is_empty() { 0 } else { TAGS_BYTES + tags.len() * NUMBER_BYTES }
}

/// Bytes that these tags cost the index at most: when no other entry has them.
pub fn index_cost(tags: &[Key<'_>]) -> usize {
    tags.iter().map(|tag| SLOT_BYTES + tag.bytes.len()).sum()
}

impl TagIndex {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes counted anew: what `bytes` must equal.
    pub fn recount(&self) -> usize {
        self.slots.values().map(Slot::bytes).sum()
    }

    /// Enters an entry under its tags; `None` for no tags. An entry of the same key that leaves afterwards takes the place of
    /// this one along: call `stay` then.
    pub fn enter(&mut self, hash: u64, tags: &[Key<'_>]) -> Option<Box<Tags>> {
        if tags.is_empty() {
            return None;
        }
        let mut numbers: Vec<u64> = tags.iter().map(|&tag| self.number(tag)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in &numbers {
            self.slots.get_mut(number).expect("it was just asked for").holders += 1;
        }
        let tags = Tags { numbers: numbers.into(), bytes: cost(tags) };
        self.stay(hash, &tags);
        Some(Box::new(tags))
    }

    /// Makes sure that an entry which holds these tags is found by them: see `enter`.
    pub fn stay(&mut self, hash: u64, tags: &Tags) {
        for number in &tags.numbers {
            let slot = self.slots.get_mut(number).expect("a number in use has a slot");
            self.bytes -= slot.bytes();
            slot.members.insert(hash);
            self.bytes += slot.bytes();
        }
    }

    /// Takes an entry out from under its tags.
    pub fn leave(&mut self, hash: u64, tags: &Tags) {
        for number in &tags.numbers {
            let slot = self.slots.get_mut(number).expect("a number in use has a slot");
            self.bytes -= slot.bytes();
            slot.holders -= 1;
            slot.members.remove(hash);
            if slot.holders > 0 {
                self.bytes += slot.bytes();
                continue;
            }
            let slot = self.slots.remove(number).expect("it was just there");
            let hash = slot.text.as_key().hash_with(&self.seed);
            if let Ok(known) = self.by_text.find_entry(hash, |known| known == number) {
                known.remove();
            }
        }
        self.shrink();
    }

    /// The entries of a tag, with the number under which each has it.
    pub fn members(&self, tag: Key<'_>) -> Vec<(u64, u64)> {
        let of_number = |number: u64| self.slots[&number].members.iter().map(move |hash| (number, hash));
        self.numbers_of(tag).flat_map(of_number).collect()
    }

    /// A deletion of what has this tag now goes on in the background: entries to come are none of it.
    pub fn retire(&mut self, tag: Key<'_>) {
        let numbers: Vec<u64> = self.numbers_of(tag).collect();
        for number in numbers {
            self.slots.get_mut(&number).expect("a number in use has a slot").retired = true;
        }
    }

    /// Empties the index and hands over what it held, to be freed piece by piece; numbers go on from where they are.
    pub fn clear(&mut self) -> impl ExactSizeIterator<Item = impl Send> + Send + 'static {
        let empty = Self { numbers: self.numbers, ..Self::default() };
        std::mem::replace(self, empty).slots.into_values()
    }

    /// Remembers that loads with tickets up to `ticket` were overtaken where they come back with this tag.
    pub fn overtake(&mut self, tag: Key<'_>, ticket: u64) {
        if self.overtaken.len() >= OVERTAKEN_MAX {
            self.overtaken.clear();
            self.all_overtaken = ticket;
        }
        self.overtaken.insert(tag.to_owned(), ticket);
    }

    /// No load is under way: there is nothing to remember.
    pub fn forget_overtaken(&mut self) {
        if !self.overtaken.is_empty() {
            self.overtaken = HashMap::default();
        }
    }

    /// Whether a load with this ticket may still store a value with these tags.
    pub fn load_counts(&self, ticket: u64, tags: &[Key<'_>]) -> bool {
        let after = |tag: &Key<'_>| self.overtaken.get(tag).is_none_or(|&last| ticket > last);
        tags.is_empty() || (ticket > self.all_overtaken && tags.iter().all(after))
    }

    /// Tags known, and members in all, for tests.
    pub fn counts(&self) -> (usize, usize) {
        (self.slots.len(), self.slots.values().map(|slot| slot.members.iter().count()).sum())
    }

    fn numbers_of(&self, tag: Key<'_>) -> impl Iterator<Item = u64> {
        let of_hash = self.by_text.iter_hash(tag.hash_with(&self.seed)).copied();
        of_hash.filter(move |number| self.slots[number].text.as_key() == tag)
    }

    /// The number that a new entry with this tag takes.
    fn number(&mut self, tag: Key<'_>) -> u64 {
        if let Some(number) = self.numbers_of(tag).find(|number| !self.slots[number].retired) {
            return number;
        }
        self.numbers += 1;
        let number = self.numbers;
        let slot = Slot { text: tag.to_owned(), members: Members::One(None), holders: 0, retired: false };
        self.bytes += slot.bytes();
        self.slots.insert(number, slot);
        let (seed, slots) = (&self.seed, &self.slots);
        let rehash = |known: &u64| slots[known].text.as_key().hash_with(seed);
        self.by_text.insert_unique(tag.hash_with(seed), number, rehash);
        number
    }

    /// Lets go of tables that a peak has grown, when three quarters of them are empty.
    fn shrink(&mut self) {
        let held = self.slots.len();
        if self.slots.capacity() > SLOTS_MIN && held < self.slots.capacity() / 4 {
            self.slots.shrink_to(held * 2);
            let (seed, slots) = (&self.seed, &self.slots);
            self.by_text.shrink_to(held * 2, |known| slots[known].text.as_key().hash_with(seed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Key<'_> = Key { bytes: b"a", width: crate::key::Width::One };
    const B: Key<'_> = Key { bytes: b"b", width: crate::key::Width::One };

    #[test]
    fn a_tag_is_forgotten_with_its_last_entry_and_its_number_never_used_again() {
        let mut index = TagIndex::default();
        let one = index.enter(1, &[A, B, A]).unwrap();
        let two = index.enter(2, &[B]).unwrap();
        assert_eq!(index.counts(), (2, 3));
        assert_eq!(index.members(B).len(), 2);
        index.leave(1, &one);
        assert_eq!((index.counts(), index.members(A)), ((1, 1), vec![]));
        let three = index.enter(3, &[A]).unwrap();
        assert!(!one.numbers.contains(&three.numbers[0]), "a number is never used again");
        assert_eq!(index.bytes(), index.recount());
        index.leave(2, &two);
        index.leave(3, &three);
        assert_eq!((index.counts(), index.bytes()), ((0, 0), 0));
    }

    #[test]
    fn after_many_tags_no_large_tables_are_left_and_the_bytes_are_true_throughout() {
        let mut index = TagIndex::default();
        let of = |number: u32| number.to_le_bytes();
        let held: Vec<_> = (0..20_000_u32)
            .map(|number| {
                index.enter(u64::from(number), &[Key::narrow(&of(number)), Key::narrow(&of(number / 7)), A])
            })
            .collect();
        assert_eq!(index.bytes(), index.recount());
        for (number, tags) in held.iter().enumerate().skip(10) {
            index.leave(number as u64, tags.as_ref().unwrap());
        }
        assert_eq!(index.bytes(), index.recount());
        assert!(index.slots.capacity() < 4_096 && index.by_text.capacity() < 4_096);
        assert_eq!(index.members(A).len(), 10);
    }

    #[test]
    fn entries_to_come_are_none_of_a_deletion_under_way_and_of_the_next_one() {
        let mut index = TagIndex::default();
        let old = index.enter(1, &[A]).unwrap();
        index.retire(A);
        let new = index.enter(2, &[A]).unwrap();
        assert_ne!(old.numbers, new.numbers);
        let mut members = index.members(A);
        members.sort_unstable();
        assert_eq!(members, [(old.numbers[0], 1), (new.numbers[0], 2)]);
        index.leave(1, &old);
        assert_eq!(index.members(A), [(new.numbers[0], 2)]);
    }

    #[test]
    fn a_deleted_tag_overtakes_the_loads_begun_before_it() {
        let mut index = TagIndex::default();
        index.overtake(A, 7);
        assert!(!index.load_counts(7, &[B, A]));
        assert!(index.load_counts(8, &[A]) && index.load_counts(7, &[B]) && index.load_counts(7, &[]));
    }

    #[test]
    fn deletions_remembered_are_bounded_and_the_bound_errs_towards_not_storing() {
        let mut index = TagIndex::default();
        for number in 0..10_000_u32 {
            index.overtake(Key::narrow(&number.to_le_bytes()), u64::from(number));
        }
        assert!(index.overtaken.len() <= OVERTAKEN_MAX);
        assert!(!index.load_counts(100, &[Key::narrow(&100_u32.to_le_bytes())]));
        assert!(index.load_counts(10_000, &[A]));
    }
}
