//! Adds that are one job: which ids are taken, by which job, and until when.
//!
//! Without a time an id is taken until its job has finished or is gone. With one it is taken until then, whatever
//! becomes of the job: it may have finished, and retention may have removed it, while further adds still are duplicates.
//! Who removes the job by hand frees the id at once.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// An id that adds have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dedup {
    /// The id.
    pub id: Arc<str>,
    /// Until when it is taken; none: until its job has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
}

/// Who has an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The job.
    pub number: u64,
    /// Its id, which outlives it.
    pub job_id: Arc<str>,
    /// Until when; none: until it has finished.
    pub until_us: Option<u64>,
}

impl Holder {
    /// Whether its time is not over.
    pub fn holds(&self, now_us: u64) -> bool {
        self.until_us.is_none_or(|until_us| now_us < until_us)
    }
}

/// What a taken id costs beside the texts.
const HOLDER_BYTES: u64 = 160;

/// All ids that are taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dedups {
    holders: HashMap<Arc<str>, Holder>,
    ends: BTreeSet<(u64, Arc<str>)>,
    bytes: u64,
}

impl Dedups {
    /// Who has it, were its time over.
    pub fn get(&self, id: &str) -> Option<&Holder> {
        self.holders.get(id)
    }

    pub(super) fn take(&mut self, dedup: &Dedup, number: u64, job_id: &Arc<str>) {
        self.free(&dedup.id);
        self.bytes += bytes(&dedup.id, job_id);
        self.ends.extend(dedup.until_us.map(|until_us| (until_us, dedup.id.clone())));
        let holder = Holder { number, job_id: job_id.clone(), until_us: dedup.until_us };
        self.holders.insert(dedup.id.clone(), holder);
    }

    /// Sets until when an id is taken that is.
    pub(super) fn extend(&mut self, dedup: &Dedup) {
        if let Some(holder) = self.holders.get_mut(&dedup.id) {
            if let Some(until_us) = holder.until_us {
                self.ends.remove(&(until_us, dedup.id.clone()));
            }
            holder.until_us = dedup.until_us;
            self.ends.extend(dedup.until_us.map(|until_us| (until_us, dedup.id.clone())));
        }
    }

    pub(super) fn free(&mut self, id: &Arc<str>) {
        if let Some(holder) = self.holders.remove(id) {
            self.bytes -= bytes(id, &holder.job_id);
            if let Some(until_us) = holder.until_us {
                self.ends.remove(&(until_us, id.clone()));
            }
        }
    }

    /// Frees it where job `number` has it, and with `timed` were it taken for a time.
    pub(super) fn free_of(&mut self, id: &Arc<str>, number: u64, timed: bool) {
        let is_of = |holder: &Holder| holder.number == number && (timed || holder.until_us.is_none());
        if self.holders.get(id).is_some_and(is_of) {
            self.free(id);
        }
    }

    /// The first whose time is over, and when.
    pub fn first_end(&self) -> Option<(u64, &Arc<str>)> {
        self.ends.first().map(|(until_us, id)| (*until_us, id))
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is wrong with it, when something is.
    pub(super) fn check(&self) -> Result<(), String> {
        let timed = self.holders.values().filter(|holder| holder.until_us.is_some()).count();
        let sum: u64 = self.holders.iter().map(|(id, holder)| bytes(id, &holder.job_id)).sum();
        let ends = self.ends.iter().all(|(until_us, id)| {
            self.holders.get(id).is_some_and(|holder| holder.until_us == Some(*until_us))
        });
        if timed != self.ends.len() || sum != self.bytes || !ends {
            return Err(format!("deduplications do not agree: {self:?}"));
        }
        Ok(())
    }
}

/// What a taken id takes.
pub(super) fn bytes(id: &str, job_id: &str) -> u64 {
    HOLDER_BYTES + 2 * (id.len() + job_id.len()) as u64
}
