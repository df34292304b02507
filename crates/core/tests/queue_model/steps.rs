//! The steps of a sequence, and how they are drawn: few ids, few instants, few limits, so that they meet often.

use std::sync::Arc;

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use redstart_core::queue::{Change, How, JobOptions, JobState, Json, Rate, Repeat, Token};
use serde_json::value::RawValue;

use crate::model::{Job, Model};
use crate::options::{job_options, repeat};

/// How a worker takes jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker {
    pub(crate) group_limit: Option<u32>,
    pub(crate) lease_ms: u64,
    pub(crate) stalls_allowed: u32,
}

/// What a handler comes to.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    Complete(Json),
    Fail(How),
    Snooze(u64),
    Release,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Add {
        name: Arc<str>,
        data: Json,
        options: JobOptions,
    },
    Claim {
        worker: usize,
        nonce: u64,
    },
    Settle {
        token: Token,
        ending: Ending,
        random: f64,
    },
    Progress {
        token: Token,
        progress: Json,
    },
    Log {
        token: Token,
        line: Arc<str>,
    },
    /// The worker of a job is gone.
    Stall {
        number: u64,
    },
    /// A worker ends, and gives back what it has or loses it.
    Close {
        worker: u64,
        released: bool,
    },
    /// Claims whose lease is over are taken away.
    Reap,
    Change {
        id: Arc<str>,
        change: Change,
    },
    Drain {
        jobs: usize,
    },
    Clean {
        state: JobState,
        older_ms: u64,
        jobs: usize,
    },
    RetryFailed {
        jobs: usize,
    },
    Obliterate,
    MakeRoom {
        last: Option<u64>,
    },
    Pause(bool),
    Concurrency(Option<u32>),
    Rate(Option<Rate>),
    SetScheduler {
        id: Arc<str>,
        repeat: Repeat,
        name: Arc<str>,
        data: Json,
        options: JobOptions,
    },
    RemoveScheduler {
        id: Arc<str>,
    },
    /// Time goes on, from one instant at which something is due to the next.
    Walk {
        us: u64,
    },
    /// Time goes on, and nobody sees what falls due.
    Sleep {
        us: u64,
    },
}

pub(crate) fn json(text: &str) -> Json {
    RawValue::from_string(text.to_owned()).unwrap().into()
}

