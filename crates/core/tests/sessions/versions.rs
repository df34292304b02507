//! Versions: what tells a change that another one came in between.

use redstart_core::clock::MS;
use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::SessionsOptions;
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::{ABSENT, Saved};

use crate::support::{OPTIONS, Rig, START_US, TTL_MS, VISITOR, digest, of, ready, write};

fn stored(saved: Saved) -> u64 {
    match saved {
        Saved::Stored(version) => version,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_made_on_another_version_than_the_present_one_changes_nothing() {
    let at = Rig::new(OPTIONS);
    let id = at.create("one");
    let first = at.version(&id);
    let on = |version, data| at.save(&id, SessionWrite { on: Some(version), ..write(data) }).unwrap();
    let second = stored(on(first, "two"));
    assert_eq!(at.version(&id), second);
    at.pass(1_000);
    for stale in [first, 0, second + 1] {
        assert_eq!(on(stale, "three"), Saved::Changed);
    }
    assert_eq!((at.get(&id).as_deref(), at.left_ms(&id)), (Some("two"), TTL_MS - 1_000), "nor renews");
    assert!(at.set(&id, "three"), "without a version it replaces whatever is there");
    assert_eq!(on(second, "four"), Saved::Changed);
}

#[test]
fn a_refused_owner_or_size_leaves_the_version_as_it_was() {
    let at = Rig::new(OPTIONS);
    let id = at.create("one");
    let version = at.version(&id);
    assert_eq!(at.save(&id, write(&"x".repeat(1_001))).unwrap_err().code(), "ERR_TOO_LARGE");
    assert!(at.touch(&id));
    let id = at.regenerate(&id).unwrap();
    assert_eq!(at.version(&id), version, "only changes of the data are versions");
}

#[test]
fn no_two_changes_of_any_session_have_the_same_version() {
    let at = Rig::new(OPTIONS);
    let mut seen = Vec::new();
    let mut note = |version: u64| {
        assert!(seen.iter().all(|&earlier| earlier < version), "{version} after {seen:?}");
        seen.push(version);
    };
    let (one, two) = (at.create("{}"), at.create("{}"));
    note(at.version(&one));
    note(at.version(&two));
    note(stored(at.give(&one, of("ann")).unwrap()));
    note(stored(at.give(&two, VISITOR).unwrap()));
    assert!(at.destroy(&one) && at.destroy(&two));
    note(stored(at.adopt(&two, "{}").unwrap()));
    at.pass(TTL_MS);
    note(stored(at.adopt(&two, "{}").unwrap()));
    at.clear();
    note(stored(at.adopt(&two, "{}").unwrap()));
    let three = at.create("{}");
    note(at.version(&three));
}

#[test]
fn a_version_from_before_a_session_was_begun_anew_is_not_its_version() {
    let at = Rig::new(OPTIONS);
    at.adopt("id", "one").unwrap();
    let old = at.version("id");
    at.clear();
    at.adopt("id", "two").unwrap();
    let late = SessionWrite { on: Some(old), ..write("late") };
    assert_eq!(at.save("id", late), Ok(Saved::Changed));
    assert_eq!(at.get("id").as_deref(), Some("two"));
}

#[test]
fn absent_is_a_version_too_that_of_a_session_which_is_not_there() {
    let at = Rig::new(OPTIONS);
    let on_absent =
        |adopt, data| at.save("id", SessionWrite { adopt, on: Some(ABSENT), ..write(data) }).unwrap();
    assert_eq!(on_absent(false, "none"), Saved::Unknown, "that alone adopts no id");
    stored(on_absent(true, "first"));
    let ear = at.ear();
    assert_eq!((on_absent(true, "second"), on_absent(false, "third")), (Saved::Changed, Saved::Changed));
    assert_eq!((at.get("id").as_deref(), ear.words().len()), (Some("first"), 2));
    at.pass(TTL_MS);
    stored(on_absent(true, "anew"));
    assert!(at.destroy("id"));
    let once = at.save("id", SessionWrite { adopt: true, on: Some(1), ..write("late") });
    assert_eq!(once, Ok(Saved::Unknown), "what had a version has ended");
    stored(on_absent(true, "anew"));
}

#[test]
fn who_names_a_version_ends_the_session_only_where_it_is_at_that_one() {
    let at = Rig::new(OPTIONS);
    let id = at.create("one");
    let end = |version| ready(at.sessions.destroy(&id, Some(version))).unwrap();
    let old = at.version(&id);
    assert!(at.set(&id, "two"));
    let ear = at.ear();
    for stale in [old, ABSENT, at.version(&id) + 1] {
        assert_eq!(end(stale), Destroyed::Changed);
    }
    assert_eq!((at.get(&id).as_deref(), ear.words()), (Some("two"), vec![]));
    assert!(at.touch(&id), "a touch is no change");
    assert_eq!(end(at.version(&id)), Destroyed::Ended);
    assert_eq!(ear.words(), [(digest(&id), None, "destroyed")]);
    assert_eq!((end(old), end(ABSENT)), (Destroyed::Unknown, Destroyed::Unknown));
}

#[test]
fn a_change_that_keeps_leaves_the_time_as_it_is() {
    let at = Rig::new(OPTIONS);
    let id = at.adopt("id", "one").map(|_| "id").unwrap();
    at.pass(1_000);
    let keep =
        |ttl_ms, data| at.save(id, SessionWrite { keep: true, ttl_ms, adopt: true, ..write(data) }).unwrap();
    stored(keep(None, "two"));
    stored(keep(Some(10 * TTL_MS), "three"));
    let (listed, _) = at.sessions.scan(0, 10);
    let [record] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(
        (record.seen_us, record.ttl_us, record.expires_us),
        (START_US, TTL_MS * MS, START_US + TTL_MS * MS)
    );
    assert_eq!(at.get(id).as_deref(), Some("three"));
    assert!(at.touch(id));
    assert_eq!(at.left_ms(id), TTL_MS, "nor the idle time of later touches");
    at.pass(TTL_MS);
    stored(keep(Some(2 * TTL_MS), "anew"));
    assert_eq!(at.left_ms(id), 2 * TTL_MS, "a new one has nothing to keep");
}

#[test]
fn a_change_that_keeps_leaves_a_visitor_as_long_unseen_as_he_was() {
    let at = Rig::new(SessionsOptions { max_anonymous: 2, ..OPTIONS });
    let [first, second] = ["first", "second"].map(|data| {
        at.pass(1);
        at.create(data)
    });
    at.pass(1);
    stored(at.save(&first, SessionWrite { keep: true, ..write("changed") }).unwrap());
    at.create("third");
    assert_eq!((at.get(&first), at.get(&second).is_some()), (None, true));
}
