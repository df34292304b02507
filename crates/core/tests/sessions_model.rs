//! Sessions against a plain map, and against the replay of their own effects.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use redstart_core::Result;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::memory::MemorySessions;
use redstart_core::engine::{Lookup, SessionsEngine};
use redstart_core::reply::Reply;
use redstart_core::sessions::create::Create;
use redstart_core::sessions::regenerate::Regenerate;
use redstart_core::sessions::set::Set;
use redstart_core::sessions::touch::Touch;
use redstart_core::sessions::{self, Digest, Effect, SessionData, SessionsOptions, State};
use redstart_core::value::Form;

const START_MS: u64 = 1_700_000_000_000;
const BYTES_MAX: u64 = 40;

/// What happens, to the session of that number (modulo how many ids there have been).
#[derive(Clone, Debug)]
enum Step {
    Create { data: Vec<u8>, ttl_ms: u64 },
    Set { which: usize, data: Vec<u8>, ttl_ms: u64, adopt: bool },
    Touch { which: usize, ttl_ms: u64 },
    Regenerate { which: usize },
    Destroy { which: usize },
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Some data is a little too large, and many idle times end at the same instant.
    let data = || proptest::collection::vec(any::<u8>(), 0..45);
    let ttl_ms = || prop_oneof![1..6_u64, Just(100), Just(1_000)];
    let step = prop_oneof![
        3 => (data(), ttl_ms()).prop_map(|(data, ttl_ms)| Step::Create { data, ttl_ms }),
        3 => (any::<usize>(), data(), ttl_ms(), any::<bool>())
            .prop_map(|(which, data, ttl_ms, adopt)| Step::Set { which, data, ttl_ms, adopt }),
        2 => (any::<usize>(), ttl_ms()).prop_map(|(which, ttl_ms)| Step::Touch { which, ttl_ms }),
        1 => any::<usize>().prop_map(|which| Step::Regenerate { which }),
        1 => any::<usize>().prop_map(|which| Step::Destroy { which }),
        3 => prop_oneof![1..4_u64, Just(99), Just(100)].prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 1..80)
}

fn text(bytes: &[u8]) -> SessionData<'_> {
    SessionData { form: Form::OneByteText, bytes }
}

fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Pending(_) => panic!("the memory engine answers at once"),
    }
}

/// What sessions are, in the simplest words there are.
#[derive(Default)]
struct Model {
    now_ms: u64,
    known: HashMap<String, (Vec<u8>, u64)>,
}

impl Model {
    fn live(&self, id: &str) -> Option<&Vec<u8>> {
        self.known.get(id).filter(|known| self.now_ms < known.1).map(|known| &known.0)
    }

    fn store(&mut self, id: &str, data: &[u8], ttl_ms: u64) {
        self.known.insert(id.to_owned(), (data.to_vec(), self.now_ms + ttl_ms));
    }
}

/// Both sides do the step and must answer alike.
fn step(
    engine: &MemorySessions,
    clock: &ManualClock,
    model: &mut Model,
    ids: &mut Vec<String>,
    step: Step,
) -> std::result::Result<(), TestCaseError> {
    let fits = |data: &[u8]| data.len() as u64 <= BYTES_MAX;
    let pick = |which: usize| ids[which % ids.len()].clone();
    match step {
        Step::Create { data, ttl_ms } => match ready(engine.create(text(&data), ttl_ms)) {
            Ok(id) => {
                prop_assert!(fits(&data));
                model.store(&id, &data, ttl_ms);
                ids.push(id);
            }
            Err(error) => prop_assert!(!fits(&data) && error.code() == "ERR_TOO_LARGE"),
        },
        Step::Set { which, data, ttl_ms, adopt } => {
            let id = pick(which);
            let stored = ready(engine.set(&id, text(&data), ttl_ms, adopt)).ok();
            let expected = fits(&data).then(|| adopt || model.live(&id).is_some());
            prop_assert_eq!(stored, expected);
            if stored == Some(true) {
                model.store(&id, &data, ttl_ms);
            }
        }
        Step::Touch { which, ttl_ms } => {
            let id = pick(which);
            let data = model.live(&id).cloned();
            prop_assert_eq!(ready(engine.touch(&id, ttl_ms)), Ok(data.is_some()));
            if let Some(data) = data {
                model.store(&id, &data, ttl_ms);
            }
        }
        Step::Regenerate { which } => {
            let id = pick(which);
            let new = ready(engine.regenerate(&id)).unwrap();
            prop_assert_eq!(new.is_some(), model.live(&id).is_some());
            if let Some((new, moved)) = new.and_then(|new| Some((new, model.known.remove(&id)?))) {
                model.known.insert(new.clone(), moved);
                ids.push(new);
            }
        }
        Step::Destroy { which } => {
            let id = pick(which);
            prop_assert_eq!(ready(engine.destroy(&id)), Ok(model.live(&id).is_some()));
            model.known.remove(&id);
        }
        Step::Pass { ms } => {
            model.now_ms += ms;
            clock.advance_to(model.now_ms * MS);
        }
    }
    Ok(())
}

