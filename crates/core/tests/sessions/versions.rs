//! Versions: what tells a change that another one came in between.

use redstart_core::engine::SessionWrite;
use redstart_core::sessions::set::Saved;

use crate::support::{OPTIONS, Rig, TTL_MS, VISITOR, of, write};

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
