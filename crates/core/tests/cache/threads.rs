//! Many threads on one cache: no value is torn or foreign, no sum drifts, nobody waits for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redstart_core::cache::table::Eviction;
use redstart_core::cache::{CacheOptions, Put, Touch};
use redstart_core::clock::{Clock, MS};
use redstart_core::engine::{Ended, Joined, LoadMode, Read};
use redstart_core::key::Key;

use crate::support::{Counted, Ear, Heard, Open, Rig, at, eventually, keys_of, put, roomy, settle};

const THREADS: u64 = 6;
const ROUNDS: u64 = 12_000;
const TAGS: [&str; 3] = ["red", "green", "blue"];

/// A value that names its key and says how long it is.
fn value_of(key: &str, round: u64) -> String {
    key.repeat(1 + usize::try_from(round % 9).unwrap())
}

fn assert_whole(key: &str, value: &[u8]) {
    assert!(value.len().is_multiple_of(key.len()));
    assert!(value.chunks(key.len()).all(|chunk| chunk == key.as_bytes()), "of {key}");
}

/// One thread's round: mostly reads and writes, now and then everything else.
fn round(cache: &dyn Counted, number: u64, stored: &AtomicU64) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
    let key = format!("key:{:03}", mixed % 211);
    let mut buffer = Vec::new();
    match (mixed >> 20) % 100 {
        0..40 => {
            let tags = keys_of(&TAGS[..usize::try_from(mixed % 3).unwrap()]);
            let ttl_ms = (mixed.is_multiple_of(4)).then_some(1 + mixed % 5);
            let value = value_of(&key, mixed);
            cache.set(at(&key), Put { ttl_ms, tags: &tags, ..put(&value) }).unwrap();
            stored.fetch_add(1, Ordering::Relaxed);
        }
        40..75 => {
            if let Read::Found(_) = cache.get(at(&key), &mut buffer).unwrap() {
                assert_whole(&key, &buffer);
            }
        }
        75..80 => drop(cache.delete(at(&key))),
        80..84 => {
            if let Read::Found(_) = cache.take(at(&key), &mut buffer).unwrap() {
                assert_whole(&key, &buffer);
            }
        }
        84..88 => drop(cache.expire(at(&key))),
        88..90 => drop(cache.touch(at(&key), Touch::For(Some(3)))),
        90..92 => settle(cache.delete_by_tag(&keys_of(&[TAGS[0]]))).unwrap(),
        92..93 => settle(cache.expire_by_tag(&keys_of(&[TAGS[1]]))).unwrap(),
        93..97 => {
            let leader = Arc::<Heard>::default();
            match cache.join_load(at(&key), &[], LoadMode::Join, 1_000, leader, &mut buffer).unwrap() {
                Joined::Lead(ticket) => {
                    let value = value_of(&key, mixed);
                    let loaded =
                        cache.end_load(at(&key), ticket, put(&value), true).unwrap() == Ended::Stored;
                    stored.fetch_add(u64::from(loaded), Ordering::Relaxed);
                }
                Joined::Found(_) => assert_whole(&key, &buffer),
                Joined::Wait(..) | Joined::UnderWay => {}
            }
        }
        97 => {
            let mut cursor = 0;
            loop {
                cursor = cache.scan(cursor, Key::narrow(b"key:0"), 0, &mut |key, _, value| {
                    assert_whole(std::str::from_utf8(key.bytes).unwrap(), value);
                    true
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        98 => drop(settle(cache.delete_by_prefix(Key::narrow(b"key:1"))).unwrap()),
        _ if mixed.is_multiple_of(7) => cache.clear(),
        _ => drop(cache.stats()),
    }
}

fn hammer(cache: &Arc<dyn Counted>, bytes_max: u64) {
    let ear = Arc::<Ear>::default();
    cache.watch(ear.clone());
    let stored = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (cache, stored, done) = (cache.clone(), &stored, &done);
            scope.spawn(move || {
                (0..ROUNDS).for_each(|number| round(&*cache, number * THREADS + thread, stored));
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            let from_us = Clock::System.now_us();
            while done.load(Ordering::SeqCst) < THREADS {
                if Clock::System.now_us() - from_us > 60_000 * MS {
                    // The scope would wait for ever for who waits for ever.
                    eprintln!("threads wait for each other");
                    std::process::abort();
                }
                assert!(cache.stats().bytes <= bytes_max);
                std::thread::park_timeout(std::time::Duration::from_millis(5));
            }
        });
    });
    let stored = stored.load(Ordering::Relaxed);
    // The last ones to expire and what a clear took are told by the background thread.
    eventually("removals were lost", || cache.stats().entries + ear.len() as u64 >= stored);
    let (stats, heard) = (cache.stats(), ear.len() as u64);
    assert!(stats.entries + heard >= stored && heard <= stored, "one was told twice");
    let (counted, kept) = cache.recount();
    assert_eq!(counted, kept);
    let ((_, members), held) = cache.recount_tags();
    assert_eq!((members, cache.loads()), (held, (0, 0)));
    cache.clear();
    eventually("an entry was lost or counted twice", || ear.len() as u64 == stored);
    assert_eq!((cache.stats().entries, cache.recount(), cache.recount_tags()), (0, (0, 0), ((0, 0), 0)));
}

fn threads_on_a_small_cache_tear_nothing_and_lose_no_count(open: Open) {
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        let options = CacheOptions {
            max_size: 24 << 10,
            max_entry_size: 8 << 10,
            eviction,
            stale_while_revalidate: Some(2),
            ..roomy()
        };
        hammer(&open(options, Clock::System), 24 << 10);
    }
}

