//! Random histories beside a plain list of sessions.

use proptest::prelude::*;
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::{ABSENT, Saved};
use redstart_core::sessions::{Record, SessionsStats, State};

use crate::model::{Expected, Model, Session, Told, Write};
use crate::steps::{Decisions, Door, Engine, On, Step, USERS, any_options, steps};
use crate::support::{START_US, digest, kept};

type Outcome = Result<(), TestCaseError>;

/// A history under way: both sides do each step and must answer alike.
struct Run<D> {
    door: D,
    model: Model,
    /// All there have been, and some that nobody gave out.
    ids: Vec<String>,
    /// Bytes that there may be.
    bytes_max: u64,
}

impl<D: Door> Run<D> {
    fn new(door: D, model: Model, bytes_max: u64) -> Self {
        Self { door, model, ids: vec!["made up".to_owned(), "made up too".to_owned()], bytes_max }
    }

    /// One that is there, more often than not.
    fn pick(&self, which: usize) -> String {
        let there = &self.model.sessions;
        if which.is_multiple_of(4) || there.is_empty() {
            self.ids[which / 4 % self.ids.len()].clone()
        } else {
            there[which / 4 % there.len()].id.clone()
        }
    }

    fn version(&self, id: &str, on: On) -> Option<u64> {
        match on {
            On::Any => None,
            On::Absent => Some(ABSENT),
            On::Present => Some(self.model.live(id).map_or(1, |session| session.version)),
            On::Past(by) => Some(self.model.last_version.saturating_sub(by).max(1)),
        }
    }

    /// What was told is what had to be.
    fn hear<T>(&mut self, expected: &Expected<T>) -> Outcome {
        let mut told = self.model.hear(self.door.told(), expected.room).map_err(TestCaseError::fail)?;
        let mut had_to_be = expected.told.clone();
        let order = |told: &Told| (told.0, told.2.name());
        told.sort_by_key(order);
        had_to_be.sort_by_key(order);
        prop_assert_eq!(told, had_to_be);
        Ok(())
    }

    fn ended(&mut self, answer: u64, told: Vec<Told>) -> Outcome {
        prop_assert_eq!(answer, told.len() as u64);
        self.hear(&Expected { told, ..Expected::just(()) })
    }

    /// Whether the store was right to say that it is full: with nobody making room, that is a matter of counting.
    fn full(&mut self, id: &str, write: &Write, room: usize) -> Outcome {
        let was = (self.model.sessions.clone(), self.model.last_version);
        self.model.store(id, write.clone());
        let is_users = self.model.live(id).is_some_and(|session| session.user.is_some());
        let visitors = self.model.of(None).filter(|_| is_users).map(Session::bytes).sum::<u64>();
        let after = self.model.bytes() - visitors;
        (self.model.sessions, self.model.last_version) = was;
        prop_assert!(room > 0 || after > self.bytes_max, "{after} of {} are not full", self.bytes_max);
        Ok(())
    }

    fn step(&mut self, step: Step) -> Outcome {
        match step {
            Step::Create { write } => {
                // To the model, creating is adopting an id that nobody has.
                let adopting = Write { adopt: true, ..write.clone() };
                let created = self.door.create(&write);
                let id = created.clone().unwrap_or_else(|_| "not yet known".to_owned());
                let expected = self.model.save(&id, &adopting);
                match created {
                    Ok(id) => {
                        prop_assert!(expected.answer.is_ok(), "{:?}", expected.answer);
                        self.hear(&expected)?;
                        self.model.store(&id, adopting);
                        self.ids.push(id);
                        prop_assert!(self.model.bytes() <= self.bytes_max);
                    }
                    Err(error) => self.refused(&id, &adopting, &expected, error.code())?,
                }
            }
            Step::Set { which, mut write, on } => {
                let id = self.pick(which);
                write.on = self.version(&id, on);
                let expected = self.model.save(&id, &write);
                match self.door.save(&id, &write) {
                    Ok(saved) => {
                        prop_assert_eq!(Ok(saved), expected.answer);
                        self.hear(&expected)?;
                        if matches!(saved, Saved::Stored(_)) {
                            self.model.store(&id, write);
                            prop_assert!(self.model.bytes() <= self.bytes_max);
                        }
                    }
                    Err(error) => self.refused(&id, &write, &expected, error.code())?,
                }
            }
            Step::Touch { which, ttl_ms } => {
                let id = self.pick(which);
                prop_assert_eq!(self.door.touch(&id, ttl_ms), Ok(self.model.touch(&id, ttl_ms)));
                self.hear(&Expected::just(()))?;
            }
            Step::Regenerate { which } => {
                let id = self.pick(which);
                let new = self.door.regenerate(&id).unwrap();
                prop_assert_eq!(new.is_some(), self.model.live(&id).is_some());
                if let Some(new) = new {
                    let moved = self.model.sessions.iter_mut().find(|session| session.id == id).unwrap();
                    moved.id.clone_from(&new);
                    self.ids.push(new);
                }
                self.hear(&Expected::just(()))?;
            }
            Step::Destroy { which, on } => {
                let id = self.pick(which);
                let version = self.version(&id, on);
                let is_at = |session: &Session| version.is_none_or(|version| version == session.version);
                let known = self.model.live(&id).map(is_at);
                let expected = known.map_or(Destroyed::Unknown, |same| {
                    if same { Destroyed::Ended } else { Destroyed::Changed }
                });
                let told = self.model.destroy(|session| session.id == id && is_at(session));
                prop_assert_eq!(self.door.destroy(&id, version), Ok(expected));
                self.ended((expected == Destroyed::Ended).into(), told)?;
            }
            Step::DestroyHandle { which } => {
                let id = self.pick(which);
                let told = self.model.destroy(|session| session.id == id);
                let ended = self.door.destroy_handle(&digest(&id).handle()).unwrap();
                self.ended(ended.into(), told)?;
            }
            Step::DestroyUser { user, except } => {
                let except = except.map(|which| self.pick(which));
                let is_his = |session: &Session| session.user == Some(user);
                let told =
                    self.model.destroy(|session| is_his(session) && Some(&session.id) != except.as_ref());
                let ended = self.door.destroy_user(user, except.as_deref()).unwrap();
                self.ended(ended, told)?;
            }
            Step::Clear => {
                self.door.clear();
                self.model.sessions.clear();
                self.hear(&Expected::just(()))?;
            }
            Step::Pass { us } => {
                self.door.pass_us(us);
                self.model.now_us += us;
                self.hear(&Expected::just(()))?;
            }
        }
        self.compare()
    }

