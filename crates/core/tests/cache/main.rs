//! What a cache promises, told one story a test, on a clock that stands still; its histories against a plain map; and many
//! threads on one.
//!
//! The stories are written against the contract and run on every engine there is: a new one is a line in `promises`.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it did not expect has failed")]

/// Makes a test of each story for each engine.
macro_rules! promises {
    ($($story:ident),+ $(,)?) => {
        mod memory {
            $(#[test]
            fn $story() {
                super::$story(crate::support::memory);
            })+
        }
    };
}

mod bounds;
mod ears;
mod eviction;
mod groups;
mod histories;
mod keys;
mod loads;
mod model;
mod near;
mod overtaken;
mod removals;
mod stale;
mod support;
mod tags;
mod threads;
mod time;
mod tiny;
