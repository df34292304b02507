//! Many entries at once: by prefix, all, and walking through.

use std::collections::HashSet;

use redstart_core::cache::At;
use redstart_core::key::Key;
use redstart_core::reply::Reply;

use crate::support::{Open, Rig, TAG, eventually, large, put, roomy, settle, stale_for_a_minute};

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_ne_bytes).collect()
}

fn a_prefix_is_compared_character_by_character(open: Open) {
    let rig = Rig::new(open, roomy());
    let chinese = wide("users:漢");
    let keys = [
        Key::narrow(b"users:1"),
        Key::narrow(b"users:"),
        Key::narrow(b"usersAbc"),
        Key::narrow(b"user"),
        Key::wide(&chinese),
        // Its bytes begin as 'users:' does; its characters do not.
        Key::wide(b"users:"),
    ];
    let set = || keys.iter().for_each(|&key| rig.cache.set(At { key, version: 0 }, put("1")).unwrap());
    let left = || keys.iter().filter(|&&key| rig.cache.has(At { key, version: 0 })).count();
    set();
    assert_eq!((rig.delete_by_prefix("users:"), left()), (3, 3));
    assert!(rig.cache.has(At { key: keys[5], version: 0 }) && rig.has("usersAbc"));
    assert_eq!((rig.delete_by_prefix("users:"), left()), (0, 3));
    set();
    assert_eq!(settle(rig.cache.delete_by_prefix(Key::wide(&chinese))).unwrap(), 1);
    assert_eq!((rig.delete_by_prefix(""), left()), (5, 0));
    rig.check();
}

fn only_what_was_live_is_counted(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    let version = rig.cache.version(Some("2"));
    rig.set_for("a1", "1", 10);
    rig.set("a2", "1");
    rig.cache.set(At { key: Key::narrow(b"a3"), version }, put("1")).unwrap();
    rig.pass(10);
    assert_eq!((rig.stats().entries, rig.delete_by_prefix("a"), rig.stats().entries), (3, 2, 0));
    assert_eq!(rig.stats().expirations, 1);
}

fn a_prefix_in_a_large_cache_is_answered_later(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        (0..6_000)
            .for_each(|number| rig.set(&format!("{}{number}", if number % 3 == 0 { "b" } else { "a" }), "1"));
        let reply = rig.cache.delete_by_prefix(Key::narrow(b"a"));
        assert!(matches!(reply, Reply::Pending(_)));
        assert_eq!(settle(reply).unwrap(), 4_000);
        assert_eq!((rig.stats().entries, rig.walk("a").len()), (2_000, 0));
        rig.check();
    }
}

fn clearing_takes_everything_at_once(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        for _ in 0..2 {
            (0..5_000).for_each(|number| rig.set_tagged(&number.to_string(), "1", &["t"]));
            rig.set_for("timed", "1", 10);
            rig.cache.clear();
            let stats = rig.stats();
            assert_eq!((stats.entries, stats.bytes, stats.evictions, stats.expirations), (0, 0, 0, 0));
            assert_eq!((rig.get("7"), rig.walk("").len()), (None, 0));
            assert_eq!(rig.cache.recount_tags(), ((0, 0), 0));
            // The old ones' timers went with them.
            rig.set("timed", "1");
            rig.pass(10);
            assert!(rig.has("timed"));
            rig.check();
        }
    }
}

