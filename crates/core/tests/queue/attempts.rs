//! Tokens, attempts and the waits between them.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Backoff, BackoffType, Finish, How, JobOptions, JobState, Outcome, Token};

use crate::support::{START_MS, add_all, completed, failed, failure, named, raw, ready, rig, run};

#[test]
fn a_late_finish_of_a_job_that_runs_again_changes_nothing() {
    let mut rig = rig();
    add_all(&rig, &["a"]);
    let slow = rig.worker(1);
    let (_, late) = rig.take(slow, 1)[0];
    rig.queue.close_worker(slow, false);
    let (view, current) = rig.take(rig.worker(1), 1)[0].clone();
    assert_eq!((&*view.id, view.attempt), ("a", 1));

    let before = rig.queue.inspect(Clone::clone);
    for outcome in [completed(), failed(false), failed(true), Outcome::Released] {
        assert_eq!(rig.finish(late, outcome), Finish::LeaseLost);
    }
    let forged = Token { nonce: current.nonce ^ 1, ..current };
    assert_eq!(rig.finish(forged, completed()), Finish::LeaseLost);
    let forged = Token { epoch: current.epoch + 1, ..current };
    assert_eq!(rig.finish(forged, completed()), Finish::LeaseLost);
    assert_eq!(rig.finish(Token { job: 99, ..current }, completed()), Finish::LeaseLost);
    rig.queue.inspect(|after| assert!(*after == before));

    assert_eq!(rig.finish(current, Outcome::Completed(raw("1"))), Finish::Completed);
    assert_eq!(rig.finish(current, Outcome::Completed(raw("2"))), Finish::LeaseLost);
    assert_eq!(ready(rig.queue.result("a", None)).unwrap(), "1");
    rig.check();
}

#[test]
fn retries_wait_as_their_backoff_says() {
    let exponential =
        Backoff { kind: BackoffType::Exponential, delay: 1_000, max_delay: Some(3_000), jitter: None };
    let fixed = Backoff { kind: BackoffType::Fixed, delay: 700, max_delay: None, jitter: None };
    let jittered = Backoff { kind: BackoffType::Fixed, delay: 1_000, max_delay: None, jitter: Some(0.5) };
    let cases = [
        (exponential, vec![1_000..=1_000, 2_000..=2_000, 3_000..=3_000, 3_000..=3_000]),
        (fixed, vec![700..=700; 4]),
        (jittered, vec![500..=1_000; 4]),
    ];
    for (backoff, expected) in cases {
        let mut rig = rig();
        let worker = rig.worker(1);
        rig.add(JobOptions { attempts: Some(5), backoff: Some(backoff), ..named("a") });
        for (made, wait) in (1..).zip(expected) {
            let Finish::Retrying { next_attempt_at_ms } = run(&rig, worker, failed(false)) else {
                panic!("no retry")
            };
            assert!(wait.contains(&(next_attempt_at_ms - rig.now_ms())), "attempt {made} of {backoff:?}");
            let view = rig.get("a").unwrap();
            assert_eq!((view.state, view.attempts_made), (JobState::Delayed, made));
            assert_eq!(view.failed_reason.as_deref(), Some("no such mailbox"));
            rig.advance(next_attempt_at_ms - rig.now_ms() - 1);
            assert!(rig.take(worker, 1).is_empty());
            rig.advance(1);
        }
        assert_eq!(run(&rig, worker, failed(false)), Finish::Failed);
        rig.check();
    }
}

#[test]
fn a_job_that_completes_after_a_failed_attempt_has_no_failed_reason() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(named("a"));
    run(&rig, worker, failed(false));
    rig.advance(1_000);
    let (view, token) = rig.take(worker, 1)[0].clone();
    assert_eq!((view.attempt, view.attempts_made), (2, 1));
    rig.advance(7);
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
    let view = rig.get("a").unwrap();
    assert_eq!((view.state, view.attempts_made, view.attempt), (JobState::Completed, 2, 0));
    assert_eq!(view.failed_reason, None);
    assert_eq!(view.finished_on, view.processed_on.map(|at| at + 7));
    assert_eq!(view.timestamp, START_MS);
}

#[test]
fn an_error_that_quotes_a_document_is_cut() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let mut failure = failure();
    failure.message = "é".repeat(1 << 20);
    failure.stack = Some(String::new());
    run(&rig, worker, Outcome::Failed { failure, how: How::Never });
    let error = ready(rig.queue.result("a", None)).unwrap_err();
    let cause = error.job_failure().unwrap();
    assert_eq!((cause.failure.message.len(), &cause.failure.stack), (32 * 1024, &None));
}
