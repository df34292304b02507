//! Sessions in this process: one state under one lock.
//!
//! Every call is the same sequence under the lock: decide, take the bytes it needs from the store's budget, apply.
//! What the budget refuses leaves the state as it was. One lock is enough: a call holds it for well under a
//! microsecond, and the SHA-256 of the id, the longest part of a call, is done before.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::engine::{Lookup, SessionsEngine};
use crate::error::{Error, Result};
use crate::ids;
use crate::reply::Reply;
use crate::sessions::create::{self, Create};
use crate::sessions::regenerate::{self, Regenerate};
use crate::sessions::set::{self, Set};
use crate::sessions::touch::{self, Touch};
use crate::sessions::{Digest, Effect, SessionData, SessionsOptions, SessionsStats, State, destroy, expire};
use crate::timer::{Alarm, Ticking};
use crate::value::{Form, Tag};

/// Sessions of one name.
pub struct MemorySessions {
    bytes_max: u64,
    clock: Clock,
    budget: Arc<Budget>,
    state: Mutex<State>,
    alarm: Alarm,
}

impl MemorySessions {
    /// No sessions yet; their bytes count against `budget`. The options must have passed their `check`.
    pub fn new(options: SessionsOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        Arc::new_cyclic(|this: &std::sync::Weak<Self>| Self {
            bytes_max: options.max_session_size,
            alarm: Alarm::new(clock.clone(), this.clone()),
            clock,
            budget,
            state: Mutex::default(),
        })
    }

    /// Forgets all sessions when their store closes, and gives their bytes back; freed without the lock.
    pub fn shut(&self) {
        let gone = std::mem::take(&mut *self.state.lock());
        self.budget.give_back(gone.bytes());
    }

    /// Decides and carries out, as one step. The clock is read under the lock, so that steps come in its order.
    fn run<T>(&self, decide: impl FnOnce(&State, u64) -> Result<(Vec<Effect>, T)>) -> Result<T> {
        let mut state = self.state.lock();
        let now_us = self.clock.now_us();
        let (effects, answer) = decide(&state, now_us)?;
        if self.commit(&mut state, &effects).is_err() {
            // Sessions that are over must not keep a live one out.
            let over = expire::decide(&state, now_us);
            self.commit(&mut state, &over)?;
            if let Err(Error::StoreFull { asked, .. }) = self.commit(&mut state, &effects) {
                self.budget.make_room(asked);
                self.commit(&mut state, &effects)?;
            }
        }
        let next_us = state.next_expiry_us();
        drop(state);
        if let Some(next_us) = next_us.filter(|_| !effects.is_empty()) {
            self.alarm.set(next_us);
        }
        Ok(answer)
    }

    /// Applies all effects, or none when the budget has no room for them.
    fn commit(&self, state: &mut State, effects: &[Effect]) -> Result<()> {
        let (before, after) = (state.bytes(), state.bytes_after(effects));
        self.budget.take(after.saturating_sub(before))?;
        for effect in effects {
            state.apply(effect);
        }
        self.budget.give_back(before.saturating_sub(after));
        Ok(())
    }
}

impl SessionsEngine for MemorySessions {
    fn create(&self, data: SessionData<'_>, ttl_ms: u64) -> Reply<String> {
        Reply::Ready(new_id().and_then(|(id, digest)| {
            let command = Create { digest, data, ttl_ms, bytes_max: self.bytes_max };
            self.run(|state, now_us| create::decide(state, command, now_us)).map(|()| id)
        }))
    }

    fn get(&self, id: &str, buffer: &mut Vec<u8>) -> Result<Lookup> {
        buffer.clear();
        let Some(digest) = Digest::of(id) else {
            return Ok(Lookup::Absent);
        };
        let state = self.state.lock();
        let Some(record) = state.live(digest, self.clock.now_us()) else {
            return Ok(Lookup::Absent);
        };
        buffer.extend_from_slice(&record.data);
        let form = if record.wide { Form::TwoByteText } else { Form::OneByteText };
        Ok(Lookup::Copied(Tag::new(form, 0)))
    }

    fn set(&self, id: &str, data: SessionData<'_>, ttl_ms: u64, adopt: bool) -> Reply<bool> {
        Reply::Ready(match Digest::of(id) {
            Some(digest) => {
                let command = Set { digest, data, ttl_ms, adopt, bytes_max: self.bytes_max };
                self.run(|state, now_us| set::decide(state, command, now_us))
            }
            None if adopt => Err(Error::InvalidArg(
                "a session id must be 1 to 256 printable ASCII characters; check the id generator (genid)"
                    .into(),
            )),
            None => Ok(false),
        })
    }

    fn touch(&self, id: &str, ttl_ms: u64) -> Reply<bool> {
        Reply::Ready(Digest::of(id).map_or(Ok(false), |digest| {
            self.run(|state, now_us| touch::decide(state, Touch { digest, ttl_ms }, now_us))
        }))
    }

    fn regenerate(&self, id: &str) -> Reply<Option<String>> {
        let Some(old) = Digest::of(id) else {
            return Reply::Ready(Ok(None));
        };
        Reply::Ready(new_id().and_then(|(id, new)| {
            let moved =
                self.run(|state, now_us| regenerate::decide(state, Regenerate { old, new }, now_us))?;
            Ok(moved.then_some(id))
        }))
    }

    fn destroy(&self, id: &str) -> Reply<bool> {
        Reply::Ready(
            Digest::of(id)
                .map_or(Ok(false), |digest| self.run(|state, now_us| destroy::decide(state, digest, now_us))),
        )
    }

    fn stats(&self) -> SessionsStats {
        let state = self.state.lock();
        SessionsStats { live: state.live_count(self.clock.now_us()), bytes: state.bytes() }
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
        let mut state = self.state.lock();
        let over = expire::decide(&state, now_us);
        // Cannot be refused: it only gives back.
        let _ = self.commit(&mut state, &over);
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

    #[test]
    fn sessions_that_are_over_make_room_before_the_timer_comes_for_them() {
        let clock = Clock::Manual(ManualClock::new(1_000));
        let budget = Arc::new(Budget::new(1_000));
        let options = SessionsOptions { ttl: 1, max_session_size: 1_000 };
        let sessions = MemorySessions::new(options, clock, budget.clone());
        let digest = Digest::of("over").expect("an id");
        let over = Effect::Stored { digest, expires_us: 1_000, wide: false, data: vec![0; 700].into() };
        sessions.commit(&mut sessions.state.lock(), &[over]).expect("room");
        assert_eq!((sessions.stats().live, sessions.stats().bytes), (0, budget.used()));
        let data = SessionData { form: Form::OneByteText, bytes: &[0; 700] };
        assert!(matches!(sessions.create(data, 1), Reply::Ready(Ok(_))));
        assert!(matches!(sessions.create(data, 1), Reply::Ready(Err(Error::StoreFull { .. }))));
        assert_eq!((sessions.stats().live, sessions.stats().bytes), (1, budget.used()));
    }
}
