//! What sessions promise at the engine's door, on a clock that a test moves.
//!
//! Most tests tell one story. `histories` runs random ones beside a plain list of sessions, once through the engine and once
//! through the decisions alone, whose effects are replayed; `threads` is many callers at once.
//!
//! A history that failed once is kept in `regressions/` and run first from then on: commit it with the fix.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

mod bounds;
mod events;
mod full;
mod histories;
mod ids;
mod life;
mod lists;
mod model;
mod parts;
mod states;
mod steps;
mod support;
mod threads;
mod versions;
