//! Which job comes next, in each state: ordered indexes, so every "next" is the first of a tree.
//!
//! Waiting jobs stand at a [`Place`]: by priority, then those given back by their worker, then by arrival. A job that comes in
//! takes the largest order key so far, or with lifo the smallest; one that is given back keeps its own, so jobs given back
//! together keep their order among each other.
//!
//! Jobs of a group stand in the order of their group, and the groups take turns: the one that was served longest ago, among
//! those whose first job has the lowest priority number. Jobs without a group are one group of their own. Groups are sorted
//! by how many of their jobs are active, so that a worker which may not take from busy groups passes over all of them at once.
//!
//! Rejected: intrusive linked lists. They are faster to push to, but neither a delay nor a priority puts its job at an end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::job::{Job, Phase};
use super::ordered::{Merged, Ordered};
use super::view::JobState;
use crate::clock;

/// What a group takes: its entry, its turn, the first node of its tree.
const GROUP_BYTES: u64 = 480;

/// An instant and an order key, which tells apart what happened in the same microsecond.
type Instant = (u64, u64);

/// Where a waiting job stands: priority, not given back, order key.
pub type Place = (u32, bool, i64);

/// One group whose jobs wait or are active.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    waiting: BTreeMap<Place, u64>,
    active: u32,
    /// The turn in which one of its jobs was last claimed, or in which it came.
    served: u64,
}

/// Finished jobs of one outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Finished {
    /// Those that may go, by the instant of their end.
    passing: Ordered<Instant, u64>,
    /// Those that stay until they are removed by hand.
    kept: BTreeMap<Instant, u64>,
    /// Those with an age, by when they are too old.
    ages: Ordered<(u64, u64), ()>,
    /// Of those that may go.
    passing_bytes: u64,
}

/// The numbers of the jobs, by state and in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// Waiting without a group.
    single: Ordered<Place, u64>,
    /// The turn in which one of those was last claimed.
    single_served: u64,
    /// Waiting with a group, whichever.
    grouped: BTreeMap<Place, u64>,
    groups: HashMap<Arc<str>, Group>,
    /// Groups with waiting jobs, by how many are active: (priority of the first, when served).
    turns: BTreeMap<u32, BTreeSet<(u32, u64, Arc<str>)>>,
    last_turn: u64,
    /// Waiting jobs with a priority above 0.
    prioritized: usize,
    /// Waiting jobs by since when they wait.
    waiting_since: Ordered<(u64, u64), ()>,
    /// By the instant at which each becomes waiting.
    delayed: BTreeMap<Instant, u64>,
    delayed_since: BTreeSet<(u64, u64)>,
    /// (worker, job).
    active: BTreeSet<(u64, u64)>,
    /// By when each has run for as long as it may.
    deadlines: BTreeSet<(u64, u64)>,
    /// By when each fails unless it has begun.
    expiries: BTreeSet<(u64, u64)>,
    completed: Finished,
    failed: Finished,
}

fn place(job: &Job, front: bool) -> Place {
    let ord = i64::try_from(job.ord).unwrap_or(i64::MAX);
    (job.terms.priority, !front, if job.terms.lifo { -ord } else { ord })
}

impl Order {
    /// Puts a job into the indexes of its state.
    pub(super) fn insert(&mut self, number: u64, job: &Job) {
        let was_free = match &job.phase {
            Phase::Waiting { since_us, front } => {
                self.prioritized += usize::from(job.terms.priority > 0);
                self.waiting_since.insert((*since_us, number), ()).is_none()
                    & self.stand(number, job, place(job, *front))
            }
            Phase::Delayed { since_us, run_at_us } => {
                self.delayed_since.insert((*since_us, number))
                    & self.delayed.insert((*run_at_us, job.ord), number).is_none()
            }
            Phase::Active(claim) => {
                self.change_active(job, 1);
                self.deadlines.extend(job.deadline_us().map(|deadline_us| (deadline_us, number)));
                self.active.insert((claim.worker, number))
            }
            Phase::Completed { at_us, .. } => self.completed.insert(number, job, *at_us),
            Phase::Failed { at_us, .. } => self.failed.insert(number, job, *at_us),
        };
        self.expiries.extend(job.expires_us().map(|expires_us| (expires_us, number)));
        debug_assert!(was_free, "two jobs at one place: {job:?}");
    }

