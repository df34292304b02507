//! Sessions in this process: one state under one lock.
//!
//! Every call is the same sequence under the lock: decide, take the bytes it needs from the store's budget, apply.
//! What the budget refuses leaves the state as it was. One lock is enough: a call holds it for about a
//! microsecond, and the SHA-256 of the id, the longest part of a call, is done before. Those who listen are told under no
//! lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::budget::Budget;
use crate::clock::{Clock, MS};
use crate::engine::{SessionRead, SessionWrite, SessionsEngine};
use crate::error::{Error, Result};
use crate::ids;
use crate::reply::Reply;
use crate::sessions::create::{self, Create};
use crate::sessions::destroy::{self, Destroyed, Part};
use crate::sessions::regenerate::{self, Regenerate};
use crate::sessions::set::{self, Owner, Saved, Set};
use crate::sessions::touch::{self, Touch};
use crate::sessions::{
    Digest, Effect, Record, SessionEvent, SessionsOptions, SessionsStats, State, Why, expire, room,
};
use crate::timer::{Alarm, Ticking};
use crate::value::{Form, Tag};
use crate::watch::{Watcher, Watchers};

/// A list answers in parts that hold so many bytes of data, and one session more.
const PART_BYTES: usize = 1 << 20;

/// Sessions of one name.
pub struct MemorySessions {
    options: SessionsOptions,
    clock: Clock,
    budget: Arc<Budget>,
    state: Mutex<State>,
    watchers: Watchers<SessionEvent>,
    evicted: AtomicU64,
    alarm: Alarm,
}

impl MemorySessions {
    /// No sessions yet; their bytes count against `budget`. The options must have passed their `check`.
    pub fn new(options: SessionsOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        Arc::new_cyclic(|this: &std::sync::Weak<Self>| Self {
            options,
            alarm: Alarm::new(clock.clone(), this.clone()),
            clock,
            budget,
            state: Mutex::default(),
            watchers: Watchers::default(),
            evicted: AtomicU64::new(0),
        })
    }

    /// Forgets all sessions when their store closes, and gives their bytes back; freed without the lock.
    pub fn shut(&self) {
        let gone = self.state.lock().clear();
        self.budget.give_back(gone.bytes());
        crate::timer::free(gone.into_pieces());
    }

    /// Decides and carries out, as one step. The clock is read under the lock, so that steps come in its order.
    fn run<T>(
        &self,
        decide: impl FnOnce(&State, &SessionsOptions, u64) -> Result<(Vec<Effect>, T)>,
    ) -> Result<T> {
        let mut told = Vec::new();
        let mut state = self.state.lock();
        let now_us = self.clock.now_us();
        let (effects, answer) = decide(&state, &self.options, now_us)?;
        let done = self.commit_with_room(&mut state, &effects, now_us, &mut told);
        let next_us = state.next_expiry_us();
        drop(state);
        self.watchers.tell_of(&told);
        done?;
        if let Some(next_us) = next_us.filter(|_| !effects.is_empty()) {
            self.alarm.set(next_us);
        }
        Ok(answer)
    }

    /// As `commit`; where the budget has no room, sessions that are over go first, then what others can do without, then
    /// visitors' sessions where a user's is to be stored.
    fn commit_with_room(
        &self,
        state: &mut State,
        effects: &[Effect],
        now_us: u64,
        told: &mut Vec<SessionEvent>,
    ) -> Result<()> {
        let mut others_asked = false;
        loop {
            let done = self.commit(state, effects, told);
            let Err(Error::StoreFull { asked, used, limit }) = done else { return done };
            let mut gone = expire::decide(state, now_us);
            if gone.is_empty() && !others_asked {
                others_asked = true;
                self.budget.make_room(asked);
                continue;
            }
            if gone.is_empty() {
                gone = room::in_store(state, effects, used.saturating_add(asked) - limit);
            }
            if gone.is_empty() {
                return done;
            }
            self.commit(state, &gone, told)?;
        }
    }

    /// Applies all effects, or none when the budget has no room for them.
    fn commit(&self, state: &mut State, effects: &[Effect], told: &mut Vec<SessionEvent>) -> Result<()> {
        let (before, after) = (state.bytes(), state.bytes_after(effects));
        self.budget.take(after.saturating_sub(before))?;
        for effect in effects {
            self.note(state, effect, told);
            state.apply(effect);
        }
        self.budget.give_back(before.saturating_sub(after));
        Ok(())
    }

