//! What listeners hear.

use std::sync::Arc;

use parking_lot::Mutex;
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Event, JobOptions, Subscriber, Token};

use crate::support::{Ear, add_all, completed, failed, named, new_job, ready, rig, run};

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
    assert!(events[4].starts_with(
        r#"{"event":"retrying","payload":{"seq":5,"jobId":"a","error":"no such mailbox","nextAttemptAt":17"#
    ));
    assert!(events[5].starts_with(r#"{"event":"delayed","payload":{"seq":6,"#));
    assert_eq!(events[8], r#"{"event":"completed","payload":{"seq":9,"jobId":"a","result":true}}"#);
    assert_eq!(events.len(), 9);
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
        fn lease_lost(&self, _worker: u64, _token: Token) {}
    }
    let mut rig = rig();
    rig.queue.subscribe(Arc::new(Chatty(Mutex::new(Some(rig.queue.clone())))));
    add_all(&rig, &["a"]);
    assert_eq!(rig.queue.counts().waiting, 2);
    rig.check();
}
