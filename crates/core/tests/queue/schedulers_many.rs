//! Many schedulers: those that wait cost nobody anything.

use std::sync::Arc;

use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::scheduler::Missed;
use redstart_core::queue::{
    Change, Changed, Counts, JobOptions, JobState, QueueOptions, Repeat, State, Upsert,
};
use redstart_core::timer::Ticking;

use crate::support::{START_MS, completed, new_job, raw, ready, rig, run, taken};

const MINUTE_MS: u64 = 60_000;
const MANY: usize = 10_000;

fn all(id: &str, immediately: bool) -> Upsert {
    let repeat = Repeat { every: Some(MINUTE_MS), immediately, missed: Missed::All, ..Repeat::default() };
    let options = JobOptions::default();
    Upsert { id: id.into(), repeat, name: "report".into(), data: raw("1").into(), options }
}

fn queue() -> (Arc<ManualClock>, Arc<MemoryQueue>) {
    let clock = ManualClock::new(START_MS * MS);
    let budget = Arc::new(Budget::new(1 << 30));
    let manual = Clock::Manual(clock.clone());
    (clock, MemoryQueue::new("mail".into(), QueueOptions::default(), manual, budget))
}

/// The shortest of three times in which a hundred jobs come in.
fn us_of_adds(queue: &MemoryQueue) -> u64 {
    let adds = || {
        let begun_us = Clock::System.now_us();
        for _ in 0..100 {
            ready(queue.add(new_job(JobOptions::default()))).unwrap();
        }
        Clock::System.now_us() - begun_us
    };
    [(); 3].map(|()| adds()).into_iter().min().unwrap()
}

#[test]
fn ten_thousand_that_wait_for_their_jobs_make_no_add_slower() {
    let (clock, waiting) = queue();
    for number in 0..MANY {
        ready(waiting.upsert_scheduler(all(&number.to_string(), true))).unwrap();
    }
    clock.advance_to((START_MS + 3 * MINUTE_MS) * MS);
    assert_eq!(waiting.counts(), Counts { waiting: MANY as u64, ..Counts::default() });
    assert_eq!(waiting.inspect(State::next_scheduled_us), None, "none is due before its job has begun");
    assert_eq!(waiting.next_due_us(), None);
    let (_, plain) = queue();
    for _ in 0..MANY {
        ready(plain.add(new_job(JobOptions::default()))).unwrap();
    }
    let (with, without) = (us_of_adds(&waiting), us_of_adds(&plain));
    assert!(with < 10 * without + 20 * MS, "{with} us against {without} us");
}

#[test]
fn one_that_waits_is_due_as_soon_as_its_job_has_begun_or_is_gone_and_waits_again_when_it_is_retried() {
    type Step = fn(&crate::support::Rig, &str);
    let steps: [Step; 4] = [
        |rig, _| drop(taken(rig, rig.worker(1), 1)),
        |rig, id| assert_eq!(rig.change(id, Change::Remove), Changed::Done),
        |rig, id| assert_eq!(rig.cancel(id), Changed::Done),
        |rig, _| assert_eq!(ready(rig.queue.drain()).unwrap().done, 1),
    ];
    for step in steps {
        let rig = rig();
        ready(rig.queue.upsert_scheduler(all("s", false))).unwrap();
        rig.advance(3 * MINUTE_MS);
        assert_eq!(rig.queue.next_due_us(), None);
        let id = rig.queue.inspect(|state| {
            state.jobs_in(&[JobState::Waiting], 0, 9, true).into_iter().map(|view| view.id).next().unwrap()
        });
        step(&rig, &id);
        assert_eq!(rig.queue.next_due_us(), Some((START_MS + 2 * MINUTE_MS) * MS));
    }
    let rig = rig();
    ready(rig.queue.upsert_scheduler(all("s", true))).unwrap();
    let id = rig.queue.inspect(|state| state.jobs_in(&[JobState::Waiting], 0, 9, true)[0].id.clone());
    run(&rig, rig.worker(1), completed());
    assert_eq!(rig.queue.inspect(State::next_scheduled_us), Some((START_MS + MINUTE_MS) * MS));
    rig.change(&id, Change::Retry);
    assert_eq!(rig.queue.inspect(State::next_scheduled_us), None);
}

#[test]
fn one_that_begins_immediately_has_its_job_when_it_is_set() {
    let rig = rig();
    let worker = rig.worker(1);
    assert!(rig.take(worker, 1).is_empty());
    ready(rig.queue.upsert_scheduler(all("s", true))).unwrap();
    assert_eq!((rig.queue.counts().waiting, rig.ear.take_ready()), (1, vec![worker]));
    assert_eq!(ready(rig.queue.schedulers()).unwrap()[0].iterations, 1);
}
