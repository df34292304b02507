//! Jobs that come again and again, on a clock that is moved and a machine that sleeps.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::scheduler::Missed;
use redstart_core::queue::{Change, JobOptions, JobState, QueueOptions, Repeat, SchedulerView, Upsert};
use redstart_core::{Error, error::Result};

use crate::support::{HOUR_MS, Rig, START_MS, completed, raw, ready, rig, taken};

const MINUTE_MS: u64 = 60_000;

fn every(ms: u64) -> Repeat {
    Repeat { every: Some(ms), ..Repeat::default() }
}

fn cron(pattern: &str, tz: &str) -> Repeat {
    Repeat { pattern: Some(pattern.into()), tz: Some(tz.into()), ..Repeat::default() }
}

fn command(repeat: Repeat) -> Upsert {
    let options = JobOptions::default();
    Upsert { id: "s".into(), repeat, name: "report".into(), data: raw("[1]").into(), options }
}

fn set(rig: &Rig, repeat: Repeat) {
    ready(rig.queue.upsert_scheduler(command(repeat))).unwrap();
    rig.advance(0);
}

fn only(rig: &Rig) -> SchedulerView {
    let mut all = ready(rig.queue.schedulers()).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// When its next instant is, from the start, and its iterations so far.
fn next(rig: &Rig) -> (Option<u64>, u64) {
    let scheduler = only(rig);
    (scheduler.next.map(|next| next - START_MS), scheduler.iterations)
}

/// Walks in steps of a second, running what comes: when, from the start.
fn runs(rig: &Rig, worker: u64, seconds: u64) -> Vec<u64> {
    let mut at = Vec::new();
    for _ in 0..=seconds {
        for (view, token) in rig.take(worker, 99) {
            assert_eq!((&*view.name, view.data.get()), ("report", "[1]"));
            rig.finish(token, completed());
            at.push((rig.now_ms() - START_MS) / 1_000);
        }
        rig.advance(1_000);
    }
    at
}

#[test]
fn an_interval_counts_from_when_it_was_set() {
    let rig = rig();
    let worker = rig.worker(1);
    set(&rig, every(MINUTE_MS));
    assert_eq!(next(&rig), (Some(60_000), 0));
    assert_eq!(runs(&rig, worker, 200), [60, 120, 180]);
    assert_eq!(next(&rig), (Some(240_000), 3));
}

#[test]
fn an_offset_is_of_the_multiples_since_1970() {
    // The start is 20 s past a minute.
    for (offset, first) in [(0, 40_000), (15_000, 55_000), (20_000, 60_000), (75_000, 55_000)] {
        let rig = rig();
        set(&rig, Repeat { offset: Some(offset), ..every(MINUTE_MS) });
        assert_eq!(next(&rig), (Some(first), 0), "{offset}");
    }
}

#[test]
fn immediately_means_one_at_once_and_then_after_each_interval() {
    let rig = rig();
    let worker = rig.worker(1);
    set(&rig, Repeat { immediately: true, ..every(MINUTE_MS) });
    assert_eq!(rig.queue.counts().waiting, 1);
    assert_eq!(runs(&rig, worker, 130), [0, 60, 120]);
}

#[test]
fn a_pattern_means_the_hours_of_its_zone() {
    for (tz, hour) in [("UTC", 3), ("Europe/Berlin", 2), ("America/New_York", 8)] {
        let rig = rig();
        set(&rig, cron("0 3 * * *", tz));
        // 2023-11-14T22:13:20Z.
        let midnight = (HOUR_MS - 13 * MINUTE_MS - 20_000) + HOUR_MS;
        assert_eq!(next(&rig), (Some(midnight + hour * HOUR_MS), 0), "{tz}");
        rig.advance(24 * HOUR_MS);
        assert_eq!((rig.queue.counts().waiting, only(&rig).iterations), (1, 1));
    }
}

#[test]
fn a_limit_is_how_many_come_in_all() {
    let rig = rig();
    let worker = rig.worker(1);
    set(&rig, Repeat { limit: Some(2), ..every(MINUTE_MS) });
    assert_eq!(runs(&rig, worker, 300), [60, 120]);
    assert_eq!(next(&rig), (None, 2));
}

#[test]
fn none_comes_before_the_start_or_after_the_end() {
    let rig = rig();
    let worker = rig.worker(1);
    let (start_date, end_date) = (Some(START_MS + 90_000), Some(START_MS + 240_000));
    set(&rig, Repeat { start_date, end_date, immediately: true, ..every(MINUTE_MS) });
    assert_eq!(runs(&rig, worker, 600), [120, 180, 240]);
    assert_eq!(next(&rig), (None, 3));
}

#[test]
fn never_two_of_its_jobs_wait_and_an_instant_whose_predecessor_does_is_passed_over() {
    let rig = rig();
    let worker = rig.worker(1);
    set(&rig, every(MINUTE_MS));
    rig.advance(10 * MINUTE_MS);
    assert_eq!((rig.queue.counts().waiting, next(&rig)), (1, (Some(11 * MINUTE_MS), 1)));
    let (_, token) = rig.take(worker, 9)[0];
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().waiting, 1, "one that has begun waits no more");
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().waiting, 1);
    rig.finish(token, completed());
    let delayed = JobOptions { delay: Some(3 * MINUTE_MS), ..JobOptions::default() };
    taken(&rig, worker, 9);
    ready(rig.queue.upsert_scheduler(Upsert { options: delayed, ..command(every(MINUTE_MS)) })).unwrap();
    rig.advance(3 * MINUTE_MS);
    assert_eq!(rig.queue.counts().delayed, 1, "nor two that are delayed");
}

