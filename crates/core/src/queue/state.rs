//! A queue's state; [`State::apply`] is the only way to change it.
//!
//! The engine asks a decision for effects and applies them here, live and when it replays a log, so both end
//! in the same state. What `apply` needs beyond the effect is in the state itself: the counters of order keys
//! and events. It decides nothing and refuses nothing: an effect that does not fit the state is a broken
//! invariant.
//!
//! Workers, waiters and listeners are not here: they belong to a process, not to the queue.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::dedup::Dedups;
use super::effect::{Added, Effect, Replaced};
use super::failure::FinishKind;
use super::job::{Claim, Extra, Job, Phase};
use super::jobs::Jobs;
use super::limits::{Begun, Rate};
use super::order::Order;
use super::scheduler::{Missed, Scheduler};
use super::view::JobState;

/// Lines of a job's log that are kept, the last ones.
const LOG_LINES_MAX: usize = 1_000;
/// What a line costs beside its text.
const LINE_BYTES: u64 = 40;

/// Jobs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// May be claimed.
    pub waiting: u64,
    /// The same, with a priority above 0.
    pub prioritized: u64,
    /// May not be claimed yet.
    pub delayed: u64,
    /// With a worker.
    pub active: u64,
    /// Done and retained.
    pub completed: u64,
    /// Given up and retained.
    pub failed: u64,
}

/// All jobs of a queue, in order, and what bounds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(super) jobs: Jobs,
    pub(super) order: Order,
    pub(super) dedups: Dedups,
    pub(super) logs: HashMap<u64, VecDeque<Arc<str>>>,
    pub(super) schedulers: BTreeMap<Arc<str>, Scheduler>,
    /// Schedulers by their next instant, those aside that wait for their last job to begin.
    pub(super) scheduled: BTreeSet<(u64, Arc<str>)>,
    /// The last jobs of schedulers that run all their iterations, one after the other.
    pub(super) awaited: HashMap<u64, Arc<str>>,
    pub(super) bytes: u64,
    /// Of the logs of finished jobs that may go.
    pub(super) passing_log_bytes: u64,
    paused: bool,
    concurrency: Option<u32>,
    rate: Option<Rate>,
    begun: Begun,
    last_number: u64,
    last_ord: u64,
    last_seq: u64,
}

impl State {
    /// Makes the change that `effect` says. Cost: a few tree and table operations on one job.
    ///
    /// # Panics
    /// When the effect does not fit: it is about an unknown job, or one in another state.
    pub fn apply(&mut self, effect: &Effect) {
        let waited = self.order.waiting() > 0;
        match effect {
            Effect::Added(added) => self.insert(added),
            Effect::Removed { number, told } => self.remove(*number, *told),
            Effect::Logged { number, line } => self.log(*number, line),
            Effect::Deduplicated { dedup, .. } => self.dedups.extend(dedup),
            Effect::DedupOver { id } => self.dedups.free(id),
            Effect::Paused => self.paused = true,
            Effect::Resumed => self.paused = false,
            Effect::ConcurrencySet { limit } => self.concurrency = *limit,
            Effect::RateSet { rate } => {
                if self.rate.is_none() || rate.is_none() {
                    self.begun.clear();
                }
                self.rate = *rate;
            }
            Effect::SchedulerSet { id, scheduler } => {
                self.unschedule(id);
                self.schedule(id, (**scheduler).clone());
            }
            Effect::SchedulerTicked { id, next_us, job } => {
                if let Some(scheduler) = self.unschedule(id) {
                    let iterations = scheduler.iterations + u64::from(job.is_some());
                    let job = job.or(scheduler.job);
                    self.schedule(id, Scheduler { next_us: *next_us, iterations, job, ..scheduler });
                }
            }
            Effect::SchedulerRemoved { id } => drop(self.unschedule(id)),
            Effect::Obliterated => drop(self.take_all()),
            _ => self.change(effect),
        }
        let drained = matches!(effect, Effect::Claimed { .. }) && waited && self.order.waiting() == 0;
        self.last_seq += effect.events() + u64::from(drained);
    }

