//! Sessions through the engine's door, on a clock that a test moves.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::memory::MemorySessions;
use redstart_core::engine::{Lookup, SessionsEngine};
use redstart_core::reply::Reply;
use redstart_core::sessions::{SessionData, SessionsOptions, SessionsStats};
use redstart_core::value::{Form, Tag};

const TTL_MS: u64 = 60_000;

struct Setting {
    clock: Arc<ManualClock>,
    budget: Arc<Budget>,
    sessions: Arc<MemorySessions>,
}

fn setting() -> Setting {
    setting_with_budget(1 << 30)
}

fn setting_with_budget(bytes: u64) -> Setting {
    let options = SessionsOptions { ttl: TTL_MS, max_session_size: 1_000 };
    let (clock, budget) = (ManualClock::new(1_700_000_000_000_000), Arc::new(Budget::new(bytes)));
    let sessions = MemorySessions::new(options, Clock::Manual(clock.clone()), budget.clone());
    Setting { clock, budget, sessions }
}

fn text(text: &str) -> SessionData<'_> {
    SessionData { form: Form::OneByteText, bytes: text.as_bytes() }
}

fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Pending(_) => panic!("the memory engine answers at once"),
    }
}

impl Setting {
    fn create(&self, data: &str) -> String {
        ready(self.sessions.create(text(data), TTL_MS)).unwrap()
    }

    fn get(&self, id: &str) -> Option<String> {
        let mut buffer = b"what was there before".to_vec();
        match self.sessions.get(id, &mut buffer).unwrap() {
            Lookup::Absent => None,
            Lookup::Copied(tag) => {
                assert_eq!(tag, Tag::new(Form::OneByteText, 0));
                Some(String::from_utf8(buffer).unwrap())
            }
        }
    }

    fn set(&self, id: &str, data: &str) -> bool {
        ready(self.sessions.set(id, text(data), TTL_MS, false)).unwrap()
    }

    fn adopt(&self, id: &str, data: &str) -> Result<bool> {
        ready(self.sessions.set(id, text(data), TTL_MS, true))
    }

    fn touch(&self, id: &str) -> bool {
        ready(self.sessions.touch(id, TTL_MS)).unwrap()
    }

    fn regenerate(&self, id: &str) -> Option<String> {
        ready(self.sessions.regenerate(id)).unwrap()
    }

    fn destroy(&self, id: &str) -> bool {
        ready(self.sessions.destroy(id)).unwrap()
    }

    fn advance_ms(&self, ms: u64) {
        self.clock.advance_to(self.clock.now_us() + ms * MS);
    }
}

#[test]
fn a_session_lives_until_it_has_been_idle_for_its_ttl() {
    let at = setting();
    let id = at.create("{\"user\":42}");
    assert_eq!(id.len(), 32);
    at.advance_ms(TTL_MS - 1);
    assert_eq!(at.get(&id).as_deref(), Some("{\"user\":42}"), "reading does not renew it");
    at.advance_ms(1);
    assert_eq!(at.get(&id), None);
}

#[test]
fn setting_and_touching_renew_the_idle_time_and_touching_leaves_the_data_alone() {
    let at = setting();
    let id = at.create("one");
    at.advance_ms(TTL_MS - 1);
    assert!(at.set(&id, "two"));
    at.advance_ms(TTL_MS - 1);
    assert!(at.touch(&id));
    at.advance_ms(TTL_MS - 1);
    assert_eq!(at.get(&id).as_deref(), Some("two"));
    at.advance_ms(1);
    assert!(!at.touch(&id));
    assert!(!at.set(&id, "three"));
    assert_eq!(at.get(&id), None);
}

#[test]
fn data_keeps_its_form() {
    let at = setting();
    let wide = SessionData { form: Form::TwoByteText, bytes: &[0x3d, 0xd8, 0x00, 0xde] };
    let id = ready(at.sessions.create(wide, TTL_MS)).unwrap();
    let mut buffer = Vec::new();
    let found = at.sessions.get(&id, &mut buffer).unwrap();
    assert_eq!(found, Lookup::Copied(Tag::new(Form::TwoByteText, 0)));
    assert_eq!(buffer, wide.bytes);
}

