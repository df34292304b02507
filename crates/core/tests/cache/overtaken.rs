//! A load whose key changed meanwhile brings what is old already: it stores nothing.

use std::sync::Arc;

use redstart_core::cache::Put;
use redstart_core::engine::{Ended, Joined, LoadMode};
use redstart_core::key::Key;

use crate::support::{
    Heard, LEASE_MS, Open, Rig, at, keys_of, landed, large, poll, put, roomy, settle, stale_for_a_minute,
};

impl Rig {
    fn lead_tagged(&self, key: &str, tags: &[&str]) -> u64 {
        let leader = Arc::<Heard>::default();
        let mut buffer = Vec::new();
        match self
            .cache
            .join_load(at(key), &keys_of(tags), LoadMode::Join, LEASE_MS, leader, &mut buffer)
            .unwrap()
        {
            Joined::Lead(ticket) => ticket,
            other => panic!("expected to lead, got {}", crate::support::name_of(&other)),
        }
    }

    fn land_tagged(&self, key: &str, ticket: u64, tags: &[&str]) -> bool {
        let tags = keys_of(tags);
        self.cache.end_load(at(key), ticket, Put { tags: &tags, ..put("loaded") }, true).unwrap()
            == Ended::Stored
    }
}

fn a_change_of_the_key_overtakes_its_load_and_newcomers_load_anew(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    let changes: [(&str, &dyn Fn()); 8] = [
        ("set", &|| rig.set("users:1", "newer")),
        ("refused set", &|| assert!(rig.cache.set(at("users:1"), put(&"x".repeat(2 << 20))).is_err())),
        ("delete", &|| assert!(!rig.delete("users:1"))),
        ("take", &|| assert_eq!(rig.take("users:1"), None)),
        ("expire", &|| assert!(!rig.cache.expire(at("users:1")))),
        ("clear", &|| rig.cache.clear()),
        ("prefix", &|| assert_eq!(rig.delete_by_prefix("users:"), 0)),
        ("empty prefix", &|| assert_eq!(rig.delete_by_prefix(""), 0)),
    ];
    for (name, change) in changes {
        let (ticket, heard) = rig.lead("users:1");
        let mut early = rig.wait("users:1");
        change();
        let cached = rig.peek("users:1");
        assert!(!rig.cache.load_counts(at("users:1"), ticket), "{name}");
        if cached.is_none() {
            let (anew, _) = rig.lead("users:1");
            let mut late = rig.wait("users:1");
            assert!(!rig.land("users:1", ticket, "old"), "{name}");
            assert_eq!(poll(&mut late), None, "{name}: who came later waits for the newer load");
            assert!(rig.land("users:1", anew, "anew"), "{name}");
            assert_eq!(
                (poll(&mut late), rig.peek("users:1").unwrap()),
                (Some(landed("anew")), "anew".into())
            );
        } else {
            assert!(!rig.land("users:1", ticket, "old"), "{name}");
            assert_eq!(rig.peek("users:1"), cached, "{name}");
        }
        assert_eq!(poll(&mut early), Some(landed("old")), "{name}: who waited gets what it waited for");
        assert_eq!((rig.cache.loads(), heard.take()), ((0, 0), vec![]), "{name}");
        rig.cache.clear();
    }
}

fn a_change_of_something_else_overtakes_nothing(open: Open) {
    let rig = Rig::new(open, large());
    rig.set_tagged("b", "1", &["t"]);
    let (ticket, _) = rig.lead("users:1");
    let tagged = rig.lead_tagged("tagged", &["mine"]);
    rig.set("users:2", "1");
    rig.set("b", "2");
    rig.delete("users:2");
    rig.take("b");
    rig.cache.expire(at("b"));
    rig.delete_by_tag(&["t"]);
    rig.expire_by_tag(&["t"]);
    rig.delete_by_prefix("users:1:");
    rig.touch_for("users:1", Some(10));
    rig.get("users:1");
    assert!(rig.land("users:1", ticket, "1") && rig.land_tagged("tagged", tagged, &["mine", "too"]));
    assert_eq!(rig.get("users:1").unwrap(), "1");
}

fn a_tag_that_was_declared_at_the_start_overtakes_at_once(open: Open) {
    let rig = Rig::new(open, large());
    for expire in [false, true] {
        let ticket = rig.lead_tagged("a", &["x", "t"]);
        let mut early = rig.wait("a");
        if expire {
            rig.expire_by_tag(&["t"]);
        } else {
            rig.delete_by_tag(&["t"]);
        }
        assert!(!rig.cache.load_counts(at("a"), ticket));
        let anew = rig.lead_tagged("a", &["x", "t"]);
        assert!(!rig.land_tagged("a", ticket, &[]), "whatever tags it ends with");
        assert!(rig.land_tagged("a", anew, &["t"]), "it began after the deletion");
        assert_eq!(poll(&mut early), Some(landed("loaded")));
        rig.cache.clear();
    }
    assert_eq!(rig.cache.loads(), (0, 0));
}

