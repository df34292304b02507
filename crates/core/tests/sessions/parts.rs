//! What is done in parts: long lists, and the end of many sessions of one user.

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::create::{self, Create};
use redstart_core::sessions::destroy::{Part, STEP_MAX, decide_user};
use redstart_core::sessions::{Digest, Effect, Record, SessionsOptions, State, set};

use crate::support::{OPTIONS, Rig, START_US, VISITOR, digest, of, ready, text, write};

/// A list answers with no more data than this and one session.
const PART_BYTES: usize = 1 << 20;

fn carry_out(state: &mut State, effects: &[Effect]) {
    for effect in effects {
        state.apply(effect);
    }
    assert_eq!(state.recount(), Ok(()));
}

/// All of them in one microsecond.
fn begin(state: &mut State, user: &str, ids: impl IntoIterator<Item = String>) {
    for id in ids {
        let command = Create { digest: digest(&id), data: text("{}"), user: Some(user.into()), ttl_ms: None };
        let (effects, _) = create::decide(state, &OPTIONS, command, START_US).unwrap();
        for effect in &effects {
            state.apply(effect);
        }
    }
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("id {number}"))
}

fn left(state: &State, user: &str) -> Vec<Digest> {
    state.of_user(user, 0).map(|record| record.digest).collect()
}

/// One step; what it ended, as it was told, and the part that is left.
fn step(state: &mut State, except: &str, part: Part) -> (u64, Option<Part>) {
    let (effects, answer) = decide_user(state, "ann", Some(digest(except)), part, START_US).unwrap();
    assert_eq!(effects.len() as u64, answer.ended);
    carry_out(state, &effects);
    (answer.ended, answer.left)
}

#[test]
fn the_end_of_many_goes_in_steps_the_oldest_first_and_spares_the_excepted_and_who_begins_meanwhile() {
    let mut state = State::default();
    begin(&mut state, "ann", numbered(2 * STEP_MAX + 500));
    begin(&mut state, "bob", ["bob's".to_owned()]);
    let all = Part::all(&state);
    let (count, rest) = step(&mut state, "id 1500", all);
    assert_eq!((count, left(&state, "ann")[0]), (1_000, digest("id 1000")));
    begin(&mut state, "ann", ["late".to_owned()]);
    let (count, rest) = step(&mut state, "id 1500", rest.unwrap());
    assert_eq!((count, left(&state, "ann")[..2].to_vec()), (999, vec![digest("id 1500"), digest("id 2000")]));
    begin(&mut state, "ann", ["later".to_owned()]);
    let (count, rest) = step(&mut state, "id 1500", rest.unwrap());
    assert_eq!((count, rest.is_none()), (500, true));
    assert_eq!(left(&state, "ann"), ["id 1500", "late", "later"].map(digest));
    assert_eq!(left(&state, "bob"), [digest("bob's")]);
}

#[test]
fn a_session_that_is_another_users_by_the_time_of_its_step_stays() {
    let mut state = State::default();
    begin(&mut state, "ann", numbered(STEP_MAX + 2));
    let all = Part::all(&state);
    let (_, rest) = step(&mut state, "nobody", all);
    let command = set::Set {
        digest: digest("id 1000"),
        data: text("{}"),
        owner: of("bob"),
        ttl_ms: None,
        adopt: false,
        on: None,
        keep: false,
    };
    let (effects, _) = set::decide(&state, &OPTIONS, command, START_US).unwrap();
    carry_out(&mut state, &effects);
    let (count, rest) = step(&mut state, "nobody", rest.unwrap());
    assert_eq!((count, rest.is_none()), (1, true));
    assert_eq!((left(&state, "ann"), left(&state, "bob")), (vec![], vec![digest("id 1000")]));
}

#[test]
fn as_many_as_one_step_ends_leave_a_part_with_nobody_in_it() {
    let mut state = State::default();
    begin(&mut state, "ann", numbered(STEP_MAX));
    let all = Part::all(&state);
    let (count, rest) = step(&mut state, "nobody", all);
    begin(&mut state, "ann", ["late".to_owned()]);
    let (none, rest) = step(&mut state, "nobody", rest.unwrap());
    assert_eq!((count, none, rest.is_none()), (1_000, 0, true));
    assert_eq!(left(&state, "ann"), [digest("late")]);
}

