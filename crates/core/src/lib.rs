//! Everything in redstart that is true without Node.
//!
//! The map of the house, from the top down; imports point down only.
//!
//! - [`store`]: names to features; the registry of the process; the only place that picks an engine.
//! - [`cache`], [`sessions`], [`limiter`], [`queue`]: one folder a feature. Options, decisions, what an answer
//!   means. Decisions are pure where they can be: (state, command, now) to effects and an answer.
//! - [`engine`]: what each feature asks of an engine, in words of the feature, and the engines:
//!   [`engine::memory`] keeps state in this process.
//! - [`clock`], [`timer`], [`ids`], [`budget`]: time, the one background thread, randomness, memory that may not
//!   be evicted. The rest of the house gets them from here and nowhere else (clippy.toml holds that).
//! - [`key`], [`value`], [`reply`], [`error`]: the words that the rooms exchange.

#![forbid(unsafe_code)]

pub mod board;
pub mod budget;
pub mod cache;
pub mod clock;
pub mod engine;
pub mod error;
pub mod ids;
pub mod key;
pub mod limiter;
pub mod queue;
pub mod reply;
pub mod sessions;
pub mod store;
pub mod timer;
pub mod value;
pub mod watch;

pub use error::{Error, Result};