    /// Keeps what an effect is about to end, for those who listen.
    fn note(&self, state: &State, effect: &Effect, told: &mut Vec<SessionEvent>) {
        let ends = match effect {
            // In the place of one that was over and had not been collected.
            Effect::Stored(new) if self.watchers.is_watched() => {
                state.live(new.digest, new.seen_us).is_none().then_some((new.digest, Why::Expired))
            }
            _ => effect.ends(),
        };
        let Some((digest, why)) = ends else { return };
        let Some(record) = state.get(digest) else { return };
        if why == Why::Evicted {
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
        if self.watchers.is_watched() {
            told.push(SessionEvent { digest, user: record.user.clone(), why });
        }
    }

    fn end(&self, digest: Option<Digest>, on: Option<u64>) -> Result<Destroyed> {
        digest.map_or(Ok(Destroyed::Unknown), |digest| {
            self.run(|state, _, now_us| destroy::decide(state, digest, on, now_us))
        })
    }

    /// Tells that a change met another one.
    fn tell_conflict(&self, digest: Digest) {
        if !self.watchers.is_watched() {
            return;
        }
        let user = self.state.lock().get(digest).and_then(|record| record.user.clone());
        self.watchers.tell_of(&[SessionEvent { digest, user, why: Why::Conflict }]);
    }
}

impl SessionsEngine for MemorySessions {
    fn create(&self, write: SessionWrite<'_>) -> Reply<String> {
        let SessionWrite { data, owner, ttl_ms, .. } = write;
        let user = if let Owner::Is(user) = owner { user } else { None };
        Reply::Ready(new_id().and_then(|(id, digest)| {
            let command = Create { digest, data, user, ttl_ms };
            self.run(|state, options, now_us| create::decide(state, options, command, now_us)).map(|_| id)
        }))
    }

    fn get(&self, id: &str, buffer: &mut Vec<u8>) -> Result<Option<SessionRead>> {
        buffer.clear();
        let Some(digest) = Digest::of(id) else {
            return Ok(None);
        };
        let state = self.state.lock();
        let Some(record) = state.live(digest, self.clock.now_us()) else {
            return Ok(None);
        };
        buffer.extend_from_slice(&record.data);
        let form = if record.wide { Form::TwoByteText } else { Form::OneByteText };
        let (version, expires_ms) = (record.version, record.expires_us / MS);
        Ok(Some(SessionRead { tag: Tag::new(form, 0), version, expires_ms }))
    }

    fn set(&self, id: &str, write: SessionWrite<'_>) -> Reply<Saved> {
        let SessionWrite { data, owner, ttl_ms, adopt, on, keep } = write;
        let Some(digest) = Digest::of(id) else {
            return Reply::Ready(if adopt {
                Err(Error::InvalidArg(
                    "a session id must be 1 to 256 printable ASCII characters; check the id generator (genid)"
                        .into(),
                ))
            } else {
                Ok(Saved::Unknown)
            });
        };
        let command = Set { digest, data, owner, ttl_ms, adopt, on, keep };
        let saved = self.run(|state, options, now_us| set::decide(state, options, command, now_us));
        if saved == Ok(Saved::Changed) {
            self.tell_conflict(digest);
        }
        Reply::Ready(saved)
    }

    fn touch(&self, id: &str, ttl_ms: Option<u64>) -> Reply<bool> {
        Reply::Ready(Digest::of(id).map_or(Ok(false), |digest| {
            let command = Touch { digest, ttl_ms };
            self.run(|state, options, now_us| touch::decide(state, options, command, now_us))
        }))
    }

    fn regenerate(&self, id: &str) -> Reply<Option<String>> {
        let Some(old) = Digest::of(id) else {
            return Reply::Ready(Ok(None));
        };
        Reply::Ready(new_id().and_then(|(id, new)| {
            let command = Regenerate { old, new };
            let moved = self.run(|state, _, now_us| regenerate::decide(state, command, now_us))?;
            Ok(moved.then_some(id))
        }))
    }

    fn destroy(&self, id: &str, on: Option<u64>) -> Reply<Destroyed> {
        Reply::Ready(self.end(Digest::of(id), on))
    }

    fn destroy_handle(&self, handle: &str) -> Reply<Destroyed> {
        Reply::Ready(self.end(Digest::of_handle(handle), None))
    }

    fn destroy_user(&self, user: &str, except: Option<&str>) -> Reply<u64> {
        let except = except.and_then(Digest::of);
        let (mut ended, mut left) = (0, None);
        // Others get in between the steps.
        Reply::Ready(loop {
            let step = self.run(|state, _, now_us| {
                destroy::decide_user(state, user, except, left.unwrap_or_else(|| Part::all(state)), now_us)
            });
            match step {
                Ok(step) => (ended, left) = (ended + step.ended, step.left),
                Err(error) => break Err(error),
            }
            if left.is_none() {
                break Ok(ended);
            }
        })
    }