fn threads_on_a_cache_of_many_shards_tear_nothing_and_lose_no_count(open: Open) {
    hammer(&open(crate::support::large(), Clock::System), 64 << 20);
}

fn of_threads_that_take_one_key_one_gets_it(open: Open) {
    let rig = Rig::new(open, roomy());
    let taken = AtomicU64::new(0);
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (rig, taken, barrier) = (&rig, &taken, &barrier);
            scope.spawn(move || {
                for round in 0..2_000_u64 {
                    let key = round.to_string();
                    if round % 4 == thread {
                        rig.set(&key, "1");
                    }
                    barrier.wait();
                    taken.fetch_add(u64::from(rig.take(&key).is_some()), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((taken.load(Ordering::Relaxed), rig.stats().entries), (2_000, 0));
}

/// A source that changes, each time followed by the deletion of the tag under which what is loaded from it is kept, beside
/// threads that delete other tags: at times no load is under way, and what was deleted may be forgotten.
fn a_loaded_value_is_never_older_than_a_deletion_of_its_tag_that_has_returned(open: Open) {
    let cache = open(roomy(), Clock::System);
    let (source, floor) = (AtomicU64::new(1), AtomicU64::new(0));
    let until_us = Clock::System.now_us() + 1_500_000;
    let goes_on = || Clock::System.now_us() < until_us;
    let load = || {
        let mut buffer = Vec::new();
        while goes_on() {
            let least = floor.load(Ordering::SeqCst);
            let leader = Arc::<Heard>::default();
            match cache.join_load(at("a"), &[], LoadMode::Join, 1_000, leader, &mut buffer).unwrap() {
                Joined::Found(_) => {
                    let value: u64 = std::str::from_utf8(&buffer).unwrap().parse().unwrap();
                    assert!(value >= least, "{value}, after the deletion of {least} had returned");
                }
                Joined::Lead(ticket) => {
                    let value = source.load(Ordering::SeqCst).to_string();
                    let tags = keys_of(&["mine"]);
                    cache.end_load(at("a"), ticket, Put { tags: &tags, ..put(&value) }, true).unwrap();
                }
                Joined::Wait(..) | Joined::UnderWay => {}
            }
        }
    };
    let delete_others = || {
        while goes_on() {
            settle(cache.delete_by_tag(&keys_of(&["other"]))).unwrap();
        }
    };
    let delete = || {
        while goes_on() {
            let value = source.fetch_add(1, Ordering::SeqCst) + 1;
            settle(cache.delete_by_tag(&keys_of(&["mine"]))).unwrap();
            floor.store(value, Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(load);
        scope.spawn(load);
        scope.spawn(delete);
        (0..3).for_each(|_| drop(scope.spawn(delete_others)));
    });
}

/// The machine's clock is read coarsely by many: what one reading says is over must be over for the next.
fn what_was_seen_to_have_expired_is_not_seen_again(open: Open) {
    let cache = open(roomy(), Clock::System);
    let until_us = Clock::System.now_us() + 2_000_000;
    std::thread::scope(|scope| {
        // Precise readings set the coarse clock anew.
        scope.spawn(|| while Clock::System.now_us() < until_us {});
        scope.spawn(|| {
            while Clock::System.now_us() < until_us {
                cache.set(at("a"), Put { ttl_ms: Some(2), ..put("1") }).unwrap();
                while cache.has(at("a")) {}
                (0..2_000).for_each(|_| assert!(!cache.has(at("a")), "it is back"));
            }
        });
    });
}

promises!(
    what_was_seen_to_have_expired_is_not_seen_again,
    a_loaded_value_is_never_older_than_a_deletion_of_its_tag_that_has_returned,
    threads_on_a_small_cache_tear_nothing_and_lose_no_count,
    threads_on_a_cache_of_many_shards_tear_nothing_and_lose_no_count,
    of_threads_that_take_one_key_one_gets_it,
);
