//! Histories of sessions, and the two doors that they are run through.

use proptest::prelude::*;
use redstart_core::Result;
use redstart_core::clock::MS;
use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::create::Create;
use redstart_core::sessions::destroy::{Destroyed, Part};
use redstart_core::sessions::regenerate::Regenerate;
use redstart_core::sessions::set::{Owner, Saved, Set};
use redstart_core::sessions::touch::Touch;
use redstart_core::sessions::{
    self, Digest, Effect, OnMaxPerUser, Record, SessionData, SessionsOptions, State, Why,
};
use redstart_core::value::Form;

use crate::model::{Told, Whose, Write};
use crate::support::{Ear, OPTIONS, Rig, START_US, digest, ready};

pub(crate) const USERS: [&str; 2] = ["ann", "bob"];

pub(crate) const BYTES_MAX: u64 = 40;

/// The version that a change says it was made on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    Any,
    Absent,
    Present,
    /// One that is so much older than the last.
    Past(u64),
}

/// What happens, to the session of that number where one is needed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create { write: Write },
    Set { which: usize, write: Write, on: On },
    Touch { which: usize, ttl_ms: Option<u64> },
    Regenerate { which: usize },
    Destroy { which: usize, on: On },
    DestroyHandle { which: usize },
    DestroyUser { user: &'static str, except: Option<usize> },
    Clear,
    Pass { us: u64 },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some data is a little too large, and many idle times end at the same instant.
    let data = proptest::collection::vec(any::<u8>(), 0..45);
    let ttl_ms = || proptest::option::of(prop_oneof![1..6_u64, Just(100), Just(1_000)]);
    let user = || proptest::sample::select(USERS.as_slice());
    let whose = prop_oneof![2 => Just(Whose::AsItWas), 1 => Just(Whose::Of(None)), 3 => user().prop_map(|user| Whose::Of(Some(user)))];
    let flags = (any::<bool>(), proptest::bool::weighted(0.2));
    let write = (data, whose, ttl_ms(), flags).prop_map(|(data, whose, ttl_ms, (adopt, keep))| Write {
        data,
        whose,
        ttl_ms,
        adopt,
        on: None,
        keep,
    });
    let write = write.boxed();
    let on = prop_oneof![2 => Just(On::Any), 1 => Just(On::Absent), 2 => Just(On::Present), 1 => (0..4_u64).prop_map(On::Past)].boxed();
    let which = any::<usize>;
    let step = prop_oneof![
        6 => write.clone().prop_map(|write| Step::Create { write }),
        6 => (which(), write, on.clone()).prop_map(|(which, write, on)| Step::Set { which, write, on }),
        4 => (which(), ttl_ms()).prop_map(|(which, ttl_ms)| Step::Touch { which, ttl_ms }),
        2 => which().prop_map(|which| Step::Regenerate { which }),
        2 => (which(), on.clone()).prop_map(|(which, on)| Step::Destroy { which, on }),
        1 => which().prop_map(|which| Step::DestroyHandle { which }),
        1 => (user(), proptest::option::of(which())).prop_map(|(user, except)| Step::DestroyUser { user, except }),
        1 => prop_oneof![9 => Just(Step::Pass { us: 0 }), 1 => Just(Step::Clear)],
        6 => prop_oneof![Just(1), Just(999), 1_000..4_000_u64, Just(1_000), Just(99_000), Just(100_000)]
            .prop_map(|us| Step::Pass { us }),
    ];
    proptest::collection::vec(step, 1..80)
}

pub(crate) fn any_options() -> impl Strategy<Value = SessionsOptions> {
    let absolute_ttl = prop_oneof![2 => Just(None), 1 => Just(Some(3)), 1 => Just(Some(150))];
    let on_max = prop_oneof![Just(OnMaxPerUser::EvictOldest), Just(OnMaxPerUser::Reject)];
    let few = prop_oneof![Just(1_u32), Just(2), Just(5)];
    let (ttl, touch_after) = (prop_oneof![Just(1_000_u64), Just(5)], prop_oneof![Just(0_u64), Just(2)]);
    (ttl, touch_after, absolute_ttl, proptest::option::of(few.clone()), on_max, prop_oneof![few, Just(100)])
        .prop_map(|(ttl, touch_after, absolute_ttl, max_per_user, on_max_per_user, max_anonymous)| {
            SessionsOptions {
                ttl,
                touch_after,
                absolute_ttl,
                max_per_user,
                on_max_per_user,
                max_anonymous,
                max_session_size: BYTES_MAX,
                ..OPTIONS
            }
        })
}

