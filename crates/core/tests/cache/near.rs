//! The board: a value kept near, with the numbers it was read with, is never shown once a change has returned.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redstart_core::board::{self, BOARD};
use redstart_core::cache::{CacheOptions, Put, Touch};
use redstart_core::clock::{Clock, MS};
use redstart_core::engine::{Found, NearPlaces, Read};

use crate::support::{Counted, Open, Rig, START_US, at, keys_of, put, roomy, settle, stale_for_a_minute};

/// Keeps values as lib/near.js does, from the same memory.
struct Near<'a> {
    cache: &'a dyn Counted,
    places: NearPlaces,
    epoch: u32,
    kept: HashMap<String, (String, Found)>,
    hits: u64,
}

fn epoch(place: u16) -> u32 {
    BOARD.epochs[usize::from(place)].load(Ordering::Acquire)
}

fn clock(place: u16) -> f64 {
    f64::from_bits(BOARD.clocks[usize::from(place)].load(Ordering::Acquire))
}

impl<'a> Near<'a> {
    fn new(cache: &'a dyn Counted) -> Self {
        let places = cache.open_near().expect("there are places");
        Self { cache, places, epoch: epoch(places.epoch), kept: HashMap::new(), hits: 0 }
    }

    #[expect(clippy::cast_precision_loss, reason = "µs since 1970 fit")]
    fn hit(&self, key: &str) -> Option<&String> {
        let (value, found) = self.kept.get(key)?;
        let expires = if found.expires_us == u64::MAX { f64::INFINITY } else { found.expires_us as f64 };
        let holds = board::generation(found.slot) == found.generation
            && epoch(self.places.epoch) == self.epoch
            && (expires.is_infinite() || clock(self.places.clock) < expires);
        holds.then_some(value)
    }

    fn get(&mut self, key: &str) -> Option<String> {
        if let Some(value) = self.hit(key) {
            let value = value.clone();
            self.hits += 1;
            return Some(value);
        }
        let now = epoch(self.places.epoch);
        if now != self.epoch {
            self.kept.clear();
            self.epoch = now;
        }
        let mut buffer = Vec::new();
        let Read::Found(found) = self.cache.get(at(key), &mut buffer).unwrap() else { return None };
        let value = String::from_utf8(buffer).unwrap();
        self.kept.insert(key.to_owned(), (value.clone(), found));
        Some(value)
    }
}

impl Drop for Near<'_> {
    fn drop(&mut self) {
        self.cache.close_near(self.places.hits);
    }
}

fn whatever_changes_an_entry_is_seen_by_who_kept_its_value(open: Open) {
    for options in [roomy(), stale_for_a_minute()] {
        let rig = Rig::new(open, CacheOptions { max: Some(50), ..options });
        let mut near = Near::new(&*rig.cache);
        let load = || {
            let joined = rig.join("a", redstart_core::engine::LoadMode::Fresh).0;
            let redstart_core::engine::Joined::Lead(ticket) = joined else { panic!("fresh leads") };
            assert!(rig.land("a", ticket, "loaded"));
        };
        let changes: [(&str, &dyn Fn()); 14] = [
            ("set", &|| rig.set("a", "new")),
            ("refused set", &|| assert!(rig.cache.set(at("a"), put(&"x".repeat(2 << 20))).is_err())),
            ("delete", &|| assert!(rig.delete("a"))),
            ("take", &|| assert!(rig.take("a").is_some())),
            ("expire", &|| assert!(rig.cache.expire(at("a")))),
            ("shorter ttl", &|| assert!(rig.cache.touch(at("a"), Touch::For(Some(1))))),
            ("expiry", &|| rig.pass(1_000)),
            ("eviction", &|| (0..100).for_each(|number| rig.set(&number.to_string(), "1"))),
            ("tag", &|| rig.delete_by_tag(&["t"])),
            ("expired tag", &|| rig.expire_by_tag(&["t"])),
            ("prefix", &|| assert_eq!(rig.delete_by_prefix("a"), 1)),
            ("clear", &|| rig.cache.clear()),
            ("clear and set", &|| {
                rig.cache.clear();
                rig.set("a", "new");
            }),
            ("load", &load),
        ];
        for (name, change) in changes {
            rig.cache.clear();
            let tags = keys_of(&["t"]);
            rig.cache.set(at("a"), Put { ttl_ms: Some(1_000), tags: &tags, ..put("old") }).unwrap();
            assert_eq!(near.get("a").unwrap(), "old", "{name}");
            assert_eq!(near.hit("a").unwrap(), "old", "{name}: nothing changed yet");
            change();
            assert_eq!(near.hit("a"), None, "{name}");
            assert_eq!(near.get("a"), rig.peek("a"), "{name}");
        }
    }
}

fn a_value_kept_near_expires_with_its_entry_even_before_that_is_met(open: Open) {
    let rig = Rig::new(open, roomy());
    let mut near = Near::new(&*rig.cache);
    // Off the millisecond, so that the background has not come to it when its time ends.
    rig.clock.advance_to(START_US + 300);
    rig.set_for("a", "1", 10);
    rig.set("stays", "1");
    assert!(near.get("a").is_some() && near.get("stays").is_some());
    rig.clock.advance_to(START_US + 300 + 10 * MS - 1);
    assert!(near.hit("a").is_some());
    rig.clock.advance_to(START_US + 300 + 10 * MS);
    assert!(near.hit("a").is_none() && near.hit("stays").is_some());
}

