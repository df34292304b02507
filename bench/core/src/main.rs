//! One scenario, to be run under callgrind, which counts what happens inside [`what_is_counted`] and nothing else:
//!
//! - `redstart-bench-core` lists the scenarios: their calls, a tab, their name;
//! - `redstart-bench-core <name>` runs one.
//!
//! The store has a clock of its own, which stands while calls are made and moves between them: so no timer and no thread of
//! the background has a part in what is counted, and time passes for windows and leases all the same.

#![forbid(unsafe_code)]

use std::hint::black_box;
use std::process::ExitCode;

use redstart_bench_core::scenarios::{Each, each};
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::store::Store;

const START_US: u64 = 1_700_000_000_000_000;
/// Calls between two moves of the clock.
const AT_ONCE: usize = 100;
/// So far it moves: 20,000 calls take ten seconds.
const PASSES_MS: u64 = 50;
/// Times that so many calls are made before anything is counted: buffers have grown, tables are warm.
const WARM: usize = 2;

/// Callgrind starts to count where this is entered and stops where it is left (`--toggle-collect`): it must stay a function.
#[inline(never)]
fn what_is_counted(calls: &mut dyn FnMut()) {
    calls();
    // Something to do after the calls, so that the last one does not take this function's place.
    black_box(());
}

struct List;

impl Each for List {
    fn scenario<C: FnMut()>(&mut self, name: &'static str, calls: usize, _: impl FnOnce(&Store, usize) -> C) {
        println!("{calls}\t{name}");
    }
}

struct One {
    wanted: String,
    done: bool,
}

impl Each for One {
    fn scenario<C: FnMut()>(
        &mut self,
        name: &'static str,
        calls: usize,
        make: impl FnOnce(&Store, usize) -> C,
    ) {
        if name != self.wanted {
            return;
        }
        let clock = ManualClock::new(START_US);
        let store = redstart_bench_core::store(Some(Clock::Manual(clock.clone())));
        let mut call = make(&store, calls + WARM * AT_ONCE);
        let mut some = || (0..AT_ONCE).for_each(|_| call());
        let pass = || clock.advance_to(clock.now_us() + PASSES_MS * MS);
        for _ in 0..WARM {
            some();
            pass();
        }
        for _ in 0..calls / AT_ONCE {
            what_is_counted(&mut some);
            pass();
        }
        self.done = true;
    }
}

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        each(&mut List);
        return ExitCode::SUCCESS;
    };
    let mut one = One { wanted, done: false };
    each(&mut one);
    if one.done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