/// Where a history is run.
pub(crate) trait Door {
    fn create(&mut self, write: &Write) -> Result<String>;
    fn save(&mut self, id: &str, write: &Write) -> Result<Saved>;
    fn touch(&mut self, id: &str, ttl_ms: Option<u64>) -> Result<bool>;
    fn regenerate(&mut self, id: &str) -> Result<Option<String>>;
    fn destroy(&mut self, id: &str, on: Option<u64>) -> Result<Destroyed>;
    fn destroy_handle(&mut self, handle: &str) -> Result<bool>;
    fn destroy_user(&mut self, user: &str, except: Option<&str>) -> Result<u64>;
    fn clear(&mut self);
    fn pass_us(&mut self, us: u64);
    /// What was told since the last time.
    fn told(&mut self) -> Vec<Told>;
    /// Data, version, and when it is over in milliseconds.
    fn get(&self, id: &str) -> Option<(Vec<u8>, u64, u64)>;
    fn list(&self, user: &str) -> Vec<Record>;
    fn all(&self) -> Vec<Record>;
}

fn owner(whose: Whose) -> Owner {
    match whose {
        Whose::AsItWas => Owner::AsItWas,
        Whose::Of(user) => Owner::Is(user.map(Into::into)),
    }
}

fn data(write: &Write) -> SessionData<'_> {
    SessionData { form: Form::OneByteText, bytes: &write.data }
}

/// The engine, where sessions that are over are collected as soon as they are.
pub(crate) struct Engine {
    pub(crate) rig: Rig,
    pub(crate) ear: std::sync::Arc<Ear>,
}

impl Engine {
    pub(crate) fn within(options: SessionsOptions, bytes: u64) -> Self {
        let rig = Rig::within(options, bytes);
        Self { ear: rig.ear(), rig }
    }
}

fn session_write(write: &Write) -> SessionWrite<'_> {
    let Write { whose, ttl_ms, adopt, on, keep, .. } = *write;
    SessionWrite { data: data(write), owner: owner(whose), ttl_ms, adopt, on, keep }
}

impl Door for Engine {
    fn create(&mut self, write: &Write) -> Result<String> {
        ready(self.rig.sessions.create(session_write(write)))
    }

    fn save(&mut self, id: &str, write: &Write) -> Result<Saved> {
        self.rig.save(id, session_write(write))
    }

    fn touch(&mut self, id: &str, ttl_ms: Option<u64>) -> Result<bool> {
        ready(self.rig.sessions.touch(id, ttl_ms))
    }

    fn regenerate(&mut self, id: &str) -> Result<Option<String>> {
        ready(self.rig.sessions.regenerate(id))
    }

    fn destroy(&mut self, id: &str, on: Option<u64>) -> Result<Destroyed> {
        ready(self.rig.sessions.destroy(id, on))
    }

    fn destroy_handle(&mut self, handle: &str) -> Result<bool> {
        Ok(ready(self.rig.sessions.destroy_handle(handle))? == Destroyed::Ended)
    }

    fn destroy_user(&mut self, user: &str, except: Option<&str>) -> Result<u64> {
        ready(self.rig.sessions.destroy_user(user, except))
    }

    fn clear(&mut self) {
        self.rig.clear();
    }

    fn pass_us(&mut self, us: u64) {
        self.rig.pass_us(us);
    }

    fn told(&mut self) -> Vec<Told> {
        let told = self.ear.heard();
        told.into_iter()
            .map(|event| (event.digest, event.user.map(|user| user.to_string()), event.why))
            .collect()
    }

    fn get(&self, id: &str) -> Option<(Vec<u8>, u64, u64)> {
        let mut buffer = Vec::new();
        let read = self.rig.sessions.get(id, &mut buffer).unwrap()?;
        Some((buffer, read.version, read.expires_ms))
    }

    fn list(&self, user: &str) -> Vec<Record> {
        self.rig.list_in_parts(user, 2)
    }

    fn all(&self) -> Vec<Record> {
        self.rig.scan(2)
    }
}

/// The decisions alone: effects are all that reaches the state, and a log keeps them as text. Sessions that are over are
/// collected late: they must count as absent all the same.
pub(crate) struct Decisions {
    pub(crate) options: SessionsOptions,
    pub(crate) state: State,
    pub(crate) log: Vec<String>,
    now_us: u64,
    ids: usize,
    told: Vec<Told>,
}

impl Decisions {
    pub(crate) fn new(options: SessionsOptions) -> Self {
        let (state, log, told) = (State::default(), Vec::new(), Vec::new());
        Self { options, state, log, now_us: START_US, ids: 0, told }
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("id {}", self.ids)
    }