#[test]
fn one_that_asks_for_all_has_each_when_the_one_before_has_begun() {
    let rig = rig();
    let worker = rig.worker(1);
    set(&rig, Repeat { missed: Missed::All, ..every(MINUTE_MS) });
    rig.advance(3 * MINUTE_MS + 30_000);
    for (iterations, next_ms) in [(1, 120_000), (2, 180_000), (3, 240_000)] {
        assert_eq!((rig.queue.counts().waiting, next(&rig)), (1, (Some(next_ms), iterations)));
        assert_eq!(rig.take(worker, 9).len(), 1);
        rig.advance(0);
    }
    assert_eq!(rig.queue.counts().waiting, 0);
}

/// How many come, one after the other, after a sleep of so long, and when the next one does.
fn after_a_sleep(missed: Missed, ms: u64) -> (u64, Option<u64>) {
    let mut rig = rig();
    set(&rig, Repeat { missed, ..every(MINUTE_MS) });
    rig.sleep(ms);
    let worker = rig.worker(1);
    let mut came = 0;
    while let [(_, token)] = rig.take(worker, 9)[..] {
        rig.finish(token, completed());
        rig.advance(0);
        came += 1;
    }
    assert_eq!(next(&rig).1, came);
    (came, next(&rig).0)
}

#[test]
fn instants_that_a_sleeping_machine_missed_are_skipped_or_made_up_for() {
    let sleep = 10 * MINUTE_MS + 10_000;
    let after = Some(11 * MINUTE_MS);
    assert_eq!(after_a_sleep(Missed::Skip, sleep), (0, after));
    assert_eq!(after_a_sleep(Missed::Once, sleep), (1, after));
    assert_eq!(after_a_sleep(Missed::All, sleep), (10, after));
}

#[test]
fn an_instant_that_is_seen_within_a_minute_was_not_missed() {
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        assert_eq!(after_a_sleep(missed, MINUTE_MS + 40_000), (1, Some(2 * MINUTE_MS)));
    }
}

#[test]
fn setting_the_same_again_changes_nothing() {
    let rig = rig();
    for repeat in [
        Repeat { immediately: true, limit: Some(5), ..every(MINUTE_MS) },
        Repeat { missed: Missed::Once, ..cron("*/5 * * * *", "UTC") },
    ] {
        set(&rig, repeat.clone());
        rig.advance(20_000);
        let (before, effects) = (only(&rig), rig.tape.0.lock().len());
        set(&rig, repeat);
        assert_eq!(only(&rig), before);
        assert_eq!(rig.tape.0.lock().len(), effects);
    }
}

