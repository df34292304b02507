//! Which entries fall due when: a hierarchical timer wheel (Varghese and Lauck, SOSP 1987).
//!
//! Eight levels of 64 slots, a slot of the lowest a millisecond wide and one of each next 64 times as wide as the last, so
//! that any TTL has a slot. An entry is in the slot of the coarsest unit in which its instant differs from now; when time
//! reaches a coarse slot its entries move to finer ones, at most seven times in an entry's life. Adding and removing cost
//! the same whatever the number of entries: each slot is a list that runs through `links`, which has a place for every
//! index of the slab.
//!
//! The wheel does not remember instants; it asks for an entry's when it moves it. So an instant that has moved to later
//! (sliding expiry, under a shared lock) needs no word to the wheel: the entry is found not due and put back.
//!
//! Rejected: a heap, whose cost grows with the entries and which cannot drop one in the middle; sampling at random as
//! Redis does, which holds expired memory for as long as luck has it.

use crate::clock::MS;

const LEVELS: usize = 8;
const SLOTS: usize = 64;
/// Bits of an instant that choose the slot of one level.
const SLOT_BITS: usize = 6;
const NONE: u32 = u32::MAX;
const NOWHERE: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
    /// Level times `SLOTS` plus slot, or `NOWHERE`.
    place: u16,
}

const UNLINKED: Link = Link { next: NONE, previous: NONE, place: NOWHERE };

/// Bytes an entry takes here.
pub const LINK_BYTES: usize = size_of::<Link>();

/// Entries by the millisecond in which they fall due.
pub struct Wheel {
    heads: Vec<u32>,
    /// A bit a slot that has entries.
    occupied: [u64; LEVELS],
    links: Vec<Link>,
    /// The millisecond up to which everything has been handed out.
    now_ms: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Self { heads: Vec::new(), occupied: [0; LEVELS], links: Vec::new(), now_ms: 0 }
    }
}

/// The slot of a level that has an instant.
#[expect(clippy::cast_possible_truncation, reason = "six bits are wanted")]
fn slot_of(at_ms: u64, level: usize) -> usize {
    (at_ms >> (SLOT_BITS * level)) as usize % SLOTS
}

/// The millisecond at whose start something due at `due_us` is due: rounded up, nothing is early.
fn ms_of(due_us: u64) -> u64 {
    due_us.div_ceil(MS)
}

impl Wheel {
    /// Adds an entry that falls due at `due_us`, or moves it.
    pub fn set(&mut self, index: u32, due_us: u64, now_us: u64) {
        self.remove(index);
        if self.is_empty() {
            self.now_ms = self.now_ms.max(now_us / MS);
        }
        self.link(index, ms_of(due_us));
    }

    /// Takes an entry out, if it is in.
    pub fn remove(&mut self, index: u32) {
        let Some(&link) = self.links.get(index as usize) else { return };
        if link.place == NOWHERE {
            return;
        }
        let place = usize::from(link.place);
        if link.previous == NONE {
            self.heads[place] = link.next;
        } else {
            self.links[link.previous as usize].next = link.next;
        }
        if link.next != NONE {
            self.links[link.next as usize].previous = link.previous;
        }
        if self.heads[place] == NONE {
            self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
        }
        self.links[index as usize] = UNLINKED;
    }

    /// An instant by which something wants to be looked at: no later than the first that falls due.
    pub fn next_due_us(&self) -> Option<u64> {
        self.next().map(|(_, at_ms)| at_ms.saturating_mul(MS))
    }

    /// Takes out one entry that was due by `now_us` when it was last placed; `due_us` tells when an entry falls due now. The
    /// caller puts back what is due later.
    ///
    /// Moving a coarse slot to finer ones is one step however many are in it: some 10 ns each, of what was set within one
    /// span of that slot.
    pub fn pop(&mut self, now_us: u64, due_us: impl Fn(u32) -> u64) -> Option<u32> {
        loop {
            let (place, at_ms) = match self.next() {
                Some(next) if next.1 <= now_us / MS => next,
                _ => {
                    self.now_ms = self.now_ms.max(now_us / MS);
                    return None;
                }
            };
            self.now_ms = self.now_ms.max(at_ms);
            let first = self.heads[place];
            if place < SLOTS {
                self.remove(first);
                return Some(first);
            }
            let mut index = first;
            self.heads[place] = NONE;
            self.occupied[place / SLOTS] &= !(1 << (place % SLOTS));
            while index != NONE {
                let next = std::mem::replace(&mut self.links[index as usize], UNLINKED).next;
                self.link(index, ms_of(due_us(index)));
                index = next;
            }
        }
    }

