//! What random sequences found once, as short as it became: each took the queue and the model to different states.

use proptest::test_runner::Config;
use proptest_state_machine::StateMachineTest;
use redstart_core::queue::{Deduplication, Group, JobOptions, Repeat, Token};

use crate::Queue;
use crate::model::{Model, START_US};
use crate::steps::{Ending, Step, Worker, json};

const FIRST: Token = Token { job: 1, epoch: 1, nonce: 0 };

fn run(steps: Vec<Step>) {
    let worker = Worker { group_limit: None, lease_ms: 1_000, stalls_allowed: 1 };
    let model = Model::new(vec![worker], JobOptions::default());
    Queue::test_sequential(Config::default(), model, steps, None);
}

fn add(options: JobOptions) -> Step {
    Step::Add { name: "mail".into(), data: json("1"), options }
}

fn of_group(group: &str) -> Step {
    let group = Some(Group { id: group.into() });
    add(JobOptions { group, ..JobOptions::default() })
}

fn claim() -> Step {
    Step::Claim { worker: 0, nonce: 0 }
}

/// It lost its turn to groups served after it: on its way back to waiting the only job of a group was of no group.
#[test]
fn a_group_whose_only_job_is_given_back_keeps_its_turn() {
    for ending in [Ending::Release, Ending::Snooze(0)] {
        run(vec![
            of_group("red"),
            claim(),
            of_group("green"),
            claim(),
            of_group("blue"),
            Step::Settle { token: FIRST, ending, random: 0.0 },
            claim(),
            claim(),
        ]);
    }
}

/// It took the turn of groups served before it: the group of the only active job came anew, as one that was never served.
#[test]
fn a_group_whose_only_job_reports_progress_keeps_its_turn() {
    run(vec![
        of_group("green"),
        of_group("green"),
        of_group("red"),
        claim(),
        claim(),
        Step::Progress { token: Token { job: 3, ..FIRST }, progress: json("50") },
        of_group("red"),
        claim(),
        claim(),
    ]);
}

/// The id was free after that time, though the job that has it until it has finished was still there.
#[test]
fn a_duplicate_that_extends_gives_no_time_to_an_id_without_one() {
    let same = |ttl: Option<u64>| {
        let one = Deduplication { id: "one".into(), ttl, extend: ttl.is_some(), replace: false };
        add(JobOptions { deduplication: Some(one), ..JobOptions::default() })
    };
    run(vec![same(None), same(Some(5)), Step::Walk { us: 5_000 }, same(None)]);
}

/// An iteration came at once, after the end.
#[test]
fn a_scheduler_whose_end_has_passed_does_not_begin_at_once() {
    run(vec![
        Step::SetScheduler {
            id: "often".into(),
            repeat: Repeat {
                every: Some(20_000),
                immediately: true,
                end_date: Some(START_US / 1_000 - 1),
                ..Repeat::default()
            },
            name: "mail".into(),
            data: json("1"),
            options: JobOptions::default(),
        },
        Step::Walk { us: 61_000_000 },
    ]);
}
