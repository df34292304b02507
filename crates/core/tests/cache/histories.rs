//! Histories of a cache with room for everything against a plain map.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use redstart_core::cache::table::Reason;
use redstart_core::cache::{At, CacheOptions, Put, Touch};
use redstart_core::clock::MS;
use redstart_core::engine::{Ended, Joined, LoadMode, Read};
use redstart_core::key::Key;

use crate::model::{KEYS, Known, Load, Model, TAGS, TOO_LARGE, declared};
use crate::support::{Heard, LEASE_MS, Rig, START_US, TAG, eventually, memory, put, roomy, settle};

/// Places in `KEYS` and `TAGS`, and shapes 0 or 1.
#[derive(Clone, Debug)]
enum Step {
    Set { key: usize, version: u32, size: usize, ttl_ms: Option<u64>, tags: Vec<usize> },
    Get { key: usize, version: u32 },
    GetStale { key: usize, window_ms: u64 },
    Delete { key: usize, version: u32 },
    Take { key: usize, version: u32 },
    Touch { key: usize, touch: Touch },
    Expire { key: usize },
    DeleteTags(Vec<usize>),
    ExpireTags(Vec<usize>),
    DeletePrefix(&'static str),
    Clear,
    Join { key: usize, version: u32, mode: LoadMode },
    Land { load: usize, tags: Vec<usize>, store: bool },
    Abandon { load: usize },
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..KEYS.len();
    let version = || prop_oneof![6 => Just(0_u32), 1 => Just(1_u32)];
    let tags = || proptest::collection::vec(0..TAGS.len(), 0..3);
    let ttl_ms = || proptest::option::of(prop_oneof![1..40_u64, Just(5_000)]);
    let size = prop_oneof![8 => 0..50_usize, 1 => Just(TOO_LARGE)];
    let touch = prop_oneof![Just(Touch::Own), ttl_ms().prop_map(Touch::For)];
    let mode =
        prop_oneof![4 => Just(LoadMode::Join), 1 => Just(LoadMode::Fresh), 1 => Just(LoadMode::Refresh)];
    let step = prop_oneof![
        8 => (key(), version(), size, ttl_ms(), tags())
            .prop_map(|(key, version, size, ttl_ms, tags)| Step::Set { key, version, size, ttl_ms, tags }),
        3 => (key(), version()).prop_map(|(key, version)| Step::Get { key, version }),
        2 => (key(), prop_oneof![0..30_u64, Just(u64::MAX)])
            .prop_map(|(key, window_ms)| Step::GetStale { key, window_ms }),
        2 => (key(), version()).prop_map(|(key, version)| Step::Delete { key, version }),
        2 => (key(), version()).prop_map(|(key, version)| Step::Take { key, version }),
        2 => (key(), touch).prop_map(|(key, touch)| Step::Touch { key, touch }),
        2 => key().prop_map(|key| Step::Expire { key }),
        1 => tags().prop_map(Step::DeleteTags),
        1 => tags().prop_map(Step::ExpireTags),
        1 => prop_oneof![Just("a"), Just("b:"), Just("c"), Just("")].prop_map(Step::DeletePrefix),
        1 => Just(Step::Clear),
        4 => (key(), version(), mode).prop_map(|(key, version, mode)| Step::Join { key, version, mode }),
        3 => (any::<usize>(), tags(), prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(load, tags, store)| Step::Land { load, tags, store }),
        1 => any::<usize>().prop_map(|load| Step::Abandon { load }),
        5 => prop_oneof![1..20_u64, 20..200_u64, Just(LEASE_MS)].prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 1..120)
}

fn key_of(place: usize) -> Key<'static> {
    Key::narrow(KEYS[place].as_bytes())
}

fn tags_of(places: &[usize]) -> Vec<Key<'static>> {
    places.iter().map(|&tag| Key::narrow(TAGS[tag].as_bytes())).collect()
}

fn value_of(read: Read, buffer: &[u8]) -> Option<String> {
    let Read::Found(found) = read else { return None };
    assert_eq!(found.tag, TAG);
    Some(String::from_utf8(buffer.to_vec()).unwrap())
}

