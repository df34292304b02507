//! When entries expire, and when their memory comes back.

use std::collections::HashSet;

use redstart_core::cache::{CacheOptions, Put, Touch};
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::ids::Spread;

use crate::support::{Open, Rig, START_US, at, eventually, put, roomy};

fn an_entry_lives_exactly_as_long_as_its_ttl(open: Open) {
    let rig = Rig::new(open, roomy());
    // Off the millisecond on purpose: what is promised is a microsecond.
    rig.clock.advance_to(START_US + 7);
    rig.set_for("a", "1", 1_000);
    assert_eq!(rig.cache.remaining_us(at("a")), Some(1_000 * MS));
    rig.clock.advance_to(START_US + 7 + 1_000 * MS - 1);
    assert_eq!((rig.get("a").unwrap(), rig.cache.remaining_us(at("a"))), ("1".into(), Some(1)));
    rig.clock.advance_to(START_US + 7 + 1_000 * MS);
    assert_eq!((rig.get("a"), rig.has("a"), rig.peek("a"), rig.left_ms("a")), (None, false, None, None));
    assert!(!rig.delete("a") && rig.take("a").is_none());
    assert_eq!((rig.stats().expirations, rig.stats().bytes), (1, 0));
}

fn a_ttl_of_a_hundred_years_does_not_wrap(open: Open) {
    let rig = Rig::new(open, roomy());
    let century_ms = 100 * 365 * 24 * 60 * 60 * 1_000;
    rig.set_for("a", "1", century_ms);
    rig.set_for("b", "1", u64::MAX);
    rig.set_for("c", "1", century_ms - 1);
    rig.pass(century_ms - 1);
    assert!(rig.has("a") && rig.has("b") && !rig.has("c"));
    assert_eq!(rig.stats().entries, 2);
    rig.pass(1);
    assert!(!rig.has("a") && rig.has("b"));
}

fn a_touch_starts_the_ttl_anew_with_its_own_or_another(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set_for("a", "1", 100);
    rig.pass(60);
    assert!(rig.cache.touch(at("a"), Touch::Own) && !rig.cache.touch(at("b"), Touch::Own));
    assert_eq!(rig.left_ms("a"), Some(100));
    rig.pass(60);
    assert!(rig.touch_for("a", Some(1_000)));
    rig.pass(999);
    assert!(rig.has("a") && rig.cache.touch(at("a"), Touch::Own), "its own is the last one it was given");
    assert_eq!(rig.left_ms("a"), Some(1_000));
    assert!(rig.touch_for("a", None));
    rig.pass(1_000_000);
    assert_eq!(rig.cache.remaining_us(at("a")), Some(u64::MAX));
    assert!(rig.cache.touch(at("a"), Touch::Own) && rig.touch_for("a", Some(5)), "a shorter one holds too");
    rig.pass(5);
    assert!(!rig.has("a") && !rig.touch_for("a", Some(5)) && rig.stats().entries == 0);
}

fn the_last_ttl_counts_and_an_earlier_one_is_forgotten(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set_for("kept", "1", 10);
    rig.set("kept", "2");
    rig.set_for("longer", "1", 10);
    rig.set_for("longer", "2", 30);
    rig.set_for("shorter", "1", 30);
    rig.set_for("shorter", "2", 10);
    rig.set_for("gone", "1", 10);
    rig.delete("gone");
    rig.set("gone", "2");
    rig.pass(10);
    assert!(rig.has("kept") && rig.has("longer") && rig.has("gone") && !rig.has("shorter"));
    assert_eq!((rig.stats().entries, rig.stats().expirations), (3, 1));
    rig.pass(20);
    assert_eq!((rig.stats().entries, rig.has("longer")), (2, false));
}

fn an_entry_that_is_overwritten_gives_its_memory_back_by_its_new_ttl(open: Open) {
    let rig = Rig::new(open, roomy());
    for (key, ttls) in [
        ("sooner", &[Some(1_000), Some(10)][..]),
        ("later", &[Some(10), Some(1_000)]),
        ("never", &[Some(10), None]),
        ("after", &[None, Some(10)]),
    ] {
        for &ttl in ttls {
            rig.cache.set(at(key), Put { ttl_ms: ttl, ..put("1") }).unwrap();
        }
    }
    rig.pass(10);
    assert_eq!(rig.stats().entries, 2, "sooner and after have gone unread");
    rig.pass(989);
    assert!(rig.has("later") && rig.has("never"));
    rig.pass(1);
    assert_eq!(rig.stats().entries, 1, "never alone is left");
}

fn with_sliding_expiry_a_read_starts_the_ttl_anew_and_a_look_does_not(open: Open) {
    let rig = Rig::new(open, CacheOptions { update_age_on_get: true, ..roomy() });
    rig.set_for("read", "1", 100);
    rig.set_for("looked at", "1", 100);
    rig.set("stays", "1");
    for _ in 0..10 {
        rig.pass(99);
        assert!(rig.get("read").is_some() && rig.get("stays").is_some());
        rig.peek("looked at");
        rig.has("looked at");
    }
    assert!(!rig.has("looked at") && rig.stats().entries == 2, "what was not read went by itself");
    rig.pass(99);
    assert!(rig.has("read"));
    rig.pass(1);
    assert_eq!((rig.get("read"), rig.stats().entries), (None, 1));
}