    /// What [`Effect::Obliterated`] takes away, for who frees it later; what bounds the queue, and its counters, stay.
    #[must_use = "freeing it takes a while: not under the lock"]
    pub fn take_all(&mut self) -> Self {
        let stays = Self {
            paused: self.paused,
            concurrency: self.concurrency,
            rate: self.rate,
            begun: self.begun.clone(),
            last_number: self.last_number,
            last_ord: self.last_ord,
            last_seq: self.last_seq,
            ..Self::default()
        };
        std::mem::replace(self, stays)
    }

    /// To be freed piece by piece.
    pub fn into_pieces(self) -> impl Iterator<Item = ()> + Send {
        let Self { jobs, logs, order, .. } = self;
        let logs = logs.into_values().map(drop);
        jobs.into_pieces().chain(logs).chain(std::iter::once(order).map(drop))
    }

    fn insert(&mut self, added: &Added) {
        self.last_ord += 1;
        let extra = Extra {
            expires_us: added.expires_us,
            dedup: added.dedup.as_ref().map(|dedup| dedup.id.clone()),
            dead_letter: added.dead_letter.clone(),
            ..Extra::default()
        };
        let job = Job {
            id: added.id.clone(),
            name: added.name.clone(),
            data: added.data.clone(),
            terms: added.terms.clone(),
            phase: begin(added.at_us, added.run_at_us),
            ord: self.last_ord,
            added_us: added.at_us,
            processed_us: None,
            epoch: 0,
            attempts_made: 0,
            stalled_count: 0,
            released_count: 0,
            snoozed_count: 0,
            epoch_base: 0,
            failed_reason: None,
            extra: (extra != Extra::default()).then(|| Box::new(extra)),
        };
        self.last_number = added.number;
        self.bytes += job.bytes();
        self.order.insert(added.number, &job);
        if let Some(dedup) = &added.dedup {
            self.dedups.take(dedup, added.number, &job.id);
        }
        let is_new = self.jobs.insert(added.number, job);
        assert!(is_new, "job {} '{}' was added twice", added.number, added.id);
    }

    fn remove(&mut self, number: u64, by_hand: bool) {
        self.passing_log_bytes -= self.passing_log(number);
        let job = self.jobs.remove(number).expect("a removed job was there");
        self.order.remove(number, &job);
        self.order.leave_group(job.terms.group.as_ref());
        self.bytes -= job.bytes();
        if let Some(dedup) = job.extra.as_ref().and_then(|extra| extra.dedup.as_ref()) {
            self.dedups.free_of(dedup, number, by_hand);
        }
        if let Some(lines) = self.logs.remove(&number) {
            self.bytes -= lines.iter().map(Self::line_bytes).sum::<u64>();
        }
        self.job_moved(number);
    }

    fn log(&mut self, number: u64, line: &Arc<str>) {
        let lines = self.logs.entry(number).or_default();
        lines.push_back(line.clone());
        self.bytes += Self::line_bytes(line);
        if lines.len() > LOG_LINES_MAX
            && let Some(oldest) = lines.pop_front()
        {
            self.bytes -= Self::line_bytes(&oldest);
        }
    }

    /// Bytes of a job's log, where it may go with its job.
    pub(super) fn passing_log(&self, number: u64) -> u64 {
        let goes = |job: &Job| !job.is_unfinished() && !job.retention().forever;
        if self.logs.is_empty() || !self.job(number).is_some_and(goes) {
            return 0;
        }
        self.log_of(number).map(Self::line_bytes).sum()
    }

    /// Bytes of a line in a log.
    pub fn line_bytes(line: &Arc<str>) -> u64 {
        LINE_BYTES + line.len() as u64
    }

    fn schedule(&mut self, id: &Arc<str>, scheduler: Scheduler) {
        self.bytes += scheduler.bytes(id);
        if let (Missed::All, Some(job)) = (scheduler.repeat.missed, scheduler.job) {
            self.awaited.insert(job, id.clone());
        }
        if self.may_tick(&scheduler) {
            self.scheduled.extend(scheduler.next_us.map(|next_us| (next_us, id.clone())));
        }
        self.schedulers.insert(id.clone(), scheduler);
    }

    fn unschedule(&mut self, id: &Arc<str>) -> Option<Scheduler> {
        let scheduler = self.schedulers.remove(id)?;
        self.bytes -= scheduler.bytes(id);
        if let Some(job) = scheduler.job {
            self.awaited.remove(&job);
        }
        if let Some(next_us) = scheduler.next_us {
            self.scheduled.remove(&(next_us, id.clone()));
        }
        Some(scheduler)
    }