fn a_walk_shows_every_live_entry_of_its_shape_and_prefix_and_ends(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        assert_eq!(rig.walk("").len(), 0);
        let version = rig.cache.version(Some("2"));
        for number in 0..3_000 {
            rig.set(&format!("{}{number}", if number % 3 == 0 { "b" } else { "a" }), &number.to_string());
        }
        rig.cache.set(At { key: Key::narrow(b"a other"), version }, put("1")).unwrap();
        rig.set_for("a gone", "1", 10);
        rig.pass(10);
        let all = rig.walk("");
        assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (3_000, 3_000));
        assert_eq!(rig.walk("a").len(), 2_000);
        assert_eq!(rig.walk("b").len(), 1_000);
        assert_eq!(rig.walk("c").len(), 0);
        let mut others = 0;
        let mut cursor = 0;
        loop {
            cursor = rig.cache.scan(cursor, Key::narrow(b""), version, &mut |key, tag, value| {
                assert_eq!((key.bytes, tag, value), (&b"a other"[..], TAG, &b"1"[..]));
                others += 1;
                true
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!((others, rig.stats().hits, rig.stats().misses), (1, 0, 0));
    }
}

fn a_chunk_of_a_walk_is_bounded(open: Open) {
    let rig = Rig::new(open, roomy());
    (0..3_000).for_each(|number| rig.set(&number.to_string(), "1"));
    let (mut cursor, mut chunks) = (0, 0);
    loop {
        let mut shown = Vec::new();
        cursor = rig.step(cursor, "", &mut shown);
        chunks += 1;
        assert!(shown.len() <= 256 && cursor < 1 << 53);
        if cursor == 0 {
            break;
        }
    }
    assert!(chunks <= 13, "{chunks}");
}

fn a_chunk_ends_where_who_asked_has_no_room_for_more_and_the_next_goes_on_there(open: Open) {
    let rig = Rig::new(open, large());
    (0..1_000).for_each(|number| rig.set(&number.to_string(), "1"));
    let (mut cursor, mut shown) = (0, Vec::new());
    loop {
        let before = shown.len();
        cursor = rig.cache.scan(cursor, Key::narrow(b""), 0, &mut |key, _, _| {
            shown.push(key.bytes.to_vec());
            shown.len() < before + 3
        });
        assert!(shown.len() <= before + 3);
        if cursor == 0 {
            break;
        }
    }
    assert_eq!((shown.len(), shown.into_iter().collect::<HashSet<_>>().len()), (1_000, 1_000));
}

fn a_walk_misses_nothing_that_stays_while_the_rest_goes_in_masses(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        let name =
            |number: u32| format!("{}{number}", if number.is_multiple_of(10) { "stays " } else { "goes " });
        (0..12_000).for_each(|number| rig.set(&name(number), "1"));
        let mut shown = Vec::new();
        let (mut cursor, mut step) = (0, 0);
        loop {
            cursor = rig.step(cursor, "", &mut shown);
            if cursor == 0 {
                break;
            }
            // From the side where the walk has been and from where it will come, so that the rest is moved together.
            for number in (step * 300)..(step * 300 + 300) {
                let number = if number % 2 == 0 { number } else { 12_000_u32.saturating_sub(number) };
                if !number.is_multiple_of(10) {
                    rig.delete(&name(number));
                }
            }
            rig.set(&format!("new {step}"), "1");
            step += 1;
        }
        let shown: HashSet<String> = shown.into_iter().collect();
        let missed: Vec<_> = (0..12_000).step_by(10).map(name).filter(|name| !shown.contains(name)).collect();
        assert!(missed.is_empty(), "{} were missed, such as '{}'", missed.len(), missed[0]);
        rig.check();
    }
}

fn a_walk_goes_on_after_a_clear_and_ends(open: Open) {
    let rig = Rig::new(open, large());
    (0..12_000).for_each(|number| rig.set(&number.to_string(), "1"));
    let mut shown = Vec::new();
    let mut cursor = rig.step(0, "", &mut shown);
    rig.cache.clear();
    let mut steps = 0;
    while cursor != 0 {
        cursor = rig.step(cursor, "", &mut shown);
        steps += 1;
        assert!(steps < 100);
    }
    assert!(shown.len() <= 256);
    // A cursor that nobody gave out ends the walk.
    assert_eq!(rig.step(u64::MAX, "", &mut shown), 0);
}

fn memory_of_a_peak_does_not_break_what_stays(open: Open) {
    let rig = Rig::new(open, roomy());
    (0..10_000_u64).for_each(|number| rig.set_for(&number.to_string(), "1", 1_000 + number));
    for number in (0..10_000_u64).filter(|number| !number.is_multiple_of(20)) {
        assert!(rig.delete(&number.to_string()));
    }
    assert!((0..10_000_u64).step_by(20).all(|number| rig.get(&number.to_string()).is_some()));
    rig.check();
    // Their timers moved along.
    rig.pass(1_000 + 5_000);
    assert_eq!(rig.stats().entries, 249);
    (0..5_000).for_each(|number| rig.set(&number.to_string(), "2"));
    rig.pass(10_000);
    eventually("timers of overwritten entries fired", || rig.stats().entries == 5_000);
    rig.check();
}

promises!(
    a_prefix_is_compared_character_by_character,
    only_what_was_live_is_counted,
    a_prefix_in_a_large_cache_is_answered_later,
    clearing_takes_everything_at_once,
    a_walk_shows_every_live_entry_of_its_shape_and_prefix_and_ends,
    a_chunk_of_a_walk_is_bounded,
    a_chunk_ends_where_who_asked_has_no_room_for_more_and_the_next_goes_on_there,
    a_walk_misses_nothing_that_stays_while_the_rest_goes_in_masses,
    a_walk_goes_on_after_a_clear_and_ends,
    memory_of_a_peak_does_not_break_what_stays,
);