    /// What was refused has changed nothing and is told to nobody.
    fn refused<T>(&mut self, id: &str, write: &Write, expected: &Expected<T>, code: &str) -> Outcome {
        match (&expected.answer, code) {
            (Ok(_), "ERR_STORE_FULL") => self.full(id, write, expected.room.map_or(0, |room| room.2))?,
            (Err(expected), code) => prop_assert_eq!(*expected, code),
            (Ok(_), code) => prop_assert!(false, "refused: {code}"),
        }
        self.hear(&Expected::just(()))
    }

    /// Whatever can be seen is the same.
    fn compare(&self) -> Outcome {
        for id in &self.ids {
            let expected = self
                .model
                .live(id)
                .map(|session| (session.data.clone(), session.version, session.expires_us / 1_000));
            prop_assert_eq!(self.door.get(id), expected);
        }
        for user in USERS {
            let listed = self.door.list(user);
            prop_assert!(
                listed.is_sorted_by(|one, next| one.born < next.born && one.created_us <= next.created_us)
            );
            same(listed, self.model.of(Some(user)))?;
        }
        same(self.door.all(), self.model.all_live())
    }
}

fn same<'a>(mut records: Vec<Record>, expected: impl Iterator<Item = &'a Session>) -> Outcome {
    let record = |session: &Session| Record {
        digest: digest(&session.id),
        created_us: session.created_us,
        born: session.born,
        seen_us: session.seen_us,
        ttl_us: session.ttl_us,
        expires_us: session.expires_us,
        version: session.version,
        user: session.user.map(Into::into),
        wide: false,
        data: session.data.as_slice().into(),
    };
    let mut expected: Vec<_> = expected.map(record).collect();
    expected.sort_by_key(|record| record.digest);
    records.sort_by_key(|record| record.digest);
    prop_assert_eq!(records, expected);
    Ok(())
}

proptest! {
    #![proptest_config(kept("tests/sessions/regressions/histories.txt", 500))]

    #[test]
    fn the_engine_is_a_plain_list_of_sessions(
        options in any_options(),
        bytes_max in prop_oneof![Just(1_u64 << 30), 300..3_000_u64],
        history in steps(),
    ) {
        let door = Engine::within(options, bytes_max);
        let mut run = Run::new(door, Model::new(options, START_US), bytes_max);
        for step in history {
            run.step(step)?;
            let (model, rig) = (&run.model, &run.door.rig);
            prop_assert_eq!(model.sessions.len(), model.all_live().count(), "what is over is collected at once");
            let stats = SessionsStats {
                live: model.sessions.len() as u64,
                anonymous: model.of(None).count() as u64,
                users: USERS.into_iter().filter(|&user| model.of(Some(user)).next().is_some()).count() as u64,
                evicted: model.evicted,
                bytes: model.bytes(),
            };
            prop_assert_eq!(rig.stats(), stats);
            prop_assert_eq!(rig.budget.used(), stats.bytes);
        }
        run.step(Step::Pass { us: 1_000_000 })?;
        prop_assert!(run.model.sessions.is_empty(), "each end was told");
        prop_assert_eq!(run.door.rig.budget.used(), 0);
    }

    #[test]
    fn the_decisions_are_a_plain_list_of_sessions_and_a_replay_of_their_effects_is_the_state(
        options in any_options(),
        history in steps(),
    ) {
        let mut run = Run::new(Decisions::new(options), Model::new(options, START_US), u64::MAX);
        for step in history {
            run.step(step)?;
            let (model, state) = (&run.model, &run.door.state);
            prop_assert_eq!(state.bytes(), model.bytes());
            prop_assert_eq!(state.live_count(model.now_us), model.all_live().count() as u64);
            prop_assert_eq!(state.next_expiry_us(), model.sessions.iter().map(|session| session.expires_us).min());
        }
        let (live, mut replayed) = (&run.door.state, State::default());
        for line in &run.door.log {
            replayed.apply(&serde_json::from_str(line).unwrap());
        }
        prop_assert_eq!(replayed.recount(), Ok(()));
        prop_assert_eq!(replayed.records(), live.records());
        prop_assert_eq!(replayed.next_version(), live.next_version());
        run.step(Step::Pass { us: 1_000_000 })?;
        prop_assert!(run.model.sessions.is_empty() && run.door.state.bytes() == 0, "each end was told");
    }
}
