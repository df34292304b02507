//! What a limiter promises at the engine's door, on a clock that a test moves, under each of its algorithms.
//!
//! Most tests tell one story. `histories` runs random ones beside a plain map of states, `together` and `tight` ask the
//! limiter about itself, and `threads`, `crowd` and `flood` are many callers at once. What is decided about one key is tested
//! in `limiter_oracle`.
//!
//! A history that failed once is kept in `regressions/` and run first from then on: commit it with the fix.
//!
//! The flood is ten million keys where code is optimised, and half a million elsewhere: `cargo nextest run --release -p redstart-core --test limiter flood`.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

mod answers;
mod blocks;
mod changes;
mod crowd;
mod flood;
mod full;
mod histories;
mod leaving;
mod model;
mod steps;
mod support;
mod threads;
mod tight;
mod together;
mod waiting;
mod woken;
