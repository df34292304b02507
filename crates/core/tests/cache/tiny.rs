//! Histories of caches that are always full: no bound is ever passed, and every entry that was stored is accounted for.

use std::collections::BTreeSet;

use proptest::prelude::*;
use redstart_core::cache::table::{Eviction, Reason};
use redstart_core::cache::{CacheOptions, Put, Touch};

use crate::support::{Rig, at, eventually, keys_of, memory, put, roomy};

#[derive(Clone, Debug)]
enum Step {
    Set { key: u8, size: usize, ttl_ms: Option<u64>, tag: Option<u8> },
    Use { key: u8, times: usize },
    Delete(u8),
    Touch(u8, u64),
    Expire(u8),
    DeleteTag(u8),
    ExpireTag(u8),
    DeletePrefix(u8),
    Clear,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..30_u8;
    let size = prop_oneof![6 => 0..40_usize, 2 => 40..700_usize, 1 => 700..1_500_usize];
    let step = prop_oneof![
        12 => (key(), size, proptest::option::of(1..30_u64), proptest::option::of(0..3_u8))
            .prop_map(|(key, size, ttl_ms, tag)| Step::Set { key, size, ttl_ms, tag }),
        6 => (key(), 1..4_usize).prop_map(|(key, times)| Step::Use { key, times }),
        1 => key().prop_map(Step::Delete),
        1 => (key(), 1..30_u64).prop_map(|(key, ttl_ms)| Step::Touch(key, ttl_ms)),
        1 => key().prop_map(Step::Expire),
        1 => (0..3_u8).prop_map(Step::DeleteTag),
        1 => (0..3_u8).prop_map(Step::ExpireTag),
        1 => (0..4_u8).prop_map(Step::DeletePrefix),
        1 => Just(Step::Clear),
        2 => (1..20_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..250)
}

fn options() -> impl Strategy<Value = CacheOptions> {
    let max = prop_oneof![1..8_u64, Just(1_000)];
    let eviction = prop_oneof![Just(Eviction::S3Fifo), Just(Eviction::Lru)];
    (max, 1_024..4_096_u64, eviction, proptest::option::of(1..20_u64)).prop_map(
        |(max, max_size, eviction, stale_while_revalidate)| CacheOptions {
            max: Some(max),
            max_size,
            max_entry_size: max_size.min(1_400),
            eviction,
            stale_while_revalidate,
            ..roomy()
        },
    )
}

/// Does the step; how many entries it stored.
fn step(rig: &Rig, step: &Step) -> Result<u64, TestCaseError> {
    let name = |number: u8| number.to_string();
    match *step {
        Step::Set { key, size, ttl_ms, tag } => {
            let (key, value) = (name(key), "x".repeat(size));
            let tag = tag.map(name);
            let tags: Vec<&str> = tag.iter().map(String::as_str).collect();
            let stored = rig.cache.set(at(&key), Put { ttl_ms, tags: &keys_of(&tags), ..put(&value) });
            // What was just set is there; what was refused took the old value along.
            prop_assert_eq!(rig.peek(&key), stored.is_ok().then_some(value));
            return Ok(u64::from(stored.is_ok()));
        }
        Step::Use { key, times } => (0..times).for_each(|_| drop(rig.get(&name(key)))),
        Step::Delete(key) => drop(rig.delete(&name(key))),
        Step::Touch(key, ttl_ms) => drop(rig.cache.touch(at(&name(key)), Touch::For(Some(ttl_ms)))),
        Step::Expire(key) => drop(rig.cache.expire(at(&name(key)))),
        Step::DeleteTag(tag) => rig.delete_by_tag(&[&name(tag)]),
        Step::ExpireTag(tag) => rig.expire_by_tag(&[&name(tag)]),
        Step::DeletePrefix(prefix) => drop(rig.delete_by_prefix(&name(prefix))),
        Step::Clear => rig.cache.clear(),
        Step::Pass(ms) => rig.pass(ms),
    }
    Ok(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_full_cache_keeps_its_bounds_and_accounts_for_every_entry(steps in steps(), options in options()) {
        let rig = Rig::new(memory, options.clone());
        let ear = rig.watch();
        let mut stored = 0;
        for next in &steps {
            stored += step(&rig, next)?;
            let stats = rig.stats();
            prop_assert!(stats.entries <= options.max.unwrap() && stats.bytes <= options.max_size);
            let (counted, kept) = rig.cache.recount();
            prop_assert_eq!(counted, kept);
            let ((_, members), held) = rig.cache.recount_tags();
            prop_assert_eq!(members, held);
            let shown = rig.walk("");
            prop_assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), shown.len());
            prop_assert!(shown.iter().all(|key| rig.has(key)) && shown.len() as u64 <= stats.entries);
        }
        let stats = rig.stats();
        eventually("removals were lost", || stats.entries + ear.len() as u64 >= stored);
        prop_assert_eq!(stats.entries + ear.len() as u64, stored);
        prop_assert_eq!(ear.count(Reason::Evict), stats.evictions);
        prop_assert_eq!(ear.count(Reason::Expire), stats.expirations);
        rig.cache.clear();
        eventually("removals were lost", || ear.len() as u64 >= stored);
        prop_assert_eq!(rig.cache.recount_tags(), ((0, 0), 0));
    }
}
