//! What is counted beside the jobs.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::metrics::Percentiles;
use redstart_core::queue::{JobOptions, Metrics, Outcome};

use crate::support::{Rig, add_all, completed, failed, named, rig, run, take_one};

const MINUTE_MS: u64 = 60_000;

/// A queue whose clock stands at the beginning of a minute.
fn at_a_minute() -> Rig {
    let rig = rig();
    rig.advance(MINUTE_MS - rig.now_ms() % MINUTE_MS);
    rig
}

fn near(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= expected * 0.01
}

#[test]
fn a_queue_that_does_nothing_has_none() {
    let rig = rig();
    assert_eq!(rig.queue.metrics(), Metrics::default());
}

#[test]
fn rates_are_of_the_last_whole_minute() {
    let rig = at_a_minute();
    let worker = rig.worker(1);
    for number in 0..30 {
        add_all(&rig, &[&number.to_string()]);
        run(&rig, worker, if number < 18 { completed() } else { failed(true) });
    }
    let rates = || {
        let Metrics { completed_rate, failed_rate, .. } = rig.queue.metrics();
        (format!("{:.0}", completed_rate * 60.0), format!("{:.0}", failed_rate * 60.0))
    };
    assert_eq!(rates(), ("0".into(), "0".into()), "the minute is not over");
    rig.advance(MINUTE_MS);
    assert_eq!(rates(), ("18".into(), "12".into()));
    rig.advance(MINUTE_MS - 1);
    assert_eq!(rates(), ("18".into(), "12".into()));
    rig.advance(1);
    assert_eq!(rates(), ("0".into(), "0".into()));
}

#[test]
fn failed_attempts_count_as_failed_and_snoozes_and_releases_as_nothing() {
    let rig = at_a_minute();
    let worker = rig.worker(1);
    rig.add(JobOptions { timeout: Some(100), ..named("a") });
    for outcome in [Outcome::Snoozed { delay_ms: 0 }, Outcome::Released, failed(false)] {
        run(&rig, worker, outcome);
    }
    rig.advance(1_000);
    take_one(&rig, worker, "a");
    rig.advance(100);
    add_all(&rig, &["never begun"]);
    rig.cancel("never begun");
    rig.advance(MINUTE_MS);
    let metrics = rig.queue.metrics();
    assert!(near(metrics.failed_rate * 60.0, 2.0) && metrics.completed_rate == 0.0, "{metrics:?}");
}

#[test]
fn times_are_from_when_a_job_may_run_and_of_its_attempts() {
    let rig = at_a_minute();
    let worker = rig.worker(1);
    for number in 1..=100_u64 {
        let id = number.to_string();
        // A delay is no wait: the job could not run.
        rig.add(JobOptions { delay: Some(1_000), ..named(&id) });
        rig.advance(1_000 + number);
        let token = take_one(&rig, worker, &id);
        rig.advance(2 * number);
        rig.finish(token, completed());
        // All within two minutes.
        if number == 40 {
            assert!(rig.queue.metrics().wait.p99 < 41.0);
        }
    }
    let Metrics { wait, run, .. } = rig.queue.metrics();
    let ordered = |times: Percentiles| times.p50 < times.p95 && times.p95 < times.p99;
    assert!(ordered(wait) && ordered(run), "{wait:?} {run:?}");
    assert!(near(wait.p99, 99.0) && near(run.p99, 198.0), "{wait:?} {run:?}");
    rig.advance(2 * MINUTE_MS);
    assert_eq!(rig.queue.metrics(), Metrics::default());
}

#[test]
fn the_oldest_age_is_of_the_job_that_has_waited_for_longest_whatever_its_priority() {
    let rig = rig();
    rig.add(JobOptions { priority: Some(9), ..named("old") });
    rig.add(JobOptions { delay: Some(500), ..named("delayed") });
    rig.advance(100);
    add_all(&rig, &["young"]);
    rig.advance(50);
    let age = || rig.queue.metrics().oldest_waiting_age;
    assert_eq!(age(), 150);
    rig.change("old", redstart_core::queue::Change::Remove);
    assert_eq!(age(), 50);
    take_one(&rig, rig.worker(1), "young");
    assert_eq!(age(), 0);
    rig.advance(400);
    assert_eq!(age(), 50, "a delayed job waits since it may run");
}
