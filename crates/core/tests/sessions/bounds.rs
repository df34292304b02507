//! How many sessions there may be of a kind.

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::set::Saved;
use redstart_core::sessions::{OnMaxPerUser, SessionsOptions};

use crate::support::{OPTIONS, Rig, TTL_MS, VISITOR, digest, of, ready, write};

const FEW: SessionsOptions = SessionsOptions { max_anonymous: 3, max_per_user: Some(2), ..OPTIONS };

const REJECT: SessionsOptions = SessionsOptions { on_max_per_user: OnMaxPerUser::Reject, ..FEW };

#[test]
fn of_too_many_visitors_the_one_unseen_for_longest_goes() {
    let at = Rig::new(FEW);
    let ids: Vec<_> = (0..3).map(|_| (at.create("{}"), at.pass(1)).0).collect();
    assert!(at.touch(&ids[0]));
    at.pass(1);
    assert!(at.get(&ids[1]).is_some(), "reading is not seeing");
    let fourth = at.create("{}");
    assert_eq!(at.get(&ids[1]), None);
    at.pass(1);
    assert!(at.set(&ids[2], "{}"));
    at.pass(1);
    at.create("{}");
    assert_eq!(at.get(&ids[0]), None);
    assert!(at.get(&fourth).is_some() && at.get(&ids[2]).is_some());
    assert_eq!((at.stats().live, at.stats().anonymous, at.stats().evicted), (3, 3, 2));
    assert_eq!(at.stats().bytes, at.budget.used());
}

#[test]
fn visitors_never_take_the_place_of_users() {
    let at = Rig::new(FEW);
    let users: Vec<_> = (0..50).map(|number| at.create_of(&number.to_string())).collect();
    for _ in 0..200 {
        at.create("{}");
    }
    assert!(users.iter().all(|id| at.get(id).is_some()));
    assert_eq!((at.stats().live, at.stats().anonymous, at.stats().users), (53, 3, 50));
    assert!(at.try_create_of("another").is_ok());
}

#[test]
fn an_id_that_is_adopted_counts_as_any_other() {
    let at = Rig::new(FEW);
    for number in 0..10 {
        assert!(matches!(at.adopt(&number.to_string(), "{}"), Ok(Saved::Stored(_))));
        at.pass(1);
    }
    assert_eq!(at.stats().live, 3);
    assert!(["7", "8", "9"].iter().all(|id| at.get(id).is_some()));
    for _ in 0..3 {
        assert!(at.set("7", "{}") && at.adopt("8", "{}").is_ok(), "what is there already needs no room");
    }
    assert_eq!((at.stats().live, at.stats().evicted), (3, 7));
}

#[test]
fn a_users_oldest_session_goes_when_there_are_too_many() {
    let at = Rig::new(FEW);
    let (old, middle) = (at.create_of("ann"), at.create_of("ann"));
    at.create_of("bob");
    assert!(at.touch(&old) && at.set(&old, "{}"), "the oldest, not the one unseen for longest");
    let young = at.create_of("ann");
    assert_eq!(at.list("ann"), [digest(&middle), digest(&young)]);
    assert_eq!((at.get(&old), at.list("bob").len(), at.stats().evicted), (None, 1, 1));
}

#[test]
fn a_user_with_too_many_sessions_is_refused_another_and_keeps_them() {
    let at = Rig::new(REJECT);
    let ids = [at.create_of("ann"), at.create_of("ann")];
    let visitor = at.create("cart");
    let before = (at.stats(), at.version(&visitor));
    let refused = [
        at.try_create_of("ann").unwrap_err(),
        at.give(&visitor, of("ann")).unwrap_err(),
        at.save("brought", SessionWrite { owner: of("ann"), adopt: true, ..write("{}") }).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), "ERR_INVALID_STATE");
        let message = error.to_string();
        assert!(
            ["'ann'", "2", "maxPerUser", "evict-oldest"].iter().all(|part| message.contains(part)),
            "{message}"
        );
    }
    assert_eq!((at.stats(), at.version(&visitor)), before);
    assert_eq!(at.get(&visitor).as_deref(), Some("cart"));
    assert!(ids.iter().all(|id| at.set(id, "{}") && at.give(id, of("ann")).is_ok()), "his own he may write");
    assert!(at.destroy(&ids[0]));
    assert!(matches!(at.give(&visitor, of("ann")), Ok(Saved::Stored(_))));
    assert_eq!(at.list("ann").len(), 2);
}

#[test]
fn a_visitor_who_logs_in_counts_as_the_users_and_a_user_who_logs_out_as_a_visitor() {
    let at = Rig::new(FEW);
    let (one, two) = (at.create_of("ann"), at.create_of("ann"));
    let visitors: Vec<_> = (0..3).map(|_| (at.create("{}"), at.pass(1)).0).collect();
    at.give(&visitors[2], of("ann")).unwrap();
    assert_eq!(at.get(&one), None, "his oldest made room");
    assert_eq!((at.list("ann"), at.stats().anonymous), (vec![digest(&two), digest(&visitors[2])], 2));
    at.pass(1);
    at.give(&two, VISITOR).unwrap();
    assert_eq!((at.list("ann").len(), at.stats().anonymous, at.stats().evicted), (1, 3, 1));
    at.pass(1);
    at.give(&visitors[2], VISITOR).unwrap();
    assert_eq!(at.get(&visitors[0]), None, "the visitor unseen for longest made room");
    assert_eq!((at.list("ann").len(), at.stats().anonymous, at.stats().users), (0, 3, 0));
    assert_eq!((at.stats().evicted, at.stats().bytes), (2, at.budget.used()));
}

#[test]
fn the_only_session_allowed_is_not_out_by_its_own_hand() {
    let at = Rig::new(SessionsOptions { max_anonymous: 1, max_per_user: Some(1), ..OPTIONS });
    let id = at.create("{}");
    for owner in [VISITOR, of("ann"), of("ann"), of("bob"), VISITOR] {
        at.give(&id, owner).unwrap();
        assert!(at.get(&id).is_some());
    }
    assert_eq!(at.stats().evicted, 0);
}

#[test]
fn sessions_that_are_over_do_not_count() {
    let at = Rig::new(REJECT);
    let short = |owner| {
        let write = SessionWrite { owner, ttl_ms: Some(1_000), ..write("{}") };
        ready(at.sessions.create(write)).unwrap()
    };
    short(of("ann"));
    let kept = at.create_of("ann");
    let visitors = [at.create("{}"), at.create("{}")];
    short(VISITOR);
    at.pass(1_000);
    assert!(at.try_create_of("ann").is_ok());
    at.create("{}");
    assert!(visitors.iter().chain([&kept]).all(|id| at.get(id).is_some()));
    assert_eq!((at.stats().live, at.stats().evicted), (5, 0));
    at.pass(TTL_MS);
    assert_eq!(at.budget.used(), 0);
}
