//! Event loops that stand still, by the machine's time.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Event, Finish, JobState, LeaseEnd, Subscriber, Token, WorkerSpec, WorkerTerms};

use crate::support::{Rig, add_all, completed, rig, terms};

/// What a worker hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Ping,
    Lost(Token, LeaseEnd),
}

/// A worker whose event loop turns as long as it has the queue.
struct Loop(Weak<MemoryQueue>, Sender<Heard>);

impl Subscriber for Loop {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, _event: &Event) {}
    fn lease_lost(&self, _worker: u64, token: Token, why: LeaseEnd) {
        let _ = self.1.send(Heard::Lost(token, why));
    }
    fn ping(&self, worker: u64) {
        if let Some(queue) = self.0.upgrade() {
            queue.pong(worker);
        }
        let _ = self.1.send(Heard::Ping);
    }
}

fn open(rig: &Rig, turns: bool, stall_after_ms: Option<u64>) -> (u64, Receiver<Heard>) {
    let (sender, heard) = mpsc::channel();
    let queue = if turns { Arc::downgrade(&rig.queue) } else { Weak::new() };
    let terms = WorkerTerms { stall_after_ms, ..terms() };
    let worker =
        rig.queue.open_worker(WorkerSpec { terms, subscriber: Arc::new(Loop(queue, sender)) }).unwrap();
    (worker, heard)
}

fn within(heard: &Receiver<Heard>, ms: u64) -> Result<Heard, RecvTimeoutError> {
    heard.recv_timeout(Duration::from_millis(ms))
}

const NOTHING: Result<Heard, RecvTimeoutError> = Err(RecvTimeoutError::Timeout);

#[test]
fn a_loop_that_stands_still_loses_its_jobs_after_its_time_and_not_before() {
    let rig = rig();
    add_all(&rig, &["a", "b"]);
    let (worker, heard) = open(&rig, false, Some(1_000));
    let tokens: Vec<Token> = rig.take(worker, 2).into_iter().map(|(_, token)| token).collect();
    assert_eq!(within(&heard, 700), Ok(Heard::Ping), "it is asked after a quarter of its time");
    // 250 ms have passed, less on no machine.
    assert_eq!(within(&heard, 500), NOTHING, "it has its time");
    for token in &tokens {
        assert_eq!(within(&heard, 2_000), Ok(Heard::Lost(*token, LeaseEnd::Lost)));
    }
    assert_eq!([rig.state("a"), rig.state("b")], [JobState::Waiting; 2]);
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "stalled").count(), 2);
    assert_eq!(rig.finish(tokens[0], completed()), Finish::LeaseLost, "what it still does changes nothing");
    assert_eq!(rig.take(rig.worker(1), 9).len(), 2, "they run elsewhere");
}

#[test]
fn a_loop_that_turns_keeps_its_jobs_for_as_long_as_it_likes() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let (worker, heard) = open(&rig, true, Some(1_000));
    let (_, token) = rig.take(worker, 1)[0];
    for _ in 0..6 {
        assert_eq!(within(&heard, 2_000), Ok(Heard::Ping));
    }
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
}

#[test]
fn nobody_is_asked_while_nothing_is_active() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let (worker, heard) = open(&rig, false, Some(1_000));
    assert_eq!(within(&heard, 400), NOTHING, "it has no job");
    let (_, token) = rig.take(worker, 1)[0];
    rig.finish(token, completed());
    assert_eq!(within(&heard, 600), NOTHING, "it has none any more");
}

#[test]
fn a_loop_that_was_idle_for_long_has_its_whole_time_from_its_next_job_on() {
    let rig = rig();
    let (worker, heard) = open(&rig, false, Some(1_000));
    assert_eq!(within(&heard, 1_200), NOTHING);
    add_all(&rig, &["a"]);
    rig.take(worker, 1);
    assert_eq!(within(&heard, 150), NOTHING);
    assert_eq!(within(&heard, 2_000), Ok(Heard::Ping));
    assert_eq!(rig.state("a"), JobState::Active);
}

#[test]
fn taking_jobs_is_an_answer_too() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let (worker, heard) = open(&rig, false, Some(1_000));
    rig.take(worker, 1);
    for _ in 0..3 {
        assert_eq!(within(&heard, 2_000), Ok(Heard::Ping));
        assert_eq!(within(&heard, 300), NOTHING);
        rig.take(worker, 0);
    }
    assert_eq!(rig.state("a"), JobState::Active);
}

#[test]
fn without_a_time_a_loop_may_stand_still_and_a_manual_clock_moves_no_loop() {
    let rig = rig();
    add_all(&rig, &["a", "b"]);
    let (unwatched, unheard) = open(&rig, false, None);
    let (watched, heard) = open(&rig, true, Some(60_000));
    rig.take(unwatched, 1);
    rig.take(watched, 1);
    rig.advance(10 * 3_600_000);
    assert_eq!((within(&unheard, 300), within(&heard, 0)), (NOTHING, NOTHING));
    assert_eq!(rig.queue.counts().active, 2);
}

#[test]
fn a_time_that_is_too_short_is_refused() {
    let rig = rig();
    let terms = WorkerTerms { stall_after_ms: Some(999), ..terms() };
    let refused = rig.queue.open_worker(WorkerSpec { terms, subscriber: rig.ear.clone() }).unwrap_err();
    assert!(refused.to_string().contains("stallAfter is 999 ms"), "{refused}");
}

#[test]
fn a_loop_that_answered_is_asked_again_after_a_quarter_of_its_time_and_stands_still_from_its_answer_on() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let (worker, heard) = open(&rig, false, Some(2_000));
    let (_, token) = rig.take(worker, 1)[0];
    for answer in [true, false, true] {
        assert_eq!(within(&heard, 2_000), Ok(Heard::Ping));
        assert_eq!(within(&heard, 50), NOTHING, "its answer comes a little later");
        if answer {
            rig.queue.pong(worker);
        } else {
            drop(rig.take(worker, 0));
        }
        assert_eq!(within(&heard, 300), NOTHING);
    }
    assert_eq!(within(&heard, 700), Ok(Heard::Ping), "it is looked at every quarter");
    assert_eq!(within(&heard, 1_000), NOTHING);
    assert_eq!(within(&heard, 1_500), Ok(Heard::Lost(token, LeaseEnd::Lost)));
}
