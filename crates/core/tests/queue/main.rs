//! What a queue promises, told one story a test, on a clock that stands still; and its histories against a
//! model.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

mod attempts;
mod bounds;
mod events;
mod histories;
mod model;
mod order;
mod results;
mod support;
mod threads;
mod workers;