fn data() -> impl Strategy<Value = Json> {
    (0..4_u32).prop_map(|value| json(&format!(r#"{{"value": {value}}}"#)))
}

fn name() -> impl Strategy<Value = Arc<str>> {
    select(vec!["mail", "résumé"]).prop_map(Into::into)
}

fn scheduler_id() -> impl Strategy<Value = Arc<str>> {
    select(vec!["hourly", "often"]).prop_map(Into::into)
}

pub(crate) fn workers() -> impl Strategy<Value = Vec<Worker>> {
    let worker = (weighted(0.6, 1..=2_u32), select(vec![1_000, 30_000_u64]), 0..=2_u32);
    let worker = worker.prop_map(|(group_limit, lease_ms, stalls_allowed)| Worker {
        group_limit,
        lease_ms,
        stalls_allowed,
    });
    prop::collection::vec(worker, 1..=3)
}

/// What a queue says of its jobs: mostly nothing.
pub(crate) fn defaults() -> impl Strategy<Value = JobOptions> {
    let some = job_options(0).prop_map(|options| JobOptions {
        job_id: None,
        deduplication: None,
        run_at: None,
        ..options
    });
    prop_oneof![3 => Just(JobOptions::default()), 1 => some]
}

fn ending() -> impl Strategy<Value = Ending> {
    let wait_ms = select(vec![0_u64, 5, 1_000]);
    prop_oneof![
        4 => data().prop_map(Ending::Complete),
        4 => Just(Ending::Fail(How::Again(None))),
        1 => wait_ms.clone().prop_map(|ms| Ending::Fail(How::Again(Some(ms)))),
        1 => Just(Ending::Fail(How::Never)),
        1 => wait_ms.prop_map(Ending::Snooze),
        2 => Just(Ending::Release),
    ]
}

/// Mostly that of a claim under way, else that of one that is over, or one that never was.
fn token(model: &Model) -> BoxedStrategy<Token> {
    let held: Vec<Token> = model.tokens.iter().copied().filter(|token| model.holds(*token)).collect();
    let made_up = (1..4_u64, 1..3_u64, 0..3_u64).prop_map(|(job, epoch, nonce)| Token { job, epoch, nonce });
    if model.tokens.is_empty() {
        return made_up.boxed();
    }
    let any = select(model.tokens.clone());
    let near = (any.clone(), select(vec![(0, 1), (1, 0), (1, 1)])).prop_map(|(token, (epoch, nonce))| {
        Token { epoch: token.epoch + epoch, nonce: token.nonce + nonce, ..token }
    });
    let right = if held.is_empty() { any.clone().boxed() } else { select(held).boxed() };
    prop_oneof![12 => right, 2 => any, 1 => near, 1 => made_up].boxed()
}

/// Of any job, of none, and of the active ones more often: they are few.
fn id(model: &Model) -> BoxedStrategy<Arc<str>> {
    let ids = |jobs: Vec<&Job>| jobs.into_iter().map(|job| job.id.clone()).collect::<Vec<_>>();
    let active = ids(model.of(JobState::Active));
    let mut all = ids(model.jobs.iter().collect());
    all.push("nobody".into());
    if active.is_empty() {
        return select(all).boxed();
    }
    prop_oneof![2 => select(all), 1 => select(active)].boxed()
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => Just(Change::Retry),
        2 => Just(Change::Promote),
        1 => Just(Change::Remove),
        3 => weighted(0.5, Just("enough".to_owned())).prop_map(|reason| Change::Cancel { reason }),
    ]
}

fn limits() -> impl Strategy<Value = Step> {
    let rate = (1..=3_u32, select(vec![5, 1_000, 5_000_u64]));
    let rate = rate.prop_map(|(max, duration)| Rate { max, duration });
    prop_oneof![
        1 => Just(Step::Pause(true)),
        3 => Just(Step::Pause(false)),
        2 => weighted(0.5, 1..=3_u32).prop_map(Step::Concurrency),
        2 => weighted(0.5, rate).prop_map(Step::Rate),
    ]
}

fn sweeps() -> impl Strategy<Value = Step> {
    let states = vec![JobState::Waiting, JobState::Delayed, JobState::Completed, JobState::Failed];
    let few = || prop_oneof![3 => 0..3_usize, 1 => Just(1_000)];
    prop_oneof![
        1 => few().prop_map(|jobs| Step::Drain { jobs }),
        4 => (select(states), select(vec![0, 5, 1_000_u64]), few())
            .prop_map(|(state, older_ms, jobs)| Step::Clean { state, older_ms, jobs }),
        2 => few().prop_map(|jobs| Step::RetryFailed { jobs }),
        2 => weighted(0.5, 1..10_u64).prop_map(|last| Step::MakeRoom { last }),
    ]
}

fn times() -> impl Strategy<Value = Step> {
    let short = vec![0, 1, 500, 1_000, 4_877, 5_000, 1_000_000, 5_000_000_u64];
    let long = vec![20_000_000, 61_000_000, 400_000_000, 3_700_000_000_u64];
    let us = prop_oneof![5 => select(short), 2 => select(long)];
    prop_oneof![
        3 => us.clone().prop_map(|us| Step::Walk { us }),
        1 => us.prop_map(|us| Step::Sleep { us }),
    ]
}

pub(crate) fn step(model: &Model) -> BoxedStrategy<Step> {
    let now_ms = model.now_us / 1_000;
    let worker = 0..model.workers.len();
    let numbers = 1..model.last_number + 2;
    prop_oneof![
        120 => (name(), data(), job_options(now_ms))
            .prop_map(|(name, data, options)| Step::Add { name, data, options }),
        // Nonces are so few that they repeat: the epoch alone must tell claims apart.
        120 => (worker.clone(), 0..3_u64).prop_map(|(worker, nonce)| Step::Claim { worker, nonce }),
        110 => (token(model), ending(), select(vec![0.0, 0.25, 0.5]))
            .prop_map(|(token, ending, random)| Step::Settle { token, ending, random }),
        10 => (token(model), data()).prop_map(|(token, progress)| Step::Progress { token, progress }),
        6 => (token(model), select(vec!["", "línea"]))
            .prop_map(|(token, line)| Step::Log { token, line: line.into() }),
        10 => numbers.prop_map(|number| Step::Stall { number }),
        6 => (worker, any::<bool>())
            .prop_map(|(worker, released)| Step::Close { worker: worker as u64, released }),
        6 => Just(Step::Reap),
        60 => (id(model), change()).prop_map(|(id, change)| Step::Change { id, change }),
        20 => limits(),
        18 => sweeps(),
        1 => Just(Step::Obliterate),
        16 => (scheduler_id(), repeat(now_ms), name(), data(), job_options(now_ms)).prop_map(
            |(id, repeat, name, data, options)| {
                let options = JobOptions { job_id: None, run_at: None, ..options };
                Step::SetScheduler { id, repeat, name, data, options }
            }
        ),
        3 => scheduler_id().prop_map(|id| Step::RemoveScheduler { id }),
        80 => times(),
    ]
    .boxed()
}
