//! Many threads on one queue, and the background thread on the machine's clock.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use redstart_core::Error;
use redstart_core::budget::Budget;
use redstart_core::clock::Clock;
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{
    Backoff, BackoffType, Counts, Event, Finish, JobOptions, LeaseEnd, QueueOptions, State, Subscriber,
    Token, WorkerSpec,
};

use crate::support::{completed, failed, new_job, pending, ready, terms};

/// How long a test waits for what comes at once, before it says that it does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Wakes a thread that waits for the queue to say that there is something.
pub(crate) struct Bell(pub(crate) mpsc::Sender<()>);

impl Subscriber for Bell {
    fn ready(&self, _worker: u64) {
        // A thread that is done has hung up.
        let _ = self.0.send(());
    }
    fn event(&self, _subscription: u64, _event: &Event) {}
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// Passes on the numbers of the events.
struct Hearsay(mpsc::Sender<u64>);

impl Subscriber for Hearsay {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, event: &Event) {
        let _ = self.0.send(event.seq);
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

pub(crate) fn system_queue() -> Arc<MemoryQueue> {
    let budget = Arc::new(Budget::new(1 << 30));
    MemoryQueue::new("mail".into(), QueueOptions::default(), Clock::System, budget)
}

fn bell(sender: mpsc::Sender<()>) -> WorkerSpec {
    WorkerSpec { terms: terms(), subscriber: Arc::new(Bell(sender)) }
}

#[test]
fn on_the_machines_clock_the_background_thread_wakes_a_worker_for_a_delayed_job_and_for_a_retry() {
    let queue = system_queue();
    let (sender, rings) = mpsc::channel();
    let worker = queue.open_worker(bell(sender)).unwrap();
    let fixed = Backoff { kind: BackoffType::Fixed, delay: 5, max_delay: None, jitter: None };
    let take = || {
        assert!(queue.take(worker, 1).unwrap().is_empty(), "it is not due yet");
        assert!(rings.recv_timeout(PATIENCE).is_ok(), "nobody woke the worker");
        queue.take(worker, 1).unwrap().pop().unwrap().1
    };
    // A wait long enough that a busy machine does not run past it before the first take.
    let delay = Some(200);
    ready(queue.add(new_job(JobOptions { delay, backoff: Some(fixed), ..JobOptions::default() }))).unwrap();
    let token = take();
    let finish = ready(queue.finish(token, failed(false))).unwrap();
    assert!(matches!(finish, Finish::Retrying { .. }));
    while queue.take(worker, 1).unwrap().is_empty() {
        assert!(rings.recv_timeout(PATIENCE).is_ok(), "nobody woke the worker for the retry");
    }
}

#[test]
fn a_worker_that_was_told_and_does_not_come_leaves_the_job_to_another() {
    let queue = system_queue();
    let (busy, told) = mpsc::channel();
    let (idle, rings) = mpsc::channel();
    let [first, second] = [busy, idle].map(|sender| queue.open_worker(bell(sender)).unwrap());
    for worker in [first, second] {
        assert!(queue.take(worker, 1).unwrap().is_empty());
    }
    ready(queue.add(new_job(JobOptions::default()))).unwrap();
    assert!(told.recv_timeout(PATIENCE).is_ok(), "the one that has wanted for longest was not told");
    assert!(rings.recv_timeout(PATIENCE).is_ok(), "the one behind it was not told");
    assert_eq!(queue.take(second, 1).unwrap().len(), 1);
}

#[test]
fn on_the_machines_clock_the_background_thread_ends_a_wait() {
    let queue = system_queue();
    let (job, _) = ready(queue.add(new_job(JobOptions::default()))).unwrap();
    let mut wait = pending(queue.result(&job.id, Some(5)));
    let (sender, rings) = mpsc::channel();
    let waker = Waker::from(Arc::new(Bell(sender)));
    let ended = loop {
        match wait.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ended) => break ended,
            Poll::Pending => assert!(rings.recv_timeout(PATIENCE).is_ok(), "the wait went on"),
        }
    };
    assert!(matches!(ended, Err(Error::Timeout(_))));
}

#[test]
fn eight_threads_run_ten_thousand_jobs_once_each_and_miss_no_wake_up() {
    const JOBS: usize = 10_000;
    const PRODUCERS: usize = 4;
    let queue = system_queue();
    let (sender, told) = mpsc::channel();
    queue.subscribe(Arc::new(Hearsay(sender)));
    let ran = Mutex::new(HashSet::new());
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..8).map(|_| mpsc::channel()).unzip();

    let consume = |rings: &mpsc::Receiver<()>, sender: mpsc::Sender<()>, concurrency: usize| {
        let worker = queue.open_worker(bell(sender)).unwrap();
        while ran.lock().len() < JOBS {
            let taken = queue.take(worker, concurrency).unwrap();
            if taken.is_empty() {
                let woken = rings.recv_timeout(PATIENCE);
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
        for (concurrency, rings) in (1..).zip(receivers) {
            let (consume, sender) = (&consume, senders[concurrency - 1].clone());
            scope.spawn(move || consume(&rings, sender, concurrency));
        }
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                for _ in 0..JOBS / PRODUCERS {
                    ready(queue.add(new_job(JobOptions::default()))).unwrap();
                }
            });
        }
    });
    // The last of them may still be on their way: the background thread delivers what others have left.
    for seq in 1..=queue.inspect(State::last_seq) {
        assert_eq!(told.recv_timeout(PATIENCE), Ok(seq), "events out of order");
    }
    assert!(told.try_recv().is_err(), "more events than happened");
    queue.inspect(|state| {
        state.check().unwrap();
        assert_eq!(state.counts(), Counts { completed: 1_000, ..Counts::default() });
    });
}