/// Both sides do the step and must answer alike.
#[expect(clippy::too_many_lines, reason = "one arm a kind of step")]
fn step(rig: &Rig, model: &mut Model, number: usize, step: Step) -> Result<(), TestCaseError> {
    let cache = &rig.cache;
    let at = |key: usize, version: u32| At { key: key_of(key), version };
    let mut buffer = b"left over".to_vec();
    match step {
        Step::Set { key, version, size, ttl_ms, tags } => {
            let value = format!("{number}:{}", "x".repeat(size));
            let stored = cache.set(at(key, version), Put { ttl_ms, tags: &tags_of(&tags), ..put(&value) });
            prop_assert_eq!(stored.is_ok(), size < TOO_LARGE);
            let expires_ms = ttl_ms.map_or(u64::MAX, |ttl_ms| model.now_ms + ttl_ms);
            model.set(key, Known { value, version, ttl_ms, expires_ms, tags: tags.into_iter().collect() });
            model.overtake(|load| load.key == key);
        }
        Step::Get { key, version } => {
            let read = cache.get(at(key, version), &mut buffer).unwrap();
            prop_assert_eq!(value_of(read, &buffer), model.get(key, version));
        }
        Step::GetStale { key, window_ms } => {
            let read = cache.get_stale(at(key, 0), window_ms, &mut buffer).unwrap();
            let past = model.known.get(&key).filter(|known| {
                known.version == 0
                    && known.expires_ms <= model.now_ms
                    && model.now_ms < known.expires_ms.saturating_add(window_ms)
            });
            if let Some(past) = past {
                prop_assert!(matches!(read, Read::Found(found) if found.stale));
                prop_assert_eq!(value_of(read, &buffer), Some(past.value.clone()));
                model.stale += 1;
            } else {
                prop_assert!(!matches!(read, Read::Found(found) if found.stale));
                prop_assert_eq!(value_of(read, &buffer), model.get(key, 0));
            }
        }
        Step::Delete { key, version } => {
            let was_live = model.live(key, version).is_some();
            prop_assert_eq!(cache.delete(at(key, version)), was_live);
            model.delete(key);
            model.overtake(|load| load.key == key);
        }
        Step::Take { key, version } => {
            let read = cache.take(at(key, version), &mut buffer).unwrap();
            let live = model.live(key, version).map(|known| known.value.clone());
            prop_assert_eq!(value_of(read, &buffer), live.clone());
            model.count_read(live.is_some());
            live.and_then(|_| model.go(key, Reason::Delete));
            model.overtake(|load| load.key == key);
        }
        Step::Touch { key, touch } => {
            prop_assert_eq!(cache.touch(at(key, 0), touch), model.live(key, 0).is_some());
            let now_ms = model.now_ms;
            if model.live(key, 0).is_some() {
                let known = model.known.get_mut(&key).unwrap();
                if let Touch::For(ttl_ms) = touch {
                    known.ttl_ms = ttl_ms;
                }
                known.expires_ms = known.ttl_ms.map_or(u64::MAX, |ttl_ms| now_ms + ttl_ms);
            }
        }
        Step::Expire { key } => {
            let was_live = model.live(key, 0).is_some();
            prop_assert_eq!(cache.expire(at(key, 0)), was_live);
            if was_live {
                model.expire(key);
            }
            model.overtake(|load| load.key == key);
        }
        Step::DeleteTags(tags) => {
            settle(cache.delete_by_tag(&tags_of(&tags))).unwrap();
            for key in model.tagged(&tags) {
                model.delete(key);
            }
            model.overtake_tags(&tags);
        }
        Step::ExpireTags(tags) => {
            settle(cache.expire_by_tag(&tags_of(&tags))).unwrap();
            for key in model.tagged(&tags) {
                if model.is_live(key) {
                    model.expire(key);
                }
            }
            model.overtake_tags(&tags);
        }
        Step::DeletePrefix(prefix) => {
            let starting: Vec<usize> = (0..KEYS.len()).filter(|&key| KEYS[key].starts_with(prefix)).collect();
            let live = starting.iter().filter(|&&key| model.is_live(key)).count();
            let deleted = settle(cache.delete_by_prefix(Key::narrow(prefix.as_bytes()))).unwrap();
            prop_assert_eq!(deleted, live as u64);
            for &key in &starting {
                model.delete(key);
            }
            model.overtake(|load| starting.contains(&load.key));
        }
        Step::Clear => {
            cache.clear();
            (0..KEYS.len()).for_each(|key| drop(model.go(key, Reason::Clear)));
            model.overtake(|_| true);
        }
        Step::Join { key, version, mode } => join(rig, model, (key, version), mode)?,
        Step::Land { load, tags, store } if !model.loads.is_empty() => {
            let load = model.loads.remove(load % model.loads.len());
            let value = format!("{number}: loaded");
            let loaded = Put { tags: &tags_of(&tags), ..put(&value) };
            let at = at(load.key, load.version);
            let counts = !load.overtaken && !tags.iter().any(|tag| load.deleted.contains(tag));
            let ended = cache.end_load(at, load.ticket, loaded, store).unwrap();
            prop_assert_eq!(ended == Ended::Stored, store && counts);
            if store && counts {
                let (version, tags) = (load.version, tags.into_iter().collect());
                model.set(load.key, Known { value, version, ttl_ms: None, expires_ms: u64::MAX, tags });
            }
        }
        Step::Abandon { load } if !model.loads.is_empty() => {
            let load = model.loads.remove(load % model.loads.len());
            cache.abandon_load(at(load.key, load.version), load.ticket);
        }
        Step::Land { .. } | Step::Abandon { .. } => {}
        Step::Pass { ms } => {
            model.now_ms += ms;
            rig.clock.advance_to(model.now_ms * MS);
            model.expire_due();
            let now_ms = model.now_ms;
            model.loads.retain(|load| load.until_ms > now_ms);
        }
    }
    Ok(())
}