#[test]
fn thousands_of_one_user_end_in_one_call_each_told_once_oldest_first() {
    let at = Rig::new(OPTIONS);
    let ids: Vec<_> = (0..3_210).map(|_| at.try_create_of("ann").unwrap()).collect();
    let (bobs, ear) = (at.create_of("bob"), at.ear());
    assert_eq!(at.destroy_user("ann", Some(&ids[1_000])), 3_209);
    let ended = ids.iter().filter(|&id| *id != ids[1_000]).map(|id| digest(id));
    assert!(ear.heard().into_iter().map(|event| event.digest).eq(ended));
    assert_eq!((at.list("ann"), at.list("bob")), (vec![digest(&ids[1_000])], vec![digest(&bobs)]));
    assert_eq!((at.stats().live, at.stats().bytes), (2, at.budget.used()));
}

/// Checks the parts of a list: none with more data than it may have, and one session.
fn joined(mut part: impl FnMut(u64) -> (Vec<Record>, Option<u64>)) -> (Vec<Record>, usize) {
    let (mut all, mut parts, mut cursor) = (Vec::new(), 0, Some(0));
    while let Some(from) = cursor {
        let (records, next) = part(from);
        let bytes: Vec<_> = records.iter().map(|record| record.data.len()).collect();
        let but_last = bytes.iter().rev().skip(1).sum::<usize>();
        assert!(but_last < PART_BYTES, "{bytes:?}");
        assert!(
            next.is_none() || bytes.iter().sum::<usize>() >= PART_BYTES,
            "a part that is not full: {bytes:?}"
        );
        all.extend(records);
        (cursor, parts) = (next, parts + 1);
    }
    (all, parts)
}

#[test]
fn lists_of_large_sessions_come_in_parts_of_a_megabyte_each_session_once_and_in_order() {
    let at = Rig::new(SessionsOptions { max_session_size: 2 << 20, ..OPTIONS });
    for (size, count, parts) in [(300_000, 10, 3), (PART_BYTES, 4, 4), (PART_BYTES / 2, 6, 3), (0, 300, 1)] {
        let data = "x".repeat(size);
        let create =
            |_| ready(at.sessions.create(SessionWrite { owner: of("ann"), ..write(&data) })).unwrap();
        let ids: Vec<_> = (0..count).map(create).collect();
        let expected: Vec<_> = ids.iter().map(|id| digest(id)).collect();
        let digests = |records: &[Record]| records.iter().map(|record| record.digest).collect::<Vec<_>>();
        let (listed, listed_in) = joined(|from| at.sessions.list_user("ann", from, usize::MAX));
        assert_eq!(digests(&listed), expected);
        let (mut scanned, scanned_in) = joined(|from| at.sessions.scan(from, usize::MAX));
        scanned.sort_by_key(|record| record.born);
        assert_eq!(digests(&scanned), expected);
        // The last part of those that fill it to the byte is empty.
        for found in [listed_in, scanned_in] {
            assert!((parts..=parts + 1).contains(&found), "{size} bytes: {found} parts");
        }
        at.clear();
    }
}

#[test]
fn sessions_that_begin_in_one_microsecond_are_listed_in_the_order_they_began() {
    let at = Rig::new(OPTIONS);
    // Places become free in another order than they were taken.
    let earlier: Vec<_> = (0..9).map(|_| at.create("{}")).collect();
    for index in [4, 1, 7, 0] {
        assert!(at.destroy(&earlier[index]));
    }
    let ids: Vec<_> = (0..9).map(|_| at.try_create_of("ann").unwrap()).collect();
    let in_order: Vec<_> = ids.iter().map(|id| digest(id)).collect();
    for max in [1, 2, 4, 9, 20] {
        let listed = at.list_in_parts("ann", max);
        assert!(listed.iter().map(|record| record.digest).eq(in_order.iter().copied()), "{max} at a time");
        assert!(listed.iter().all(|record| record.created_us == START_US));
    }
    at.give(&ids[0], VISITOR).unwrap();
    at.give(&ids[0], of("ann")).unwrap();
    assert_eq!(at.list("ann"), in_order, "given back to its user it is as old as it was");
}

#[test]
fn sessions_that_begin_in_one_microsecond_make_room_in_the_order_they_began() {
    let at = Rig::new(SessionsOptions { max_per_user: Some(3), ..OPTIONS });
    let earlier: Vec<_> = (0..5).map(|_| at.create("{}")).collect();
    for index in [3, 0, 4] {
        assert!(at.destroy(&earlier[index]));
    }
    let ear = at.ear();
    let ids: Vec<_> = (0..8).map(|_| at.try_create_of("ann").unwrap()).collect();
    let evicted = |id| (digest(id), Some("ann".to_owned()), "evicted");
    assert_eq!(ear.words(), ids[..5].iter().map(|id| evicted(id)).collect::<Vec<_>>());
    assert_eq!(at.list("ann"), ids[5..].iter().map(|id| digest(id)).collect::<Vec<_>>());
}
