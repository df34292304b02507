//! A dead letter is there before anything tells of the failure, whoever tells.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

use parking_lot::Mutex;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{
    Event, Finish, JobOptions, LeaseEnd, QueueOptions, Subscriber, Token, WorkerSpec,
};

use crate::support::{Ear, START_MS, failed, named, new_job, ready, terms};
use crate::threads::PATIENCE;

/// A queue whose dead letters go to another one.
fn post() -> (Arc<MemoryQueue>, Arc<MemoryQueue>) {
    let clock = ManualClock::new(START_MS * MS);
    let budget = Arc::new(Budget::new(1 << 30));
    let [mail, dead] = ["mail", "dead"].map(|name| {
        let clock = Clock::Manual(clock.clone());
        MemoryQueue::new(name.into(), QueueOptions::default(), clock, budget.clone())
    });
    mail.post_to(dead.clone());
    (mail, dead)
}

/// Takes its time with the first event that it hears.
struct Slow(Sender<()>, Mutex<Option<Receiver<()>>>);

impl Subscriber for Slow {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, _event: &Event) {
        if let Some(go_on) = self.1.lock().take() {
            self.0.send(()).unwrap();
            go_on.recv_timeout(PATIENCE).unwrap();
        }
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

/// Calls while another thread delivers the notices of `queue`, and gets no further.
fn while_another_delivers(queue: &MemoryQueue, call: impl FnOnce()) {
    let ((began, begins), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    queue.subscribe(Arc::new(Slow(began, Mutex::new(Some(goes_on)))));
    std::thread::scope(|scope| {
        scope.spawn(|| ready(queue.add(new_job(JobOptions { delay: Some(9), ..JobOptions::default() }))));
        begins.recv_timeout(PATIENCE).unwrap();
        call();
        go_on.send(()).unwrap();
    });
}

fn take(mail: &MemoryQueue) -> Token {
    let worker =
        mail.open_worker(WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) }).unwrap();
    mail.take(worker, 1).unwrap()[0].1
}

#[test]
fn it_is_there_when_finish_returns_though_another_thread_delivers_the_notices_of_either_queue() {
    for of_mail in [true, false] {
        let (mail, dead) = post();
        ready(mail.add(new_job(named("a")))).unwrap();
        let token = take(&mail);
        while_another_delivers(if of_mail { &mail } else { &dead }, || {
            assert_eq!(ready(mail.finish(token, failed(true))).unwrap(), Finish::Failed);
            assert_eq!(dead.counts().waiting, 1);
        });
    }
}

#[test]
fn its_worker_is_told_and_who_listens_there_hears_of_it_when_finish_returns() {
    let (mail, dead) = post();
    ready(mail.add(new_job(named("a")))).unwrap();
    let (token, ear) = (take(&mail), Arc::new(Ear::default()));
    dead.subscribe(ear.clone());
    let worker = dead.open_worker(WorkerSpec { terms: terms(), subscriber: ear.clone() }).unwrap();
    assert!(dead.take(worker, 1).unwrap().is_empty());
    ready(mail.finish(token, failed(true))).unwrap();
    assert_eq!((ear.take_ready(), ear.heard()), (vec![worker], vec!["added", "waiting"]));
}

#[test]
fn queues_that_work_at_once_along_a_chain_of_letters_never_lock_each_other_out() {
    const JOBS: u64 = 300;
    let (mail, dead) = post();
    let buried = MemoryQueue::new(
        "buried".into(),
        QueueOptions::default(),
        Clock::System,
        Arc::new(Budget::new(1 << 30)),
    );
    dead.post_to(buried.clone());
    let fail_all = |queue: &MemoryQueue| {
        let spec = WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) };
        let (worker, mut ran) = (queue.open_worker(spec).unwrap(), 0);
        while ran < JOBS {
            for (_, token) in queue.take(worker, 9).unwrap() {
                ready(queue.finish(token, failed(true))).unwrap();
                ran += 1;
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| fail_all(&mail));
        scope.spawn(|| fail_all(&dead));
        for _ in 0..JOBS {
            ready(mail.add(new_job(JobOptions::default()))).unwrap();
        }
    });
    assert_eq!((mail.counts().failed, dead.counts().failed, buried.counts().waiting), (JOBS, JOBS, JOBS));
}
