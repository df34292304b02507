//! What listeners hear.

use std::sync::Arc;

use parking_lot::Mutex;
use redstart_core::clock::Clock;
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{
    Change, Changed, Counts, Event, JobOptions, LeaseEnd, QueueOptions, Retention, Subscriber, Token,
};

use crate::support::{Ear, add_all, completed, failed, named, new_job, once, raw, ready, rig, run, take_one};

#[test]
fn events_tell_a_jobs_way_in_order() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(JobOptions { delay: Some(5), ..named("a") });
    rig.advance(5);
    run(&rig, worker, failed(false));
    rig.advance(1_000);
    run(&rig, worker, completed());
    let events: Vec<String> =
        rig.ear.events.lock().iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    assert_eq!(events[0], r#"{"event":"added","payload":{"seq":1,"jobId":"a","name":"welcome"}}"#);
    assert_eq!(events[1], r#"{"event":"delayed","payload":{"seq":2,"jobId":"a","runAt":1700000000005}}"#);
    assert_eq!(events[2], r#"{"event":"waiting","payload":{"seq":3,"jobId":"a"}}"#);
    assert_eq!(events[3], r#"{"event":"active","payload":{"seq":4,"jobId":"a","attempt":1}}"#);
    assert_eq!(events[4], r#"{"event":"drained","payload":{"seq":5}}"#);
    assert!(events[5].starts_with(
        r#"{"event":"retrying","payload":{"seq":6,"jobId":"a","error":"no such mailbox","nextAttemptAt":17"#
    ));
    assert!(events[6].starts_with(r#"{"event":"delayed","payload":{"seq":7,"#));
    assert_eq!(events[10], r#"{"event":"completed","payload":{"seq":11,"jobId":"a","result":true}}"#);
    assert_eq!(events.len(), 11);
}

#[test]
fn every_kind_of_event_says_what_it_is_about() {
    let rig = rig();
    let worker = rig.worker(0);
    ready(rig.queue.set_paused(true)).unwrap();
    ready(rig.queue.set_paused(false)).unwrap();
    rig.add(JobOptions { deduplication: Some(once("same")), ..named("a") });
    rig.add(JobOptions { deduplication: Some(once("same")), ..named("b") });
    let token = take_one(&rig, worker, "a");
    assert!(ready(rig.queue.progress(token, raw(r#"{"part": 1}"#))).unwrap());
    rig.queue.close_worker(worker, false);
    assert_eq!(rig.change("a", Change::Remove), Changed::Done);
    let heard: Vec<String> = rig
        .ear
        .events
        .lock()
        .iter()
        .map(|event| {
            let json = serde_json::to_string(event).unwrap();
            let seq = format!("\"seq\":{}", event.seq);
            assert!(json.contains(&seq), "{json}");
            json.replace(&seq, "\"seq\":0")
        })
        .collect();
    assert_eq!(
        heard,
        [
            r#"{"event":"paused","payload":{"seq":0}}"#,
            r#"{"event":"resumed","payload":{"seq":0}}"#,
            r#"{"event":"added","payload":{"seq":0,"jobId":"a","name":"welcome"}}"#,
            r#"{"event":"waiting","payload":{"seq":0,"jobId":"a"}}"#,
            r#"{"event":"deduplicated","payload":{"seq":0,"jobId":"a","deduplicationId":"same"}}"#,
            r#"{"event":"active","payload":{"seq":0,"jobId":"a","attempt":1}}"#,
            r#"{"event":"drained","payload":{"seq":0}}"#,
            r#"{"event":"progress","payload":{"seq":0,"jobId":"a","progress":{"part": 1}}}"#,
            r#"{"event":"stalled","payload":{"seq":0,"jobId":"a"}}"#,
            concat!(
                r#"{"event":"failed","payload":{"seq":0,"jobId":"a","failedReason":"job 'a' lost its worker 1 times; "#,
                r#"maxStalledCount is 0","finishKind":"stalled"}}"#
            ),
            r#"{"event":"removed","payload":{"seq":0,"jobId":"a"}}"#,
        ]
    );
}

#[test]
fn drained_tells_that_the_last_waiting_job_was_taken_and_nothing_else_does() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b", "c"]);
    rig.add(JobOptions { delay: Some(5), ..named("later") });
    let drained = || rig.ear.heard().iter().filter(|name| **name == "drained").count();
    rig.take(worker, 2);
    assert_eq!(drained(), 0);
    rig.change("c", Change::Remove);
    assert_eq!(drained(), 0, "nobody took it");
    rig.advance(5);
    rig.take(worker, 9);
    assert_eq!(drained(), 1);
    rig.take(worker, 9);
    assert_eq!(drained(), 1);
}

#[test]
fn what_retention_or_room_removes_is_told_to_nobody() {
    let rig = rig();
    let worker = rig.worker(1);
    let kept = Retention { age: Some(10), count: Some(2), forever: false };
    for id in ["a", "b", "c"] {
        rig.add(JobOptions { remove_on_complete: Some(kept), ..named(id) });
        run(&rig, worker, completed());
    }
    rig.advance(10);
    assert_eq!(rig.queue.counts(), Counts::default());
    assert!(!rig.ear.heard().contains(&"removed"));
}

#[test]
fn a_queue_counts_the_events_that_nobody_hears() {
    let rig = rig();
    let late = Arc::new(Ear::default());
    let queue = MemoryQueue::new(
        "mail".into(),
        QueueOptions::default(),
        Clock::Manual(rig.clock.clone()),
        rig.budget.clone(),
    );
    for _ in 0..3 {
        ready(queue.add(new_job(JobOptions::default()))).unwrap();
    }
    queue.subscribe(late.clone());
    ready(queue.add(new_job(JobOptions::default()))).unwrap();
    assert_eq!(late.events.lock()[0].seq, 7);
}

#[test]
fn a_subscription_hears_what_comes_after_it_and_nothing_after_its_end() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let late = Arc::new(Ear::default());
    let subscription = rig.queue.subscribe(late.clone());
    add_all(&rig, &["b"]);
    rig.queue.unsubscribe(subscription);
    add_all(&rig, &["c"]);
    let heard: Vec<u64> = late.events.lock().iter().map(|event| event.seq).collect();
    assert_eq!(heard, [3, 4]);
}

#[test]
fn a_listener_may_call_the_queue() {
    struct Chatty(Mutex<Option<Arc<MemoryQueue>>>);
    impl Subscriber for Chatty {
        fn ready(&self, _worker: u64) {}
        fn event(&self, _subscription: u64, event: &Event) {
            let queue = self.0.lock().take();
            if let Some(queue) = queue {
                assert_eq!(event.seq, 1);
                assert!(ready(queue.add(new_job(JobOptions::default()))).is_ok());
            }
        }
        fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
        fn ping(&self, _worker: u64) {}
    }
    let mut rig = rig();
    rig.queue.subscribe(Arc::new(Chatty(Mutex::new(Some(rig.queue.clone())))));
    add_all(&rig, &["a"]);
    assert_eq!(rig.queue.counts().waiting, 2);
    rig.check();
}
