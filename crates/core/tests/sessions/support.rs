//! What the tests of sessions share: sessions on a clock that stands still, and short words for what one does with them.

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::test_runner::{Config, FileFailurePersistence};
use redstart_core::Result;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::memory::MemorySessions;
use redstart_core::engine::{SessionRead, SessionWrite, SessionsEngine};
use redstart_core::reply::Reply;
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::{Owner, Saved};
use redstart_core::sessions::{
    ANONYMOUS_DEFAULT, Conflict, Digest, OnMaxPerUser, Record, SessionData, SessionEvent, SessionsOptions,
    SessionsStats,
};
use redstart_core::value::{Form, Tag};
use redstart_core::watch::Watcher;

pub(crate) const START_US: u64 = 1_700_000_000_000_000;

pub(crate) const TTL_MS: u64 = 60_000;

pub(crate) const OPTIONS: SessionsOptions = SessionsOptions {
    ttl: TTL_MS,
    absolute_ttl: None,
    touch_after: 0,
    max_per_user: None,
    on_max_per_user: OnMaxPerUser::EvictOldest,
    max_anonymous: ANONYMOUS_DEFAULT,
    conflict: Conflict::Merge,
    max_session_size: 1_000,
};

/// `cases` histories, and those kept in `file`; cargo runs tests in the folder of their package.
pub(crate) fn kept(file: &'static str, cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..Config::default()
    }
}

pub(crate) fn text(text: &str) -> SessionData<'_> {
    SessionData { form: Form::OneByteText, bytes: text.as_bytes() }
}

/// Writes that replace whatever is there, and leave everything but the data as it was.
pub(crate) fn write(data: &str) -> SessionWrite<'_> {
    SessionWrite {
        data: text(data),
        owner: Owner::AsItWas,
        ttl_ms: None,
        adopt: false,
        on: None,
        keep: false,
    }
}

pub(crate) fn of(user: &str) -> Owner {
    Owner::Is(Some(user.into()))
}

pub(crate) const VISITOR: Owner = Owner::Is(None);

pub(crate) fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Pending(_) => panic!("the memory engine answers at once"),
    }
}

pub(crate) fn digest(id: &str) -> Digest {
    Digest::of(id).unwrap()
}

/// One who listens.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Vec<SessionEvent>>);

impl Watcher<SessionEvent> for Ear {
    fn told(&self, events: &[SessionEvent]) {
        assert!(!events.is_empty());
        self.0.lock().extend_from_slice(events);
    }
}

impl Ear {
    /// What it has heard since the last time.
    pub(crate) fn heard(&self) -> Vec<SessionEvent> {
        std::mem::take(&mut self.0.lock())
    }

    /// The same as (id's digest, user, name of what happened).
    pub(crate) fn words(&self) -> Vec<(Digest, Option<String>, &'static str)> {
        let words =
            |event: SessionEvent| (event.digest, event.user.map(|user| user.to_string()), event.why.name());
        self.heard().into_iter().map(words).collect()
    }
}

/// Sessions under test.
pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) sessions: Arc<MemorySessions>,
}

impl Rig {
    pub(crate) fn new(options: SessionsOptions) -> Self {
        Self::within(options, 1 << 30)
    }

    /// With a budget of so many bytes.
    pub(crate) fn within(options: SessionsOptions, bytes: u64) -> Self {
        options.check().unwrap();
        let (clock, budget) = (ManualClock::new(START_US), Arc::new(Budget::new(bytes)));
        let sessions = MemorySessions::new(options, Clock::Manual(clock.clone()), budget.clone());
        Self { clock, budget, sessions }
    }

    /// One that listens from now on.
    pub(crate) fn ear(&self) -> Arc<Ear> {
        let ear = Arc::<Ear>::default();
        self.sessions.watch(ear.clone());
        ear
    }

    /// A visitor's.
    pub(crate) fn create(&self, data: &str) -> String {
        ready(self.sessions.create(write(data))).unwrap()
    }