    /// A job has moved: a scheduler may have waited for that, or wait from now on.
    fn job_moved(&mut self, number: u64) {
        if self.awaited.is_empty() {
            return;
        }
        if let Some(id) = self.awaited.get(&number).cloned()
            && let Some(scheduler) = self.unschedule(&id)
        {
            self.schedule(&id, scheduler);
        }
    }

    fn change(&mut self, effect: &Effect) {
        let number = effect.number().expect("what is left changes a job");
        self.passing_log_bytes -= self.passing_log(number);
        let job = self.jobs.get_mut(number).expect("a changed job is there");
        self.order.remove(number, job);
        let (bytes_before, group_before) = (job.bytes(), job.terms.group.clone());
        transition(job, effect, &mut self.last_ord);
        self.bytes = self.bytes - bytes_before + job.bytes();
        self.order.insert(number, job);
        self.order.leave_group(group_before.as_ref());
        if let Effect::Claimed { at_us, .. } = effect {
            self.order.served(job);
            if let Some(rate) = &self.rate {
                self.begun.note(*at_us, rate.max);
            }
        }
        if !job.is_unfinished()
            && let Some(dedup) = job.extra.as_ref().and_then(|extra| extra.dedup.as_ref())
        {
            self.dedups.free_of(dedup, number, false);
        }
        self.passing_log_bytes += self.passing_log(number);
        self.job_moved(number);
    }

    /// Whether nothing is claimed.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// How many may be active at once.
    pub fn concurrency(&self) -> Option<u32> {
        self.concurrency
    }

    /// How many may be begun in a time.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// When the rate lets another one begin; none: now.
    pub fn rate_free_us(&self, now_us: u64) -> Option<u64> {
        self.begun.free_us(self.rate.as_ref()?, now_us)
    }

    /// How many more may be claimed now, groups and workers' own bounds aside.
    pub fn claimable(&self, now_us: u64) -> usize {
        if self.paused {
            return 0;
        }
        let active = self.order.count(JobState::Active);
        let places = self.concurrency.map_or(usize::MAX, |limit| (limit as usize).saturating_sub(active));
        let rate = self.rate.as_ref().map_or(usize::MAX, |rate| self.begun.room(rate, now_us));
        self.order.waiting().min(places).min(rate)
    }

    /// Which adds are jobs that are there.
    pub fn dedups(&self) -> &Dedups {
        &self.dedups
    }

    /// The lines of a job, oldest first.
    pub fn log_of(&self, number: u64) -> impl Iterator<Item = &Arc<str>> {
        self.logs.get(&number).into_iter().flatten()
    }

    /// A scheduler by its id.
    pub fn scheduler(&self, id: &str) -> Option<&Scheduler> {
        self.schedulers.get(id)
    }

    /// All schedulers, by id.
    pub fn schedulers(&self) -> impl Iterator<Item = (&Arc<str>, &Scheduler)> {
        self.schedulers.iter()
    }

    /// Whether that job waits or is delayed.
    pub fn is_pending(&self, job: Option<u64>) -> bool {
        job.and_then(|number| self.job(number)).is_some_and(Job::is_pending)
    }

    /// The first scheduler whose instant has come; one that runs all its iterations only once its last job has begun.
    pub fn due_scheduler(&self, now_us: u64) -> Option<&Arc<str>> {
        self.scheduled.first().filter(|(next_us, _)| *next_us <= now_us).map(|(_, id)| id)
    }

    /// When the next scheduler is due.
    pub fn next_scheduled_us(&self) -> Option<u64> {
        self.scheduled.first().map(|(next_us, _)| *next_us)
    }

    pub(super) fn may_tick(&self, scheduler: &Scheduler) -> bool {
        !(scheduler.repeat.missed == Missed::All && self.is_pending(scheduler.job))
    }

    /// The number of the job with that id.
    pub fn find(&self, id: &str) -> Option<u64> {
        self.jobs.find(id)
    }

    /// A job by its number.
    pub fn job(&self, number: u64) -> Option<&Job> {
        self.jobs.get(number)
    }