fn jitter_shortens_ttls_within_its_bounds_and_spreads_them(open: Open) {
    let rig = Rig::new(open, CacheOptions { ttl_jitter: 0.3, ..roomy() });
    let lives: Vec<u64> = (0..2_000)
        .map(|number| {
            let key = number.to_string();
            rig.set_for(&key, "1", 1_000);
            rig.left_ms(&key).unwrap()
        })
        .collect();
    assert!(lives.iter().all(|life| (700..=1_000).contains(life)));
    assert!(lives.iter().any(|&life| life < 720) && lives.iter().any(|&life| life > 980));
    assert!(lives.iter().collect::<HashSet<_>>().len() > 250);
    let middle = lives.iter().filter(|&&life| life < 850).count();
    assert!((850..1_150).contains(&middle), "half of them are in the lower half, not {middle}");
    rig.set("stays", "1");
    assert_eq!(rig.cache.remaining_us(at("stays")), Some(u64::MAX));
    let all = Rig::new(open, CacheOptions { ttl_jitter: 1.0, ..roomy() });
    for number in 0..500 {
        all.set_for("a", "1", 1 + number % 3);
        assert!(all.left_ms("a").unwrap() >= 1, "an entry that is set is there");
    }
}

fn memory_comes_back_unread_at_the_very_instant(open: Open) {
    let rig = Rig::new(open, roomy());
    let mut spread = Spread::new();
    let mut dues: Vec<u64> = (0..3_000)
        .map(|number: u32| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours in ms")]
            let ttl_ms = 1 + (spread.unit().powi(4) * 20_000_000.0) as u64;
            rig.set_for(&number.to_string(), "value", ttl_ms);
            START_US + ttl_ms * MS
        })
        .collect();
    dues.sort_unstable();
    for (number, &due) in dues.iter().enumerate() {
        if rig.clock.now_us() >= due {
            continue;
        }
        rig.clock.advance_to(due - 1);
        let early = dues.iter().take_while(|&&other| other < due).count();
        assert_eq!(rig.stats().entries, 3_000 - early as u64, "one went early or late, about the {number}th");
        rig.clock.advance_to(due);
        let by_now = dues.iter().take_while(|&&other| other <= due).count();
        assert_eq!(rig.stats().entries, 3_000 - by_now as u64);
    }
    rig.clock.advance_to(*dues.last().unwrap());
    assert_eq!((rig.stats().entries, rig.stats().bytes, rig.stats().expirations), (0, 0, 3_000));
    rig.check();
}

fn ten_thousand_entries_that_fall_due_at_once_all_go(open: Open) {
    let rig = Rig::new(open, crate::support::large());
    for number in 0..10_000 {
        rig.set_for(&number.to_string(), "value", 50);
    }
    rig.set("stays", "1");
    rig.pass(49);
    assert_eq!(rig.stats().entries, 10_001);
    rig.pass(1);
    assert_eq!((rig.stats().entries, rig.stats().expirations), (1, 10_000));
    rig.check();
}

fn on_the_machines_clock_memory_comes_back_unread_within_200_ms(open: Open) {
    let cache = open(roomy(), Clock::System);
    // The first one arms the background thread for later than the rest.
    cache.set(at("late"), Put { ttl_ms: Some(600_000), ..put("1") }).unwrap();
    for round in 1..=3_u64 {
        let from_us = Clock::System.now_us();
        for number in 0..500_u64 {
            let key = number.to_string();
            cache.set(at(&key), Put { ttl_ms: Some(1 + number % 20), ..put("1") }).unwrap();
        }
        assert!(cache.stats().entries > 1);
        eventually("they never went", || cache.stats().entries == 1);
        let took_ms = (Clock::System.now_us() - from_us) / MS;
        assert!(took_ms < 20 + 200, "it took {took_ms} ms");
        assert_eq!(cache.stats().expirations + 1, 500 * round + 1);
    }
    assert!(cache.has(at("late")));
}

fn caches_that_share_a_clock_all_move_with_it(open: Open) {
    let clock = ManualClock::new(START_US);
    let caches: Vec<_> = (0..3).map(|_| open(roomy(), Clock::Manual(clock.clone()))).collect();
    for (cache, ttl_ms) in caches.iter().zip([10, 20, 30]) {
        cache.set(at("a"), Put { ttl_ms: Some(ttl_ms), ..put("1") }).unwrap();
    }
    clock.advance_to(START_US + 20 * MS);
    let left: Vec<u64> = caches.iter().map(|cache| cache.stats().entries).collect();
    assert_eq!(left, [0, 0, 1]);
}

promises!(
    an_entry_lives_exactly_as_long_as_its_ttl,
    a_ttl_of_a_hundred_years_does_not_wrap,
    a_touch_starts_the_ttl_anew_with_its_own_or_another,
    the_last_ttl_counts_and_an_earlier_one_is_forgotten,
    an_entry_that_is_overwritten_gives_its_memory_back_by_its_new_ttl,
    with_sliding_expiry_a_read_starts_the_ttl_anew_and_a_look_does_not,
    jitter_shortens_ttls_within_its_bounds_and_spreads_them,
    memory_comes_back_unread_at_the_very_instant,
    ten_thousand_entries_that_fall_due_at_once_all_go,
    on_the_machines_clock_memory_comes_back_unread_within_200_ms,
    caches_that_share_a_clock_all_move_with_it,
);
