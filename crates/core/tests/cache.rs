//! The cache against what it promises: exact bytes, true order of use, time by the store's clock.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use redstart_core::cache::CacheOptions;
use redstart_core::cache::lru::Lru;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::memory::MemoryCache;
use redstart_core::engine::{CacheEngine, Lookup};
use redstart_core::key::Key;
use redstart_core::value::{Form, Tag};

const TAG: Tag = Tag::new(Form::OneByteText, 0);
const START_US: u64 = 1_700_000_000_000_000;

fn cache(max_size: u64, max_entry_size: u64) -> (Arc<MemoryCache>, Arc<ManualClock>) {
    let clock = ManualClock::new(START_US);
    let options = CacheOptions { ttl: None, max_size, max_entry_size };
    options.check().expect("options that hold");
    (MemoryCache::new(options, Clock::Manual(clock.clone())), clock)
}

fn get(cache: &MemoryCache, key: &str) -> Option<Vec<u8>> {
    let mut buffer = b"left over".to_vec();
    match cache.get(Key::narrow(key.as_bytes()), &mut buffer).expect("memory answers") {
        Lookup::Absent => None,
        Lookup::Copied(tag) => {
            assert_eq!(tag, TAG);
            Some(buffer)
        }
    }
}

fn set(cache: &MemoryCache, key: &str, value: &[u8], ttl_ms: Option<u64>) {
    cache.set(Key::narrow(key.as_bytes()), TAG, value, ttl_ms).expect("it fits");
}

#[test]
fn an_entry_lives_exactly_as_long_as_its_ttl() {
    let (cache, clock) = cache(1 << 20, 1 << 10);
    set(&cache, "a", b"1", Some(1_000));
    clock.advance_to(START_US + 1_000 * MS - 1);
    assert_eq!(get(&cache, "a").unwrap(), b"1");
    clock.advance_to(START_US + 1_000 * MS);
    assert_eq!(get(&cache, "a"), None);
    assert_eq!((cache.stats().expirations, cache.stats().bytes), (1, 0));
}

#[test]
fn a_ttl_of_a_hundred_years_does_not_wrap() {
    let (cache, clock) = cache(1 << 20, 1 << 10);
    let century_ms = 100 * 365 * 24 * 60 * 60 * 1_000;
    set(&cache, "a", b"1", Some(century_ms));
    set(&cache, "b", b"1", Some(u64::MAX));
    clock.advance_to(START_US + (century_ms - 1) * MS);
    assert!(get(&cache, "a").is_some() && get(&cache, "b").is_some());
}

#[test]
fn the_least_recently_used_goes_first_and_the_newest_stays() {
    let room_for_three = 3 * (Lru::cost(Key::narrow(b"k"), &[0; 400])) as u64;
    let (cache, _) = cache(room_for_three, room_for_three);
    for key in ["a", "b", "c"] {
        set(&cache, key, &[0; 400], None);
    }
    assert!(get(&cache, "a").is_some());
    set(&cache, "d", &[0; 400], None);
    assert_eq!(get(&cache, "b"), None);
    assert!(["a", "c", "d"].iter().all(|key| get(&cache, key).is_some()));
    assert_eq!((cache.stats().evictions, cache.stats().entries), (1, 3));
}

#[test]
fn a_value_too_large_is_refused_and_takes_the_old_one_with_it() {
    let (cache, _) = cache(1 << 20, 1 << 10);
    set(&cache, "a", b"old", None);
    let refused = cache.set(Key::narrow(b"a"), TAG, &[0; 2_000], None).unwrap_err();
    assert_eq!(refused.code(), "ERR_TOO_LARGE");
    assert!(refused.to_string().contains("'a'") && refused.to_string().contains("the limit is 1024"));
    assert_eq!(get(&cache, "a"), None);
    assert_eq!((cache.stats().rejections, cache.stats().bytes), (1, 0));
}

#[test]
fn narrow_and_wide_keys_of_the_same_bytes_are_two_keys() {
    let (cache, _) = cache(1 << 20, 1 << 10);
    let wide = Key::wide(b"ab");
    cache.set(wide, TAG, b"wide", None).unwrap();
    assert_eq!(get(&cache, "ab"), None);
    assert!(cache.has(wide));
}

#[test]
fn a_load_that_was_overtaken_stores_nothing() {
    let (cache, _) = cache(1 << 20, 1 << 10);
    let key = Key::narrow(b"a");
    let overtakers: [&dyn Fn(); 3] =
        [&|| set(&cache, "a", b"newer", None), &|| assert!(cache.delete(key)), &|| cache.clear()];
    for overtake in overtakers {
        let ticket = cache.begin_load(key);
        overtake();
        let before = get(&cache, "a");
        assert!(!cache.end_load(key, TAG, b"stale", None, ticket).unwrap());
        assert_eq!(get(&cache, "a"), before);
    }
    let ticket = cache.begin_load(key);
    set(&cache, "b", b"another key", None);
    assert!(cache.end_load(key, TAG, b"loaded", None, ticket).unwrap());
    assert_eq!(get(&cache, "a").unwrap(), b"loaded");
}

