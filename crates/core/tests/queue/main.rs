//! What a queue promises, told one story a test, on a clock that stands still; and its histories against a
//! model.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

mod attempts;
mod bounds;
mod bounds_of_all;
mod cancels;
mod ear;
mod events;
mod groups;
mod histories;
mod model;
mod notes;
mod order;
mod priorities;
mod rates;
mod results;
mod rig;
mod support;
mod threads;
mod time;
mod timeouts;
mod workers;