    /// A user's; a microsecond passes, so that each of his is younger than the one before.
    pub(crate) fn create_of(&self, user: &str) -> String {
        let id = self.try_create_of(user).unwrap();
        self.pass_us(1);
        id
    }

    pub(crate) fn try_create_of(&self, user: &str) -> Result<String> {
        ready(self.sessions.create(SessionWrite { owner: of(user), ..write("{}") }))
    }

    pub(crate) fn read(&self, id: &str) -> Option<(String, SessionRead)> {
        let mut buffer = b"what was there before".to_vec();
        let Some(read) = self.sessions.get(id, &mut buffer).unwrap() else {
            assert!(buffer.is_empty());
            return None;
        };
        assert_eq!(read.tag, Tag::new(Form::OneByteText, 0));
        Some((String::from_utf8(buffer).unwrap(), read))
    }

    pub(crate) fn get(&self, id: &str) -> Option<String> {
        self.read(id).map(|(data, _)| data)
    }

    pub(crate) fn version(&self, id: &str) -> u64 {
        self.read(id).unwrap().1.version
    }

    /// Milliseconds that it has left.
    pub(crate) fn left_ms(&self, id: &str) -> u64 {
        self.read(id).unwrap().1.expires_ms - self.clock.now_us() / MS
    }

    pub(crate) fn save(&self, id: &str, write: SessionWrite<'_>) -> Result<Saved> {
        ready(self.sessions.set(id, write))
    }

    /// Whether there was such a session.
    pub(crate) fn set(&self, id: &str, data: &str) -> bool {
        self.save(id, write(data)).unwrap() != Saved::Unknown
    }

    pub(crate) fn give(&self, id: &str, owner: Owner) -> Result<Saved> {
        self.save(id, SessionWrite { owner, ..write("{}") })
    }

    pub(crate) fn adopt(&self, id: &str, data: &str) -> Result<Saved> {
        self.save(id, SessionWrite { adopt: true, ..write(data) })
    }

    pub(crate) fn touch(&self, id: &str) -> bool {
        ready(self.sessions.touch(id, None)).unwrap()
    }

    pub(crate) fn regenerate(&self, id: &str) -> Option<String> {
        ready(self.sessions.regenerate(id)).unwrap()
    }

    pub(crate) fn destroy(&self, id: &str) -> bool {
        ready(self.sessions.destroy(id, None)).unwrap() == Destroyed::Ended
    }

    pub(crate) fn destroy_user(&self, user: &str, except: Option<&str>) -> u64 {
        ready(self.sessions.destroy_user(user, except)).unwrap()
    }

    /// The digests of a user's sessions.
    pub(crate) fn list(&self, user: &str) -> Vec<Digest> {
        self.list_in_parts(user, 7).into_iter().map(|record| record.digest).collect()
    }

    /// A user's sessions, `max` looks at a time.
    pub(crate) fn list_in_parts(&self, user: &str, max: usize) -> Vec<Record> {
        let (mut all, mut cursor) = (Vec::new(), Some(0));
        while let Some(from) = cursor {
            let (records, next) = self.sessions.list_user(user, from, max);
            assert!(records.len() <= max && next.is_none_or(|next| next > from));
            all.extend(records);
            cursor = next;
        }
        all
    }

    /// All live sessions, `max` looks at a time.
    pub(crate) fn scan(&self, max: usize) -> Vec<Record> {
        let (mut all, mut cursor) = (Vec::new(), Some(0));
        while let Some(from) = cursor {
            let (records, next) = self.sessions.scan(from, max);
            assert!(records.len() <= max && next.is_none_or(|next| next > from));
            all.extend(records);
            cursor = next;
        }
        all
    }

    pub(crate) fn clear(&self) {
        ready(self.sessions.clear()).unwrap();
    }

    pub(crate) fn stats(&self) -> SessionsStats {
        self.sessions.stats()
    }

    pub(crate) fn pass_us(&self, us: u64) {
        self.clock.advance_to(self.clock.now_us() + us);
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.pass_us(ms * MS);
    }
}
