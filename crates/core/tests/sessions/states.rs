//! A state by itself: what it keeps beside the records while users come and go, and what is left when all is over.

use std::sync::Arc;

use redstart_core::sessions::{Effect, Record, State};

use crate::support::{START_US, digest};

fn record(id: &str, user: Option<&str>, version: u64) -> Record {
    Record {
        digest: digest(id),
        created_us: START_US,
        born: version,
        seen_us: START_US,
        ttl_us: 10,
        expires_us: START_US + 10,
        version,
        user: user.map(Into::into),
        wide: false,
        data: Arc::from(id.as_bytes()),
    }
}

fn of_user(state: &State, user: &str) -> Vec<String> {
    state.of_user(user, 0).map(|record| String::from_utf8(record.data.to_vec()).unwrap()).collect()
}

#[test]
fn a_user_who_comes_after_another_has_gone_takes_over_none_of_his_sessions() {
    let mut state = State::default();
    let mut apply = |effect: Effect| {
        state.apply(&effect);
        assert_eq!(state.recount(), Ok(()), "after {effect:?}");
        ["ann", "bob", "eve", "joe"].map(|user| of_user(&state, user).join(" "))
    };
    apply(Effect::Stored(record("a1", Some("ann"), 1)));
    apply(Effect::Stored(record("b1", Some("bob"), 2)));
    assert_eq!(apply(Effect::Stored(record("a2", Some("ann"), 3))), ["a1 a2", "b1", "", ""]);
    // The last of ann's goes in each of the ways there are, and her number with it.
    apply(Effect::Destroyed { digest: digest("a1") });
    apply(Effect::Expired { digest: digest("a2") });
    assert_eq!(apply(Effect::Stored(record("e1", Some("eve"), 4))), ["", "b1", "e1", ""]);
    assert_eq!(apply(Effect::Stored(record("e1", Some("joe"), 5))), ["", "b1", "", "e1"]);
    apply(Effect::Stored(record("a3", Some("ann"), 6)));
    assert_eq!(apply(Effect::Stored(record("e2", Some("eve"), 7))), ["a3", "b1", "e2", "e1"]);
    apply(Effect::Evicted { digest: digest("b1") });
    assert_eq!(apply(Effect::Stored(record("a3", None, 8))), ["", "", "e2", "e1"]);
    assert_eq!(apply(Effect::Stored(record("b2", Some("bob"), 9))), ["", "b2", "e2", "e1"]);
    assert_eq!(state.users_len(), 3);
}

#[test]
fn numbers_of_users_are_taken_again_however_many_come_and_go() {
    let mut state = State::default();
    let mut version = 0;
    for round in 0..20 {
        for user in 0..50 {
            version += 1;
            let name = format!("{round} {user}");
            state.apply(&Effect::Stored(record(&name, Some(&name), version)));
            if version % 3 == 0 {
                state.apply(&Effect::Destroyed { digest: digest(&name) });
            }
        }
        assert_eq!(state.recount(), Ok(()));
        for user in (0..50).step_by(2) {
            state.apply(&Effect::Destroyed { digest: digest(&format!("{round} {user}")) });
        }
        // `recount` counts the numbers: none is missing, none is there twice.
        assert_eq!(state.recount(), Ok(()));
    }
    for held in state.records() {
        let user = held.user.clone().unwrap();
        assert_eq!(of_user(&state, &user), [user.to_string()]);
    }
}

#[test]
fn cleared_in_the_midst_of_a_log_ends_what_was_before_it_and_no_version_comes_again() {
    let before = [
        Effect::Stored(record("a1", Some("ann"), 1)),
        Effect::Stored(record("v1", None, 2)),
        Effect::Stored(record("a1", Some("ann"), 7)),
    ];
    let after =
        [Effect::Stored(record("v1", None, 8)), Effect::Moved { from: digest("a1"), to: digest("a2") }];
    let log: Vec<String> = before
        .iter()
        .chain([&Effect::Cleared])
        .map(|effect| serde_json::to_string(effect).unwrap())
        .collect();
    let mut replayed = State::default();
    for line in &log {
        replayed.apply(&serde_json::from_str(line).unwrap());
    }
    assert_eq!((replayed.records(), replayed.bytes(), replayed.recount()), (vec![], 0, Ok(())));
    assert_eq!((replayed.users_len(), replayed.visitors_len(), replayed.next_expiry_us()), (0, 0, None));
    assert_eq!(replayed.next_version(), 8, "as if nothing had been cleared");
    assert_eq!(replayed.bytes_after(&[Effect::Cleared]), 0);
    for effect in &after {
        replayed.apply(effect);
    }
    assert_eq!((replayed.records(), replayed.recount()), (vec![record("v1", None, 8)], Ok(())));
    assert_eq!(of_user(&replayed, "ann"), Vec::<String>::new());
}

#[test]
fn what_was_cleared_is_freed_in_pieces_and_wholly() {
    let mut state = State::default();
    let mut held = Vec::new();
    for number in 0..30_u64 {
        // Five users with four sessions each, ten visitors.
        let user = (number < 20).then(|| format!("user {}", number % 5));
        let stored = record(&format!("id {number}"), user.as_deref(), number + 1);
        held.push(stored.data.clone());
        state.apply(&Effect::Stored(stored));
    }
    let there = |held: &[Arc<[u8]>]| held.iter().filter(|data| Arc::strong_count(data) > 1).count();
    let gone = state.clear();
    assert_eq!((there(&held), state.records().len(), gone.records().len()), (30, 0, 30));
    let mut pieces = gone.into_pieces();
    assert_eq!(pieces.by_ref().take(12).count(), 12);
    assert_eq!(there(&held), 18, "a session a piece");
    // The other sessions; users; when each is over; when each visitor was seen; whose each other one is.
    assert_eq!(pieces.count(), 18 + 5 + 30 + 10 + 20);
    assert_eq!(there(&held), 0);
}