    /// Takes a job out of the indexes of its state.
    pub(super) fn remove(&mut self, number: u64, job: &Job) {
        if let Some(expires_us) = job.expires_us() {
            self.expiries.remove(&(expires_us, number));
        }
        let was_there = match &job.phase {
            Phase::Waiting { since_us, front } => {
                self.prioritized -= usize::from(job.terms.priority > 0);
                self.waiting_since.remove(&(*since_us, number)).is_some()
                    & self.leave(number, job, place(job, *front))
            }
            Phase::Delayed { since_us, run_at_us } => {
                self.delayed_since.remove(&(*since_us, number))
                    & (self.delayed.remove(&(*run_at_us, job.ord)) == Some(number))
            }
            Phase::Active(claim) => {
                if let Some(deadline_us) = job.deadline_us() {
                    self.deadlines.remove(&(deadline_us, number));
                }
                self.change_active(job, -1);
                self.active.remove(&(claim.worker, number))
            }
            Phase::Completed { at_us, .. } => self.completed.remove(number, job, *at_us),
            Phase::Failed { at_us, .. } => self.failed.remove(number, job, *at_us),
        };
        debug_assert!(was_there, "a job was not where its record says: {job:?}");
    }

    fn stand(&mut self, number: u64, job: &Job, place: Place) -> bool {
        let Some(group) = &job.terms.group else { return self.single.insert(place, number).is_none() };
        let came = (!self.groups.contains_key(group)).then_some(self.last_turn);
        self.change_group(group, |of_group| {
            of_group.served = came.unwrap_or(of_group.served);
            of_group.waiting.insert(place, number);
        });
        self.grouped.insert(place, number).is_none()
    }

    fn leave(&mut self, number: u64, job: &Job, place: Place) -> bool {
        let Some(group) = &job.terms.group else { return self.single.remove(&place) == Some(number) };
        self.change_group(group, |of_group| {
            of_group.waiting.remove(&place);
        });
        self.grouped.remove(&place) == Some(number)
    }

    fn change_active(&mut self, job: &Job, by: i32) {
        if let Some(group) = &job.terms.group {
            self.change_group(group, |of_group| of_group.active = of_group.active.saturating_add_signed(by));
        }
    }

    /// Changes a group, and its place among those whose turn it may be.
    fn change_group(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.clone()).or_default();
        let turn = |group: &Group| {
            let (&(priority, ..), _) = group.waiting.first_key_value()?;
            Some((group.active, (priority, group.served, name.clone())))
        };
        let before = turn(group);
        change(group);
        let after = turn(group);
        if before == after {
            return;
        }
        if let Some((active, turn)) = before
            && let Some(of_active) = self.turns.get_mut(&active)
        {
            of_active.remove(&turn);
            if of_active.is_empty() {
                self.turns.remove(&active);
            }
        }
        if let Some((active, turn)) = after {
            self.turns.entry(active).or_default().insert(turn);
        }
    }

    /// Forgets a group of which no job waits or is active. Only once a change is complete: a job on its way from one state to the
    /// next keeps its group's turn.
    pub(super) fn leave_group(&mut self, name: Option<&Arc<str>>) {
        let is_empty = |group: &Group| group.waiting.is_empty() && group.active == 0;
        if let Some(name) = name
            && self.groups.get(name).is_some_and(is_empty)
        {
            self.groups.remove(name);
        }
    }

    /// Notes whose turn it was: `job` has just been claimed.
    pub(super) fn served(&mut self, job: &Job) {
        self.last_turn += 1;
        let turn = self.last_turn;
        match &job.terms.group {
            None => self.single_served = turn,
            Some(group) => self.change_group(group, |of_group| of_group.served = turn),
        }
    }

    /// How many jobs are in a state.
    pub fn count(&self, state: JobState) -> usize {
        match state {
            JobState::Waiting => self.waiting() - self.prioritized,
            JobState::Prioritized => self.prioritized,
            JobState::Delayed => self.delayed.len(),
            JobState::Active => self.active.len(),
            JobState::Completed => self.completed.len(),
            JobState::Failed => self.failed.len(),
        }
    }

    /// How many wait, whatever their priority.
    pub fn waiting(&self) -> usize {
        self.waiting_since.len()
    }

    /// The job to claim next by one who takes none of a group of which so many are active.
    pub fn next(&self, group_limit: Option<u32>) -> Option<u64> {
        let single = self.single.first();
        let single = single.map(|((priority, ..), number)| ((priority, self.single_served), number));
        let open =
            self.turns.range(..group_limit.unwrap_or(u32::MAX)).filter_map(|(_, groups)| groups.first());
        let first = open.min_by_key(|&&(priority, served, _)| (priority, served));
        let grouped = first.and_then(|(priority, served, name)| {
            let (_, &number) = self.groups.get(name)?.waiting.first_key_value()?;
            Some(((*priority, *served), number))
        });
        single.into_iter().chain(grouped).min().map(|(_, number)| number)
    }

    /// Waiting jobs with a priority, or those without, in the order in which they run, turns aside.
    pub fn waiting_in_order(&self, prioritized: bool) -> impl DoubleEndedIterator<Item = u64> {
        let range = if prioritized {
            (1, false, i64::MIN)..(u32::MAX, true, i64::MAX)
        } else {
            (0, false, i64::MIN)..(1, false, i64::MIN)
        };
        let single = self.single.range(range.start, range.end);
        let grouped = self.grouped.range(range).map(|(place, &number)| (*place, number));
        Merged::new(single, grouped).map(|(_, number)| number)
    }

    /// The job that has waited for longest, after since when.
    pub fn oldest_waiting(&self) -> Option<(u64, u64)> {
        self.waiting_since.first().map(|(since, ())| since)
    }

    /// Waiting, or delayed, jobs by since when they are.
    pub fn since(&self, delayed: bool) -> impl Iterator<Item = (u64, u64)> {
        let (waiting, delayed) = if delayed {
            (None, Some(self.delayed_since.iter()))
        } else {
            (Some(self.waiting_since.iter()), None)
        };
        let waiting = waiting.into_iter().flatten().map(|(since, ())| since);
        waiting.chain(delayed.into_iter().flatten().copied())
    }

    /// The job to become waiting next, after its instant in microseconds.
    pub fn first_delayed(&self) -> Option<(u64, u64)> {
        first(&self.delayed)
    }

    /// Delayed jobs, the next one first.
    pub fn delayed_in_order(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.delayed.values().copied()
    }

    /// The active job that has run for as long as it may first, after when.
    pub fn first_deadline(&self) -> Option<(u64, u64)> {
        self.deadlines.first().copied()
    }

    /// The job that fails first unless it begins, after when.
    pub fn first_expiry(&self) -> Option<(u64, u64)> {
        self.expiries.first().copied()
    }

    /// Bytes of the groups, beside those of their jobs.
    pub fn group_bytes(&self) -> u64 {
        self.groups.len() as u64 * GROUP_BYTES
    }

    /// Finished jobs of one outcome.
    pub fn finished(&self, completed: bool) -> &Finished {
        if completed { &self.completed } else { &self.failed }
    }

    /// The active jobs, by worker.
    pub fn active(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.active.iter().map(|&(_, number)| number)
    }

    /// The active jobs of one worker.
    pub fn active_of(&self, worker: u64) -> impl Iterator<Item = u64> {
        self.active.range((worker, 0)..=(worker, u64::MAX)).map(|&(_, number)| number)
    }
}

