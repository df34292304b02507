//! What a cache with room for everything is, in the simplest words there are: what is there, until when, under which tags,
//! and which loads may still store what they bring.

use std::collections::{BTreeMap, BTreeSet};

use redstart_core::cache::table::Reason;

pub(crate) const KEYS: [&str; 6] = ["a", "a1", "a2", "b", "", "b:1"];
pub(crate) const TAGS: [&str; 4] = ["red", "blue", "", "green"];
pub(crate) const TOO_LARGE: usize = 1_100;

#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) value: String,
    pub(crate) version: u32,
    pub(crate) ttl_ms: Option<u64>,
    /// `u64::MAX` is never.
    pub(crate) expires_ms: u64,
    pub(crate) tags: BTreeSet<usize>,
}

#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) key: usize,
    pub(crate) version: u32,
    pub(crate) ticket: u64,
    pub(crate) until_ms: u64,
    pub(crate) overtaken: bool,
    /// Deleted since it began.
    pub(crate) deleted: BTreeSet<usize>,
}

/// What a cache is, in the simplest words there are.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now_ms: u64,
    pub(crate) stale_ms: u64,
    pub(crate) sliding: bool,
    pub(crate) known: BTreeMap<usize, Known>,
    pub(crate) loads: Vec<Load>,
    pub(crate) went: Vec<(String, Reason)>,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) stale: u64,
    pub(crate) rejections: u64,
}

/// A loader of this key says at the start that its value will have this tag.
pub(crate) fn declared(key: usize) -> Option<usize> {
    (key < TAGS.len()).then_some(key)
}

impl Model {
    pub(crate) fn is_live(&self, key: usize) -> bool {
        self.known.get(&key).is_some_and(|known| self.now_ms < known.expires_ms)
    }

    pub(crate) fn live(&self, key: usize, version: u32) -> Option<&Known> {
        self.known.get(&key).filter(|known| known.version == version && self.now_ms < known.expires_ms)
    }

    pub(crate) fn count_read(&mut self, hit: bool) {
        if hit {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
    }

    pub(crate) fn get(&mut self, key: usize, version: u32) -> Option<String> {
        let found = self.live(key, version).map(|known| known.value.clone());
        self.count_read(found.is_some());
        let (sliding, now_ms) = (self.sliding, self.now_ms);
        if let Some(known) = self.known.get_mut(&key).filter(|_| sliding && found.is_some())
            && let Some(ttl_ms) = known.ttl_ms
        {
            known.expires_ms = now_ms + ttl_ms;
        }
        found
    }

    pub(crate) fn go(&mut self, key: usize, reason: Reason) -> Option<Known> {
        let known = self.known.remove(&key)?;
        self.went.push((KEYS[key].to_owned(), reason));
        Some(known)
    }

    /// Live entries are deleted, others have expired.
    pub(crate) fn delete(&mut self, key: usize) -> Option<Known> {
        let reason = if self.is_live(key) { Reason::Delete } else { Reason::Expire };
        self.go(key, reason)
    }

    pub(crate) fn set(&mut self, key: usize, known: Known) {
        if known.value.len() >= TOO_LARGE {
            self.rejections += 1;
            self.go(key, Reason::Delete);
            return;
        }
        self.go(key, Reason::Set);
        self.known.insert(key, known);
    }

    pub(crate) fn expire(&mut self, key: usize) {
        let now_ms = self.now_ms;
        if let Some(known) = self.known.get_mut(&key) {
            known.expires_ms = now_ms;
        }
        self.expire_due();
    }

    pub(crate) fn expire_due(&mut self) {
        let (now_ms, stale_ms) = (self.now_ms, self.stale_ms);
        let is_over = |known: &Known| known.expires_ms.saturating_add(stale_ms) <= now_ms;
        let over: Vec<usize> =
            self.known.iter().filter(|(_, known)| is_over(known)).map(|(&key, _)| key).collect();
        for key in over {
            self.go(key, Reason::Expire);
        }
    }

    pub(crate) fn tagged(&self, tags: &[usize]) -> Vec<usize> {
        let has_one = |known: &Known| tags.iter().any(|tag| known.tags.contains(tag));
        self.known.iter().filter(|(_, known)| has_one(known)).map(|(&key, _)| key).collect()
    }

    pub(crate) fn overtake(&mut self, changed: impl Fn(&Load) -> bool) {
        for load in self.loads.iter_mut().filter(|load| changed(load)) {
            load.overtaken = true;
        }
    }

    pub(crate) fn overtake_tags(&mut self, tags: &[usize]) {
        self.overtake(|load| declared(load.key).is_some_and(|tag| tags.contains(&tag)));
        self.loads.iter_mut().for_each(|load| load.deleted.extend(tags));
    }
}
