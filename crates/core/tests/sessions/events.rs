//! What is told to those who listen.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use redstart_core::budget::Budget;
use redstart_core::clock::Clock;
use redstart_core::engine::memory::MemorySessions;
use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::Saved;
use redstart_core::sessions::{SessionEvent, SessionsOptions, Why};
use redstart_core::watch::Watcher;

use crate::support::{Ear, OPTIONS, Rig, TTL_MS, VISITOR, digest, of, ready, write};

#[test]
fn each_end_of_a_session_is_told_once_with_whose_it_was() {
    let at = Rig::new(SessionsOptions { max_per_user: Some(2), max_anonymous: 1, ..OPTIONS });
    let ear = at.ear();
    let told = |id: &str, user: Option<&str>, what: &'static str| (digest(id), user.map(str::to_owned), what);

    let (one, two) = (at.create_of("ann"), at.create_of("ann"));
    let visitor = at.create("{}");
    assert_eq!(ear.words(), [], "a beginning is no event");

    let three = at.create_of("ann");
    assert_eq!(ear.words(), [told(&one, Some("ann"), "evicted")]);
    let other = at.create("{}");
    assert_eq!(ear.words(), [told(&visitor, None, "evicted")]);

    assert!(at.destroy(&other) && !at.destroy(&other));
    assert_eq!(ear.words(), [told(&other, None, "destroyed")]);
    assert_eq!(ready(at.sessions.destroy_handle(&digest(&two).handle())), Ok(Destroyed::Ended));
    assert_eq!(ear.words(), [told(&two, Some("ann"), "destroyed")]);
    let four = at.create_of("ann");
    assert_eq!(at.destroy_user("ann", Some(&four)), 1);
    assert_eq!(ear.words(), [told(&three, Some("ann"), "destroyed")]);

    at.give(&four, of("bob")).unwrap();
    at.pass(TTL_MS - 1);
    assert_eq!(ear.words(), []);
    at.pass(1);
    assert_eq!(ear.words(), [told(&four, Some("bob"), "expired")]);
    assert!(at.get(&four).is_none() && !at.destroy(&four) && at.destroy_user("bob", None) == 0);
    assert_eq!(ear.words(), []);
}

#[test]
fn neither_a_new_id_nor_a_clearing_is_told() {
    let at = Rig::new(OPTIONS);
    let ear = at.ear();
    let id = at.regenerate(&at.create_of("ann")).unwrap();
    assert!(at.touch(&id) && at.set(&id, "{}"));
    at.give(&id, VISITOR).unwrap();
    at.clear();
    at.pass(2 * TTL_MS);
    assert_eq!(ear.words(), []);
}

#[test]
fn a_session_under_its_new_id_is_told_under_that() {
    let at = Rig::new(OPTIONS);
    let ear = at.ear();
    let id = at.regenerate(&at.create_of("ann")).unwrap();
    at.pass(TTL_MS);
    assert_eq!(ear.words(), [(digest(&id), Some("ann".to_owned()), "expired")]);
}

#[test]
fn a_change_that_met_another_is_told_with_whose_the_session_is() {
    let at = Rig::new(OPTIONS);
    let ear = at.ear();
    let ids = [at.create_of("ann"), at.create("{}")];
    for (id, user) in [(&ids[0], Some("ann".to_owned())), (&ids[1], None)] {
        let on = Some(at.version(id) + 1_000);
        let saved = at.save(id, SessionWrite { on, owner: of("mallory"), ..write("{}") });
        assert_eq!(saved, Ok(Saved::Changed));
        assert_eq!(ear.words(), [(digest(id), user, "conflict")]);
    }
    let on = Some(at.version(&ids[0]));
    assert!(matches!(at.save(&ids[0], SessionWrite { on, ..write("{}") }), Ok(Saved::Stored(_))));
    assert!(at.destroy(&ids[1]));
    ear.heard();
    assert_eq!(at.save(&ids[1], SessionWrite { on, ..write("{}") }), Ok(Saved::Unknown));
    assert_eq!(ear.words(), []);
}

#[test]
fn all_that_are_over_are_told_without_a_call() {
    let at = Rig::new(OPTIONS);
    let mut ids: Vec<_> = (0..2_500).map(|_| at.create("{}")).collect();
    let ear = at.ear();
    at.pass(TTL_MS);
    let mut told: Vec<_> = ear.words().into_iter().map(|(digest, _, what)| (digest, what)).collect();
    ids.sort_by_key(|id| digest(id));
    told.sort();
    assert_eq!(told, ids.iter().map(|id| (digest(id), "expired")).collect::<Vec<_>>());
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn who_listens_hears_what_happens_from_then_until_he_leaves() {
    let at = Rig::new(OPTIONS);
    let [before, between, after] = [(); 3].map(|()| at.create("{}"));
    assert!(at.destroy(&before));
    let (one, two) = (at.ear(), Arc::<Ear>::default());
    let number = at.sessions.watch(two.clone());
    assert!(at.destroy(&between));
    at.sessions.unwatch(number);
    at.sessions.unwatch(number);
    assert!(at.destroy(&after));
    let what = |id: &str| (digest(id), None, "destroyed");
    assert_eq!(one.words(), [what(&between), what(&after)]);
    assert_eq!(two.words(), [what(&between)], "what happened before is kept for nobody");
}

struct Line(Sender<SessionEvent>);

impl Watcher<SessionEvent> for Line {
    fn told(&self, events: &[SessionEvent]) {
        for event in events {
            // Nobody listens any more once the test has failed.
            let _ = self.0.send(event.clone());
        }
    }
}

#[test]
fn on_the_machines_clock_sessions_leave_by_themselves_soonest_first() {
    let budget = Arc::new(Budget::new(1 << 30));
    let sessions = MemorySessions::new(OPTIONS, Clock::System, budget.clone());
    let (line, heard) = channel();
    sessions.watch(Arc::new(Line(line)));
    let create =
        |ttl_ms| ready(sessions.create(SessionWrite { ttl_ms: Some(ttl_ms), ..write("{}") })).unwrap();
    let [shortened, soon, soonest] = [TTL_MS * 60, 120, 20].map(create);
    for id in [&soonest, &soon] {
        let event = heard.recv_timeout(Duration::from_mins(1)).unwrap();
        assert_eq!((event.digest, event.why), (digest(id), Why::Expired));
    }
    assert_eq!(ready(sessions.touch(&shortened, Some(20))), Ok(true));
    assert_eq!(heard.recv_timeout(Duration::from_mins(1)).unwrap().digest, digest(&shortened));
    assert_eq!((sessions.stats().live, budget.used()), (0, 0));
}
