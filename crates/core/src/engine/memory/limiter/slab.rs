//! Entries found by the hash of their key, one behind the other in memory.
//!
//! The table holds numbers of four bytes and not the entries, so that the slack of a table that doubles costs five
//! bytes an entry instead of its whole size, and growing it moves numbers only. The entries lie dense, in pieces: the
//! last one moves into a hole, so memory is given back piece by piece, and a sweep walks plain memory.

use hashbrown::HashTable;

/// The 128-bit `SipHash` that stands for a key: half of it finds the entry, both are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hash {
    pub(super) slot: u64,
    pub(super) table: u64,
}

/// What a slab keeps.
pub(super) trait Hashed {
    /// Of its key.
    fn hash(&self) -> Hash;
}

/// Entries a piece: 32 KB of the usual 64 bytes.
const PIECE: usize = 512;

pub(super) struct Slab<T> {
    by_hash: HashTable<u32>,
    /// All full but the last.
    pieces: Vec<Vec<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { by_hash: HashTable::new(), pieces: Vec::new() }
    }
}

impl<T: Hashed> Slab<T> {
    /// What an entry takes: itself, and five bytes of a table that is on average three fifths full.
    pub(super) const ENTRY_BYTES: u64 = (size_of::<T>() + 9) as u64;

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    pub(super) fn at(&self, number: u32) -> &T {
        at(&self.pieces, number)
    }

    pub(super) fn at_mut(&mut self, number: u32) -> &mut T {
        &mut self.pieces[number as usize / PIECE][number as usize % PIECE]
    }

    /// The number of the entry with this hash that `is_it`; it is good until an entry is removed.
    pub(super) fn find(&self, hash: Hash, is_it: impl Fn(&T) -> bool) -> Option<u32> {
        let same = |&number: &u32| {
            let entry = at(&self.pieces, number);
            entry.hash() == hash && is_it(entry)
        };
        self.by_hash.find(hash.slot, same).copied()
    }

    /// Adds an entry; its number.
    pub(super) fn insert(&mut self, entry: T) -> u32 {
        let number = u32::try_from(self.len()).expect("at most 2^32 - 1 keys are let in");
        let hash = entry.hash();
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(entry),
            // The first piece grows as it is needed: most limiters are small.
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(entry);
                self.pieces.push(piece);
            }
            None => self.pieces.push(vec![entry]),
        }
        let pieces = &self.pieces;
        self.by_hash.insert_unique(hash.slot, number, |&number| at(pieces, number).hash().slot);
        number
    }

    /// Removes an entry; the last one takes its number.
    pub(super) fn remove(&mut self, number: u32) -> T {
        let last = u32::try_from(self.len() - 1).expect("at most 2^32 - 1 keys are let in");
        let (hash, last_hash) = (self.at(number).hash(), self.at(last).hash());
        let known = self.by_hash.find_entry(hash.slot, |&other| other == number);
        known.expect("every entry is in the table").remove();
        let piece = self.pieces.last_mut().expect("there is an entry");
        let moved = piece.pop().expect("no piece is empty");
        if piece.is_empty() {
            self.pieces.pop();
        }
        if number == last {
            return moved;
        }
        let its_number = self.by_hash.find_mut(last_hash.slot, |&other| other == last);
        *its_number.expect("every entry is in the table") = number;
        std::mem::replace(self.at_mut(number), moved)
    }

    /// Gives memory back after a flood has left.
    pub(super) fn shrink(&mut self) {
        let held = self.len();
        if held < self.by_hash.capacity() / 4 {
            let pieces = &self.pieces;
            self.by_hash.shrink_to(held * 2, |&number| at(pieces, number).hash().slot);
        }
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.by_hash.capacity() + self.pieces.iter().map(Vec::capacity).sum::<usize>()
    }
}

fn at<T>(pieces: &[Vec<T>], number: u32) -> &T {
    &pieces[number as usize / PIECE][number as usize % PIECE]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Entry(Hash, u64);

    impl Hashed for Entry {
        fn hash(&self) -> Hash {
            self.0
        }
    }

    /// Few different slots, so that many entries are neighbours.
    fn hash(key: u64) -> Hash {
        Hash { slot: key % 97, table: key }
    }

    #[test]
    fn it_holds_what_a_map_would_whatever_is_removed() {
        let (mut slab, mut map) = (Slab::<Entry>::default(), BTreeMap::new());
        let mut draw = 1_u64;
        for turn in 0..20_000_u64 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = (draw >> 33) % 1_500;
            let found = slab.find(hash(key), |_| true);
            assert_eq!(found.map(|number| slab.at(number).1), map.get(&key).copied());
            match found {
                Some(number) if turn % 3 > 0 => assert_eq!(Some(slab.remove(number).1), map.remove(&key)),
                Some(number) => {
                    slab.at_mut(number).1 = turn;
                    map.insert(key, turn);
                }
                None => {
                    slab.insert(Entry(hash(key), turn));
                    map.insert(key, turn);
                }
            }
            assert_eq!((slab.len(), slab.is_empty()), (map.len(), map.is_empty()));
        }
        assert!(map.len() > PIECE, "more than one piece: {}", map.len());
        let held: BTreeMap<_, _> = slab.iter().map(|entry| (entry.0.table, entry.1)).collect();
        assert_eq!(held, map);
        while !slab.is_empty() {
            slab.remove(0);
        }
        slab.shrink();
        assert_eq!(slab.capacity(), 0);
    }
}