#[test]
fn setting_something_else_replaces_it_and_keeps_the_rhythm_of_the_same_interval() {
    let rig = rig();
    set(&rig, every(MINUTE_MS));
    rig.advance(90_000);
    assert_eq!((rig.queue.counts().waiting, next(&rig)), (1, (Some(120_000), 1)));
    let other = Upsert { name: "other".into(), ..command(every(MINUTE_MS)) };
    ready(rig.queue.upsert_scheduler(other)).unwrap();
    assert_eq!((&*only(&rig).name, next(&rig)), ("other", (Some(120_000), 0)));
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().waiting, 1, "the job of the one before waits still");
    set(&rig, every(HOUR_MS));
    assert_eq!(next(&rig), (Some(150_000 + HOUR_MS), 0));
}

#[test]
fn one_that_is_removed_adds_nothing_more_and_leaves_its_job() {
    let rig = rig();
    set(&rig, every(MINUTE_MS));
    rig.advance(MINUTE_MS);
    assert!(ready(rig.queue.remove_scheduler("s")).unwrap());
    assert!(!ready(rig.queue.remove_scheduler("s")).unwrap());
    assert!(ready(rig.queue.schedulers()).unwrap().is_empty());
    let id = taken(&rig, rig.worker(1), 9).remove(0);
    rig.advance(HOUR_MS);
    assert_eq!((rig.queue.counts().waiting, rig.state(&id)), (0, JobState::Active));
}

#[test]
fn a_job_of_a_scheduler_that_is_removed_makes_way_for_the_next() {
    let rig = rig();
    set(&rig, every(MINUTE_MS));
    rig.advance(MINUTE_MS);
    let waiting = ready(rig.queue.get_jobs(&[JobState::Waiting], 0, 9, true)).unwrap();
    rig.change(&waiting[0].id, Change::Remove);
    rig.advance(MINUTE_MS);
    assert_eq!((rig.queue.counts().waiting, next(&rig).1), (1, 2));
}

#[test]
fn schedulers_outlive_a_restart() {
    let mut rig = rig();
    set(&rig, every(MINUTE_MS));
    rig.advance(MINUTE_MS);
    let before = only(&rig);
    rig.restart();
    assert_eq!(only(&rig), before);
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().waiting, 1, "it knows its job that waits still");
    taken(&rig, rig.worker(1), 1);
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().waiting, 1);
}

#[test]
fn a_template_has_all_options_but_those_of_one_job() {
    let rig = rig();
    let options = JobOptions { priority: Some(4), attempts: Some(1), ..JobOptions::default() };
    ready(rig.queue.upsert_scheduler(Upsert { options, ..command(every(MINUTE_MS)) })).unwrap();
    rig.advance(MINUTE_MS);
    assert_eq!(rig.queue.counts().prioritized, 1);
    for options in [
        JobOptions { job_id: Some("a".into()), ..JobOptions::default() },
        JobOptions { run_at: Some(1), ..JobOptions::default() },
        JobOptions { attempts: Some(0), ..JobOptions::default() },
    ] {
        let refused: Result<()> = ready(rig.queue.upsert_scheduler(Upsert { options, ..command(every(99)) }));
        assert!(matches!(refused, Err(Error::InvalidArg(_))));
    }
}

#[test]
fn what_is_too_large_or_does_not_fit_is_refused() {
    let rig = Rig::within(QueueOptions { max_data_size: 3_000, ..QueueOptions::default() }, 4_000);
    let with = |length: usize| {
        let data = raw(&format!("\"{}\"", "x".repeat(length))).into();
        ready(rig.queue.upsert_scheduler(Upsert { data, ..command(every(MINUTE_MS)) }))
    };
    assert!(matches!(with(3_000), Err(Error::TooLarge { .. })));
    rig.add(JobOptions::default());
    assert!(matches!(with(2_900), Err(Error::StoreFull { .. })));
    assert!(with(100).is_ok());
    assert!(ready(rig.queue.upsert_scheduler(command(every(9)))).is_err());
}

#[test]
fn a_paused_queue_has_the_job_once_it_goes_on() {
    let rig = rig();
    let worker = rig.worker(1);
    ready(rig.queue.set_paused(true)).unwrap();
    set(&rig, every(MINUTE_MS));
    rig.advance(5 * MINUTE_MS);
    assert!(rig.take(worker, 9).is_empty());
    ready(rig.queue.set_paused(false)).unwrap();
    assert_eq!(rig.take(worker, 9).len(), 1);
}
