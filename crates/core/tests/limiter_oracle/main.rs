//! The limiter's algorithms against oracles that remember everything, on traces where it is tight.
//!
//! A test is one of three kinds. It runs an algorithm beside a model that says the same in the plainest words
//! there are (`models`). It counts what an algorithm admitted in every window of real time (`guarantees`). Or
//! it asks the algorithm about itself: is a denial free, would the call pass when it was told to and not before
//! (`properties`), also where numbers are as large as they get (`extremes`).
//!
//! A trace that failed once is kept in `regressions/` and run first from then on: commit it with the fix.

#![expect(clippy::unwrap_used, reason = "a number that does not fit is a mistake in the test")]

mod extremes;
mod guarantees;
mod models;
mod properties;
mod ratio;
mod traces;

use proptest::test_runner::{Config, FileFailurePersistence};

/// `cases` traces, and those kept in `file`; cargo runs tests in the folder of their package.
fn kept(file: &'static str, cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..Config::default()
    }
}
