//! Entries by the names they were set with.

use redstart_core::cache::{At, Put, tags};
use redstart_core::key::Key;
use redstart_core::reply::Reply;

use crate::support::{Open, Rig, at, keys_of, large, put, roomy, settle, stale_for_a_minute};

fn deleting_a_tag_removes_its_entries_and_no_others(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set_tagged("a", "1", &["red"]);
    rig.set_tagged("b", "1", &["red", "blue", "red"]);
    rig.set_tagged("c", "1", &["blue"]);
    rig.set("d", "1");
    assert_eq!(rig.cache.recount_tags(), ((2, 4), 4));
    rig.delete_by_tag(&["red", "unknown"]);
    assert_eq!(
        rig.walk("").into_iter().collect::<std::collections::BTreeSet<_>>(),
        ["c".into(), "d".into()].into()
    );
    assert_eq!(rig.cache.recount_tags(), ((1, 1), 1));
    rig.delete_by_tag(&["red"]);
    rig.delete_by_tag(&[]);
    assert_eq!(rig.stats().entries, 2);
    rig.delete_by_tag(&["blue", "blue"]);
    assert_eq!((rig.stats().entries, rig.cache.recount_tags()), (1, ((0, 0), 0)));
    rig.check();
}

fn an_entry_has_the_tags_it_was_last_set_with(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set_tagged("a", "1", &["old", "both"]);
    rig.set_tagged("a", "2", &["both", "new"]);
    assert_eq!(rig.cache.recount_tags(), ((2, 2), 2));
    rig.delete_by_tag(&["old"]);
    assert!(rig.has("a"));
    rig.delete_by_tag(&["both"]);
    assert!(!rig.has("a"));
    rig.set_tagged("a", "1", &["old"]);
    rig.set("a", "2");
    rig.delete_by_tag(&["old"]);
    assert!(rig.has("a"));
    assert_eq!(rig.cache.recount_tags(), ((0, 0), 0));
}

fn a_tag_is_forgotten_with_its_last_entry_whichever_way_that_goes(open: Open) {
    let rig = Rig::new(open, roomy());
    let set = || {
        let tags = keys_of(&["t"]);
        rig.cache.set(at("a"), Put { tags: &tags, ttl_ms: Some(10), ..put("1") }).unwrap();
        assert_eq!(rig.cache.recount_tags(), ((1, 1), 1));
    };
    let goes: [&dyn Fn(); 8] = [
        &|| assert!(rig.delete("a")),
        &|| assert!(rig.take("a").is_some()),
        &|| assert!(rig.cache.expire(at("a"))),
        &|| rig.pass(10),
        &|| rig.set("a", "2"),
        &|| rig.cache.clear(),
        &|| assert_eq!(rig.delete_by_prefix("a"), 1),
        &|| drop(rig.cache.set(at("a"), put(&"x".repeat(2 << 20)))),
    ];
    for (number, go) in goes.iter().enumerate() {
        set();
        go();
        assert_eq!(rig.cache.recount_tags(), ((0, 0), 0), "the {number}th way");
    }
}

fn a_tag_may_be_any_string_and_is_not_taken_for_another(open: Open) {
    let rig = Rig::new(open, roomy());
    let (narrow, wide, empty) = (Key::narrow(b"ab"), Key::wide(b"ab"), Key::narrow(b""));
    for (key, tag) in [("narrow", narrow), ("wide", wide), ("empty", empty)] {
        rig.cache.set(at(key), Put { tags: &[tag], ..put("1") }).unwrap();
    }
    settle(rig.cache.delete_by_tag(&[wide])).unwrap();
    assert!(rig.has("narrow") && !rig.has("wide") && rig.has("empty"));
    settle(rig.cache.delete_by_tag(&[empty])).unwrap();
    assert!(rig.has("narrow") && !rig.has("empty"));
}

fn a_tag_reaches_entries_of_every_shape_and_shard(open: Open) {
    let rig = Rig::new(open, large());
    let version = rig.cache.version(Some("2"));
    for number in 0..500 {
        let key = number.to_string();
        let at = At { version: if number % 2 == 0 { 0 } else { version }, ..at(&key) };
        rig.cache.set(at, Put { tags: &keys_of(&["t"]), ..put("1") }).unwrap();
    }
    rig.delete_by_tag(&["t"]);
    assert_eq!((rig.stats().entries, rig.cache.recount_tags()), (0, ((0, 0), 0)));
}

fn a_tag_of_many_entries_is_answered_later_and_all_are_gone_by_then(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        for round in 0..3 {
            for number in 0..2_000 {
                rig.set_tagged(
                    &number.to_string(),
                    "1",
                    &["many", if number % 2 == 0 { "even" } else { "odd" }],
                );
            }
            rig.set("stays", "1");
            let reply = rig.cache.delete_by_tag(&keys_of(&["many"]));
            assert!(matches!(reply, Reply::Pending(_)), "2,000 entries are too many for one step");
            // What comes meanwhile and has not the tag stays.
            rig.set("new", &round.to_string());
            settle(reply).unwrap();
            assert!(rig.has("stays") && rig.has("new") && rig.stats().entries == 2);
            assert_eq!(rig.cache.recount_tags(), ((0, 0), 0));
            rig.check();
        }
    }
}

