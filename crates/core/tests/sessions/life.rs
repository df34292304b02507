//! How long a session lives.

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::set::Saved;
use redstart_core::sessions::{SessionsOptions, SessionsStats};

use crate::support::{OPTIONS, Rig, TTL_MS, ready, write};

fn with_ttl(ttl_ms: u64) -> SessionWrite<'static> {
    SessionWrite { ttl_ms: Some(ttl_ms), ..write("{}") }
}

#[test]
fn a_session_lives_until_it_has_been_idle_for_its_ttl() {
    let at = Rig::new(OPTIONS);
    let id = at.create("{\"user\":42}");
    at.pass(TTL_MS - 1);
    assert_eq!(at.get(&id).as_deref(), Some("{\"user\":42}"), "reading does not renew it");
    at.pass_us(999);
    assert!(at.get(&id).is_some());
    at.pass_us(1);
    assert_eq!(at.get(&id), None);
}

#[test]
fn setting_and_touching_renew_the_idle_time_and_touching_leaves_the_data_alone() {
    let at = Rig::new(OPTIONS);
    let id = at.create("one");
    at.pass(TTL_MS - 1);
    assert!(at.set(&id, "two"));
    at.pass(TTL_MS - 1);
    let before = at.version(&id);
    assert!(at.touch(&id));
    assert_eq!(at.version(&id), before, "a touch is no change of the data");
    at.pass(TTL_MS - 1);
    assert_eq!(at.get(&id).as_deref(), Some("two"));
    at.pass(1);
    assert!(!at.touch(&id));
    assert!(!at.set(&id, "three"));
    assert_eq!(at.get(&id), None);
}

#[test]
fn an_idle_time_of_its_own_stays_until_another_is_given() {
    let at = Rig::new(OPTIONS);
    let id = ready(at.sessions.create(with_ttl(5_000))).unwrap();
    assert_eq!(at.left_ms(&id), 5_000);
    at.pass(4_000);
    assert!(at.touch(&id));
    assert_eq!(at.left_ms(&id), 5_000, "a touch keeps it");
    at.pass(4_000);
    assert!(at.set(&id, "{}"));
    assert_eq!(at.left_ms(&id), 5_000, "a set keeps it");
    assert_eq!(ready(at.sessions.touch(&id, Some(9_000))), Ok(true));
    assert_eq!(at.left_ms(&id), 9_000);
    let id = at.regenerate(&id).unwrap();
    at.pass(1_000);
    assert!(at.touch(&id));
    assert_eq!(at.left_ms(&id), 9_000, "a new id keeps it");
    at.save(&id, with_ttl(2_000)).unwrap();
    assert_eq!(at.left_ms(&id), 2_000);
}

#[test]
fn no_use_makes_a_session_older_than_its_absolute_ttl() {
    let at = Rig::new(SessionsOptions { absolute_ttl: Some(2 * TTL_MS), ..OPTIONS });
    let mut id = at.create("{}");
    at.pass(TTL_MS - 1);
    assert!(at.touch(&id));
    at.pass(TTL_MS - 1);
    assert_eq!(at.left_ms(&id), 1);
    assert!(at.touch(&id) && at.set(&id, "{}"));
    at.save(&id, with_ttl(10 * TTL_MS)).unwrap();
    assert_eq!(ready(at.sessions.touch(&id, Some(20 * TTL_MS))), Ok(true));
    id = at.regenerate(&id).unwrap();
    assert_eq!(
        at.left_ms(&id),
        2,
        "neither touching, setting, a longer idle time nor a new id makes it younger"
    );
    at.pass(2);
    assert!(at.get(&id).is_none() && !at.touch(&id) && !at.set(&id, "{}"));
    assert_eq!(at.stats(), SessionsStats::default());
}

#[test]
fn an_absolute_ttl_under_the_idle_time_counts_from_the_first_moment() {
    let at = Rig::new(SessionsOptions { absolute_ttl: Some(10), ..OPTIONS });
    let id = at.create("{}");
    assert_eq!(at.left_ms(&id), 10);
    at.pass(10);
    assert_eq!(at.get(&id), None);
    assert_eq!(at.adopt(&id, "{}"), Ok(Saved::Stored(2)), "another session begins");
    assert_eq!(at.left_ms(&id), 10);
}

