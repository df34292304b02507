//! Eight threads, on a clock that stands still: exactly the limit passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use redstart_core::clock::MS;
use redstart_core::engine::LimiterEngine;
use redstart_core::engine::memory::MemoryLimiter;
use redstart_core::limiter::{Algorithm, Ask, LimiterOptions};

use crate::support::{PATIENCE, Rig, START_US, each, key, options};

/// Numbers that differ between threads and are the same in every run.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// Fails where `run` hangs: a deadlock would hang the test for good.
#[expect(clippy::disallowed_methods, reason = "a scope would wait for the thread that hangs")]
pub(crate) fn watched(run: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        run();
        drop(done);
    });
    let ended = ended.recv_timeout(PATIENCE);
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().unwrap();
}

/// Runs `work` on so many threads with a draw of their own.
pub(crate) fn on_threads(threads: u64, work: impl Fn(&mut Draw) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || work(&mut Draw(thread)));
        }
    });
}

#[test]
fn eight_threads_on_a_clock_that_stands_still_admit_exactly_the_limit() {
    const KEYS: usize = 100;
    for options in each(1_500, 60_000) {
        let rig = Rig::new(options);
        let admitted: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
        on_threads(8, |draw| {
            for _ in 0..25_000 {
                let at = draw.below(KEYS);
                let answer = rig.consume(&at.to_string(), 1);
                admitted[at].fetch_add(u64::from(answer.allowed), Ordering::Relaxed);
            }
        });
        for (at, admitted) in admitted.iter().enumerate() {
            assert_eq!(admitted.load(Ordering::Relaxed), 1_500, "{options:?} {at}");
        }
        let stats = rig.stats();
        assert_eq!((stats.keys, stats.allowed, stats.denied), (100, 150_000, 50_000));
        rig.check();
    }
}

#[test]
fn the_shared_bucket_is_as_exact_as_a_key() {
    for options in each(1_000, 60_000) {
        let rig = Rig::new(LimiterOptions { max_keys: 2, ..options });
        rig.consume("a", 1);
        rig.consume("b", 1);
        on_threads(8, |_| (0..1_000).for_each(|turn| _ = rig.consume(["a", "b", "c", "d"][turn % 4], 1)));
        assert_eq!(rig.stats().allowed, 3 * 1_000, "{options:?}");
    }
}

#[test]
fn threads_that_bring_the_same_new_keys_leave_each_of_them_once() {
    for options in each(8, 60_000) {
        let rig = Rig::new(options);
        on_threads(8, |_| (0..1_000).for_each(|number| assert!(rig.consume(&number.to_string(), 1).allowed)));
        assert_eq!(rig.stats().keys, 1_000);
        rig.check();
        assert!((0..1_000).all(|number| !rig.consume(&number.to_string(), 1).allowed));
        rig.pass(240_000);
        assert_eq!((rig.stats().keys, rig.budget.used()), (0, 0));
    }
}

#[test]
fn everything_at_once_leaves_no_byte_behind() {
    for options in each(5, 20) {
        let rig = Arc::new(Rig::new(LimiterOptions { max_keys: 40, block: Some(7), ..options }));
        let on_them = rig.clone();
        watched(move || {
            on_threads(8, |draw| {
                for turn in 0..1_500_u64 {
                    act(&on_them, draw);
                    if turn % 16 == 0 {
                        on_them.clock.advance_to(START_US + turn * MS);
                    }
                }
            });
        });
        assert_eq!(rig.stats().bytes, rig.budget.used());
        rig.pass(1_000_000);
        rig.limiter.reset_all();
        let stats = rig.stats();
        assert_eq!((stats.keys, stats.blocked, stats.bytes, rig.budget.used()), (0, 0, 0, 0), "{options:?}");
        assert!(!rig.clock.step_towards(START_US * 2), "and nothing is due");
    }
}

