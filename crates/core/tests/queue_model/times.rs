//! What time does: delays end, attempts run out of it, jobs are too late, schedulers come, what is old goes.

use std::sync::Arc;

use redstart_core::clock::MS;
use redstart_core::queue::scheduler::Missed;
use redstart_core::queue::{FinishKind, How, JobOptions, Json, Repeat};

use crate::model::{Answer, GIVEN_UP, Job, Model, Stand};

/// Jitter of the attempts that time ends.
pub(crate) const RANDOM: f64 = 0.5;
/// Seen later than this, an instant was missed.
const MISSED_US: u64 = 60_000 * MS;
/// Patterns that come at even intervals: (pattern, time zone, seconds between, seconds after the full ones). India is five
/// hours and a half ahead.
pub(crate) const PATTERNS: [(&str, Option<&str>, u64, u64); 3] = [
    ("*/20 * * * * *", None, 20, 0),
    ("* * * * *", None, 60, 0),
    ("0 * * * *", Some("Asia/Kolkata"), 3_600, 1_800),
];

/// A scheduler as it was set last.
#[derive(Clone, Debug)]
pub(crate) struct Scheduler {
    pub(crate) id: Arc<str>,
    pub(crate) repeat: Repeat,
    pub(crate) name: Arc<str>,
    pub(crate) data: Json,
    pub(crate) options: JobOptions,
    pub(crate) next_us: Option<u64>,
    pub(crate) iterations: u64,
    /// The job of its last iteration.
    pub(crate) job: Option<u64>,
    /// Since it came to be: setting it again does not change that.
    pub(crate) birth: u64,
}

/// The first instant after that.
fn next_us(repeat: &Repeat, after_us: u64) -> Option<u64> {
    let (every_us, offset_us) = match (&repeat.pattern, repeat.every) {
        (Some(pattern), _) => {
            let (.., every, offset) = PATTERNS.iter().find(|(known, ..)| known == pattern).unwrap();
            (every * 1_000 * MS, offset * 1_000 * MS)
        }
        (None, every) => (every.unwrap() * MS, repeat.offset.unwrap() * MS),
    };
    let too_early = |us: u64| us <= after_us || repeat.start_date.is_some_and(|ms| us < ms * MS);
    let from_us = after_us.max(repeat.start_date.map_or(0, |ms| ms * MS));
    let mut next_us = (from_us / every_us).saturating_sub(offset_us / every_us + 1) * every_us + offset_us;
    while too_early(next_us) {
        next_us += every_us;
    }
    repeat.end_date.is_none_or(|ms| next_us <= ms * MS).then_some(next_us)
}

impl Model {
    pub(crate) fn set_scheduler(
        &mut self,
        id: &Arc<str>,
        repeat: &Repeat,
        name: &str,
        data: &Json,
        options: &JobOptions,
    ) {
        let (now_us, mut repeat) = (self.now_us, repeat.clone());
        let at = self.schedulers.iter().position(|known| known.id == *id);
        let known = at.map(|at| self.schedulers[at].clone());
        if let (Some(every), None) = (repeat.every, repeat.offset) {
            let before = known.as_ref().filter(|known| known.repeat.every == Some(every));
            repeat.offset = before.map_or(Some(now_us / MS % every), |known| known.repeat.offset);
        }
        let same = known.as_ref().is_some_and(|known| {
            known.repeat == repeat && *known.name == *name && known.data == *data && known.options == *options
        });
        self.answer = Answer::Done(!same);
        if same {
            return;
        }
        let is_within = repeat.start_date.is_none_or(|ms| ms * MS <= now_us)
            && repeat.end_date.is_none_or(|ms| now_us <= ms * MS);
        let at_once = repeat.immediately && is_within;
        self.last_setting += 1;
        let scheduler = Scheduler {
            id: id.clone(),
            next_us: if at_once { Some(now_us) } else { next_us(&repeat, now_us) },
            repeat,
            name: name.into(),
            data: data.clone(),
            options: options.clone(),
            iterations: 0,
            job: known.as_ref().and_then(|known| known.job),
            birth: known.map_or(self.last_setting, |known| known.birth),
        };
        self.schedulers.retain(|known| known.id != *id);
        self.schedulers.push(scheduler);
        self.schedulers.sort_by(|one, other| one.id.cmp(&other.id));
    }

    pub(crate) fn remove_scheduler(&mut self, id: &str) {
        let before = self.schedulers.len();
        self.schedulers.retain(|known| *known.id != *id);
        self.answer = Answer::Done(self.schedulers.len() < before);
    }