    /// After the entries have moved into a slab of `slots`: `moved` tells where each is now, and `NONE` for `NONE`.
    pub fn relink(&mut self, slots: usize, moved: impl Fn(u32) -> u32) {
        let mut links = vec![UNLINKED; slots.min(self.links.len())];
        for (index, link) in std::mem::take(&mut self.links).into_iter().enumerate() {
            if link.place != NOWHERE {
                let to = moved(u32::try_from(index).expect("an index of the slab")) as usize;
                links[to] = Link { next: moved(link.next), previous: moved(link.previous), ..link };
            }
        }
        self.heads.iter_mut().for_each(|head| *head = moved(*head));
        self.links = links;
    }

    fn is_empty(&self) -> bool {
        self.occupied.iter().all(|&slots| slots == 0)
    }

    /// The slot that comes first, and the millisecond at which it starts.
    fn next(&self) -> Option<(usize, u64)> {
        let level = self.occupied.iter().position(|&slots| slots != 0)?;
        let shift = SLOT_BITS * level;
        let here = slot_of(self.now_ms, level);
        let ahead =
            self.occupied[level].rotate_right(u32::try_from(here).unwrap_or(0)).trailing_zeros() as usize;
        let units = (self.now_ms >> shift) + ahead as u64;
        Some((level * SLOTS + (here + ahead) % SLOTS, units << shift))
    }

    fn link(&mut self, index: u32, due_ms: u64) {
        let at = index as usize;
        if self.links.len() <= at {
            self.links.resize(at + 1, UNLINKED);
        }
        if self.heads.is_empty() {
            self.heads = vec![NONE; LEVELS * SLOTS];
        }
        // What is overdue goes into the present slot, which comes first.
        let due_ms = due_ms.max(self.now_ms);
        let differing = (self.now_ms ^ due_ms) | (SLOTS as u64 - 1);
        let level = (63 - differing.leading_zeros() as usize) / SLOT_BITS;
        // Beyond the last level, 9,000 years from now, the last slot of it is looked at and found not due.
        let level = level.min(LEVELS - 1);
        let slot = slot_of(due_ms, level);
        let place = level * SLOTS + slot;
        let next = std::mem::replace(&mut self.heads[place], index);
        if next != NONE {
            self.links[next as usize].previous = index;
        }
        let place16 = u16::try_from(place).expect("512 places");
        self.links[at] = Link { next, previous: NONE, place: place16 };
        self.occupied[level] |= 1 << slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const START_US: u64 = 1_700_000_000_000_000;

    #[test]
    fn everything_comes_out_in_its_millisecond_and_nothing_early() {
        let spans = [
            1,
            2,
            63,
            64,
            65,
            999,
            4_095,
            4_096,
            70_000,
            3_600_000,
            86_400_000,
            31_536_000_000,
            3_153_600_000_000,
        ];
        let mut wheel = Wheel::default();
        let dues: Vec<u64> = spans.iter().map(|ms| START_US + ms * MS).collect();
        for (index, &due) in dues.iter().enumerate() {
            wheel.set(u32::try_from(index).unwrap(), due, START_US);
        }
        let due_us = |index: u32| dues[index as usize];
        for (index, &due) in dues.iter().enumerate() {
            assert_eq!(wheel.pop(due - 1, due_us), None);
            assert!(wheel.next_due_us().is_some_and(|next| next <= due));
            assert_eq!(wheel.pop(due, due_us), Some(u32::try_from(index).unwrap()));
        }
        assert!(wheel.is_empty() && wheel.next_due_us().is_none());
    }

    #[test]
    fn walking_from_due_to_due_meets_each_instant_exactly() {
        let mut wheel = Wheel::default();
        let mut spread = crate::ids::Spread::new();
        let mut dues = BTreeMap::new();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a day of milliseconds")]
        for index in 0..500 {
            let due = START_US + (spread.unit() * 86_400_000.0) as u64 * MS;
            dues.insert(index, due);
            wheel.set(index, due, START_US);
        }
        // Some leave, some move.
        for index in 0..100 {
            wheel.remove(index);
            dues.remove(&index);
            let later = dues[&(index + 100)] + 5_000 * MS;
            dues.insert(index + 100, later);
        }
        let mut out = 0;
        while let Some(now) = wheel.next_due_us() {
            let known = dues.clone();
            while let Some(index) = wheel.pop(now, |index| known[&index]) {
                if known[&index] > now {
                    wheel.set(index, known[&index], now);
                    continue;
                }
                assert_eq!(dues.remove(&index).unwrap(), now);
                out += 1;
            }
            assert!(dues.values().all(|&due| due > now), "one is late");
        }
        assert_eq!(out, 400);
    }

    #[test]
    fn what_is_set_twice_is_in_once() {
        let mut wheel = Wheel::default();
        wheel.set(7, START_US + MS, START_US);
        wheel.set(7, START_US + 5 * MS, START_US);
        assert_eq!(wheel.pop(START_US + 4 * MS, |_| START_US + 5 * MS), None);
        assert_eq!(wheel.pop(START_US + 5 * MS, |_| START_US + 5 * MS), Some(7));
        assert_eq!(wheel.pop(u64::MAX, |_| 0), None);
    }
}
