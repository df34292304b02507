//! What must hold after every step: the invariants I1 to I18 of the queue's design as far as they are of its decisions, and
//! that the queue looks as the model does.
//!
//! Not of the pure core: I16 (there are no jobs with parents), I19 and I20 (an engine's), the concurrency of one worker in I10
//! (the facade's). I21, the replay, is checked where a sequence ends; I4 and I18 also where a step is taken.

use std::collections::HashSet;

use redstart_core::clock::MS;
use redstart_core::queue::{JobState, Outcome, Rate, due, finish, retain};

use crate::live::Live;
use crate::model::{Job, Model};
use crate::told;

/// What a group takes for as long as a job of it waits or is active.
const GROUP_BYTES: u64 = 480;

const STATES: [JobState; 6] = [
    JobState::Waiting,
    JobState::Prioritized,
    JobState::Delayed,
    JobState::Active,
    JobState::Completed,
    JobState::Failed,
];

pub(crate) fn check(live: &Live, model: &Model) {
    indexes(live);
    conservation(live, model);
    jobs(live, model);
    tokens(live, model);
    bounds(live);
    turns(live, model);
    instants(live, model);
    duplicates(live, model);
    schedulers(live, model);
}

/// I1: a job is in one state and in the indexes of that state alone; a recount of all that is kept beside the jobs agrees.
fn indexes(live: &Live) {
    live.state.check().unwrap_or_else(|wrong| panic!("I1: {wrong}"));
}

/// I2: what was added is in some state or was removed. Nothing is left where nothing is.
fn conservation(live: &Live, model: &Model) {
    let counts = live.state.counts();
    let there =
        [counts.waiting, counts.prioritized, counts.delayed, counts.active, counts.completed, counts.failed];
    assert_eq!(live.added, there.iter().sum::<u64>() + live.removed, "I2");
    if model.jobs.is_empty() && model.schedulers.is_empty() && model.holders.is_empty() {
        assert_eq!(live.state.bytes(), 0, "I2: bytes of nothing");
    }
    let groups = model.served.keys().flatten().count() as u64;
    assert_eq!(live.state.order().group_bytes(), groups * GROUP_BYTES, "I2: bytes of groups");
}

/// I5: what was added is there until it was removed or its retention is over. I7: every claim ended in one way. I8, I9: bounded
/// tries and stalls. I14: each state is in its order, both ways, whole and in parts.
fn jobs(live: &Live, model: &Model) {
    for state in STATES {
        let expected: Vec<_> = model.of(state).into_iter().map(Job::view).collect();
        let look = |start, max, asc| -> Vec<_> {
            live.state.jobs_in(&[state], start, max, asc).into_iter().map(told::view).collect()
        };
        assert_eq!(look(0, usize::MAX, true), expected, "I5, I14: {state:?}");
        let middle = expected.len() / 2;
        assert_eq!(look(middle, 2, true), expected.iter().skip(middle).take(2).cloned().collect::<Vec<_>>());
        let backward: Vec<_> = expected.into_iter().rev().collect();
        assert_eq!(look(0, usize::MAX, false), backward, "I14: {state:?}, backwards");
    }
    let most_stalls = model.workers.iter().map(|worker| worker.stalls_allowed).max().unwrap();
    for job in &model.jobs {
        let number = live.state.find(&job.id).expect("I5: it is found by its id");
        let there = live.state.job(number).unwrap();
        assert_eq!(number, job.number);
        assert_eq!(*there.terms, job.terms);
        let counters = [there.attempts_made, there.stalled_count, there.released_count, there.snoozed_count];
        assert_eq!(counters, [job.made, job.stalled, job.released, job.snoozed], "I7: {there:?}");
        let ended: u64 = counters.into_iter().map(u64::from).sum();
        assert_eq!(there.epoch, job.claims, "I3: {there:?}");
        let claims = job.claims - job.claims_before_retry;
        assert_eq!(claims, ended + u64::from(job.is_active()), "I7: {there:?}");
        assert!(there.attempts_made <= there.terms.attempts, "I8: {there:?}");
        assert!(there.stalled_count <= most_stalls + 1, "I9: {there:?}");
        assert!(live.state.log_of(number).eq(&job.log), "the log of {there:?}");
    }
    let told = model.jobs.iter().map(|job| (&job.id, job.state()));
    live.heard.check(&live.state, told);
}

/// I3: no two claims had one token, and the epochs of a job rise. I4: of all tokens there ever were, those of the claims under
/// way settle, and the others do nothing.
fn tokens(live: &Live, model: &Model) {
    let mut valid = 0;
    let mut seen = HashSet::new();
    for &token in &model.tokens {
        assert!(seen.insert((token.job, token.epoch)), "I3: {token:?} was given twice");
        let outcome = finish::prepare(Outcome::Released, &live.shared.options).unwrap();
        let (finish, effect) = finish::decide(&live.state, token, outcome, 0.0, live.now_us);
        let held = model.holds(token);
        assert_eq!(finish != finish::Finish::LeaseLost, held, "I4: {token:?}");
        assert_eq!(effect.is_some(), held, "I4: {token:?}");
        valid += usize::from(held);
    }
    assert_eq!(valid, live.state.order().active().count(), "I3: one token for each active job");
}

