//! Many threads on one queue.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use redstart_core::budget::Budget;
use redstart_core::clock::Clock;
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Counts, Event, Finish, JobOptions, QueueOptions, Subscriber, Token, WorkerSpec};

use crate::support::{Ear, LEASE_MS, completed, new_job, ready};

/// Wakes a thread that waits for the queue to say that there is something.
struct Bell(mpsc::Sender<()>);

impl Subscriber for Bell {
    fn ready(&self, _worker: u64) {
        // A thread that is done has hung up.
        let _ = self.0.send(());
    }
    fn event(&self, _subscription: u64, _event: &Event) {}
    fn lease_lost(&self, _worker: u64, _token: Token) {}
}

#[test]
fn eight_threads_run_ten_thousand_jobs_once_each_and_miss_no_wake_up() {
    const JOBS: usize = 10_000;
    const PRODUCERS: usize = 4;
    let budget = Arc::new(Budget::new(1 << 30));
    let queue = MemoryQueue::new("mail".into(), QueueOptions::default(), Clock::System, budget);
    let ear = Arc::new(Ear::default());
    queue.subscribe(ear.clone());
    let ran = Mutex::new(HashSet::new());
    let (senders, bells): (Vec<_>, Vec<_>) = (0..8).map(|_| mpsc::channel()).unzip();

    let consume = |bell: &mpsc::Receiver<()>, sender: mpsc::Sender<()>, concurrency: usize| {
        let spec =
            WorkerSpec { lease_ms: LEASE_MS, max_stalled_count: 1, subscriber: Arc::new(Bell(sender)) };
        let worker = queue.open_worker(spec);
        while ran.lock().len() < JOBS {
            let taken = queue.take(worker, concurrency).unwrap();
            if taken.is_empty() {
                let woken = bell.recv_timeout(Duration::from_secs(20));
                assert!(woken.is_ok(), "a wake-up was lost: {:?}", queue.counts());
            }
            for (view, token) in taken {
                assert!(ran.lock().insert(view.id.to_string()), "{} ran twice", view.id);
                assert_eq!(ready(queue.finish(token, completed())).unwrap(), Finish::Completed);
            }
        }
        // Whoever sees the end tells everyone; the queue has nothing more to say.
        for sender in &senders {
            let _ = sender.send(());
        }
    };
    std::thread::scope(|scope| {
        for (concurrency, bell) in (1..).zip(bells) {
            let (consume, sender) = (&consume, senders[concurrency - 1].clone());
            scope.spawn(move || consume(&bell, sender, concurrency));
        }
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                for _ in 0..JOBS / PRODUCERS {
                    ready(queue.add(new_job(JobOptions::default()))).unwrap();
                }
            });
        }
    });
    let events = ear.events.lock();
    assert!(events.iter().map(|event| event.seq).eq(1..=events.len() as u64), "events out of order");
    queue.inspect(|state| {
        state.check().unwrap();
        assert_eq!(state.last_seq(), events.len() as u64);
        assert_eq!(state.counts(), Counts { completed: 1_000, ..Counts::default() });
    });
}
