//! Threads that wait, on the machine's clock: nobody is forgotten in a line, and no unit is handed out twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redstart_core::clock::Clock;
use redstart_core::engine::LimiterEngine;
use redstart_core::engine::memory::MemoryLimiter;
use redstart_core::limiter::{Ask, LimiterOptions};
use redstart_core::reply::Reply;

use crate::support::{Rig, each, key, settle};
use crate::threads::{on_threads, watched};

/// What `limit` units a window of 10 ms may let through in so many microseconds, under any algorithm.
fn most(options: LimiterOptions, passed_us: u64) -> u64 {
    u64::from(options.limit) * (passed_us / (options.window * 1_000) + 2)
}

#[test]
fn everybody_in_a_line_is_served_and_never_more_than_there_is() {
    for options in each(20, 10) {
        let limiter = Rig::on_system_clock(options);
        let on_it = limiter.clone();
        let started_us = Clock::System.now_us();
        watched(move || {
            on_threads(8, |draw| {
                for _ in 0..60 {
                    let text = ["a", "b"][draw.below(2)];
                    assert!(settle(on_it.wait(key(text), Ask::units(1), None)).unwrap().allowed);
                }
            });
        });
        let passed_us = Clock::System.now_us() - started_us;
        let stats = limiter.stats();
        assert_eq!((stats.allowed, stats.denied, stats.waiting), (480, 0, 0), "{options:?}");
        assert!(stats.allowed <= 2 * most(options, passed_us), "{options:?}: {stats:?} in {passed_us} µs");
    }
}

/// A window that never ends here: what is given back is all that comes.
fn handed_on(limiter: &Arc<MemoryLimiter>, threads: u64, most: u64, rounds: usize) {
    let inside = AtomicU64::new(0);
    on_threads(threads, |draw| {
        for _ in 0..rounds {
            assert!(settle(limiter.wait(key("k"), Ask::units(1), None)).unwrap().allowed);
            assert!(inside.fetch_add(1, Ordering::AcqRel) < most, "more have a unit than there are");
            if draw.below(3) == 0 {
                std::thread::yield_now();
            }
            inside.fetch_sub(1, Ordering::AcqRel);
            limiter.refund(key("k"), Ask::units(1)).unwrap();
        }
    });
}

#[test]
fn a_unit_given_back_while_another_lines_up_is_not_lost() {
    for (threads, limit) in [(2, 1), (8, 2)] {
        for options in each(limit, 86_400_000) {
            let limiter = Rig::on_system_clock(options);
            let on_it = limiter.clone();
            let rounds = 16_000 / usize::try_from(threads).unwrap();
            watched(move || handed_on(&on_it, threads, limit.into(), rounds));
            assert_eq!((limiter.stats().allowed, limiter.stats().waiting), (16_000, 0), "{options:?}");
        }
    }
}

#[test]
fn who_gives_up_at_any_moment_leaves_no_trace_in_the_line() {
    for options in each(2, 5) {
        let limiter = Rig::on_system_clock(options);
        let on_it = limiter.clone();
        watched(move || {
            on_threads(8, |draw| {
                for _ in 0..300 {
                    let timeout = [None, Some(0), Some(1), Some(3)][draw.below(4)];
                    let reply = on_it.wait(key("k"), Ask::units(1), timeout);
                    if timeout.is_some() && draw.below(2) == 0 {
                        settle(reply).unwrap();
                    }
                }
            });
        });
        assert_eq!((limiter.stats().waiting, limiter.stats().denied), (0, 0), "{options:?}");
        assert!(settle(limiter.wait(key("k"), Ask::units(1), None)).unwrap().allowed);
    }
}

#[test]
fn a_unit_on_its_way_to_whoever_gives_up_goes_to_another() {
    for options in each(1, 86_400_000) {
        let limiter = Rig::on_system_clock(options);
        let on_it = limiter.clone();
        watched(move || {
            on_threads(8, |draw| {
                for _ in 0..6_000 {
                    let reply = on_it.wait(key("k"), Ask::units(1), None);
                    let is_ready = matches!(reply, Reply::Ready(_));
                    // In line now, and perhaps just served.
                    if is_ready || draw.below(2) == 0 {
                        assert!(settle(reply).unwrap().allowed);
                        on_it.refund(key("k"), Ask::units(1)).unwrap();
                    }
                }
            });
        });
        let found = limiter.peek(key("k"), Ask::units(1)).unwrap();
        assert_eq!((found.remaining, limiter.stats().waiting), (1, 0), "{options:?}");
    }
}
