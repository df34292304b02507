//! What jobs are added with, and when schedulers come.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use redstart_core::queue::scheduler::Missed;
use redstart_core::queue::{Backoff, BackoffType, Deduplication, Group, JobOptions, Repeat, Retention};

use crate::times::PATTERNS;

fn backoff() -> impl Strategy<Value = Backoff> {
    let kind = select(vec![BackoffType::Fixed, BackoffType::Exponential]);
    let jitter = weighted(0.3, select(vec![0.5, 1.0]));
    (kind, select(vec![0, 5, 1_000_u64]), weighted(0.3, Just(1_500_u64)), jitter)
        .prop_map(|(kind, delay, max_delay, jitter)| Backoff { kind, delay, max_delay, jitter })
}

fn retention() -> impl Strategy<Value = Retention> {
    let some = |age, count| Retention { age, count, forever: false };
    select(vec![
        some(None, Some(0)),
        some(None, Some(1)),
        some(Some(1_000), Some(2)),
        some(Some(5), None),
        some(None, None),
        Retention { forever: true, ..some(None, None) },
    ])
}

fn deduplication() -> impl Strategy<Value = Deduplication> {
    let ttl = weighted(0.6, select(vec![5, 1_000, 5_000_u64]));
    (select(vec!["one", "two"]), ttl, any::<bool>(), any::<bool>()).prop_map(|(id, ttl, extend, replace)| {
        Deduplication { id: id.to_owned(), ttl, extend: extend && ttl.is_some(), replace }
    })
}

#[derive(Clone, Debug)]
enum When {
    Now,
    After(u64),
    At(i64),
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        6 => Just(When::Now),
        3 => select(vec![0, 5, 1_000, 1_005_u64]).prop_map(When::After),
        1 => select(vec![-5, 0, 1, 1_000_i64]).prop_map(When::At),
    ]
}

/// Most jobs say little.
pub(crate) fn job_options(now_ms: u64) -> impl Strategy<Value = JobOptions> {
    let id = weighted(0.15, select(vec!["a", "b"]));
    let group = weighted(0.5, select(vec!["red", "green", "blue"]));
    let runs = (
        weighted(0.5, 1..=3_u32),
        weighted(0.5, backoff()),
        weighted(0.2, select(vec![5, 1_000_u64])),
        weighted(0.15, select(vec![1, 5, 1_000_u64])),
    );
    let stays = (weighted(0.4, retention()), weighted(0.4, retention()));
    let line = (weighted(0.3, 0..=2_u32), weighted(0.15, any::<bool>()));
    (id, when(), group, runs, stays, line, weighted(0.25, deduplication())).prop_map(
        move |(id, when, group, runs, stays, (priority, lifo), deduplication)| {
            let (attempts, backoff, timeout, expires_in) = runs;
            let (remove_on_complete, remove_on_fail) = stays;
            let delay = if let When::After(ms) = when { Some(ms) } else { None };
            JobOptions {
                job_id: id.map(Into::into),
                delay,
                run_at: if let When::At(ms) = when { now_ms.checked_add_signed(ms) } else { None },
                attempts,
                backoff,
                priority,
                lifo,
                timeout,
                // One that would never begin is refused.
                expires_in: expires_in.filter(|&ms| delay.is_none_or(|delay| delay < ms)),
                deduplication,
                group: group.map(|id| Group { id: id.to_owned() }),
                remove_on_complete,
                remove_on_fail,
            }
        },
    )
}

fn interval() -> impl Strategy<Value = Repeat> {
    let offset = weighted(0.3, select(vec![0, 5_000, 70_000_u64]));
    (select(vec![20_000, 60_000, 90_000_u64]), offset, any::<bool>()).prop_map(
        |(every, offset, immediately)| Repeat {
            every: Some(every),
            offset,
            immediately,
            ..Repeat::default()
        },
    )
}

fn pattern() -> impl Strategy<Value = Repeat> {
    select(PATTERNS.to_vec()).prop_map(|(pattern, tz, ..)| Repeat {
        pattern: Some(pattern.into()),
        tz: tz.map(Into::into),
        ..Repeat::default()
    })
}

pub(crate) fn repeat(now_ms: u64) -> impl Strategy<Value = Repeat> {
    let when = prop_oneof![interval().boxed(), pattern().boxed()];
    let near = || select(vec![-30_000, 0, 30_000, 200_000_i64]);
    let missed = select(vec![Missed::Skip, Missed::Once, Missed::All]);
    (when, weighted(0.2, near()), weighted(0.2, near()), weighted(0.3, 1..=3_u64), missed).prop_map(
        move |(when, start, end, limit, missed)| Repeat {
            start_date: start.and_then(|ms| now_ms.checked_add_signed(ms)),
            // One whose end lies before its start is refused.
            end_date: end.map(|ms| ms.max(start.unwrap_or(ms))).and_then(|ms| now_ms.checked_add_signed(ms)),
            limit,
            missed,
            ..when
        },
    )
}