fn join(
    rig: &Rig,
    model: &mut Model,
    (key, version): (usize, u32),
    mode: LoadMode,
) -> Result<(), TestCaseError> {
    let at = At { key: key_of(key), version };
    let tags: Vec<usize> = declared(key).into_iter().collect();
    let leader = Arc::<Heard>::default();
    let mut buffer = Vec::new();
    let joined = rig.cache.join_load(at, &tags_of(&tags), mode, LEASE_MS, leader, &mut buffer).unwrap();
    let is_joined = |load: &&Load| load.key == key && load.version == version && !load.overtaken;
    let current = model.loads.iter().find(is_joined).map(|load| load.ticket);
    if let Some(live) = model.live(key, version).filter(|_| mode != LoadMode::Fresh) {
        let Joined::Found(found) = joined else { return Err(TestCaseError::fail("it is there")) };
        prop_assert_eq!(value_of(Read::Found(found), &buffer), Some(live.value.clone()));
        return Ok(());
    }
    match joined {
        Joined::Wait(ticket, _) => {
            prop_assert_eq!(Some(ticket), current);
            prop_assert_eq!(mode, LoadMode::Join);
        }
        Joined::UnderWay => prop_assert!(current.is_some() && mode == LoadMode::Refresh),
        Joined::Lead(ticket) => {
            prop_assert!(current.is_none() || mode == LoadMode::Fresh);
            model.overtake(|load| load.key == key && load.version == version);
            let until_ms = model.now_ms + LEASE_MS;
            let deleted = BTreeSet::new();
            model.loads.push(Load { key, version, ticket, until_ms, overtaken: false, deleted });
        }
        Joined::Found(_) => return Err(TestCaseError::fail("nothing is there")),
    }
    Ok(())
}

/// Whatever can be seen is the same.
fn compare(rig: &Rig, model: &Model) -> Result<(), TestCaseError> {
    let mut buffer = Vec::new();
    for key in 0..KEYS.len() {
        for version in 0..2 {
            let at = At { key: key_of(key), version };
            let live = model.live(key, version);
            let read = rig.cache.peek(at, 0, &mut buffer).unwrap();
            prop_assert_eq!(value_of(read, &buffer), live.map(|known| known.value.clone()));
            let left_us = live.map(|known| match known.expires_ms {
                u64::MAX => u64::MAX,
                expires_ms => (expires_ms - model.now_ms) * MS,
            });
            prop_assert_eq!(rig.cache.remaining_us(at), left_us);
        }
    }
    for load in &model.loads {
        let at = At { key: key_of(load.key), version: load.version };
        prop_assert_eq!(rig.cache.load_counts(at, load.ticket), !load.overtaken);
    }
    let shown: BTreeSet<String> = rig.walk("").into_iter().collect();
    let live = (0..KEYS.len()).filter(|&key| model.live(key, 0).is_some());
    prop_assert_eq!(shown, live.map(|key| KEYS[key].to_owned()).collect());

    let stats = rig.stats();
    prop_assert_eq!(stats.entries, model.known.len() as u64);
    let counted = (stats.hits, stats.misses, stats.stale, stats.evictions, stats.rejections);
    prop_assert_eq!(counted, (model.hits, model.misses, model.stale, 0, model.rejections));
    let expired = model.went.iter().filter(|(_, reason)| *reason == Reason::Expire).count();
    prop_assert_eq!(stats.expirations, expired as u64);
    let (counted, kept) = rig.cache.recount();
    prop_assert_eq!(counted, kept);
    let tags: BTreeSet<_> = model.known.values().flat_map(|known| &known.tags).collect();
    let held = model.known.values().map(|known| known.tags.len()).sum();
    prop_assert_eq!(rig.cache.recount_tags(), ((tags.len(), held), held));
    let loads = model.loads.len();
    prop_assert_eq!(rig.cache.loads(), (loads, loads));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cache_with_room_for_everything_behaves_as_a_plain_map_would(
        steps in steps(),
        stale_ms in prop_oneof![Just(0), Just(25_u64)],
        sliding in any::<bool>(),
    ) {
        let options = CacheOptions {
            max_entry_size: 1_024,
            stale_while_revalidate: Some(stale_ms),
            update_age_on_get: sliding,
            ..roomy()
        };
        let rig = Rig::new(memory, options);
        rig.cache.version(Some("1"));
        let ear = rig.watch();
        let mut model = Model { now_ms: START_US / MS, stale_ms, sliding, ..Model::default() };
        for (number, next) in steps.into_iter().enumerate() {
            step(&rig, &mut model, number, next)?;
            compare(&rig, &model)?;
        }
        // What a clear took is told by the background thread.
        eventually("removals were lost", || ear.len() >= model.went.len());
        let sorted = |mut went: Vec<(String, Reason)>| {
            went.sort_by_key(|(key, reason)| (key.clone(), reason.to_string()));
            went
        };
        prop_assert_eq!(sorted(ear.take()), sorted(model.went));
    }
}