    fn last_waits(&self, scheduler: &Scheduler) -> bool {
        scheduler.job.and_then(|number| self.job(number)).is_some_and(Job::is_pending)
    }

    /// The scheduler that comes next, and when. One that runs all its iterations comes only once its last job has begun.
    pub(crate) fn next_scheduler(&self) -> Option<(u64, usize)> {
        let held =
            |scheduler: &Scheduler| scheduler.repeat.missed == Missed::All && self.last_waits(scheduler);
        let open = self.schedulers.iter().enumerate().filter(|(_, scheduler)| !held(scheduler));
        open.filter_map(|(at, scheduler)| Some((scheduler.next_us?, at))).min()
    }

    fn run_scheduler(&mut self, at: usize, due_us: u64) {
        let scheduler = self.schedulers[at].clone();
        let (now_us, missed) = (self.now_us, scheduler.repeat.missed);
        let late = now_us - due_us > MISSED_US;
        let mut job = None;
        if !(self.last_waits(&scheduler) || late && missed == Missed::Skip) {
            self.add(&scheduler.name, &scheduler.data, &scheduler.options);
            if let Answer::Added(number) = self.answer {
                self.job_mut(number).scheduler = Some(scheduler.birth);
                job = Some(number);
            }
        }
        let scheduler = &mut self.schedulers[at];
        scheduler.iterations += u64::from(job.is_some());
        scheduler.job = job.or(scheduler.job);
        let more = scheduler.repeat.limit.is_none_or(|limit| scheduler.iterations < limit);
        let after_us = if missed == Missed::All { due_us } else { now_us };
        scheduler.next_us = if more { next_us(&scheduler.repeat, after_us) } else { None };
    }

    /// When something is next due, the age of finished jobs aside.
    pub(crate) fn next_due_us(&self) -> Option<u64> {
        let jobs = self.jobs.iter().flat_map(|job| {
            let run_at_us = match job.stand {
                Stand::Delayed { run_at_us } => Some(run_at_us),
                _ => None,
            };
            [run_at_us, job.deadline_us(), job.to_begin_by_us()]
        });
        let ids = self.holders.iter().map(|holder| holder.until_us);
        let scheduler = self.next_scheduler().map(|(due_us, _)| due_us);
        jobs.chain(ids).chain([scheduler]).flatten().min()
    }

    pub(crate) fn next_age_us(&self) -> Option<u64> {
        self.jobs.iter().filter_map(Job::goes_us).min()
    }

    /// Time goes on, and what falls due on the way does so at its instant.
    pub(crate) fn walk(&mut self, us: u64) {
        let target_us = self.now_us + us;
        while let Some(next_us) = self.next_due_us().into_iter().chain(self.next_age_us()).min()
            && next_us <= target_us
        {
            self.now_us = self.now_us.max(next_us);
            self.tick();
        }
        self.now_us = target_us;
    }

    /// What is due now happens.
    fn tick(&mut self) {
        let now_us = self.now_us;
        self.holders.retain(|holder| holder.until_us.is_none_or(|until_us| until_us > now_us));
        while let Some(((run_at_us, _), number)) = self.first(|job| match job.stand {
            Stand::Delayed { run_at_us } => Some((run_at_us, job.came)),
            _ => None,
        }) && run_at_us <= now_us
        {
            self.go(number, Stand::Waiting { front: false }, true);
        }
        self.expire();
        while let Some((deadline_us, number)) = self.first(Job::deadline_us)
            && deadline_us <= now_us
        {
            self.attempt_failed(number, GIVEN_UP, How::Again(None), FinishKind::Timeout, RANDOM);
        }
        while let Some((due_us, at)) = self.next_scheduler()
            && due_us <= now_us
        {
            self.run_scheduler(at, due_us);
        }
        while let Some((goes_us, number)) = self.first(Job::goes_us)
            && goes_us <= now_us
        {
            self.remove(number, false);
        }
        self.answer = Answer::Nothing;
    }

    /// Jobs that had to begin by now fail.
    pub(crate) fn expire(&mut self) {
        while let Some((expires_us, number)) = self.first(Job::to_begin_by_us)
            && expires_us <= self.now_us
        {
            self.fail(number, FinishKind::Expired, GIVEN_UP);
        }
    }

    /// Jobs whose lease is over lose their worker, the claim that was first before the others.
    pub(crate) fn reap(&mut self) {
        for token in self.tokens.clone() {
            let over = |job: &Job| match job.stand {
                Stand::Active { lease_until_us, .. } => {
                    job.claims == token.epoch && lease_until_us <= self.now_us
                }
                _ => false,
            };
            if self.job(token.job).is_some_and(over) {
                self.stall(token.job);
            }
        }
    }
}