/// Anything that can be done.
fn act(rig: &Rig, draw: &mut Draw) {
    let texts = [(); 3].map(|()| draw.below(60).to_string());
    let [text, other, third] = &texts;
    let ask = Ask {
        cost: 1,
        limit: [None, None, Some(70_000)][draw.below(3)],
        window: [None, None, Some(3), Some(50)][draw.below(4)],
    };
    match draw.below(12) {
        0 => rig.refund(text, 1),
        1 => _ = rig.penalty(text, 2),
        2 => _ = rig.limiter.block(key(text), 3),
        3 => _ = rig.reset(text),
        4 if draw.below(50) == 0 => rig.limiter.reset_all(),
        5 => _ = rig.look(text, ask),
        6 | 7 => {
            // Two parts of one key under two limits are an error now and then.
            drop(rig.consume_all(&[(text, ask), (other, Ask::units(2)), (third, ask), (text, ask)]));
        }
        8 => drop(rig.limiter.wait(key(text), ask, Some(2))),
        _ => _ = rig.ask(text, ask),
    }
}

/// Units that threads took of each limiter, by what they were answered.
type Taken = Vec<AtomicU64>;

fn take_together(limiters: &[Arc<MemoryLimiter>], taken: &Taken, keys: usize, draw: &mut Draw) {
    // A store lists them as the parts come, so their order is any.
    let first = draw.below(limiters.len());
    let mut order: Vec<usize> = (0..limiters.len()).map(|place| (first + place) % limiters.len()).collect();
    if draw.below(2) == 0 {
        order.reverse();
    }
    let listed: Vec<_> = order.iter().map(|&at| limiters[at].clone()).collect();
    let texts: Vec<String> = (0..2 + draw.below(4)).map(|_| draw.below(keys).to_string()).collect();
    let part = |text| {
        let cost = if draw.below(2) == 0 { 1 } else { 2 };
        (draw.below(listed.len()), key(text), Ask::units(cost))
    };
    let parts: Vec<_> = texts.iter().map(String::as_str).map(part).collect();
    let answers = MemoryLimiter::consume_all(&listed, &parts).unwrap();
    if answers.iter().all(|answer| answer.allowed) {
        for (place, _, ask) in parts {
            taken[order[place]].fetch_add(ask.cost.into(), Ordering::Relaxed);
        }
    }
}

#[test]
fn threads_that_take_of_several_limiters_in_any_order_never_hang_and_take_what_they_are_told() {
    const KEYS: usize = 20;
    for (at, first) in Algorithm::ALL.into_iter().enumerate() {
        let second = Algorithm::ALL[(at + 1) % 6];
        let rig = Rig::new(options(first, 400, 60_000));
        let rigs = [
            Rig::beside(options(second, 300, 60_000), &rig.clock, &rig.budget),
            // Most of its keys share one bucket.
            Rig::beside(
                LimiterOptions { max_keys: 4, ..options(first, 300, 60_000) },
                &rig.clock,
                &rig.budget,
            ),
            rig,
        ];
        let limiters: Vec<_> = rigs.iter().map(|rig| rig.limiter.clone()).collect();
        let taken: Arc<Taken> = Arc::new((0..3).map(|_| AtomicU64::new(0)).collect());
        let told = taken.clone();
        watched(move || {
            on_threads(8, |draw| (0..2_500).for_each(|_| take_together(&limiters, &told, KEYS, draw)));
        });
        for (at, rig) in rigs.iter().enumerate() {
            let limit = u64::from(rig.options.limit);
            let left: u64 = (0..KEYS)
                .map(|number| rig.peek(&number.to_string()))
                .map(|found| u64::from(found.remaining))
                .sum();
            let held = rig.stats().keys;
            if held == KEYS as u64 {
                assert_eq!(
                    KEYS as u64 * limit - left,
                    taken[at].load(Ordering::Relaxed),
                    "{:?}",
                    rig.options
                );
            } else {
                // What is left of the shared bucket was counted once for every key that shares it.
                let shared = u64::from(rig.peek("one more").remaining);
                let left = left - shared * (KEYS as u64 - held - 1);
                assert_eq!((held + 1) * limit - left, taken[at].load(Ordering::Relaxed), "{:?}", rig.options);
            }
        }
        let bytes: u64 = rigs.iter().map(|rig| rig.stats().bytes).sum();
        assert_eq!(bytes, rigs[0].budget.used());
    }
}