#[test]
fn many_threads_never_read_a_torn_or_foreign_value() {
    let (cache, _) = cache(64 << 10, 16 << 10);
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..20_000_u32 {
                    let name = format!("key:{}", round.wrapping_mul(thread * 2 + 1) % 997);
                    if round % 3 == 0 {
                        set(cache, &name, name.repeat(1 + (round % 7) as usize).as_bytes(), None);
                    } else if let Some(value) = get(cache, &name) {
                        assert!(value.len().is_multiple_of(name.len()));
                        assert!(value.chunks(name.len()).all(|chunk| chunk == name.as_bytes()));
                    }
                }
            });
        }
    });
    let (counted, kept) = cache.recount();
    assert_eq!(counted, kept);
    let stats = cache.stats();
    assert!(kept <= 64 << 10 && stats.evictions > 0);
    assert_eq!(stats.hits + stats.misses, 8 * (20_000 - 6_667));
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, usize, Option<u64>),
    Get(u8),
    Has(u8),
    Delete(u8),
    Clear,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8, 0..300_usize, proptest::option::of(1..50_u64)).prop_map(|(key, len, ttl)| Step::Set(key, len, ttl)),
        4 => (0..12_u8).prop_map(Step::Get),
        1 => (0..12_u8).prop_map(Step::Has),
        1 => (0..12_u8).prop_map(Step::Delete),
        1 => Just(Step::Clear),
        2 => (0..40_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    /// A plain map with deadlines, kept in order of use, decides what must be there and what must have gone.
    #[test]
    fn the_cache_agrees_with_a_plain_model(steps in proptest::collection::vec(step(), 1..200)) {
        const ROOM: u64 = 2_000;
        let (cache, clock) = cache(ROOM, 600);
        let mut model: HashMap<u8, (Vec<u8>, u64)> = HashMap::new();
        let mut used: Vec<u8> = Vec::new();
        let mut now_ms = START_US / MS;
        for (at, step) in steps.into_iter().enumerate() {
            let live = |model: &HashMap<u8, (Vec<u8>, u64)>, key: u8| {
                model.get(&key).filter(|(_, until)| *until > now_ms).map(|(value, _)| value.clone())
            };
            match step {
                Step::Set(key, len, ttl) => {
                    let value = vec![u8::try_from(at % 251).unwrap(); len];
                    let name = key.to_string();
                    let cost = |key: u8, value: &[u8]| Lru::cost(Key::narrow(key.to_string().as_bytes()), value);
                    let size = cost(key, &value);
                    used.retain(|&other| other != key);
                    model.remove(&key);
                    let stored = cache.set(Key::narrow(name.as_bytes()), TAG, &value, ttl).is_ok();
                    prop_assert_eq!(stored, size <= 600);
                    if stored {
                        let mut held: usize = model.iter().map(|(&key, (value, _))| cost(key, value)).sum();
                        while held + size > usize::try_from(ROOM).unwrap() {
                            let oldest = used.remove(0);
                            let (value, _) = model.remove(&oldest).unwrap();
                            held -= cost(oldest, &value);
                        }
                        model.insert(key, (value, ttl.map_or(u64::MAX, |ttl| now_ms + ttl)));
                        used.push(key);
                    }
                }
                Step::Get(key) => {
                    let expected = live(&model, key);
                    prop_assert_eq!(get(&cache, &key.to_string()), expected.clone());
                    used.retain(|&other| other != key);
                    if expected.is_some() { used.push(key) } else { model.remove(&key); }
                }
                Step::Has(key) => {
                    let expected = live(&model, key).is_some();
                    prop_assert_eq!(cache.has(Key::narrow(key.to_string().as_bytes())), expected);
                    if !expected {
                        used.retain(|&other| other != key);
                        model.remove(&key);
                    }
                }
                Step::Delete(key) => {
                    let expected = live(&model, key).is_some();
                    prop_assert_eq!(cache.delete(Key::narrow(key.to_string().as_bytes())), expected);
                    used.retain(|&other| other != key);
                    model.remove(&key);
                }
                Step::Clear => {
                    cache.clear();
                    model.clear();
                    used.clear();
                }
                Step::Pass(ms) => {
                    now_ms += ms;
                    clock.advance_to(now_ms * MS);
                }
            }
            let (counted, kept) = cache.recount();
            prop_assert_eq!(counted, kept);
            prop_assert!(kept <= ROOM);
            prop_assert_eq!(cache.stats().entries, model.len() as u64);
        }
    }
}
