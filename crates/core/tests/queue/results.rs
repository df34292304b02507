//! Waiting for the result of a job.

use redstart_core::Error;
use redstart_core::clock::MS;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Finish, JobOptions, Outcome};
use redstart_core::timer::Ticking;

use crate::support::{HOUR_MS, add_all, completed, failed, named, pending, poll, raw, ready, rig, run};

#[test]
fn who_waits_for_a_result_gets_it_before_or_after_the_job_finishes() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let mut early = pending(rig.queue.result("a", Some(1_000)));
    let mut patient = pending(rig.queue.result("a", None));
    assert!(poll(&mut early).is_none() && poll(&mut patient).is_none());
    run(&rig, worker, Outcome::Completed(raw(r#"{"sent": 1}"#)));
    for result in [poll(&mut early), poll(&mut patient), Some(ready(rig.queue.result("a", Some(1))))] {
        assert_eq!(result.unwrap().unwrap(), r#"{"sent": 1}"#);
    }
    let retained_until_us = (rig.now_ms() + HOUR_MS) * MS;
    assert_eq!(rig.queue.next_due_us(), Some(retained_until_us), "a deadline was left behind");
    rig.advance(HOUR_MS);
    let gone = ready(rig.queue.result("a", None)).unwrap_err();
    assert!(
        matches!(&gone, Error::NotFound(says) if says.contains("'a'") && says.contains("'mail'")),
        "{gone}"
    );
}

#[test]
fn a_wait_for_a_result_ends_at_its_deadline() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let mut short = pending(rig.queue.result("a", Some(100)));
    let mut long = pending(rig.queue.result("a", Some(200)));
    rig.advance(99);
    assert!(poll(&mut short).is_none());
    rig.advance(1);
    assert!(matches!(poll(&mut short).unwrap(), Err(Error::Timeout(says)) if says.contains("'a'")));
    assert!(poll(&mut long).is_none());
    run(&rig, worker, completed());
    assert_eq!(poll(&mut long).unwrap().unwrap(), "true");
}

#[test]
fn a_result_that_comes_at_the_deadline_of_a_wait_counts() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let (_, token) = rig.take(worker, 1)[0];
    let mut wait = pending(rig.queue.result("a", Some(100)));
    rig.advance(99);
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
    rig.advance(1);
    assert_eq!(poll(&mut wait).unwrap().unwrap(), "true");
}

#[test]
fn a_failed_job_tells_who_waits_how_it_ended_and_why() {
    for (attempts, unrecoverable, kind) in [(1, false, "exhausted"), (3, true, "unrecoverable")] {
        let rig = rig();
        let worker = rig.worker(1);
        rig.add(JobOptions { attempts: Some(attempts), ..named("a") });
        let mut wait = pending(rig.queue.result("a", None));
        assert_eq!(run(&rig, worker, failed(unrecoverable)), Finish::Failed);
        for result in [poll(&mut wait).unwrap(), ready(rig.queue.result("a", None))] {
            let error = result.unwrap_err();
            assert_eq!(error.to_string(), format!("job a failed ({kind}): no such mailbox"));
            let cause = error.job_failure().unwrap();
            assert_eq!((cause.finish_kind, cause.failure.name.as_str()), (kind, "TypeError"));
            assert_eq!(cause.failure.code.as_deref(), Some("E_BOX"));
            assert!(cause.failure.stack.as_ref().unwrap().contains("at send"));
        }
        assert_eq!(rig.get("a").unwrap().failed_reason.as_deref(), Some("no such mailbox"));
    }
}

#[test]
fn waits_that_were_given_up_are_forgotten() {
    let rig = rig();
    add_all(&rig, &["a"]);
    for number in 0..1_000 {
        drop(pending(rig.queue.result("a", Some(HOUR_MS + number))));
    }
    let first_us = rig.queue.next_due_us().unwrap();
    assert!(
        first_us > (rig.now_ms() + HOUR_MS + 900) * MS,
        "the deadlines of the first ones are there still"
    );
    let mut real = pending(rig.queue.result("a", None));
    run(&rig, rig.worker(1), completed());
    assert!(poll(&mut real).unwrap().is_ok());
}

#[test]
fn an_id_in_a_message_forges_no_line_of_a_log() {
    let rig = rig();
    let id = "a\nerror: forged";
    let unknown = ready(rig.queue.result(id, None)).unwrap_err();
    add_all(&rig, &[id]);
    let mut wait = pending(rig.queue.result(id, Some(5)));
    rig.advance(5);
    let late = poll(&mut wait).unwrap().unwrap_err();
    run(&rig, rig.worker(1), failed(true));
    let broken = ready(rig.queue.result(id, None)).unwrap_err();
    for error in [unknown, late, broken] {
        assert!(error.to_string().contains(r"a\nerror: forged"), "{error}");
    }
}

#[test]
fn a_dropped_queue_tells_who_waits() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let mut wait = pending(rig.queue.result("a", None));
    drop(rig);
    assert!(matches!(poll(&mut wait).unwrap(), Err(Error::Closed(_))));
}
