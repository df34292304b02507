//! Entries that went, for those who watch: each once, with the right reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use redstart_core::cache::removals::Removal;
use redstart_core::cache::table::Reason;
use redstart_core::cache::{At, CacheOptions, Put};
use redstart_core::watch::Watcher;

use crate::support::{
    Counted, Ear, Open, Rig, at, eventually, keys_of, large, put, roomy, settle, stale_for_a_minute,
};

fn went(ear: &Ear) -> Vec<(String, Reason)> {
    let mut went = ear.take();
    went.sort_by(|a, b| a.0.cmp(&b.0));
    went
}

fn all(keys: &[&str], reason: Reason) -> Vec<(String, Reason)> {
    keys.iter().map(|&key| (key.to_owned(), reason)).collect()
}

fn each_way_of_going_has_its_reason(open: Open) {
    let rig = Rig::new(open, CacheOptions { max_entry_size: 1 << 10, ..roomy() });
    let ear = rig.watch();
    rig.set("a", "1");
    assert_eq!(went(&ear), []);
    rig.set("a", "2");
    assert_eq!(went(&ear), all(&["a"], Reason::Set));
    rig.delete("a");
    rig.delete("a");
    assert_eq!(went(&ear), all(&["a"], Reason::Delete));
    rig.set("a", "1");
    rig.take("a");
    rig.take("a");
    assert_eq!(went(&ear), all(&["a"], Reason::Delete));
    rig.set_for("a", "1", 10);
    rig.pass(10);
    assert_eq!(went(&ear), all(&["a"], Reason::Expire));
    rig.set("a", "1");
    rig.cache.expire(at("a"));
    assert_eq!(went(&ear), all(&["a"], Reason::Expire));
    rig.set_tagged("a", "1", &["t"]);
    rig.set_tagged("b", "1", &["t"]);
    rig.delete_by_tag(&["t"]);
    assert_eq!(went(&ear), all(&["a", "b"], Reason::Delete));
    rig.set_tagged("a", "1", &["t"]);
    rig.expire_by_tag(&["t"]);
    assert_eq!(went(&ear), all(&["a"], Reason::Expire));
    rig.set("a1", "1");
    rig.set("a2", "1");
    rig.delete_by_prefix("a");
    assert_eq!(went(&ear), all(&["a1", "a2"], Reason::Delete));
    rig.set("a", "1");
    assert!(rig.cache.set(at("a"), put(&"x".repeat(2_000))).is_err());
    assert_eq!(went(&ear), all(&["a"], Reason::Delete));
    rig.set("a", "1");
    rig.set("b", "1");
    rig.cache.clear();
    eventually("nobody heard of the clear", || ear.len() == 2);
    assert_eq!(went(&ear), all(&["a", "b"], Reason::Clear));
    let (ticket, _) = rig.lead("a");
    rig.land("a", ticket, "1");
    assert_eq!(went(&ear), [], "nothing went for what a load brought");
}

fn what_makes_room_for_a_new_one_is_evicted(open: Open) {
    let rig = Rig::new(open, CacheOptions { max: Some(3), ..roomy() });
    let ear = rig.watch();
    (0..10).for_each(|number| rig.set(&number.to_string(), "1"));
    let gone = went(&ear);
    assert_eq!((gone.len(), ear.len()), (7, 0));
    assert!(gone.iter().all(|(key, reason)| *reason == Reason::Evict && !rig.has(key)));
}

fn an_entry_kept_for_its_stale_window_has_not_gone_yet(open: Open) {
    let rig = Rig::new(open, stale_for_a_minute());
    let ear = rig.watch();
    rig.set_for("a", "1", 10);
    rig.set_for("b", "1", 10);
    rig.pass(10);
    assert_eq!((rig.get("a"), ear.len()), (None, 0));
    rig.set_for("b", "2", 10);
    assert_eq!(went(&ear), all(&["b"], Reason::Set));
    rig.pass(59_999);
    assert_eq!(ear.len(), 0);
    rig.pass(1);
    assert_eq!(went(&ear), all(&["a"], Reason::Expire));
}

fn of_masses_none_is_lost_and_each_is_told_once(open: Open) {
    for options in [roomy(), large()] {
        let rig = Rig::new(open, options);
        let ear = rig.watch();
        let fill = || {
            (0..5_000).for_each(|number| rig.set_tagged(&format!("{number}"), "1", &["t"]));
        };
        let heard_all = |reason| {
            eventually("some were not told of", || ear.len() >= 5_000);
            let heard = ear.take();
            assert!(heard.iter().all(|(_, other)| *other == reason));
            assert_eq!(heard.len(), 5_000);
            assert_eq!(heard.into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len(), 5_000);
        };
        fill();
        settle(rig.cache.delete_by_tag(&keys_of(&["t"]))).unwrap();
        heard_all(Reason::Delete);
        fill();
        assert_eq!(rig.delete_by_prefix(""), 5_000);
        heard_all(Reason::Delete);
        fill();
        fill();
        heard_all(Reason::Set);
        rig.cache.clear();
        heard_all(Reason::Clear);
        fill();
        rig.expire_by_tag(&["t"]);
        heard_all(Reason::Expire);
    }
}

fn every_watcher_hears_from_when_it_came_until_it_left(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set("before", "1");
    rig.delete("before");
    let first = rig.watch();
    let second = Arc::new(Ear::default());
    let number = rig.cache.watch(second.clone());
    rig.set("both", "1");
    rig.delete("both");
    rig.cache.unwatch(number);
    rig.cache.unwatch(number);
    rig.set("after", "1");
    rig.delete("after");
    assert_eq!(went(&first), all(&["after", "both"], Reason::Delete));
    assert_eq!(went(&second), all(&["both"], Reason::Delete));
}

/// Looks at the cache when it hears of something, and writes to it.
struct Curious(Arc<dyn Counted>);

impl Watcher<Removal> for Curious {
    fn told(&self, removals: &[Removal]) {
        for removal in removals.iter().map(|removal| removal.key.as_key()).filter(|key| key.bytes == b"a") {
            assert!(!self.0.has(At { key: removal, version: 0 }));
            self.0.set(at("heard"), put("1")).unwrap();
            self.0.stats();
        }
    }
}

fn a_watcher_may_use_the_cache(open: Open) {
    let rig = Rig::new(open, CacheOptions { max: Some(3), ..roomy() });
    let number = rig.cache.watch(Arc::new(Curious(rig.cache.clone())));
    let goes: [&dyn Fn(); 6] = [
        &|| assert!(rig.delete("a")),
        &|| assert!(rig.take("a").is_some()),
        &|| rig.pass(10),
        &|| assert_eq!(rig.delete_by_prefix("a"), 1),
        &|| rig.delete_by_tag(&["t"]),
        &|| (0..10).for_each(|number| rig.set(&number.to_string(), "1")),
    ];
    for go in goes {
        rig.delete("heard");
        let tags = keys_of(&["t"]);
        rig.cache.set(at("a"), Put { ttl_ms: Some(10), tags: &tags, ..put("1") }).unwrap();
        go();
        assert!(!rig.has("a"));
    }
    rig.cache.unwatch(number);
    rig.check();
}

promises!(
    each_way_of_going_has_its_reason,
    what_makes_room_for_a_new_one_is_evicted,
    an_entry_kept_for_its_stale_window_has_not_gone_yet,
    of_masses_none_is_lost_and_each_is_told_once,
    every_watcher_hears_from_when_it_came_until_it_left,
    a_watcher_may_use_the_cache,
);
