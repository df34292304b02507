//! The queue's state and decisions against a model, on random sequences of everything that can happen to a queue.
//!
//! The model (`model`, `claims`, `adds`, `ends`, `times`) is a list of jobs that is searched. Each step of a sequence (`steps`,
//! `options`) is taken by the model (`machine`) and by the pure core, driven as an engine drives it (`live`). After each step both
//! have come to the same, listeners have heard the same (`told`), and every invariant holds (`checks`). After the last, the log
//! of all effects as texts, replayed into an empty state, gives the live state. Engine, threads and waiters are not here: see
//! `tests/queue`.
//!
//! What it found is told in `found`. A sequence that failed once is kept in `regressions/` and run first from then on: commit it
//! with the fix. There are 500 sequences, or as many as `PROPTEST_CASES` says: 10,000 take some three minutes.

#![expect(clippy::unwrap_used, reason = "what the model cannot know is a mistake in the test")]

mod adds;
mod checks;
mod claims;
mod ends;
mod found;
mod live;
mod machine;
mod model;
mod options;
mod steps;
mod times;
mod told;

use proptest::test_runner::{Config, FileFailurePersistence, RngAlgorithm};
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use redstart_core::queue::{Effect, State};

use crate::live::Live;
use crate::model::Model;
use crate::steps::Step;

struct Queue;

impl StateMachineTest for Queue {
    type SystemUnderTest = Live;
    type Reference = Model;

    fn init_test(model: &Model) -> Live {
        Live::new(model)
    }

    fn apply(mut live: Live, model: &Model, step: Step) -> Live {
        live.events.clear();
        let answer = live.take(&step, model);
        assert_eq!(answer, model.answer, "{step:?}");
        let heard: Vec<_> = live.events.iter().map(told::kind).collect();
        assert_eq!(heard, model.told, "I18: {step:?}");
        live.heard.hear(&live.events);
        live
    }

    fn check_invariants(live: &Live, model: &Model) {
        checks::check(live, model);
    }

    /// I21: the log, replayed, is the live state.
    fn teardown(live: Live, _model: Model) {
        let mut replayed = State::default();
        for line in &live.journal {
            replayed.apply(&serde_json::from_str::<Effect>(line).unwrap());
        }
        assert_eq!(replayed, live.state, "I21");
    }
}

fn sequences() -> Config {
    let file = "tests/queue_model/regressions/sequences.txt";
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config {
        cases: said.unwrap_or(500),
        // Thousands of draws a sequence; the default generator takes a fifth of the time where code is not optimised.
        rng_algorithm: RngAlgorithm::XorShift,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..Config::default()
    }
}

prop_state_machine! {
    #![proptest_config(sequences())]

    #[test]
    fn whatever_happens_to_a_queue_it_is_as_the_model_says(sequential 1..120 => Queue);
}
