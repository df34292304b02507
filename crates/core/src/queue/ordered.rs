//! An ordered map for keys that mostly come in ascending order and go from the front: what waits in line.
//!
//! Such keys stand in one piece of memory, where the next is behind the last: to come costs a write, to go costs a step. A key
//! that comes out of order is in a tree beside it, and one that goes from the middle leaves its place behind until the line
//! has moved on or half of it is gone. So nothing costs more than in a tree, give or take a search by halves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Places below which nothing is given back.
const PLACES_KEPT: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct Ordered<K, V> {
    /// Ascending; neither its first nor its last is gone.
    line: VecDeque<(K, V)>,
    /// Keys whose place in the line is empty.
    gone: BTreeSet<K>,
    /// Those that came out of order.
    rest: BTreeMap<K, V>,
}

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { line: VecDeque::new(), gone: BTreeSet::new(), rest: BTreeMap::new() }
    }
}

impl<K: Ord + Copy, V: Ord + Copy> Ordered<K, V> {
    /// Adds it; the value that the key had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.line.back().is_none_or(|(last, _)| *last < key) {
            let before = if self.rest.is_empty() { None } else { self.rest.remove(&key) };
            self.line.push_back((key, value));
            return before;
        }
        let Ok(at) = self.place_of(&key) else { return self.rest.insert(key, value) };
        let before = std::mem::replace(&mut self.line[at].1, value);
        (!self.gone.remove(&key)).then_some(before)
    }

    /// The value of a key that was there.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = match self.line.front() {
            Some((first, _)) if first == key => 0,
            _ => match self.place_of(key) {
                Ok(at) if !self.gone.contains(key) => at,
                Ok(_) => return None,
                Err(_) => return self.rest.remove(key),
            },
        };
        let (_, value) = self.line[at];
        if at == 0 {
            self.line.pop_front();
            while self.line.front().is_some_and(|(first, _)| self.gone.remove(first)) {
                self.line.pop_front();
            }
        } else if at + 1 == self.line.len() {
            self.line.pop_back();
            while self.line.back().is_some_and(|(last, _)| self.gone.remove(last)) {
                self.line.pop_back();
            }
        } else {
            self.gone.insert(*key);
            if self.gone.len() > self.line.len() / 2 {
                let gone = std::mem::take(&mut self.gone);
                self.line.retain(|(key, _)| !gone.contains(key));
            }
        }
        if self.line.capacity() > PLACES_KEPT && self.line.len() < self.line.capacity() / 4 {
            self.line.shrink_to(self.line.len() * 2);
        }
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.line.len() - self.gone.len() + self.rest.len()
    }

    pub(super) fn first(&self) -> Option<(K, V)> {
        let in_line = self.line.front().copied();
        let Some((&key, &value)) = self.rest.first_key_value() else { return in_line };
        in_line.filter(|(first, _)| *first < key).or(Some((key, value)))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, V)> {
        let line = self.line.iter().copied().filter(|(key, _)| !self.gone.contains(key));
        Merged::new(line, self.rest.iter().map(|(&key, &value)| (key, value)))
    }

    /// From one key up to and without another.
    pub(super) fn range(&self, from: K, to: K) -> impl DoubleEndedIterator<Item = (K, V)> {
        let place = |of: K| self.line.partition_point(|(key, _)| *key < of);
        let line = self.line.range(place(from)..place(to)).copied();
        let line = line.filter(|(key, _)| !self.gone.contains(key));
        Merged::new(line, self.rest.range(from..to).map(|(&key, &value)| (key, value)))
    }

    fn place_of(&self, key: &K) -> Result<usize, usize> {
        self.line.binary_search_by(|(of, _)| of.cmp(key))
    }
}

/// The same values under the same keys, wherever they lie.
impl<K: Ord + Copy, V: Ord + Copy> PartialEq for Ordered<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

/// The next of each of two walks, where it has been looked at.
type Heads<K, V> = (Option<(K, V)>, Option<(K, V)>);