impl Finished {
    fn insert(&mut self, number: u64, job: &Job, at_us: u64) -> bool {
        let retention = job.retention();
        let at = (at_us, job.ord);
        if retention.forever {
            return self.kept.insert(at, number).is_none();
        }
        if let Some(age_ms) = retention.age {
            self.ages.insert((clock::after(at_us, age_ms), number), ());
        }
        self.passing_bytes += job.bytes();
        self.passing.insert(at, number).is_none()
    }

    fn remove(&mut self, number: u64, job: &Job, at_us: u64) -> bool {
        let retention = job.retention();
        let at = (at_us, job.ord);
        if retention.forever {
            return self.kept.remove(&at) == Some(number);
        }
        if let Some(age_ms) = retention.age {
            self.ages.remove(&(clock::after(at_us, age_ms), number));
        }
        self.passing_bytes -= job.bytes();
        self.passing.remove(&at) == Some(number)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.passing.len() + self.kept.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many may go.
    pub fn passing(&self) -> usize {
        self.passing.len()
    }

    /// Bytes of those.
    pub fn passing_bytes(&self) -> u64 {
        self.passing_bytes
    }

    /// The one that may go first.
    pub fn first_passing(&self) -> Option<u64> {
        self.passing.first().map(|(_, number)| number)
    }

    /// The one that is too old first, after when.
    pub fn first_age(&self) -> Option<(u64, u64)> {
        self.ages.first().map(|(age, ())| age)
    }

    /// All, by the instant of their end.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> {
        Merged::new(self.passing.iter(), self.kept.iter().map(|(&at, &number)| (at, number)))
            .map(|((at_us, _), number)| (at_us, number))
    }
}

impl Order {
    /// What differs from an order that was built anew of the same jobs. Turns are history, which no job tells: they may differ.
    pub(super) fn check_against(&self, anew: &Self) -> Result<(), String> {
        let mut anew = anew.clone();
        (anew.single_served, anew.last_turn) = (self.single_served, self.last_turn);
        let mut turns = BTreeMap::<u32, BTreeSet<_>>::new();
        for (name, group) in &mut anew.groups {
            group.served = self.groups.get(name).map_or(0, |group| group.served);
            if let Some((&(priority, ..), _)) = group.waiting.first_key_value() {
                turns.entry(group.active).or_default().insert((priority, group.served, name.clone()));
            }
        }
        anew.turns = turns;
        if *self == anew { Ok(()) } else { Err(format!("the order is {self:?}, the jobs say {anew:?}")) }
    }
}

fn first(index: &BTreeMap<Instant, u64>) -> Option<(u64, u64)> {
    index.first_key_value().map(|(&(at_us, _), &number)| (at_us, number))
}
