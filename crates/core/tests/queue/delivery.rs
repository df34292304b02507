//! Who tells what happened: nobody for others without end.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::ThreadId;

use parking_lot::Mutex;
use redstart_core::clock::{Clock, MS};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Event, JobOptions, LeaseEnd, Subscriber, Token};

use crate::support::{new_job, ready, rig};
use crate::threads::{PATIENCE, system_queue};

/// Adds a job with each event that it hears, so many times, and notes on which thread it heard it.
struct Echo {
    queue: Weak<MemoryQueue>,
    left: AtomicUsize,
    heard: Mutex<Vec<(u64, ThreadId)>>,
    /// Hears of the last event.
    last: Sender<()>,
}

const OTHERS: usize = 10_000;

impl Subscriber for Echo {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, event: &Event) {
        self.heard.lock().push((event.seq, std::thread::current().id()));
        if event.seq == 2 * (OTHERS as u64 + 1) {
            self.last.send(()).unwrap();
        }
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less).is_ok()
            && let Some(queue) = self.queue.upgrade()
        {
            ready(queue.add(new_job(JobOptions::default()))).unwrap();
        }
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

#[test]
fn who_adds_one_job_tells_of_a_thousand_others_at_most_and_all_are_told_in_order() {
    let queue = system_queue();
    let (last, comes) = mpsc::channel();
    let echo = Arc::new(Echo {
        queue: Arc::downgrade(&queue),
        left: AtomicUsize::new(OTHERS),
        heard: Mutex::default(),
        last,
    });
    queue.subscribe(echo.clone());
    ready(queue.add(new_job(JobOptions::default()))).unwrap();
    let here = std::thread::current().id();
    let told_here = || echo.heard.lock().iter().filter(|(_, thread)| *thread == here).count();
    assert!(told_here() <= 2 + 1_000, "{} were told by who added one", told_here());
    assert!(comes.recv_timeout(PATIENCE).is_ok(), "the others were never told");
    assert!(told_here() <= 2 + 1_000);
    assert!(echo.heard.lock().iter().map(|(seq, _)| *seq).eq(1..=2 * (OTHERS as u64 + 1)));
}

#[test]
fn what_an_operation_has_to_tell_itself_is_told_when_it_returns_however_much_it_is() {
    let rig = rig();
    let jobs = (0..3_000).map(|_| new_job(JobOptions::default())).collect();
    ready(rig.queue.add_bulk(jobs)).unwrap();
    assert_eq!(rig.ear.heard().len(), 6_000);
}

/// Takes a while with each event, until it is told to hurry.
struct Slow(AtomicBool);

impl Subscriber for Slow {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, _event: &Event) {
        let end_us = Clock::System.now_us() + 50;
        while !self.0.load(Ordering::Acquire) && Clock::System.now_us() < end_us {
            std::hint::spin_loop();
        }
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

#[test]
fn an_add_returns_while_others_add_without_end_and_who_listens_is_slow() {
    let queue = system_queue();
    let slow = Arc::new(Slow(AtomicBool::new(false)));
    queue.subscribe(slow.clone());
    let end_us = Clock::System.now_us() + 2_500 * MS;
    let longest = || {
        let (mut longest_us, mut now_us) = (0, Clock::System.now_us());
        while now_us < end_us {
            ready(queue.add(new_job(JobOptions::default()))).unwrap();
            let begun_us = std::mem::replace(&mut now_us, Clock::System.now_us());
            longest_us = longest_us.max(now_us - begun_us);
        }
        longest_us
    };
    let longest_us = std::thread::scope(|scope| {
        let adding = [(); 3].map(|()| scope.spawn(longest));
        adding.map(|thread| thread.join().unwrap()).into_iter().max().unwrap()
    });
    slow.0.store(true, Ordering::Release);
    assert!(longest_us < 1_000 * MS, "an add took {longest_us} us");
}
