//! Who gets which job.

use std::sync::Arc;

use redstart_core::clock::MS;
use redstart_core::queue::{EventKind, Token};

use crate::model::{Answer, Job, Model, Stand};

impl Model {
    /// How many of a group are active.
    pub(crate) fn active_of(&self, group: &Arc<str>) -> usize {
        self.jobs.iter().filter(|job| job.is_active() && job.terms.group.as_ref() == Some(group)).count()
    }

    /// How many more the rate lets begin now.
    pub(crate) fn rate_room(&self) -> usize {
        let Some(rate) = self.rate else { return usize::MAX };
        let lately = self.begun.iter().filter(|&&at_us| at_us + rate.duration * MS > self.now_us).count();
        (rate.max as usize).saturating_sub(lately)
    }

    /// How many more may be claimed now, groups aside.
    pub(crate) fn claimable(&self) -> usize {
        if self.paused {
            return 0;
        }
        let waiting = self.jobs.iter().filter(|job| job.is_waiting()).count();
        let places =
            self.concurrency.map_or(usize::MAX, |limit| (limit as usize).saturating_sub(self.active()));
        waiting.min(places).min(self.rate_room())
    }

    /// The job that is next for who takes none of a group of which so many are active, were there room for it: the least
    /// priority, of the group whose turn is longest ago, the first in its line. Of groups that came in the same turn the
    /// one with fewer active jobs goes first, then the one whose name does; beside jobs without a group the older job.
    pub(crate) fn next(&self, group_limit: Option<u32>) -> Option<u64> {
        let open = |job: &&Job| {
            let busy = |group| self.active_of(group) >= group_limit.unwrap_or(u32::MAX) as usize;
            job.is_waiting() && !job.terms.group.as_ref().is_some_and(busy)
        };
        let is_first = |job: &&Job| {
            let mut line =
                self.jobs.iter().filter(|other| other.is_waiting() && other.terms.group == job.terms.group);
            line.all(|other| job.place() <= other.place())
        };
        let heads = || self.jobs.iter().filter(open).filter(is_first);
        let turn = |job: &Job| (job.terms.priority, self.served.get(&job.terms.group).copied().unwrap_or(0));
        let rank = |job: &&Job| {
            let group = job.terms.group.as_ref();
            (turn(job), group.map(|group| self.active_of(group)), group.cloned())
        };
        let single = heads().find(|job| job.terms.group.is_none());
        let grouped = heads().filter(|job| job.terms.group.is_some()).min_by_key(rank);
        single.into_iter().chain(grouped).min_by_key(|job| (turn(job), job.number)).map(|job| job.number)
    }

    pub(crate) fn claim(&mut self, worker: usize, nonce: u64) {
        self.expire();
        let terms = self.workers[worker];
        let next = if self.claimable() > 0 { self.next(terms.group_limit) } else { None };
        self.answer = Answer::Claimed(next.map(|number| self.begin(number, worker, nonce)));
    }

    fn begin(&mut self, number: u64, worker: usize, nonce: u64) -> Token {
        let (now_us, terms) = (self.now_us, self.workers[worker]);
        let job = self.job_mut(number);
        job.claims += 1;
        job.processed_us = Some(now_us);
        let token = Token { job: number, epoch: job.claims, nonce };
        let group = job.terms.group.clone();
        let stand = Stand::Active {
            worker: worker as u64,
            nonce,
            lease_until_us: now_us + terms.lease_ms * MS,
            stalls_allowed: terms.stalls_allowed,
        };
        self.go(number, stand, false);
        self.turn += 1;
        self.served.insert(group, self.turn);
        self.begun.push(now_us);
        self.tokens.push(token);
        if !self.jobs.iter().any(Job::is_waiting) {
            self.told.push(EventKind::Drained {});
        }
        token
    }

    /// Whether a token settles a claim.
    pub(crate) fn holds(&self, token: Token) -> bool {
        self.job(token.job).is_some_and(|job| match job.stand {
            Stand::Active { nonce, .. } => token.epoch == job.claims && token.nonce == nonce,
            _ => false,
        })
    }

    /// Moves a job to another state, at the back of its line or with its place kept, and tells it.
    pub(crate) fn go(&mut self, number: u64, stand: Stand, to_the_back: bool) {
        let now_us = self.now_us;
        if to_the_back {
            self.last_came += 1;
        }
        let came = self.last_came;
        let job = self.job_mut(number);
        job.stand = stand;
        job.since_us = now_us;
        if to_the_back {
            job.came = came;
        }
        self.groups_come_and_go();
        self.tell_state(number);
    }

    /// A group's turn is known for as long as a job of it waits or is active.
    pub(crate) fn groups_come_and_go(&mut self) {
        let groups = self.jobs.iter().filter(|job| job.is_waiting() || job.is_active());
        let groups: Vec<_> = groups.filter_map(|job| job.terms.group.clone()).collect();
        self.served.retain(|group, _| group.as_ref().is_none_or(|group| groups.contains(group)));
        for group in groups {
            self.served.entry(Some(group)).or_insert(self.turn);
        }
    }

    fn tell_state(&mut self, number: u64) {
        let job = self.job(number).unwrap();
        let job_id = job.id.clone();
        self.told.push(match &job.stand {
            Stand::Waiting { .. } => EventKind::Waiting { job_id },
            Stand::Delayed { run_at_us } => EventKind::Delayed { job_id, run_at: run_at_us / MS },
            Stand::Active { .. } => EventKind::Active { job_id, attempt: job.made + 1 },
            Stand::Completed { result } => EventKind::Completed { job_id, result: result.clone() },
            Stand::Failed { kind } => EventKind::Failed {
                job_id,
                failed_reason: job.failed_reason.clone().unwrap(),
                finish_kind: *kind,
            },
        });
    }
}
