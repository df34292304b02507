//! The queue against a simple model: random histories of adds, takes, finishes with right, stale and repeated
//! tokens, changes by hand, time, dying workers and restarts; after each step everything that can be seen is compared.

use proptest::prelude::*;
use redstart_core::queue::Change;

use crate::both::{Both, WORKERS, changes};
use crate::model_job::{Ending, Wanted};

#[derive(Clone, Debug)]
pub(super) enum Step {
    Add {
        id: Option<u8>,
        wanted: Wanted,
    },
    Take {
        worker: usize,
        max: usize,
    },
    /// Any token ever handed out, counted from the newest.
    Finish {
        token: usize,
        ending: Ending,
    },
    Change {
        id: u8,
        change: Change,
    },
    Pause {
        paused: bool,
    },
    Advance {
        ms: u64,
    },
    End {
        worker: usize,
        released: bool,
    },
    Restart,
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let delay = prop_oneof![Just(0), Just(0), 1_u64..5_000];
    let group = prop_oneof![Just(None), (0_u8..3).prop_map(Some)];
    let timeout = prop_oneof![3 => Just(None), 1 => (1_u64..6_000).prop_map(Some), 1 => Just(Some(60_000))];
    (delay, 1_u32..4, prop_oneof![Just(0_u32), 0_u32..3], group, timeout).prop_map(
        |(delay_ms, attempts, priority, group, timeout_ms)| Wanted {
            delay_ms,
            attempts,
            priority,
            group,
            timeout_ms,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let ending = prop_oneof![
        4 => Just(Ending::Ok),
        3 => Just(Ending::Fail),
        1 => Just(Ending::Unrecoverable),
        1 => Just(Ending::Release),
        1 => prop_oneof![Just(0), 1_u64..3_000].prop_map(Ending::Snooze),
    ];
    let change = (0_u8..6, proptest::sample::select(changes().to_vec()));
    prop_oneof![
        6 => (proptest::option::of(0_u8..6), wanted()).prop_map(|(id, wanted)| Step::Add { id, wanted }),
        5 => (0..WORKERS, 0_usize..4).prop_map(|(worker, max)| Step::Take { worker, max }),
        5 => (0_usize..6, ending).prop_map(|(token, ending)| Step::Finish { token, ending }),
        3 => change.prop_map(|(id, change)| Step::Change { id, change }),
        1 => any::<bool>().prop_map(|paused| Step::Pause { paused }),
        3 => (0_u64..4_000).prop_map(|ms| Step::Advance { ms }),
        1 => (1_u64..90).prop_map(|minutes| Step::Advance { ms: minutes * 60_000 }),
        1 => (0..WORKERS, any::<bool>()).prop_map(|(worker, released)| Step::End { worker, released }),
        1 => Just(Step::Restart),
    ]
}

/// 500 histories, or as many as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { 500 };
    ProptestConfig { cases, ..config }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_history_is_the_models_and_replays_to_the_same_state(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut both = Both::new();
        for step in &steps {
            both.run(step);
            both.check();
        }
        both.check_events();
    }
}
