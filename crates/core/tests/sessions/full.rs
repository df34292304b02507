//! When there is no room: in one session, and in the store.

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::set::Saved;
use redstart_core::sessions::{SessionsOptions, SessionsStats};

use crate::support::{OPTIONS, Rig, TTL_MS, VISITOR, digest, of, ready, write};

#[test]
fn a_session_over_the_size_is_refused_and_the_one_before_it_stays() {
    let at = Rig::new(OPTIONS);
    let id = at.create("small");
    let held = at.stats();
    let large = "x".repeat(1_001);
    at.pass(1_000);
    for error in [
        at.save(&id, write(&large)).unwrap_err(),
        at.save(&id, SessionWrite { owner: of("ann"), ..write(&large) }).unwrap_err(),
        at.adopt("other", &large).unwrap_err(),
        ready(at.sessions.create(write(&large))).unwrap_err(),
    ] {
        assert_eq!(error.code(), "ERR_TOO_LARGE");
        let message = error.to_string();
        assert!(["1001", "1000", "maxSessionSize"].iter().all(|part| message.contains(part)), "{message}");
    }
    assert_eq!((at.get(&id).as_deref(), at.left_ms(&id)), (Some("small"), TTL_MS - 1_000));
    assert_eq!((at.stats(), at.budget.used()), (held, held.bytes));
    assert!(at.set(&id, &large[..1_000]));
}

#[test]
fn a_full_store_refuses_what_grows_and_changes_nothing() {
    let at = Rig::within(OPTIONS, 1_000);
    let id = at.create(&"x".repeat(600));
    let held = at.stats();
    for error in [
        ready(at.sessions.create(write(&"y".repeat(600)))).unwrap_err(),
        at.save(&id, write(&"y".repeat(900))).unwrap_err(),
        at.adopt("other", &"y".repeat(600)).unwrap_err(),
        at.save(&id, SessionWrite { owner: of("a name of many characters"), ..write(&"x".repeat(700)) })
            .unwrap_err(),
    ] {
        assert_eq!((error.code(), error.is_retryable()), ("ERR_STORE_FULL", true));
    }
    assert_eq!((at.stats(), at.budget.used()), (held, held.bytes));
    assert_eq!(at.get(&id).unwrap(), "x".repeat(600));
    // What replaces asks for the difference only; moving and touching ask for nothing.
    assert!(at.set(&id, &"z".repeat(700)));
    let id = at.regenerate(&id).unwrap();
    assert!(at.touch(&id) && at.set(&id, "small"));
    assert_eq!(at.create(&"y".repeat(500)).len(), 32);
}

#[test]
fn nothing_is_evicted_for_want_of_memory_and_what_expires_makes_room() {
    let at = Rig::within(OPTIONS, 100_000);
    let ear = at.ear();
    let mut ids = Vec::new();
    let refused = loop {
        match at.try_create_of(&ids.len().to_string()) {
            Ok(id) => ids.push(id),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), "ERR_STORE_FULL");
    assert!(ids.len() > 250 && ids.iter().all(|id| at.get(id).is_some()));
    assert_eq!((at.stats().evicted, ear.heard().len()), (0, 0));
    at.pass(TTL_MS);
    assert_eq!((at.stats(), at.budget.used()), (SessionsStats::default(), 0));
    assert!(at.try_create_of("ann").is_ok());
}

#[test]
fn visitors_make_room_in_a_full_store_for_users_and_for_nobody_else() {
    let at = Rig::within(OPTIONS, 9_500);
    let visitors: Vec<_> = (0..10)
        .map(|_| {
            at.pass(1);
            at.create(&"x".repeat(700))
        })
        .collect();
    assert!(at.touch(&visitors[0]));
    let ear = at.ear();
    assert_eq!(ready(at.sessions.create(write(&"y".repeat(700)))).unwrap_err().code(), "ERR_STORE_FULL");
    assert_eq!((at.stats().evicted, ear.heard().len()), (0, 0), "a visitor makes room for no visitor");
    // One of them logs in and needs more.
    let more = "z".repeat(1_000);
    let written = SessionWrite { owner: of("ann"), ..write(&more) };
    assert!(matches!(at.save(&visitors[1], written), Ok(Saved::Stored(_))));
    assert_eq!(ear.words(), [], "there was room for that");
    let of_bob = SessionWrite { owner: of("bob"), ..write(&more) };
    let bobs = ready(at.sessions.create(of_bob)).unwrap();
    let gone = |id: &String| (digest(id), None, "evicted");
    assert_eq!(
        ear.words(),
        [gone(&visitors[2]), gone(&visitors[3])],
        "those unseen for longest, no more than needed"
    );
    assert!(at.get(&visitors[0]).is_some() && at.get(&visitors[1]).is_some() && at.get(&bobs).is_some());
    assert_eq!((at.stats().evicted, at.stats().bytes), (2, at.budget.used()));
}

#[test]
fn visitors_stay_where_their_room_would_not_do() {
    let at = Rig::within(OPTIONS, 2_000);
    let visitor = at.create("{}");
    for _ in 0..2 {
        ready(at.sessions.create(SessionWrite { owner: of("ann"), ..write(&"x".repeat(500)) })).unwrap();
    }
    let (ear, held) = (at.ear(), at.stats());
    let data = "x".repeat(900);
    let large = SessionWrite { owner: of("ann"), ..write(&data) };
    assert_eq!(ready(at.sessions.create(large)).unwrap_err().code(), "ERR_STORE_FULL");
    assert_eq!((at.stats(), ear.heard().len(), at.get(&visitor).is_some()), (held, 0, true));
}

#[test]
fn a_refusal_ends_nobody_in_whose_place_the_new_one_would_have_come() {
    let at = Rig::within(SessionsOptions { max_per_user: Some(1), max_anonymous: 1, ..OPTIONS }, 1_000);
    let (of_ann, of_visitor) = (at.create_of("ann"), at.create("{}"));
    let (ear, held) = (at.ear(), at.stats());
    let large = "x".repeat(1_000);
    for owner in [of("ann"), VISITOR] {
        let refused = ready(at.sessions.create(SessionWrite { owner, ..write(&large) }));
        assert_eq!(refused.unwrap_err().code(), "ERR_STORE_FULL");
    }
    assert!(at.get(&of_ann).is_some() && at.get(&of_visitor).is_some());
    assert_eq!((at.stats(), at.budget.used(), ear.heard().len()), (held, held.bytes, 0));
    assert!(at.try_create_of("ann").is_ok(), "what comes in the place of another needs only the difference");
    assert_eq!(at.stats().bytes, held.bytes);
}

#[test]
fn sessions_leave_in_the_background_without_being_read() {
    let at = Rig::new(OPTIONS);
    for number in 0..3_500 {
        at.create(&number.to_string());
    }
    at.pass(1);
    let last = at.create("last");
    let held = at.stats();
    assert_eq!((held.live, held.bytes), (3_501, at.budget.used()));
    at.pass(TTL_MS - 1);
    assert_eq!(at.stats().live, 1);
    assert_eq!(at.get(&last).as_deref(), Some("last"));
    at.pass(1);
    assert_eq!((at.stats(), at.budget.used()), (SessionsStats::default(), 0));
}
