//! Calls of redstart-core as the addon makes them, each on a feature that is filled and warm: for the bench of times
//! (benches/times.rs) and the count of instructions (main.rs).
//!
//! A function here makes a feature and answers with a closure that is one call. Each call checks what it is answered: a hit is
//! a hit, a miss a miss. What a call is given (keys, jobs) is there before, so that making it is not measured.

#![forbid(unsafe_code)]

pub mod cache;
pub mod limiter;
pub mod queue;
pub mod scenarios;
pub mod sessions;
mod texts;

use std::sync::Arc;

use redstart_core::clock::Clock;
use redstart_core::reply::Reply;
use redstart_core::store::{self, Asked, Store};
use serde_json::{Value, json};

/// More than any of the benches needs: nothing is refused, and no history yields.
const MAX_MEMORY: u64 = 64 << 30;

/// A private store; without a clock on the machine's.
pub fn store(clock: Option<Clock>) -> Arc<Store> {
    let options =
        json!({ "maxMemory": MAX_MEMORY, "defaultMaxMemory": MAX_MEMORY, "keepFirstOptions": false });
    let (store, _) = store::open(String::new(), &options.to_string(), clock, "bench").expect("a store opens");
    store
}

/// Opens a feature with these options.
fn open<F>(options: &Value, find: impl FnOnce(&Asked<'_>) -> redstart_core::Result<F>) -> F {
    let asked =
        Asked { name: "bench", options: Some(&options.to_string()), origin: "bench", keep_first: false };
    find(&asked).expect("the options are good")
}

/// An answer that is there at once, as all of the memory engine's are.
fn ready<T>(reply: Reply<T>) -> T {
    match reply {
        Reply::Ready(answer) => answer.expect("nothing is refused"),
        Reply::Pending(_) => panic!("the memory engine answers at once"),
    }
}
