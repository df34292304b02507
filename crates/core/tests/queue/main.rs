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
mod delivery;
mod ear;
mod events;
mod full;
mod groups;
mod guards;
mod histories;
mod letters;
mod letters_first;
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
mod schedulers_many;
mod support;
mod sweeps;
mod threads;
mod time;
mod timeouts;
mod turns;
mod vanish;
mod watchdog;
mod workers;
mod zones;
