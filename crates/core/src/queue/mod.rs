//! Job queues: at least once, each job in exactly one state, every change an effect.
//!
//! - [`options`]: what a queue and a job are made with. [`job`]: the record of a job; [`view`]: what callers
//!   see of it; [`json`], [`failure`]: what goes in and comes out. [`worker`]: who runs jobs, and the token
//!   that proves a claim. [`event`]: what listeners hear.
//! - [`effect`]: the facts that change a queue. [`state`]: the queue itself; applying an effect is the only
//!   way to change it. [`order`]: which job comes next, in each state. [`check`]: a recount of everything,
//!   for tests.
//! - One verb a file, each a pure decision (state, command, now) -> effects and an answer: [`add`],
//!   [`claim`], [`finish`], [`due`], [`reap`], [`retain`]; [`backoff`] is their arithmetic.
//!
//! ```text
//!   add ─┬─> waiting ──claim──> active ──finish──> completed ──retain──> gone
//!        │      ^  ^              │ ├────finish, reap──> failed ──retain──> gone
//!        │     due └─release,reap─┘ │
//!        └─> delayed <───retry──────┘
//! ```
//!
//! A decision never looks at a clock, a random generator or a worker's liveness: those come in as arguments
//! and go out as numbers in the effect. So replaying a log of effects gives the live state, and an engine on
//! a server can make the same decisions in its own place.

pub mod add;
pub mod backoff;
pub mod check;
pub mod claim;
pub mod due;
pub mod effect;
pub mod event;
pub mod failure;
pub mod finish;
pub mod job;
pub mod json;
pub mod options;
pub mod order;
pub mod reap;
pub mod retain;
pub mod state;
pub mod view;
pub mod worker;

pub use add::NewJob;
pub use effect::{Effect, Journal};
pub use event::{Event, EventKind};
pub use failure::{Failure, FinishKind};
pub use finish::{Finish, Outcome};
pub use json::Json;
pub use options::{Backoff, BackoffType, JobOptions, QueueOptions};
pub use state::{Counts, State};
pub use view::{JobState, JobView};
pub use worker::{Subscriber, Token, WorkerSpec};