    fn list_user(&self, user: &str, after: u64, max: usize) -> (Vec<Record>, Option<u64>) {
        let state = self.state.lock();
        let now_us = self.clock.now_us();
        let (mut records, mut bytes) = (Vec::new(), 0);
        for (looks, record) in state.of_user(user, after).enumerate() {
            if looks >= max || bytes >= PART_BYTES {
                return (records, Some(record.born - 1));
            }
            if now_us < record.expires_us {
                bytes += record.data.len();
                records.push(record.clone());
            }
        }
        (records, None)
    }

    fn scan(&self, cursor: u64, max: usize) -> (Vec<Record>, Option<u64>) {
        let state = self.state.lock();
        let now_us = self.clock.now_us();
        let (mut records, mut bytes) = (Vec::new(), 0);
        // Sessions that are over are looks too: a bounded number under the lock.
        for (looks, (at, record)) in state.from(usize::try_from(cursor).unwrap_or(usize::MAX)).enumerate() {
            if looks >= max || bytes >= PART_BYTES {
                return (records, Some(at as u64));
            }
            if now_us < record.expires_us {
                bytes += record.data.len();
                records.push(record.clone());
            }
        }
        (records, None)
    }

    fn clear(&self) -> Reply<()> {
        self.shut();
        Reply::Ready(Ok(()))
    }

    fn watch(&self, watcher: Arc<dyn Watcher<SessionEvent>>) -> u64 {
        self.watchers.add(watcher)
    }

    fn unwatch(&self, number: u64) {
        self.watchers.remove(number);
    }

    fn stats(&self) -> SessionsStats {
        let state = self.state.lock();
        SessionsStats {
            live: state.live_count(self.clock.now_us()),
            anonymous: state.visitors_len() as u64,
            users: state.users_len() as u64,
            evicted: self.evicted.load(Ordering::Relaxed),
            bytes: state.bytes(),
        }
    }
}

fn new_id() -> Result<(String, Digest)> {
    let id = ids::session_id();
    let digest =
        Digest::of(&id).ok_or_else(|| Error::Internal(format!("{} bytes are no session id", id.len())))?;
    Ok((id, digest))
}

impl Ticking for MemorySessions {
    fn next_due_us(&self) -> Option<u64> {
        self.state.lock().next_expiry_us()
    }