fn a_tag_overtakes_the_load_that_declared_it_and_no_newer_one_of_its_key(open: Open) {
    let rig = Rig::new(open, large());
    let old = rig.lead_tagged("a", &["t"]);
    rig.delete("a");
    let (new, _) = rig.lead("a");
    rig.delete_by_tag(&["t"]);
    assert!(rig.cache.load_counts(at("a"), new) && rig.land("a", new, "1"));
    assert!(!rig.land_tagged("a", old, &["t"]));
}

fn a_tag_that_only_the_loader_knows_overtakes_when_the_load_ends(open: Open) {
    let rig = Rig::new(open, large());
    for expire in [false, true] {
        let (ticket, _) = rig.lead("a");
        let (other, _) = rig.lead("b");
        if expire {
            rig.expire_by_tag(&["t"]);
        } else {
            rig.delete_by_tag(&["t"]);
        }
        let (later, _) = rig.lead("c");
        let mut early = rig.wait("a");
        assert!(!rig.land_tagged("a", ticket, &["s", "t"]) && !rig.has("a"));
        assert_eq!(poll(&mut early), Some(landed("loaded")));
        assert!(rig.land_tagged("b", other, &["s"]), "it has not the tag");
        assert!(rig.land_tagged("c", later, &["t"]), "it began after the deletion");
        rig.cache.clear();
    }
    assert_eq!((rig.cache.loads(), rig.cache.recount_tags()), ((0, 0), ((0, 0), 0)));
}

fn a_load_is_overtaken_by_a_tag_of_thousands_at_once(open: Open) {
    let rig = Rig::new(open, roomy());
    (0..3_000).for_each(|number| rig.set_tagged(&number.to_string(), "1", &["t"]));
    let (ticket, _) = rig.lead("a");
    let reply = rig.cache.delete_by_tag(&keys_of(&["t"]));
    assert!(!rig.land_tagged("a", ticket, &["t"]), "before the last of its entries has gone");
    settle(reply).unwrap();
    assert!(!rig.has("a"));
}

fn so_many_deleted_tags_that_not_all_are_remembered_overtake_too_much_and_never_too_little(open: Open) {
    let rig = Rig::new(open, roomy());
    let (early, _) = rig.lead("early");
    let texts: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    for chunk in texts.chunks(50) {
        let tags: Vec<Key<'_>> = chunk.iter().map(|text| Key::narrow(text.as_bytes())).collect();
        settle(rig.cache.delete_by_tag(&tags)).unwrap();
    }
    let (late, _) = rig.lead("late");
    assert!(!rig.land_tagged("early", early, &["0"]));
    assert!(rig.land_tagged("late", late, &["0", "9999"]));
    // With no load under way nothing needs to be remembered.
    settle(rig.cache.delete_by_tag(&keys_of(&["0"]))).unwrap();
    let (ticket, _) = rig.lead("a");
    assert!(rig.land_tagged("a", ticket, &["0"]));
}

fn what_is_refused_when_a_load_ends_is_refused_as_in_a_set(open: Open) {
    let rig = Rig::new(open, roomy());
    let texts: Vec<String> = (0..65).map(|number| number.to_string()).collect();
    let tags: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (ticket, _) = rig.lead("a");
    let refused = rig.cache.end_load(at("a"), ticket, Put { tags: &keys_of(&tags), ..put("1") }, true);
    assert_eq!(refused.unwrap_err().code(), "ERR_INVALID_ARG");
    assert!(!rig.has("a"));
}

promises!(
    a_change_of_the_key_overtakes_its_load_and_newcomers_load_anew,
    a_change_of_something_else_overtakes_nothing,
    a_tag_that_was_declared_at_the_start_overtakes_at_once,
    a_tag_overtakes_the_load_that_declared_it_and_no_newer_one_of_its_key,
    a_tag_that_only_the_loader_knows_overtakes_when_the_load_ends,
    a_load_is_overtaken_by_a_tag_of_thousands_at_once,
    so_many_deleted_tags_that_not_all_are_remembered_overtake_too_much_and_never_too_little,
    what_is_refused_when_a_load_ends_is_refused_as_in_a_set,
);
