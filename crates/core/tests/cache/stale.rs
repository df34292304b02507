//! Values past their TTL, for those who ask for them.

use redstart_core::cache::{CacheOptions, Touch};
use redstart_core::clock::Clock;
use redstart_core::engine::Read;

use crate::support::{Open, Rig, at, put, roomy, stale_for_a_minute};

fn a_value_is_served_stale_within_its_window_and_to_nobody_else(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set_for("a", "1", 100);
    assert_eq!(rig.get_stale("a", 60_000).unwrap(), ("1".into(), false), "it is fresh");
    rig.pass(100);
    assert_eq!(rig.get_stale("a", 60_000).unwrap(), ("1".into(), true));
    assert_eq!(rig.get_stale("a", 0), None);
    assert_eq!((rig.get("a"), rig.has("a"), rig.peek("a"), rig.take("a")), (None, false, None, None));
    assert!(
        rig.left_ms("a").is_none() && !rig.cache.touch(at("a"), Touch::Own) && !rig.cache.expire(at("a"))
    );
    assert_eq!(rig.walk("").len(), 0);
    rig.pass(999);
    assert_eq!(rig.get_stale("a", 1_000).unwrap(), ("1".into(), true), "a window of its own");
    rig.pass(1);
    assert_eq!(rig.get_stale("a", 1_000), None);
    assert!(rig.get_stale("a", 1_001).is_some());
}

fn what_is_served_stale_is_counted_as_stale_and_as_nothing_else(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set_for("a", "1", 100);
    rig.get_stale("a", 60_000);
    rig.pass(100);
    rig.get_stale("a", 60_000);
    rig.get_stale("a", 60_000);
    rig.get_stale("b", 60_000);
    rig.get_stale("a", 0);
    let stats = rig.stats();
    assert_eq!((stats.hits, stats.misses, stats.stale), (1, 2, 2));
    assert_eq!((stats.entries, stats.expirations), (1, 0), "it has not gone yet");
}

fn memory_comes_back_when_the_longer_window_ends(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set_for("a", "1", 100);
    rig.pass(100 + 59_999);
    assert_eq!((rig.stats().entries, rig.get_stale("a", u64::MAX).is_some()), (1, true));
    rig.pass(1);
    assert_eq!((rig.stats().entries, rig.stats().bytes, rig.stats().expirations), (0, 0, 1));
    let only_on_error = CacheOptions { stale_if_error: Some(5), ..roomy() };
    let rig = Rig::new(open, only_on_error);
    rig.set_for("a", "1", 100);
    rig.pass(104);
    assert_eq!(rig.stats().entries, 1);
    rig.pass(1);
    assert_eq!(rig.stats().entries, 0);
}

fn an_entry_that_is_expired_by_hand_is_stale_from_then_on(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set("stays", "1");
    rig.set_for("timed", "1", 1_000_000);
    for key in ["stays", "timed"] {
        assert!(rig.cache.expire(at(key)) && !rig.cache.expire(at(key)));
        assert_eq!((rig.get(key), rig.has(key)), (None, false));
        assert_eq!(rig.get_stale(key, 60_000).unwrap(), ("1".into(), true));
    }
    rig.pass(59_999);
    assert!(rig.get_stale("stays", 60_000).is_some() && rig.get_stale("timed", 60_000).is_some());
    rig.pass(1);
    assert_eq!((rig.stats().entries, rig.stats().expirations), (0, 2));
}

fn without_a_window_an_entry_that_is_expired_by_hand_is_gone(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set("a", "1");
    assert!(rig.cache.expire(at("a")) && !rig.cache.expire(at("a")) && !rig.cache.expire(at("b")));
    assert_eq!((rig.get_stale("a", 60_000), rig.stats().entries, rig.stats().expirations), (None, 0, 1));
}

fn a_new_value_is_fresh_whatever_was_stale_before(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set_for("a", "old", 100);
    rig.pass(100);
    rig.set_for("a", "new", 100);
    assert_eq!(rig.get_stale("a", 60_000).unwrap(), ("new".into(), false));
    rig.pass(99);
    assert_eq!(rig.get("a").unwrap(), "new");
    rig.pass(1);
    assert_eq!(rig.get_stale("a", 60_000).unwrap(), ("new".into(), true));
    rig.pass(59_999);
    assert_eq!(rig.stats().entries, 1, "the old one's time is not the new one's");
    assert!(!rig.delete("a"), "it was not live");
    assert_eq!((rig.stats().entries, rig.get_stale("a", 60_000)), (0, None));
}

fn a_stale_read_does_not_slide_the_ttl(open: Open) {
    let rig = Rig::new(open, CacheOptions { update_age_on_get: true, ..stale_for_a_minute() });
    rig.set_for("a", "1", 100);
    rig.pass(60);
    assert!(!rig.get_stale("a", 60_000).unwrap().1, "a fresh one does");
    rig.pass(60);
    assert!(rig.has("a"));
    rig.pass(40);
    assert!(rig.get_stale("a", 60_000).unwrap().1);
    assert!(!rig.has("a"));
    rig.pass(60_000);
    assert_eq!(rig.stats().entries, 0);
}

fn a_look_shows_a_stale_value_within_its_window_and_counts_nothing(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    rig.set_for("a", "1", 100);
    rig.pass(100);
    let mut buffer = Vec::new();
    let mut look = |window_ms| rig.cache.peek(at("a"), window_ms, &mut buffer).unwrap();
    assert!(matches!(look(60_000), Read::Found(found) if found.stale));
    assert!(matches!(look(1), Read::Found(found) if found.stale));
    assert_eq!(look(0), Read::Absent);
    rig.pass(1);
    assert_eq!((look(1), rig.stats().stale, rig.stats().misses), (Read::Absent, 0, 0));
}

/// Reads go by a clock that is a little behind the one by which an entry is expired.
fn on_the_machines_clock_an_entry_that_is_expired_by_hand_is_absent_at_once(open: Open) {
    let cache = open(stale_for_a_minute(), Clock::System);
    let mut buffer = Vec::new();
    for _ in 0..100 {
        cache.set(at("a"), put("1")).unwrap();
        assert!(cache.expire(at("a")));
        assert!(!cache.has(at("a")), "has");
        assert_eq!(cache.peek(at("a"), 0, &mut buffer).unwrap(), Read::Absent);
        assert_eq!(cache.get(at("a"), &mut buffer).unwrap(), Read::Absent);
        assert_eq!((cache.remaining_us(at("a")), cache.touch(at("a"), Touch::Own)), (None, false));
        assert!(
            matches!(cache.get_stale(at("a"), 60_000, &mut buffer).unwrap(), Read::Found(found) if found.stale)
        );
    }
}

promises!(
    a_look_shows_a_stale_value_within_its_window_and_counts_nothing,
    on_the_machines_clock_an_entry_that_is_expired_by_hand_is_absent_at_once,
    a_value_is_served_stale_within_its_window_and_to_nobody_else,
    what_is_served_stale_is_counted_as_stale_and_as_nothing_else,
    memory_comes_back_when_the_longer_window_ends,
    an_entry_that_is_expired_by_hand_is_stale_from_then_on,
    without_a_window_an_entry_that_is_expired_by_hand_is_gone,
    a_new_value_is_fresh_whatever_was_stale_before,
    a_stale_read_does_not_slide_the_ttl,
);