/// I10: what was claimed last left no more active than the bounds of then. I11: no span of the rate's length saw more
/// claims than its maximum, wherever it begins.
fn bounds(live: &Live) {
    if let Some(last) = live.begun.last().filter(|last| last.at_us == live.now_us) {
        if let Some(limit) = last.worker.group_limit.filter(|_| last.has_group) {
            assert!(last.active_of_group <= limit as usize, "I10: {} of a group", last.active_of_group);
        }
        assert!(last.active <= last.concurrency.map_or(usize::MAX, |limit| limit as usize), "I10");
        assert!(!last.paused, "I12");
    }
    if let Some(Rate { max, duration }) = live.state.rate() {
        let begun = &live.begun[live.begun_before_rate..];
        for (at, first) in begun.iter().enumerate() {
            let span = begun[at..].iter().take_while(|claim| claim.at_us < first.at_us + duration * MS);
            assert!(
                span.count() <= max as usize,
                "I11: more than {max} in {duration} ms from {}",
                first.at_us
            );
        }
    }
}

/// I12: nothing is next while the queue is paused. I14: who is next is the least of all that wait, for each worker.
fn turns(live: &Live, model: &Model) {
    assert_eq!(live.state.is_paused(), model.paused);
    assert_eq!(live.state.concurrency(), model.concurrency);
    assert_eq!(live.state.rate(), model.rate);
    assert_eq!(live.state.claimable(live.now_us), model.claimable(), "I10, I11, I12");
    assert_eq!(live.state.rate_free_us(live.now_us).is_none(), model.rate_room() > 0, "I11");
    for limit in [None, Some(1), Some(2)] {
        assert_eq!(live.state.order().next(limit), model.next(limit), "I14: with {limit:?} of a group");
    }
}

/// I13: a delay, a time to run or to begin, an id's and a scheduler's time is seen to when it is over, not later: who sets
/// an alarm by it comes at that instant.
fn instants(live: &Live, model: &Model) {
    assert_eq!(live.now_us, model.now_us);
    assert_eq!(due::next_us(&live.state), model.next_due_us(), "I13");
    assert_eq!(retain::next_due_us(&live.state), model.next_age_us(), "I13");
    let since_us =
        model.jobs.iter().filter(|job| job.is_waiting()).map(|job| (job.since_us, job.number)).min();
    assert_eq!(live.state.order().oldest_waiting(), since_us);
}

/// I15: an id is one job's, for its time or until that job has finished. Of unfinished jobs that share an id and were not retried
/// by hand, at most one holds it until it has finished.
fn duplicates(live: &Live, model: &Model) {
    for id in ["one", "two"] {
        let holder = live.state.dedups().get(id);
        let expected = model.holders.iter().find(|holder| *holder.id == *id);
        assert_eq!(
            holder.map(|holder| (holder.number, holder.job_id.clone(), holder.until_us)),
            expected.map(|holder| (holder.number, holder.job_id.clone(), holder.until_us)),
            "I15: '{id}'"
        );
        let holds = |job: &&Job| job.dedup.as_deref() == Some(id) && !job.is_finished();
        if let Some(holder) = expected.filter(|holder| holder.until_us.is_none()) {
            let later = model.jobs.iter().filter(holds).filter(|job| job.number > holder.number);
            assert_eq!(later.count(), 0, "I15: '{id}' was given away");
            assert!(model.job(holder.number).as_ref().is_some_and(holds), "I15: '{id}' is held by nobody");
        }
    }
}

/// I17: of the jobs of one scheduler at most one has yet to begin, those aside that were retried by hand.
fn schedulers(live: &Live, model: &Model) {
    let there: Vec<_> =
        live.state.schedulers().map(|(id, scheduler)| (scheduler.view(id), scheduler.job)).collect();
    assert_eq!(there.len(), model.schedulers.len(), "I17");
    for ((view, job), expected) in there.iter().zip(&model.schedulers) {
        assert_eq!((&view.id, &view.repeat), (&expected.id, &expected.repeat), "I17");
        assert_eq!(view.next, expected.next_us.map(|us| us / MS), "I17: when '{}' comes next", view.id);
        assert_eq!((view.iterations, *job), (expected.iterations, expected.job), "I17: '{}'", view.id);
        let new = |job: &&Job| {
            job.scheduler == Some(expected.birth) && job.claims == 0 && !job.retried && job.is_pending()
        };
        let count = model.jobs.iter().filter(new).count();
        assert!(count <= 1, "I17: {count} iterations of '{}' wait", view.id);
    }
}
