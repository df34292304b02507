//! How long finished jobs stay, each on its own terms.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Change, Changed, JobOptions, Outcome, QueueOptions, Retention};

use crate::support::{
    HOUR_MS, Rig, answered, completed, failed, named, new_job, pending, raw, ready, rig, run,
};

const AT_ONCE: Retention = Retention { age: None, count: Some(0), forever: false };
const FOREVER: Retention = Retention { age: None, count: None, forever: true };

fn count(count: u64) -> Retention {
    Retention { age: None, count: Some(count), forever: false }
}

fn age(age: u64) -> Retention {
    Retention { age: Some(age), count: None, forever: false }
}

fn complete(rig: &Rig, worker: u64, id: &str, retention: Retention) {
    rig.add(JobOptions { remove_on_complete: Some(retention), ..named(id) });
    run(rig, worker, completed());
}

fn there(rig: &Rig, ids: &[&str]) -> Vec<bool> {
    ids.iter().map(|id| rig.get(id).is_some()).collect()
}

#[test]
fn a_job_that_is_not_to_stay_goes_at_once_and_who_waits_has_its_result() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(JobOptions { remove_on_complete: Some(AT_ONCE), ..named("done") });
    let mut wait = pending(rig.queue.result("done", None));
    run(&rig, worker, completed());
    assert_eq!(answered(&mut wait).unwrap(), "true");
    rig.add(JobOptions { remove_on_fail: Some(AT_ONCE), ..named("broken") });
    let mut wait = pending(rig.queue.result("broken", None));
    run(&rig, worker, failed(true));
    assert_eq!(answered(&mut wait).unwrap_err().job_failure().unwrap().finish_kind, "unrecoverable");
    assert_eq!(rig.budget.used(), 0);
    let heard = rig.ear.heard();
    assert!(heard.contains(&"completed") && heard.contains(&"failed"));
}

#[test]
fn add_and_wait_gets_the_result_of_a_job_that_goes_as_it_ends() {
    let rig = rig();
    let worker = rig.worker(1);
    let options = JobOptions { remove_on_complete: Some(AT_ONCE), ..named("a") };
    let mut wait = pending(rig.queue.add_and_wait(new_job(options.clone()), Some(1_000)));
    let mut same = pending(rig.queue.add_and_wait(new_job(options), None));
    run(&rig, worker, Outcome::Completed(raw("[7]")));
    assert!(rig.get("a").is_none());
    assert_eq!(answered(&mut wait).unwrap(), "[7]");
    assert_eq!(answered(&mut same).unwrap(), "[7]");
    let mut late = pending(rig.queue.add_and_wait(new_job(named("b")), Some(100)));
    rig.advance(100);
    assert!(matches!(answered(&mut late), Err(Error::Timeout(_))));
    run(&rig, worker, completed());
    assert_eq!(ready(rig.queue.add_and_wait(new_job(named("b")), None)).unwrap(), "true");
}

#[test]
fn a_job_that_is_to_stay_does_beyond_ages_counts_and_room_until_it_is_removed() {
    let rig = Rig::within(QueueOptions::default(), 20_000);
    let worker = rig.worker(1);
    complete(&rig, worker, "kept", FOREVER);
    rig.add(JobOptions { remove_on_fail: Some(FOREVER), ..named("broken") });
    run(&rig, worker, failed(true));
    rig.advance(1_000 * 24 * HOUR_MS);
    for number in 0..100 {
        complete(&rig, worker, &number.to_string(), count(3));
    }
    assert_eq!((rig.queue.counts().completed, rig.queue.counts().failed), (4, 1));
    for chars in [3_000, 300, 0] {
        let data = || raw(&format!("\"{}\"", "x".repeat(chars)));
        while ready(
            rig.queue.add(redstart_core::queue::NewJob { data: data(), ..new_job(JobOptions::default()) }),
        )
        .is_ok()
        {}
    }
    assert_eq!(there(&rig, &["kept", "broken", "99"]), [true, true, false], "the others went for room");
    assert_eq!(rig.change("kept", Change::Remove), Changed::Done);
    assert_eq!(rig.change("broken", Change::Remove), Changed::Done);
    assert_eq!(there(&rig, &["kept", "broken"]), [false, false]);
}

#[test]
fn of_each_outcome_so_many_stay_the_oldest_out_first() {
    let rig = rig();
    let worker = rig.worker(1);
    for id in ["a", "b", "c", "d"] {
        complete(&rig, worker, id, count(2));
        rig.add(JobOptions { remove_on_fail: Some(count(3)), ..named(&format!("not {id}")) });
        run(&rig, worker, failed(true));
        rig.advance(1);
    }
    assert_eq!(there(&rig, &["a", "b", "c", "d"]), [false, false, true, true]);
    assert_eq!(there(&rig, &["not a", "not b", "not c", "not d"]), [false, true, true, true]);
}

#[test]
fn a_job_goes_when_it_is_as_old_as_its_own_age_says() {
    let rig = rig();
    let worker = rig.worker(1);
    for (id, ms) in [("long", 300), ("short", 100), ("middle", 200)] {
        complete(&rig, worker, id, age(ms));
    }
    let ids = ["short", "middle", "long"];
    for left in [[true; 3], [false, true, true], [false, false, true], [false; 3]] {
        assert_eq!(there(&rig, &ids), left);
        rig.advance(99);
        assert_eq!(there(&rig, &ids), left);
        rig.advance(1);
    }
    assert_eq!(rig.budget.used(), 0);
}

#[test]
fn age_and_count_hold_together_whichever_comes_first() {
    let rig = rig();
    let worker = rig.worker(1);
    let both = Retention { age: Some(100), count: Some(2), forever: false };
    for id in ["a", "b", "c"] {
        complete(&rig, worker, id, both);
        rig.advance(40);
    }
    assert_eq!(there(&rig, &["a", "b", "c"]), [false, true, true]);
    rig.advance(20);
    assert_eq!(there(&rig, &["b", "c"]), [false, true]);
}

#[test]
fn the_queues_default_holds_for_jobs_that_say_nothing_and_each_outcome_has_its_own() {
    let default_job_options = JobOptions { remove_on_complete: Some(AT_ONCE), ..JobOptions::default() };
    let rig = Rig::new(QueueOptions { default_job_options, ..QueueOptions::default() });
    let worker = rig.worker(1);
    rig.add(named("a"));
    run(&rig, worker, completed());
    rig.add(named("b"));
    run(&rig, worker, failed(true));
    complete(&rig, worker, "c", FOREVER);
    assert_eq!(there(&rig, &["a", "b", "c"]), [false, true, true]);
}

#[test]
fn where_a_count_is_much_smaller_than_what_is_there_some_go_with_each_end() {
    let rig = rig();
    let worker = rig.worker(1);
    for number in 0..350 {
        complete(&rig, worker, &number.to_string(), age(HOUR_MS));
    }
    let mut left = Vec::new();
    for id in ["a", "b", "c", "d"] {
        complete(&rig, worker, id, count(10));
        left.push(rig.queue.counts().completed);
    }
    assert_eq!(left, [251, 152, 53, 10]);
    assert_eq!(there(&rig, &["a", "b", "c", "d"]), [true; 4]);
}

#[test]
fn retention_outlives_a_restart() {
    let mut rig = rig();
    complete(&rig, rig.worker(1), "a", age(100));
    complete(&rig, rig.worker(1), "kept", FOREVER);
    rig.sleep(100);
    assert_eq!(there(&rig, &["a", "kept"]), [false, true]);
}