/// Decides as an engine would, without one: the effects are all that reaches a state.
fn decide(state: &State, ids: &mut Vec<String>, now_us: &mut u64, step: Step) -> Vec<Effect> {
    let pick = |ids: &[String], which: usize| Digest::of(&ids[which % ids.len()]).unwrap();
    let fresh = |ids: &mut Vec<String>| {
        ids.push(format!("id {}", ids.len()));
        Digest::of(ids.last().unwrap()).unwrap()
    };
    let bytes_max = BYTES_MAX;
    let decided = match step {
        Step::Create { data, ttl_ms } => {
            let command = Create { digest: fresh(ids), data: text(&data), ttl_ms, bytes_max };
            sessions::create::decide(state, command, *now_us).map(|decided| decided.0)
        }
        Step::Set { which, data, ttl_ms, adopt } => {
            let command = Set { digest: pick(ids, which), data: text(&data), ttl_ms, adopt, bytes_max };
            sessions::set::decide(state, command, *now_us).map(|decided| decided.0)
        }
        Step::Touch { which, ttl_ms } => {
            let command = Touch { digest: pick(ids, which), ttl_ms };
            sessions::touch::decide(state, command, *now_us).map(|decided| decided.0)
        }
        Step::Regenerate { which } => {
            let command = Regenerate { old: pick(ids, which), new: fresh(ids) };
            sessions::regenerate::decide(state, command, *now_us).map(|decided| decided.0)
        }
        Step::Destroy { which } => {
            sessions::destroy::decide(state, pick(ids, which), *now_us).map(|decided| decided.0)
        }
        Step::Pass { ms } => {
            *now_us += ms * MS;
            // Collected late, sometimes: what is over must count as absent all the same.
            Ok(if ms % 2 == 0 { sessions::expire::decide(state, *now_us) } else { Vec::new() })
        }
    };
    decided.unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sessions_behave_as_a_plain_map_would(steps in steps()) {
        let clock = ManualClock::new(START_MS * MS);
        let budget = Arc::new(Budget::new(1 << 20));
        let options = SessionsOptions { ttl: 1_000, max_session_size: BYTES_MAX };
        let engine = MemorySessions::new(options, Clock::Manual(clock.clone()), budget.clone());
        let mut model = Model { now_ms: START_MS, ..Model::default() };
        let mut ids = vec!["an id that nobody gave out".to_owned()];
        let mut buffer = Vec::new();
        for next in steps {
            step(&engine, &clock, &mut model, &mut ids, next)?;
            for id in &ids {
                let found = engine.get(id, &mut buffer).unwrap();
                prop_assert_eq!((found != Lookup::Absent).then_some(&buffer), model.live(id));
            }
            let live = ids.iter().filter(|id| model.live(id).is_some()).count();
            let stats = engine.stats();
            prop_assert_eq!(stats.live, live as u64);
            prop_assert_eq!(stats.bytes, budget.used());
        }
        drop(engine);
        prop_assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_replay_of_the_effects_is_the_live_state(steps in steps()) {
        let (mut live, mut replayed) = (State::default(), State::default());
        let mut ids = vec!["an id that nobody gave out".to_owned()];
        let mut now_us = START_MS * MS;
        let mut log = String::new();
        for step in steps {
            let effects = decide(&live, &mut ids, &mut now_us, step);
            let foretold = live.bytes_after(&effects);
            for effect in &effects {
                live.apply(effect);
                log.push_str(&serde_json::to_string(effect).unwrap());
                log.push('\n');
            }
            prop_assert_eq!(live.bytes(), foretold);
            prop_assert_eq!(live.bytes(), live.recount_bytes());
        }
        for line in log.lines() {
            replayed.apply(&serde_json::from_str(line).unwrap());
        }
        prop_assert_eq!(&replayed, &live);
        let over = live.over(u64::MAX).count();
        prop_assert_eq!(live.live_count(0), over as u64, "every record has one place by expiry");
    }
}