/// Two sorted walks as one.
pub(super) struct Merged<K, V, A, B> {
    one: A,
    two: B,
    front: Heads<K, V>,
    back: Heads<K, V>,
}

impl<K, V, A, B> Merged<K, V, A, B> {
    pub(super) fn new(one: A, two: B) -> Self {
        Self { one, two, front: (None, None), back: (None, None) }
    }
}

impl<K: Ord, V: Ord, A, B> Iterator for Merged<K, V, A, B>
where
    A: Iterator<Item = (K, V)>,
    B: Iterator<Item = (K, V)>,
{
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let (one, two) = &mut self.front;
        *one = one.take().or_else(|| self.one.next()).or_else(|| self.back.0.take());
        *two = two.take().or_else(|| self.two.next()).or_else(|| self.back.1.take());
        match (&one, &two) {
            (Some(first), Some(second)) if second < first => two.take(),
            (None, _) => two.take(),
            _ => one.take(),
        }
    }
}

impl<K: Ord, V: Ord, A, B> DoubleEndedIterator for Merged<K, V, A, B>
where
    A: DoubleEndedIterator<Item = (K, V)>,
    B: DoubleEndedIterator<Item = (K, V)>,
{
    fn next_back(&mut self) -> Option<(K, V)> {
        let (one, two) = &mut self.back;
        *one = one.take().or_else(|| self.one.next_back()).or_else(|| self.front.0.take());
        *two = two.take().or_else(|| self.two.next_back()).or_else(|| self.front.1.take());
        match (&one, &two) {
            (Some(first), Some(second)) if second > first => two.take(),
            (None, _) => two.take(),
            _ => one.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Keys come in order mostly, and go from the front mostly.
        #[test]
        fn it_is_the_map_that_a_tree_is(steps in prop::collection::vec((0_u8..10, 0_u16..400), 0..600)) {
            let (mut ordered, mut tree, mut last) = (Ordered::default(), BTreeMap::new(), 0_u16);
            for (at, (kind, any)) in steps.into_iter().enumerate() {
                match kind {
                    0..=3 => {
                        last += 1;
                        prop_assert_eq!(ordered.insert(last, at), tree.insert(last, at));
                    }
                    4 => prop_assert_eq!(ordered.insert(any, at), tree.insert(any, at)),
                    5..=7 => {
                        let first = tree.first_key_value().map_or(any, |(&key, _)| key);
                        prop_assert_eq!(ordered.remove(&first), tree.remove(&first));
                    }
                    _ => prop_assert_eq!(ordered.remove(&any), tree.remove(&any)),
                }
                prop_assert_eq!(ordered.len(), tree.len());
                prop_assert_eq!(ordered.first(), tree.first_key_value().map(|(&key, &value)| (key, value)));
            }
            let all: Vec<_> = tree.iter().map(|(&key, &value)| (key, value)).collect();
            prop_assert!(ordered.iter().eq(all.iter().copied()));
            prop_assert!(ordered.iter().rev().eq(all.iter().rev().copied()));
            let some: Vec<_> = tree.range(50..150).map(|(&key, &value)| (key, value)).collect();
            prop_assert!(ordered.range(50, 150).eq(some.iter().copied()));
            prop_assert!(ordered.range(50, 150).rev().eq(some.iter().rev().copied()));
            let mut anew = Ordered::default();
            for &(key, value) in all.iter().rev() {
                anew.insert(key, value);
            }
            prop_assert!(ordered == anew);
        }
    }

    #[test]
    fn a_line_that_was_long_gives_its_memory_back() {
        let mut ordered = Ordered::default();
        assert!((0..100_000).all(|key| ordered.insert(key, ()).is_none()));
        assert!((0..99_990).all(|key| ordered.remove(&key).is_some()));
        assert!(ordered.line.capacity() <= 4 * PLACES_KEPT, "{}", ordered.line.capacity());
        assert!((99_991..99_999).all(|key| ordered.remove(&key).is_some()));
        assert!(ordered.len() == 2 && ordered.line.len() <= 4, "{ordered:?}");
    }
}
