//! Job queues: at least once, each job in exactly one state, every change an effect.
//!
//! - [`options`], [`terms`]: what a queue and a job are made with. [`job`]: the record of a job, `jobs`: all of
//!   them; [`view`]: what callers see of it; [`json`], [`failure`]: what goes in and comes out. [`worker`]: who
//!   runs jobs, and the token that proves a claim. [`event`]: what listeners hear. [`metrics`]: what
//!   is counted beside the jobs.
//! - [`effect`]: the facts that change a queue. [`state`]: the queue itself; applying an effect is the only
//!   way to change it. [`order`]: which job comes next, in each state, `ordered`: what waits in line; [`dedup`]:
//!   which adds are one job; [`limits`]: how many may run; [`look`]: jobs by state.
//!   [`check`]: a recount of everything, for tests.
//! - One verb a file, each a pure decision (state, command, now) -> effects and an answer: [`add`], [`change`],
//!   [`claim`], [`due`], [`finish`], [`reap`], [`retain`], [`scheduler`], [`sweep`]; [`backoff`] is their arithmetic,
//!   `calendar` knows cron and time zones.
//!
//! ```text
//!   add ─┬─> waiting ──claim──> active ──finish──> completed ──retain──> gone
//!        │      ^  ^              │ ├──finish, reap, due──> failed ──retain──> gone
//!        │ due, └─release, reap───┘ │
//!        │ promote                  │    cancel, expire: waiting, delayed ──> failed
//!        └─> delayed <─retry, snooze┘    retry by hand: completed, failed ──> waiting
//! ```
//!
//! A decision never looks at a clock, a random generator or a worker's liveness: those come in as arguments
//! and go out as numbers in the effect. So replaying a log of effects gives the live state, and an engine on
//! a server can make the same decisions in its own place.

pub mod add;
pub mod backoff;
mod calendar;
pub mod change;
pub mod check;
pub mod claim;
pub mod dedup;
pub mod due;
pub mod effect;
pub mod event;
pub mod failure;
pub mod finish;
pub mod job;
mod jobs;
pub mod json;
pub mod limits;
pub mod look;
pub mod metrics;
pub mod options;
pub mod order;
mod ordered;
pub mod reap;
pub mod retain;
pub mod scheduler;
pub mod state;
pub mod sweep;
pub mod terms;
pub mod view;
pub mod worker;

pub use add::{Letter, NewJob};
pub use change::{Change, Changed};
pub use effect::{Effect, Journal};
pub use event::{Event, EventKind};
pub use failure::{Failure, FinishKind};
pub use finish::{Finish, How, Outcome};
pub use json::Json;
pub use limits::Rate;
pub use metrics::Metrics;
pub use options::{JobOptions, QueueOptions};
pub use scheduler::{Repeat, SchedulerView, Upsert};
pub use state::{Counts, State};
pub use sweep::Step;
pub use terms::{Backoff, BackoffType, Deduplication, Group, Retention, Terms};
pub use view::{JobState, JobView};
pub use worker::{LeaseEnd, Subscriber, Token, WorkerSpec, WorkerTerms};