    fn tick(&self, now_us: u64) {
        let mut told = Vec::new();
        let mut state = self.state.lock();
        let over = expire::decide(&state, now_us);
        // Cannot be refused: it only gives back.
        let _ = self.commit(&mut state, &over, &mut told);
        drop(state);
        self.watchers.tell_of(&told);
    }
}

impl Drop for MemorySessions {
    fn drop(&mut self) {
        self.budget.give_back(self.state.get_mut().bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::sessions::SessionData;

    #[derive(Default)]
    struct Ear(Mutex<Vec<SessionEvent>>);
    impl Watcher<SessionEvent> for Ear {
        fn told(&self, events: &[SessionEvent]) {
            self.0.lock().extend_from_slice(events);
        }
    }

    fn of_budget(bytes: u64) -> (Arc<MemorySessions>, Arc<Budget>) {
        let budget = Arc::new(Budget::new(bytes));
        let options = serde_json::from_str(r#"{"ttl":1000,"maxSessionSize":900000}"#).expect("options");
        let clock = Clock::Manual(ManualClock::new(1_000));
        (MemorySessions::new(options, clock, budget.clone()), budget)
    }

    fn digest(id: &str) -> Digest {
        Digest::of(id).expect("an id")
    }

    /// Sessions whose time has been over for a while, as the timer finds them that has not come yet.
    fn leave_over<'a>(sessions: &MemorySessions, ids: impl IntoIterator<Item = &'a str>, size: usize) {
        for id in ids {
            let over = Effect::Stored(Record {
                digest: digest(id),
                created_us: 0,
                born: 1,
                seen_us: 0,
                ttl_us: 1_000,
                expires_us: 1_000,
                version: 1,
                user: Some("ann".into()),
                wide: false,
                data: vec![0; size].into(),
            });
            sessions.commit(&mut sessions.state.lock(), &[over], &mut Vec::new()).expect("room");
        }
    }

    fn write(bytes: &[u8]) -> SessionWrite<'_> {
        let data = SessionData { form: Form::OneByteText, bytes };
        SessionWrite { data, owner: Owner::AsItWas, ttl_ms: None, adopt: true, on: None, keep: false }
    }

    fn is_full<T>(reply: &Reply<T>) -> bool {
        matches!(reply, Reply::Ready(Err(Error::StoreFull { .. })))
    }

    #[test]
    fn sessions_that_are_over_make_room_before_the_timer_comes_for_them() {
        let (sessions, budget) = of_budget(1_500);
        leave_over(&sessions, ["over"], 900);
        assert_eq!((sessions.stats().live, sessions.stats().bytes), (0, budget.used()));
        let ear = Arc::<Ear>::default();
        sessions.watch(ear.clone());
        assert!(matches!(sessions.create(write(&[0; 900])), Reply::Ready(Ok(_))));
        assert!(is_full(&sessions.create(write(&[0; 900]))));
        assert_eq!((sessions.stats().live, sessions.stats().bytes), (1, budget.used()));
        let expired = SessionEvent { digest: digest("over"), user: Some("ann".into()), why: Why::Expired };
        assert_eq!(*ear.0.lock(), [expired]);
    }

    #[test]
    fn a_session_that_is_over_is_absent_everywhere_before_the_timer_comes_for_it() {
        let (sessions, _) = of_budget(10_000);
        leave_over(&sessions, ["over", "over too"], 10);
        let ear = Arc::<Ear>::default();
        sessions.watch(ear.clone());
        let handle = digest("over").handle();
        assert_eq!(sessions.get("over", &mut Vec::new()), Ok(None));
        assert_eq!(sessions.list_user("ann", 0, 9), (vec![], None));
        assert_eq!((sessions.scan(0, 1), sessions.scan(1, 1)), ((vec![], Some(1)), (vec![], None)));
        assert!(matches!(sessions.touch("over", None), Reply::Ready(Ok(false))));
        for destroyed in [sessions.destroy("over", None), sessions.destroy_handle(&handle)] {
            assert!(matches!(destroyed, Reply::Ready(Ok(Destroyed::Unknown))));
        }
        assert!(matches!(sessions.regenerate("over"), Reply::Ready(Ok(None))));
        assert!(matches!(sessions.destroy_user("ann", None), Reply::Ready(Ok(0))));
        let unknown = sessions.set("over", SessionWrite { adopt: false, ..write(b"{}") });
        assert!(matches!(unknown, Reply::Ready(Ok(Saved::Unknown))));
        assert_eq!((sessions.stats().live, ear.0.lock().len()), (0, 0));
        assert_eq!(sessions.next_due_us(), Some(1_000));
        sessions.tick(1_000);
        assert_eq!((sessions.next_due_us(), sessions.stats().bytes, ear.0.lock().len()), (None, 0, 2));
    }

    #[test]
    fn with_nobody_listening_nothing_is_kept_to_be_told() {
        let (sessions, _) = of_budget(10_000);
        leave_over(&sessions, ["over"], 10);
        let mut told = Vec::new();
        let mut state = sessions.state.lock();
        let over = expire::decide(&state, 1_000);
        assert_eq!(over.len(), 1);
        sessions.commit(&mut state, &over, &mut told).expect("it only gives back");
        assert_eq!(told.capacity(), 0);
    }

    #[test]
    fn many_small_sessions_that_are_over_make_room_for_a_large_one() {
        let (sessions, budget) = of_budget(1_000_000);
        let ids: Vec<_> = (0..3_200).map(|number| number.to_string()).collect();
        leave_over(&sessions, ids.iter().map(String::as_str), 0);
        budget.take(budget.limit() - sessions.stats().bytes).expect("room");
        let large = vec![0; 900_000];
        assert!(
            matches!(sessions.create(write(&large)), Reply::Ready(Ok(_))),
            "more than one step of collecting"
        );
        assert!(is_full(&sessions.create(write(&large))));
        assert_eq!((sessions.stats().live, budget.has_room(20_000)), (1, true));
    }

    #[test]
    fn a_session_that_is_over_and_whose_id_is_adopted_anew_is_told_as_expired_once() {
        let (sessions, budget) = of_budget(1_500);
        leave_over(&sessions, ["again"], 10);
        let ear = Arc::<Ear>::default();
        sessions.watch(ear.clone());
        let saved = sessions.set("again", write(b"{}"));
        assert!(matches!(saved, Reply::Ready(Ok(Saved::Stored(2)))));
        let expired = SessionEvent { digest: digest("again"), user: Some("ann".into()), why: Why::Expired };
        assert_eq!(*ear.0.lock(), [expired]);
        sessions.tick(1_000);
        assert_eq!(ear.0.lock().len(), 1);
        assert_eq!((sessions.stats().live, sessions.stats().bytes), (1, budget.used()));
    }
}