#[test]
fn a_session_that_was_destroyed_does_not_come_back() {
    let at = setting();
    let id = at.create("one");
    assert!(at.destroy(&id));
    assert!(!at.destroy(&id));
    assert!(!at.set(&id, "two"), "a request that was still running saves its session");
    assert!(!at.touch(&id));
    assert_eq!((at.get(&id), at.regenerate(&id)), (None, None));
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn regenerating_moves_data_and_expiry_to_a_new_id_and_kills_the_old_one() {
    let at = setting();
    let old = at.create("cart");
    let bytes = at.budget.used();
    at.advance_ms(1_000);
    let new = at.regenerate(&old).unwrap();
    assert_ne!(new, old);
    assert_eq!((at.get(&old), at.get(&new).as_deref()), (None, Some("cart")));
    assert!(!at.set(&old, "fixed") && !at.touch(&old) && at.regenerate(&old).is_none());
    assert_eq!((at.budget.used(), at.sessions.stats().live), (bytes, 1));
    at.advance_ms(TTL_MS - 1_001);
    assert!(at.get(&new).is_some());
    at.advance_ms(1);
    assert_eq!(at.get(&new), None, "the idle time was not renewed");
}

#[test]
fn only_who_adopts_may_bring_an_id() {
    let at = setting();
    assert!(!at.set("made-up", "data"));
    assert_eq!(at.sessions.stats(), SessionsStats::default());
    assert_eq!(at.adopt("made-up", "data"), Ok(true));
    assert_eq!(at.get("made-up").as_deref(), Some("data"));
    assert!(at.set("made-up", "more data"));
    at.advance_ms(TTL_MS);
    assert_eq!(at.adopt("made-up", "again"), Ok(true));
    assert_eq!(at.get("made-up").as_deref(), Some("again"));
}

#[test]
fn text_that_is_no_id_is_unknown_and_cannot_be_adopted() {
    let at = setting();
    let too_long = "x".repeat(257);
    for id in ["", "naïve", "tab\t", "nul\0", "../../etc/passwd\n", &too_long] {
        assert_eq!(at.get(id), None);
        assert!(!at.set(id, "data") && !at.touch(id) && !at.destroy(id) && at.regenerate(id).is_none());
        assert_eq!(at.adopt(id, "data").unwrap_err().code(), "ERR_INVALID_ARG");
    }
    let longest = "x".repeat(256);
    for id in ["__proto__", "a b", "s%3Aabc.d+e/f==", &longest] {
        assert_eq!(at.adopt(id, id), Ok(true));
        assert_eq!(at.get(id).as_deref(), Some(id));
    }
}

#[test]
fn a_session_over_the_size_is_refused_and_the_one_before_it_stays() {
    let at = setting();
    let id = at.create("small");
    let large = "x".repeat(1_001);
    for error in [
        ready(at.sessions.set(&id, text(&large), TTL_MS, false)).unwrap_err(),
        ready(at.sessions.create(text(&large), TTL_MS)).unwrap_err(),
    ] {
        assert_eq!(error.code(), "ERR_TOO_LARGE");
        let message = error.to_string();
        assert!(
            message.contains("1001") && message.contains("1000") && message.contains("maxSessionSize"),
            "{message}"
        );
    }
    assert_eq!(at.get(&id).as_deref(), Some("small"));
    assert!(at.set(&id, &large[..1_000]));
}

#[test]
fn an_idle_time_out_of_range_is_refused() {
    let at = setting();
    let id = at.create("data");
    for ttl_ms in [0, u64::MAX] {
        assert_eq!(ready(at.sessions.create(text(""), ttl_ms)).unwrap_err().code(), "ERR_INVALID_ARG");
        assert_eq!(ready(at.sessions.touch(&id, ttl_ms)).unwrap_err().code(), "ERR_INVALID_ARG");
    }
    assert_eq!(at.sessions.stats().live, 1);
}

#[test]
fn a_full_budget_refuses_what_grows_and_changes_nothing() {
    let at = setting_with_budget(1_000);
    let id = at.create(&"x".repeat(600));
    let held = at.sessions.stats();
    for error in [
        ready(at.sessions.create(text(&"y".repeat(600)), TTL_MS)).unwrap_err(),
        ready(at.sessions.set(&id, text(&"y".repeat(900)), TTL_MS, false)).unwrap_err(),
        at.adopt("other", &"y".repeat(600)).unwrap_err(),
    ] {
        assert_eq!((error.code(), error.is_retryable()), ("ERR_STORE_FULL", true));
    }
    assert_eq!((at.sessions.stats(), at.budget.used()), (held, held.bytes));
    assert_eq!(at.get(&id).unwrap(), "x".repeat(600));
    // What replaces asks for the difference only; moving and touching ask for nothing.
    assert!(at.set(&id, &"z".repeat(700)));
    let id = at.regenerate(&id).unwrap();
    assert!(at.touch(&id) && at.set(&id, "small"));
    assert!(at.create(&"y".repeat(500)).len() == 32);
}

#[test]
fn sessions_leave_in_the_background_without_being_read() {
    let at = setting();
    for number in 0..3_500 {
        at.create(&number.to_string());
    }
    at.advance_ms(1);
    let last = at.create("last");
    let held = at.sessions.stats();
    assert_eq!((held.live, held.bytes), (3_501, at.budget.used()));
    at.advance_ms(TTL_MS - 1);
    assert_eq!(at.sessions.stats().live, 1);
    assert_eq!(at.get(&last).as_deref(), Some("last"));
    at.advance_ms(1);
    assert_eq!((at.sessions.stats(), at.budget.used()), (SessionsStats::default(), 0));
}

#[test]
fn dropping_sessions_gives_their_bytes_back() {
    let at = setting();
    at.create("data");
    assert!(at.budget.used() > 0);
    drop(at.sessions);
    assert_eq!(at.budget.used(), 0);
}

#[test]
fn threads_share_sessions_and_one_regenerates_while_others_set() {
    let at = setting();
    let id = at.create("0");
    let moved = std::thread::scope(|scope| {
        let movers: Vec<_> = (0..4).map(|_| scope.spawn(|| at.regenerate(&id))).collect();
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).filter(|number| at.set(&id, &number.to_string())).count());
        }
        movers.into_iter().filter_map(|mover| mover.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(moved.len(), 1, "only one of them finds the old id alive");
    assert_eq!((at.get(&id), at.sessions.stats().live), (None, 1));
}