fn what_did_not_change_stays_near(open: Open) {
    let rig = Rig::new(open, roomy());
    let mut near = Near::new(&*rig.cache);
    rig.set_for("a", "1", 1_000);
    assert!(near.get("a").is_some());
    rig.get("a");
    rig.peek("a");
    rig.has("a");
    rig.cache.remaining_us(at("a"));
    rig.cache.note_used(&[rig.hash("a")]);
    rig.walk("");
    rig.pass(10);
    rig.delete_by_tag(&["t"]);
    assert!(near.hit("a").is_some());
    let other = Rig::new(open, roomy());
    other.cache.clear();
    assert!(near.hit("a").is_some(), "it is another cache");
}

fn hits_counted_near_are_part_of_the_counters_and_stay_when_it_closes(open: Open) {
    let rig = Rig::new(open, roomy());
    let first = rig.cache.open_near().unwrap();
    let second = rig.cache.open_near().unwrap();
    assert_ne!(first.hits, second.hits);
    assert_eq!((first.epoch, first.clock), (second.epoch, second.clock));
    count(first.hits, 5.0);
    count(second.hits, 7.0);
    assert_eq!(rig.stats().hits, 12);
    rig.cache.close_near(first.hits);
    rig.cache.close_near(first.hits);
    assert_eq!(rig.stats().hits, 12);
    let third = rig.cache.open_near().unwrap();
    assert_eq!(rig.stats().hits, 12, "a place that is used again starts at nothing");
    rig.cache.close_near(second.hits);
    rig.cache.close_near(third.hits);
    assert_eq!((rig.stats().hits, rig.stats().misses), (12, 0));
}

fn count(place: u16, hits: f64) {
    BOARD.hits[usize::from(place)].store(hits.to_bits(), Ordering::Release);
}

const KEYS: u64 = 24;
const WRITERS: u64 = 2;
const RACE_US: u64 = 1_500_000;

/// Each change of a key has a number, one higher than the last.
struct Change {
    /// The last one that has returned.
    returned: AtomicU64,
    /// What a reader must not be behind.
    floor: AtomicU64,
}

/// Changes its own keys, each time under a higher number; a key that is gone has a number too.
fn write(cache: &Arc<dyn Counted>, changes: &[Change], writer: u64, until_us: u64) {
    let mut rounds = 0_u64;
    while Clock::System.now_us() < until_us {
        rounds += 1;
        let own = rounds.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let key = (own % (KEYS / WRITERS)) * WRITERS + writer;
        let change = &changes[usize::try_from(key).unwrap()];
        let number = change.returned.load(Ordering::SeqCst) + 1;
        let (name, tag) = (key.to_string(), format!("tag {key}"));
        match own >> 8 & 31 {
            0 => drop(cache.delete(at(&name))),
            1 => drop(cache.expire(at(&name))),
            2 => settle(cache.delete_by_tag(&keys_of(&[&tag]))).unwrap(),
            3 if own.is_multiple_of(5) => {
                clear(cache, changes);
                continue;
            }
            _ => {
                let value = number.to_string();
                let ttl_ms = number.is_multiple_of(3).then_some(20);
                cache.set(at(&name), Put { tags: &keys_of(&[&tag]), ttl_ms, ..put(&value) }).unwrap();
            }
        }
        change.returned.store(number, Ordering::SeqCst);
        change.floor.fetch_max(number, Ordering::SeqCst);
        if rounds.is_multiple_of(16) {
            std::thread::yield_now();
        }
    }
}

/// What was written before a clear began is not seen after it has returned, whoever wrote it.
fn clear(cache: &Arc<dyn Counted>, changes: &[Change]) {
    let before: Vec<u64> = changes.iter().map(|change| change.returned.load(Ordering::SeqCst)).collect();
    cache.clear();
    for (change, before) in changes.iter().zip(before) {
        change.floor.fetch_max(before + 1, Ordering::SeqCst);
    }
}

fn a_reader_beside_writers_never_sees_what_a_change_that_has_returned_replaced(open: Open) {
    // Small enough that some are evicted, too.
    let cache = open(CacheOptions { max: Some(KEYS - 4), ..roomy() }, Clock::System);
    let none = || Change { returned: AtomicU64::new(0), floor: AtomicU64::new(0) };
    let changes: Vec<Change> = (0..KEYS).map(|_| none()).collect();
    let until_us = Clock::System.now_us() + RACE_US;
    let (near_hits, found) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (cache, changes) = (&cache, &changes);
            scope.spawn(move || write(cache, changes, writer, until_us));
        }
        for reader in 0..2 {
            let (cache, changes, near_hits, found) = (&cache, &changes, &near_hits, &found);
            scope.spawn(move || {
                board::keep_ticking();
                let mut near = Near::new(&**cache);
                let mut reads = reader;
                while Clock::System.now_us() < until_us {
                    for _ in 0..100 {
                        reads += 7;
                        let key = reads % KEYS;
                        let floor = changes[usize::try_from(key).unwrap()].floor.load(Ordering::SeqCst);
                        let Some(value) = near.get(&key.to_string()) else { continue };
                        let value: u64 = value.parse().unwrap();
                        assert!(value >= floor, "key {key}: {value} after {floor} had returned");
                        found.fetch_add(1, Ordering::Relaxed);
                    }
                }
                near_hits.fetch_add(near.hits, Ordering::Relaxed);
            });
        }
    });
    let (near_hits, found) = (near_hits.into_inner(), found.into_inner());
    assert!(near_hits > 1_000 && found > near_hits, "{near_hits} near hits of {found}");
}

promises!(
    whatever_changes_an_entry_is_seen_by_who_kept_its_value,
    a_value_kept_near_expires_with_its_entry_even_before_that_is_met,
    what_did_not_change_stays_near,
    hits_counted_near_are_part_of_the_counters_and_stay_when_it_closes,
    a_reader_beside_writers_never_sees_what_a_change_that_has_returned_replaced,
);