fn a_deletion_under_way_spares_entries_that_came_back_under_another_tag(open: Open) {
    let rig = Rig::new(open, large());
    (0..20_000).for_each(|number| rig.set_tagged(&number.to_string(), "1", &["many"]));
    let reply = rig.cache.delete_by_tag(&keys_of(&["many"]));
    // Nothing is left of the old tag, so whatever stood for it may stand for another now.
    rig.cache.clear();
    (0..2_000).for_each(|number| rig.set_tagged(&number.to_string(), "2", &["other"]));
    settle(reply).unwrap();
    assert_eq!(rig.stats().entries, 2_000);
}

fn an_answer_that_nobody_waits_for_does_not_stop_the_deletion(open: Open) {
    let rig = Rig::new(open, roomy());
    (0..5_000).for_each(|number| rig.set_tagged(&number.to_string(), "1", &["many"]));
    drop(rig.cache.delete_by_tag(&keys_of(&["many"])));
    crate::support::eventually("some were left", || rig.stats().entries == 0);
}

fn a_cache_that_closes_amid_a_deletion_still_answers(open: Open) {
    let rig = Rig::new(open, roomy());
    (0..5_000).for_each(|number| rig.set_tagged(&number.to_string(), "1", &["many"]));
    let reply = rig.cache.delete_by_tag(&keys_of(&["many"]));
    drop(rig);
    settle(reply).unwrap();
}

fn expiring_a_tag_ends_the_life_of_its_entries(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set_tagged("a", "1", &["t"]);
    rig.set("b", "1");
    rig.expire_by_tag(&["t"]);
    assert!(!rig.has("a") && rig.has("b"));
    assert_eq!((rig.stats().entries, rig.stats().expirations), (1, 1));
}

fn an_expired_tag_leaves_its_values_to_be_served_stale_and_their_old_time_is_not_made_longer(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    (0..2_000).for_each(|number| rig.set_tagged(&number.to_string(), "old", &["t"]));
    rig.expire_by_tag(&["t"]);
    assert!((0..2_000).all(|number| !rig.has(&number.to_string())));
    assert_eq!(rig.get_stale("7", 60_000).unwrap(), ("old".into(), true));
    rig.pass(30_000);
    // A second time changes nothing: it has expired already.
    rig.expire_by_tag(&["t"]);
    rig.pass(29_999);
    assert_eq!(rig.get_stale("7", 60_000).unwrap(), ("old".into(), true));
    rig.pass(1);
    assert_eq!((rig.get_stale("7", 60_000), rig.stats().entries), (None, 0));
    assert_eq!((rig.stats().expirations, rig.cache.recount_tags()), (2_000, ((0, 0), 0)));
}

fn tags_are_bounded_in_number_and_length(open: Open) {
    let rig = Rig::new(open, roomy());
    let texts: Vec<String> = (0..=tags::TAGS_MAX).map(|number| number.to_string()).collect();
    let all: Vec<Key<'_>> = texts.iter().map(|text| Key::narrow(text.as_bytes())).collect();
    let long = "x".repeat(tags::TAG_BYTES_MAX + 1);
    let cases =
        [(&all[..], "65 tags, the limit is 64"), (&[Key::narrow(long.as_bytes())], "the limit is 1024")];
    rig.set("a", "old");
    for (tags, message) in cases {
        let errors = [
            rig.cache.set(at("a"), Put { tags, ..put("new") }).unwrap_err(),
            settle(rig.cache.delete_by_tag(tags)).unwrap_err(),
            settle(rig.cache.expire_by_tag(tags)).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.code(), "ERR_INVALID_ARG");
            assert!(error.to_string().contains(message), "{error}");
        }
    }
    assert_eq!(rig.get("a").unwrap(), "old", "a call that is refused changes nothing");
    rig.cache.set(at("a"), Put { tags: &all[1..], ..put("new") }).unwrap();
    assert_eq!(rig.cache.recount_tags(), ((64, 64), 64));
}

promises!(
    deleting_a_tag_removes_its_entries_and_no_others,
    an_entry_has_the_tags_it_was_last_set_with,
    a_tag_is_forgotten_with_its_last_entry_whichever_way_that_goes,
    a_tag_may_be_any_string_and_is_not_taken_for_another,
    a_tag_reaches_entries_of_every_shape_and_shard,
    a_tag_of_many_entries_is_answered_later_and_all_are_gone_by_then,
    a_deletion_under_way_spares_entries_that_came_back_under_another_tag,
    an_answer_that_nobody_waits_for_does_not_stop_the_deletion,
    a_cache_that_closes_amid_a_deletion_still_answers,
    expiring_a_tag_ends_the_life_of_its_entries,
    an_expired_tag_leaves_its_values_to_be_served_stale_and_their_old_time_is_not_made_longer,
    tags_are_bounded_in_number_and_length,
);
