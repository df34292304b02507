//! What a queue promises, told one story a test, on a clock that stands still; and its histories against a
//! model.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

mod attempts;
mod both;
mod bounds;
mod bounds_of_all;
mod bulk;
mod cancels;
mod changes;
mod crowd;
mod dedup;
mod ear;
mod events;
mod groups;
mod histories;
mod letters;
mod looks;
mod metrics;
mod model;
mod model_job;
mod notes;
mod order;
mod priorities;
mod rates;
mod results;
mod retention;
mod rig;
mod schedulers;
mod support;
mod sweeps;
mod threads;
mod time;
mod timeouts;
mod watchdog;
mod workers;
