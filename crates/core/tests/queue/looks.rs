//! Looking through jobs by state.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Group, JobOptions, JobState, Retention};

use crate::support::{Rig, completed, failed, named, ready, rig, run, take_one};

const ALL: [JobState; 6] = [
    JobState::Failed,
    JobState::Active,
    JobState::Waiting,
    JobState::Completed,
    JobState::Prioritized,
    JobState::Delayed,
];

fn listed(rig: &Rig, states: &[JobState], start: usize, max: usize, asc: bool) -> Vec<String> {
    let views = ready(rig.queue.get_jobs(states, start, max, asc)).unwrap();
    views.iter().map(|view| view.id.to_string()).collect()
}

/// Jobs in every state: of groups and not, kept for ever and not.
fn many() -> Rig {
    let rig = rig();
    let worker = rig.worker(1);
    let kept = |number: u32| Retention { age: None, count: None, forever: number.is_multiple_of(3) };
    let add = |what: &str, number: u32, options: JobOptions| {
        let group = number.is_multiple_of(2).then(|| Group { id: (number % 4).to_string() });
        rig.add(JobOptions { group, ..JobOptions { job_id: Some(format!("{what}{number}")), ..options } });
    };
    for number in 0..7 {
        let options = JobOptions { remove_on_complete: Some(kept(number)), ..JobOptions::default() };
        add("done", number, options);
        run(&rig, worker, completed());
        rig.advance(u64::from(number % 2));
        let options = JobOptions { remove_on_fail: Some(kept(number)), ..JobOptions::default() };
        add("broken", number, options);
        run(&rig, worker, failed(true));
    }
    for number in 0..4 {
        add("active", number, JobOptions::default());
        take_one(&rig, worker, &format!("active{number}"));
    }
    for number in 0..6 {
        add("waiting", number, JobOptions::default());
        add("prioritized", number, JobOptions { priority: Some(number % 3 + 1), ..JobOptions::default() });
        add("delayed", number, JobOptions { delay: Some(100 - u64::from(number)), ..JobOptions::default() });
    }
    rig
}

#[test]
fn jobs_of_a_state_are_in_the_order_in_which_they_run_or_finished() {
    let rig = many();
    let of = |state| listed(&rig, &[state], 0, 99, true);
    let numbered = |what: &str, numbers: &[u32]| -> Vec<String> {
        numbers.iter().map(|number| format!("{what}{number}")).collect()
    };
    assert_eq!(of(JobState::Completed), numbered("done", &[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(of(JobState::Failed), numbered("broken", &[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(of(JobState::Active), numbered("active", &[0, 1, 2, 3]));
    assert_eq!(of(JobState::Waiting), numbered("waiting", &[0, 1, 2, 3, 4, 5]));
    assert_eq!(of(JobState::Prioritized), numbered("prioritized", &[0, 3, 1, 4, 2, 5]));
    assert_eq!(of(JobState::Delayed), numbered("delayed", &[5, 4, 3, 2, 1, 0]));
}

#[test]
fn every_part_of_a_list_is_that_part_of_the_whole_both_ways_round() {
    let rig = many();
    let mut whole: Vec<String> = ALL.iter().flat_map(|&state| listed(&rig, &[state], 0, 99, true)).collect();
    assert_eq!(whole.len(), 36);
    for asc in [true, false] {
        for start in 0..40 {
            for max in [0, 1, 5, 17, 99] {
                let part: Vec<_> = whole.iter().skip(start).take(max).cloned().collect();
                assert_eq!(listed(&rig, &ALL, start, max, asc), part, "{start} {max} {asc}");
            }
        }
        whole.reverse();
    }
    assert!(listed(&rig, &[], 0, 9, true).is_empty());
}

#[test]
fn a_job_that_is_not_there_is_none() {
    let rig = rig();
    assert_eq!(rig.get("a"), None);
    rig.add(named("a"));
    assert_eq!(&*rig.get("a").unwrap().id, "a");
}
