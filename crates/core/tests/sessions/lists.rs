//! Lists: a user's sessions, and all there are.

use redstart_core::engine::SessionsEngine;
use redstart_core::sessions::SessionsOptions;

use crate::support::{OPTIONS, Rig, TTL_MS, VISITOR, digest, of, ready};

#[test]
fn a_list_shows_the_live_sessions_of_a_user_oldest_first_whatever_their_use() {
    let at = Rig::new(OPTIONS);
    let [old, middle, young] = ["a"; 3].map(|_| at.create_of("ann"));
    at.create_of("bob");
    at.create("{}");
    assert!(at.touch(&old) && at.set(&middle, "{}"));
    assert_eq!(at.list("ann"), [&old, &middle, &young].map(|id| digest(id)));
    let middle = at.regenerate(&middle).unwrap();
    assert_eq!(at.list("ann"), [&old, &middle, &young].map(|id| digest(id)), "a new id makes it no younger");
    assert_eq!(ready(at.sessions.touch(&young, Some(2 * TTL_MS))), Ok(true));
    at.pass(TTL_MS);
    assert_eq!(at.list("ann"), [digest(&young)]);
    assert_eq!((at.list("nobody"), at.stats().users), (vec![], 1));
}

#[test]
fn a_list_tells_what_is_kept_of_a_session() {
    let at = Rig::new(OPTIONS);
    let id = at.create_of("ann");
    let began = at.clock.now_us() - 1;
    at.pass(1_000);
    assert!(at.set(&id, "{\"a\":1}"));
    let (listed, _) = at.sessions.list_user("ann", 0, 10);
    let [record] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((record.created_us, record.seen_us), (began, at.clock.now_us()));
    assert_eq!(record.expires_us, at.clock.now_us() + TTL_MS * 1_000);
    assert_eq!((record.user.as_deref(), &*record.data), (Some("ann"), b"{\"a\":1}".as_slice()));
    assert_eq!(at.scan(10), listed);
}

#[test]
fn a_session_is_of_whom_it_was_given_to_last() {
    let at = Rig::new(OPTIONS);
    let id = at.create("{}");
    let counts = || (at.list("ann").len(), at.list("bob").len(), at.stats().anonymous, at.stats().users);
    assert_eq!(counts(), (0, 0, 1, 0));
    at.give(&id, of("ann")).unwrap();
    assert_eq!(counts(), (1, 0, 0, 1));
    assert!(at.set(&id, "{}"));
    assert_eq!(counts(), (1, 0, 0, 1), "who does not know whose it is leaves it");
    at.give(&id, of("bob")).unwrap();
    assert_eq!(counts(), (0, 1, 0, 1));
    at.give(&id, VISITOR).unwrap();
    assert_eq!(counts(), (0, 0, 1, 0));
    assert!(at.destroy(&id));
    assert_eq!((counts(), at.budget.used()), ((0, 0, 0, 0), 0));
}

#[test]
fn destroying_a_user_ends_his_live_sessions_and_no_others() {
    let at = Rig::new(OPTIONS);
    let kept = at.create_of("ann");
    let mut others: Vec<_> = (0..5).map(|_| at.create_of("ann")).collect();
    let (bobs, visitors) = (at.create_of("bob"), at.create("{}"));
    let new = at.regenerate(&others.pop().unwrap()).unwrap();
    assert_eq!(at.destroy_user("ann", Some(&kept)), 5);
    assert!(others.iter().chain([&new]).all(|id| at.get(id).is_none()));
    assert!([&kept, &bobs, &visitors].iter().all(|id| at.get(id).is_some()));
    assert_eq!(at.destroy_user("ann", Some(&kept)), 0);
    assert_eq!(at.destroy_user("bob", Some(&kept)), 1, "an id that is not his spares nothing");
    assert_eq!(at.destroy_user("ann", Some("no\nid")), 1);
    assert_eq!(at.destroy_user("ann", None), 0);
    assert_eq!((at.stats().live, at.stats().users), (1, 0));
}

#[test]
fn a_walk_meets_each_session_once_that_is_there_throughout() {
    let at = Rig::new(OPTIONS);
    let mut ids: Vec<_> = (0..20).map(|_| at.create("{}")).collect();
    let (mut met, mut cursor) = (Vec::new(), Some(0));
    while let Some(from) = cursor {
        let (records, next) = at.sessions.scan(from, 3);
        met.extend(records.into_iter().map(|record| record.digest));
        cursor = next;
        // Every way in which a session is written anew, and others that come and go.
        for (index, id) in ids.iter().enumerate() {
            assert!(if index % 2 == 0 { at.touch(id) } else { at.set(id, "other data") });
        }
        let passing = at.create("{}");
        at.give(&ids[5], of("ann")).unwrap();
        assert!(at.destroy(&passing));
    }
    met.retain(|met| ids.iter().any(|id| digest(id) == *met));
    met.sort();
    ids.sort_by_key(|id| digest(id));
    assert_eq!(met, ids.iter().map(|id| digest(id)).collect::<Vec<_>>());
}

#[test]
fn a_walk_does_not_miss_the_last_session_there_is() {
    let at = Rig::new(OPTIONS);
    let (first, second, last) = (at.create("{}"), at.create("{}"), at.create("{}"));
    let (records, next) = at.sessions.scan(0, 2);
    assert_eq!(records.len(), 2);
    assert!(at.destroy(&first) && at.destroy(&second));
    assert!(at.touch(&last) && at.set(&last, "{}"));
    let last = at.regenerate(&last).unwrap();
    let (records, next) = at.sessions.scan(next.unwrap(), 2);
    assert_eq!((records.len(), records[0].digest, next), (1, digest(&last), None));
}

#[test]
fn a_walk_ends_where_the_sessions_end() {
    let at = Rig::new(SessionsOptions { max_anonymous: 10, ..OPTIONS });
    assert_eq!(at.sessions.scan(0, 5), (vec![], None));
    for _ in 0..10 {
        at.create("{}");
    }
    for max in [1, 3, 9, 10, 11] {
        assert_eq!(at.scan(max).len(), 10);
    }
    assert_eq!(at.sessions.scan(10, 5), (vec![], None));
    assert_eq!(at.sessions.scan(u64::MAX, 5), (vec![], None));
}
