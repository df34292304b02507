//! Many threads on one queue with bounds, on the machine's clock.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;

use parking_lot::Mutex;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Counts, Finish, Group, JobOptions, JobView, Outcome, Rate, Retention, Token, WorkerSpec, WorkerTerms,
};

use crate::support::{completed, new_job, ready, terms};
use crate::threads::{Bell, PATIENCE, system_queue};

const THREADS: usize = 6;

/// Runs jobs in as many threads until that many have completed: `work` says how each ends.
fn crowd(
    queue: &dyn QueueEngine,
    jobs: usize,
    terms: WorkerTerms,
    work: impl Fn(&JobView, Token) -> Outcome + Sync,
) {
    let done = Mutex::new(HashSet::new());
    let (senders, bells): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    std::thread::scope(|scope| {
        for (slot, rings) in bells.into_iter().enumerate() {
            let (done, senders, work) = (&done, &senders, &work);
            scope.spawn(move || {
                let subscriber = Arc::new(Bell(senders[slot].clone()));
                let worker = queue.open_worker(WorkerSpec { terms, subscriber }).unwrap();
                while done.lock().len() < jobs {
                    let taken = queue.take(worker, 1 + slot % 3).unwrap();
                    if taken.is_empty() {
                        assert!(
                            rings.recv_timeout(PATIENCE).is_ok(),
                            "a wake-up was lost: {:?}",
                            queue.counts()
                        );
                    }
                    for (view, token) in taken {
                        let outcome = work(&view, token);
                        if ready(queue.finish(token, outcome)).unwrap() == Finish::Completed {
                            assert!(done.lock().insert(view.id.to_string()), "{} completed twice", view.id);
                        }
                    }
                }
                // Whoever sees the end tells everyone; the queue has nothing more to say.
                for sender in senders {
                    let _ = sender.send(());
                }
            });
        }
    });
    assert_eq!(done.lock().len(), jobs);
}

fn at_once() -> JobOptions {
    let retention = Retention { age: None, count: Some(0), forever: false };
    JobOptions { remove_on_complete: Some(retention), ..JobOptions::default() }
}

#[test]
fn no_thread_ever_sees_more_of_a_group_or_of_all_than_may_be_active() {
    const JOBS: usize = 3_000;
    let queue = system_queue();
    ready(queue.set_concurrency(Some(5))).unwrap();
    for number in 0..JOBS {
        let group = (number % 8 > 0).then(|| Group { id: (number % 8).to_string() });
        ready(queue.add(new_job(JobOptions { group, job_id: Some(number.to_string()), ..at_once() })))
            .unwrap();
    }
    let active: HashMap<usize, AtomicI64> = (0..8).map(|group| (group, AtomicI64::new(0))).collect();
    let all = AtomicI64::new(0);
    crowd(&*queue, JOBS, WorkerTerms { group_concurrency: Some(2), ..terms() }, |view, _| {
        let group = view.id.parse::<usize>().unwrap() % 8;
        let in_group = active[&group].fetch_add(1, Ordering::SeqCst) + 1;
        let in_all = all.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(group == 0 || in_group <= 2, "{in_group} of group {group}");
        assert!(in_all <= 5, "{in_all} in all");
        std::thread::yield_now();
        active[&group].fetch_sub(1, Ordering::SeqCst);
        all.fetch_sub(1, Ordering::SeqCst);
        completed()
    });
    queue.inspect(|state| state.check().unwrap());
    assert_eq!(queue.counts(), Counts::default());
}

#[test]
fn jobs_given_back_and_snoozed_among_threads_complete_once_each() {
    const JOBS: usize = 2_000;
    let queue = system_queue();
    for number in 0..JOBS {
        let group = (number % 3 > 0).then(|| Group { id: (number % 3).to_string() });
        let priority = Some(u32::try_from(number % 4).unwrap());
        ready(queue.add(new_job(JobOptions { group, priority, ..at_once() }))).unwrap();
    }
    let seen = Mutex::new(HashMap::<String, u32>::new());
    crowd(&*queue, JOBS, WorkerTerms { group_concurrency: Some(3), ..terms() }, |view, token| {
        let mut seen = seen.lock();
        let times = seen.entry(view.id.to_string()).or_default();
        *times += 1;
        match (token.job % 5, *times) {
            (1, 1) => Outcome::Released,
            (2, 1) => Outcome::Snoozed { delay_ms: 0 },
            (3, 1) => Outcome::Snoozed { delay_ms: 1 },
            (4, 1) => crate::support::failed_how(redstart_core::queue::How::Again(Some(1))),
            _ => completed(),
        }
    });
    queue.inspect(|state| state.check().unwrap());
    assert_eq!(queue.counts(), Counts::default());
}

#[test]
fn threads_together_begin_no_more_jobs_than_the_rate_of_the_queue_or_of_each_worker_allows() {
    const JOBS: usize = 300;
    let rate = Rate { max: 30, duration: 25 };
    for limiter in [None, Some(rate)] {
        let queue = system_queue();
        if limiter.is_none() {
            ready(queue.set_rate(Some(rate))).unwrap();
        }
        for _ in 0..JOBS {
            ready(queue.add(new_job(at_once()))).unwrap();
        }
        let begun = Mutex::new(Vec::new());
        crowd(&*queue, JOBS, WorkerTerms { limiter, ..terms() }, |view, _| {
            begun.lock().push(view.processed_on.unwrap());
            completed()
        });
        let mut begun = begun.into_inner();
        begun.sort_unstable();
        for span in begun.windows(rate.max as usize + 1) {
            let ms = span[rate.max as usize] - span[0];
            assert!(ms + 1 >= rate.duration, "{} jobs began within {ms} ms", span.len());
        }
    }
}
