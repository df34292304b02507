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
//! One lock a cache, taken inside a shard's, never the other way round.

use hashbrown::{HashMap, HashTable};

use super::entry::Tags;
use crate::error::{Error, Result};
use crate::key::{Key, OwnedKey};

/// Tags of one entry at most.
pub const TAGS_MAX: usize = 64;
/// Bytes of a tag at most, as stored.
pub const TAG_BYTES_MAX: usize = 1_024;
/// What a tag costs each of its entries beside its text: the member's hash here at the usual load, and its number there.
const MEMBER_BYTES: usize = 32;
/// What having tags costs an entry.
const TAGS_BYTES: usize = 48;
/// Deleted tags remembered while loads are under way; past it every load begun before counts as overtaken.
const OVERTAKEN_MAX: usize = 4_096;

#[derive(Debug)]
struct Slot {
    text: OwnedKey,
    /// Hashes of keys, scattered by themselves.
    members: HashTable<u64>,
    /// Entries that hold the number of this slot.
    holders: u32,
    /// A deletion is under way, which new entries have nothing to do with.
    retired: bool,
}

/// The tags of a cache.
#[derive(Debug, Default)]
pub struct TagIndex {
    /// The numbers of a text: new entries take the last, unless it is retired.
    by_text: HashMap<OwnedKey, Vec<u64>>,
    slots: HashMap<u64, Slot>,
    /// Numbers given out: none is ever used again, so a deletion under way that knows one never meets another tag.
    numbers: u64,
    /// Deleted tags, with the last ticket drawn before.
    overtaken: HashMap<OwnedKey, u64>,
    /// As for every tag.
    all_overtaken: u64,
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

/// Bytes that these tags cost their entry.
pub fn cost(tags: &[Key<'_>]) -> usize {
    if tags.is_empty() {
        return 0;
    }
    TAGS_BYTES + tags.iter().map(|tag| tag.bytes.len() + MEMBER_BYTES).sum::<usize>()
}

impl TagIndex {
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
            if slot.members.find(hash, |&member| member == hash).is_none() {
                slot.members.insert_unique(hash, hash, |&member| member);
            }
        }
    }

    /// Takes an entry out from under its tags.
    pub fn leave(&mut self, hash: u64, tags: &Tags) {
        for number in &tags.numbers {
            let slot = self.slots.get_mut(number).expect("a number in use has a slot");
            slot.holders -= 1;
            if let Ok(member) = slot.members.find_entry(hash, |&member| member == hash) {
                member.remove();
            }
            if slot.holders == 0
                && let Some(Slot { text, .. }) = self.slots.remove(number)
                && let Some(numbers) = self.by_text.get_mut(&text)
            {
                numbers.retain(|known| known != number);
                if numbers.is_empty() {
                    self.by_text.remove(&text);
                }
            }
        }
    }

    /// The entries of a tag, with the number under which each has it.
    pub fn members(&self, tag: Key<'_>) -> Vec<(u64, u64)> {
        let numbers = self.by_text.get(&tag).map_or(&[][..], Vec::as_slice);
        let of_number = |number: &u64| {
            let number = *number;
            self.slots[&number].members.iter().map(move |&hash| (number, hash))
        };
        numbers.iter().flat_map(of_number).collect()
    }

    /// A deletion of what has this tag now goes on in the background: entries to come are none of it.
    pub fn retire(&mut self, tag: Key<'_>) {
        for number in self.by_text.get(&tag).into_iter().flatten() {
            self.slots.get_mut(number).expect("a number in use has a slot").retired = true;
        }
    }

    /// Empties the index; numbers go on from where they are.
    pub fn clear(&mut self) {
        *self = Self { numbers: self.numbers, ..Self::default() };
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
        (self.by_text.len(), self.slots.values().map(|slot| slot.members.len()).sum())
    }

    /// The number that a new entry with this tag takes.
    fn number(&mut self, tag: Key<'_>) -> u64 {
        let known = self.by_text.get(&tag).and_then(|numbers| numbers.last());
        if let Some(number) = known
            && !self.slots[number].retired
        {
            return *number;
        }
        self.numbers += 1;
        let number = self.numbers;
        let text = tag.to_owned();
        self.by_text.entry(text.clone()).or_default().push(number);
        self.slots.insert(number, Slot { text, members: HashTable::new(), holders: 0, retired: false });
        number
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
        index.leave(2, &two);
        index.leave(3, &three);
        assert_eq!(index.counts(), (0, 0));
    }

    #[test]
    fn entries_to_come_are_none_of_a_deletion_under_way_and_of_the_next_one() {
        let mut index = TagIndex::default();
        let old = index.enter(1, &[A]).unwrap();
        index.retire(A);
        let new = index.enter(2, &[A]).unwrap();
        assert_ne!(old.numbers, new.numbers);
        assert_eq!(index.members(A), [(old.numbers[0], 1), (new.numbers[0], 2)]);
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