    /// Which job comes next, by state.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The number of the next job to be added; 1 is the first.
    pub fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// The number of the last event, 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Bytes of all there is, bookkeeping included.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.dedups.bytes() + self.order.group_bytes()
    }

    /// Bytes at least that come back when all goes that may: finished jobs and their logs.
    pub fn passing_bytes(&self) -> u64 {
        let [completed, failed] =
            [true, false].map(|completed| self.order.finished(completed).passing_bytes());
        completed + failed + self.passing_log_bytes
    }

    /// Jobs by state. Cost: six lengths.
    pub fn counts(&self) -> Counts {
        let count = |state| self.order.count(state) as u64;
        Counts {
            waiting: count(JobState::Waiting),
            prioritized: count(JobState::Prioritized),
            delayed: count(JobState::Delayed),
            active: count(JobState::Active),
            completed: count(JobState::Completed),
            failed: count(JobState::Failed),
        }
    }
}

fn begin(at_us: u64, run_at_us: Option<u64>) -> Phase {
    match run_at_us {
        Some(run_at_us) if run_at_us > at_us => Phase::Delayed { since_us: at_us, run_at_us },
        _ => Phase::Waiting { since_us: at_us, front: false },
    }
}

/// Moves one job to its next state; the only code that writes to a job.
fn transition(job: &mut Job, effect: &Effect, last_ord: &mut u64) {
    let mut to_the_back = || {
        *last_ord += 1;
        *last_ord
    };
    match effect {
        Effect::Due { at_us, .. } | Effect::Promoted { at_us, .. } => {
            job.ord = to_the_back();
            job.phase = begin(*at_us, None);
        }
        Effect::Replaced(Replaced { name, data, terms, at_us, run_at_us, expires_us, .. }) => {
            job.ord = to_the_back();
            (job.name, job.data, job.terms) = (name.clone(), data.clone(), terms.clone());
            job.phase = begin(*at_us, *run_at_us);
            job.extra_mut().expires_us = *expires_us;
        }
        Effect::Claimed { worker, epoch, nonce, at_us, lease_until_us, max_stalled_count, .. } => {
            job.epoch = *epoch;
            job.processed_us = Some(*at_us);
            job.phase = Phase::Active(Claim {
                worker: *worker,
                nonce: *nonce,
                lease_until_us: *lease_until_us,
                max_stalled_count: *max_stalled_count,
            });
        }
        Effect::Progressed { progress, .. } => job.extra_mut().progress = Some(progress.clone()),
        Effect::CancelRequested { reason, .. } => job.extra_mut().cancelled = Some(reason.clone()),
        Effect::Completed { at_us, result, .. } => {
            job.ord = to_the_back();
            job.attempts_made += 1;
            job.failed_reason = None;
            job.phase = Phase::Completed { at_us: *at_us, result: result.clone() };
        }
        Effect::Retried { at_us, run_at_us, reason, .. } => {
            job.ord = to_the_back();
            job.attempts_made += 1;
            job.failed_reason = Some(reason.clone());
            job.phase = begin(*at_us, Some(*run_at_us));
        }
        Effect::Failed { at_us, kind, failure, .. } => {
            job.ord = to_the_back();
            if job.claim().is_some() {
                let stalled = *kind == FinishKind::Stalled;
                let count = if stalled { &mut job.stalled_count } else { &mut job.attempts_made };
                *count += 1;
            }
            job.failed_reason = Some(failure.message.as_str().into());
            job.phase = Phase::Failed { at_us: *at_us, kind: *kind, failure: failure.clone() };
        }
        Effect::Snoozed { at_us, run_at_us, .. } => {
            job.ord = to_the_back();
            job.snoozed_count += 1;
            job.phase = begin(*at_us, Some(*run_at_us));
        }
        Effect::Released { at_us, .. } => {
            job.released_count += 1;
            job.phase = Phase::Waiting { since_us: *at_us, front: true };
        }
        Effect::Stalled { at_us, .. } => {
            job.stalled_count += 1;
            job.phase = Phase::Waiting { since_us: *at_us, front: true };
        }
        Effect::Restarted { at_us, .. } => {
            job.ord = to_the_back();
            job.epoch_base = job.epoch;
            (job.attempts_made, job.stalled_count, job.released_count, job.snoozed_count) = (0, 0, 0, 0);
            if let Some(extra) = &mut job.extra {
                (extra.cancelled, extra.progress, extra.expires_us) = (None, None, None);
            }
            job.phase = begin(*at_us, None);
        }
        _ => unreachable!("apply handles what makes and ends a job, and what is of the queue"),
    }
}