#[test]
fn a_touch_soon_after_the_last_use_moves_nothing() {
    let at = Rig::new(SessionsOptions { touch_after: 10_000, ..OPTIONS });
    let id = at.create("{}");
    at.pass(9_999);
    assert!(at.touch(&id));
    assert_eq!(at.left_ms(&id), TTL_MS - 9_999);
    at.pass(1);
    assert!(at.touch(&id));
    assert_eq!(at.left_ms(&id), TTL_MS);
    at.pass(5_000);
    assert_eq!(ready(at.sessions.touch(&id, Some(TTL_MS))), Ok(true));
    assert_eq!(at.left_ms(&id), TTL_MS - 5_000, "the same idle time is no reason");
    assert_eq!(ready(at.sessions.touch(&id, Some(TTL_MS / 2))), Ok(true));
    assert_eq!(at.left_ms(&id), TTL_MS / 2, "another one is");
    at.pass(5_000);
    assert!(at.set(&id, "{}"));
    assert_eq!(at.left_ms(&id), TTL_MS / 2, "a set always renews");
}

#[test]
fn a_session_that_was_destroyed_does_not_come_back() {
    let at = Rig::new(OPTIONS);
    let id = at.create("one");
    let on = Some(at.version(&id));
    assert!(at.destroy(&id));
    assert!(!at.destroy(&id));
    assert!(!at.set(&id, "two"), "a request that was still running saves its session");
    let late = SessionWrite { adopt: true, on, ..write("two") };
    assert_eq!(at.save(&id, late), Ok(Saved::Unknown), "what was changed on a version begins nothing");
    assert!(!at.touch(&id));
    assert_eq!((at.get(&id), at.regenerate(&id)), (None, None));
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn regenerating_moves_data_and_expiry_to_a_new_id_and_kills_the_old_one() {
    let at = Rig::new(OPTIONS);
    let old = at.create("cart");
    let (bytes, version) = (at.budget.used(), at.version(&old));
    at.pass(1_000);
    let new = at.regenerate(&old).unwrap();
    assert_ne!(new, old);
    assert_eq!((at.get(&old), at.get(&new).as_deref()), (None, Some("cart")));
    assert_eq!(at.version(&new), version);
    assert!(!at.set(&old, "fixed") && !at.touch(&old) && at.regenerate(&old).is_none() && !at.destroy(&old));
    assert_eq!((at.budget.used(), at.stats().live), (bytes, 1));
    at.pass(TTL_MS - 1_001);
    assert!(at.get(&new).is_some());
    at.pass(1);
    assert_eq!(at.get(&new), None, "the idle time was not renewed");
}

#[test]
fn an_idle_time_out_of_range_is_refused() {
    let at = Rig::new(OPTIONS);
    let id = at.create("data");
    for ttl_ms in [0, u64::MAX] {
        let refused = [
            ready(at.sessions.create(with_ttl(ttl_ms))).unwrap_err(),
            ready(at.sessions.touch(&id, Some(ttl_ms))).unwrap_err(),
            at.save(&id, with_ttl(ttl_ms)).unwrap_err(),
        ];
        assert!(refused.iter().all(|error| error.code() == "ERR_INVALID_ARG"));
    }
    assert_eq!((at.stats().live, at.get(&id).as_deref(), at.left_ms(&id)), (1, Some("data"), TTL_MS));
}

#[test]
fn dropping_sessions_gives_their_bytes_back() {
    let at = Rig::new(OPTIONS);
    at.create("data");
    assert!(at.budget.used() > 0);
    drop(at.sessions);
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn clearing_ends_all_and_gives_their_bytes_back() {
    let at = Rig::new(OPTIONS);
    let ids: Vec<_> = (0..2_500)
        .map(|number| if number % 2 == 0 { at.create("{}") } else { at.create_of("ann") })
        .collect();
    at.clear();
    assert_eq!((at.stats(), at.budget.used()), (SessionsStats::default(), 0));
    assert!(ids.iter().all(|id| at.get(id).is_none() && !at.set(id, "{}")));
    assert_eq!((at.list("ann").len(), at.scan(10).len()), (0, 0));
    let id = at.create("{}");
    at.pass(TTL_MS);
    assert_eq!((at.get(&id), at.budget.used()), (None, 0));
}