    fn carry_out<T>(&mut self, decided: Result<(Vec<Effect>, T)>) -> Result<T> {
        let (effects, answer) = decided?;
        let foretold = self.state.bytes_after(&effects);
        for effect in &effects {
            self.log.push(serde_json::to_string(effect).unwrap());
            let replaced = match effect {
                Effect::Stored(new) if self.state.live(new.digest, self.now_us).is_none() => {
                    Some((new.digest, Why::Expired))
                }
                _ => effect.ends(),
            };
            let ended = replaced.and_then(|(digest, why)| Some((self.state.get(digest)?, why)));
            self.told.extend(
                ended.map(|(record, why)| (record.digest, record.user.as_deref().map(str::to_owned), why)),
            );
            self.state.apply(effect);
        }
        assert_eq!(self.state.bytes(), foretold);
        assert_eq!(self.state.recount(), Ok(()));
        Ok(answer)
    }

    pub(crate) fn collect(&mut self) {
        let over = sessions::expire::decide(&self.state, self.now_us);
        self.carry_out(Ok((over, ()))).unwrap();
    }
}

impl Door for Decisions {
    fn create(&mut self, write: &Write) -> Result<String> {
        let (id, now_us) = (self.id(), self.now_us);
        let user = if let Owner::Is(user) = owner(write.whose) { user } else { None };
        let command = Create { digest: digest(&id), data: data(write), user, ttl_ms: write.ttl_ms };
        let decided = sessions::create::decide(&self.state, &self.options, command, now_us);
        self.carry_out(decided).map(|_| id)
    }

    fn save(&mut self, id: &str, write: &Write) -> Result<Saved> {
        let Write { whose, ttl_ms, adopt, on, keep, .. } = *write;
        let command =
            Set { digest: digest(id), data: data(write), owner: owner(whose), ttl_ms, adopt, on, keep };
        let decided = sessions::set::decide(&self.state, &self.options, command, self.now_us);
        let saved = self.carry_out(decided)?;
        if let (Saved::Changed, Some(record)) = (saved, self.state.get(digest(id))) {
            self.told.push((record.digest, record.user.as_deref().map(str::to_owned), Why::Conflict));
        }
        Ok(saved)
    }

    fn touch(&mut self, id: &str, ttl_ms: Option<u64>) -> Result<bool> {
        let command = Touch { digest: digest(id), ttl_ms };
        let decided = sessions::touch::decide(&self.state, &self.options, command, self.now_us);
        self.carry_out(decided)
    }

    fn regenerate(&mut self, id: &str) -> Result<Option<String>> {
        let new = self.id();
        let command = Regenerate { old: digest(id), new: digest(&new) };
        let decided = sessions::regenerate::decide(&self.state, command, self.now_us);
        Ok(self.carry_out(decided)?.then_some(new))
    }

    fn destroy(&mut self, id: &str, on: Option<u64>) -> Result<Destroyed> {
        let decided = sessions::destroy::decide(&self.state, digest(id), on, self.now_us);
        self.carry_out(decided)
    }

    fn destroy_handle(&mut self, handle: &str) -> Result<bool> {
        let named = Digest::of_handle(handle).unwrap();
        let decided = sessions::destroy::decide(&self.state, named, None, self.now_us);
        Ok(self.carry_out(decided)? == Destroyed::Ended)
    }

    fn destroy_user(&mut self, user: &str, except: Option<&str>) -> Result<u64> {
        let all = Part::all(&self.state);
        let decided = sessions::destroy::decide_user(&self.state, user, except.map(digest), all, self.now_us);
        let step = self.carry_out(decided)?;
        assert!(step.left.is_none(), "a step is larger than these histories");
        Ok(step.ended)
    }

    fn clear(&mut self) {
        self.carry_out(Ok((vec![Effect::Cleared], ()))).unwrap();
    }

    fn pass_us(&mut self, us: u64) {
        self.now_us += us;
        if us.is_multiple_of(2) {
            self.collect();
        }
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    fn get(&self, id: &str) -> Option<(Vec<u8>, u64, u64)> {
        let record = self.state.live(digest(id), self.now_us)?;
        Some((record.data.to_vec(), record.version, record.expires_us / MS))
    }

    fn list(&self, user: &str) -> Vec<Record> {
        self.state.of_user(user, 0).filter(|record| self.now_us < record.expires_us).cloned().collect()
    }

    fn all(&self) -> Vec<Record> {
        let all = self.state.from(0).map(|(_, record)| record);
        all.filter(|record| self.now_us < record.expires_us).cloned().collect()
    }
}
