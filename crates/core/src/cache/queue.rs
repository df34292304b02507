//! One order of entries: a list through the slab, from the newest to the oldest.

use super::entry::Entry;

/// "No entry" in a list of u32 indexes.
pub const NONE: u32 = u32::MAX;

/// Entries by index; free places are none.
pub type Slab = Vec<Option<Entry>>;

/// A list whose links are in its entries.
pub struct Queue {
    newest: u32,
    oldest: u32,
    /// Entries in it.
    pub len: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0, bytes: 0 }
    }
}

fn entry(slab: &mut Slab, index: u32) -> &mut Entry {
    slab[index as usize].as_mut().expect("an index in use has an entry")
}

impl Queue {
    /// The entry that has been in it for longest.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an entry as the newest.
    pub fn push(&mut self, slab: &mut Slab, index: u32) {
        let before = std::mem::replace(&mut self.newest, index);
        let added = entry(slab, index);
        added.newer = NONE;
        added.older = before;
        self.len += 1;
        self.bytes += added.cost();
        if before == NONE {
            self.oldest = index;
        } else {
            entry(slab, before).newer = index;
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, slab: &mut Slab, index: u32) {
        let removed = entry(slab, index);
        let (newer, older, cost) = (removed.newer, removed.older, removed.cost());
        self.len -= 1;
        self.bytes -= cost;
        if newer == NONE {
            self.newest = older;
        } else {
            entry(slab, newer).older = older;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            entry(slab, older).newer = newer;
        }
    }

    /// Makes an entry of it the newest.
    pub fn renew(&mut self, slab: &mut Slab, index: u32) {
        if self.newest != index {
            self.remove(slab, index);
            self.push(slab, index);
        }
    }

    /// After the entries have moved: `moved` tells where each is now.
    pub fn relink(&mut self, moved: impl Fn(u32) -> u32) {
        self.newest = moved(self.newest);
        self.oldest = moved(self.oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::{NEVER_US, NewEntry, Place};
    use crate::key::Key;
    use crate::value::{Form, Tag};

    fn slab(entries: u32) -> Slab {
        let entry = |number: u32| {
            let value = vec![0; number as usize];
            let new = NewEntry {
                key: Key::narrow(b"key"),
                hash: u64::from(number),
                version: 0,
                tag: Tag::new(Form::Bytes, 0),
                value: &value,
                expires_us: NEVER_US,
                ttl_us: NEVER_US,
                tags: None,
            };
            Some(Entry::new(new, 0, Place::Main))
        };
        (0..entries).map(entry).collect()
    }

    /// From the oldest to the newest, checked in both directions.
    fn order(queue: &Queue, slab: &Slab) -> Vec<u32> {
        let walk = |from: u32, next: fn(&Entry) -> u32| {
            let entry = |&index: &u32| slab.get(index as usize).and_then(Option::as_ref).map(next);
            std::iter::successors(Some(from), entry).take_while(|&index| index != NONE).collect::<Vec<_>>()
        };
        let forwards = walk(queue.oldest, |entry| entry.newer);
        let mut backwards = walk(queue.newest, |entry| entry.older);
        backwards.reverse();
        assert_eq!(forwards, backwards);
        assert_eq!(queue.len, forwards.len());
        let bytes: usize = forwards.iter().map(|&index| slab[index as usize].as_ref().unwrap().cost()).sum();
        assert_eq!(queue.bytes, bytes);
        assert_eq!(queue.oldest(), forwards.first().copied());
        forwards
    }

    #[test]
    fn entries_leave_in_the_order_they_came_and_from_anywhere() {
        let (mut slab, mut queue) = (slab(5), Queue::default());
        assert_eq!((order(&queue, &slab), queue.is_empty()), (vec![], true));
        (0..5).for_each(|index| queue.push(&mut slab, index));
        assert_eq!(order(&queue, &slab), [0, 1, 2, 3, 4]);
        queue.remove(&mut slab, 2);
        assert_eq!(order(&queue, &slab), [0, 1, 3, 4]);
        queue.remove(&mut slab, 0);
        queue.remove(&mut slab, 4);
        assert_eq!(order(&queue, &slab), [1, 3]);
        queue.remove(&mut slab, 1);
        queue.remove(&mut slab, 3);
        assert_eq!((order(&queue, &slab), queue.is_empty(), queue.bytes), (vec![], true, 0));
        queue.push(&mut slab, 4);
        assert_eq!(order(&queue, &slab), [4]);
    }

    #[test]
    fn what_is_renewed_is_the_newest() {
        let (mut slab, mut queue) = (slab(3), Queue::default());
        (0..3).for_each(|index| queue.push(&mut slab, index));
        for (renewed, after) in [(2, [0, 1, 2]), (0, [1, 2, 0]), (2, [1, 0, 2])] {
            queue.renew(&mut slab, renewed);
            assert_eq!(order(&queue, &slab), after);
        }
    }

    #[test]
    fn two_queues_share_a_slab() {
        let (mut slab, mut one, mut two) = (slab(4), Queue::default(), Queue::default());
        (0..4).for_each(|index| if index % 2 == 0 { &mut one } else { &mut two }.push(&mut slab, index));
        one.remove(&mut slab, 0);
        two.push(&mut slab, 0);
        assert_eq!((order(&one, &slab), order(&two, &slab)), (vec![2], vec![1, 3, 0]));
    }
}
