//! Who runs jobs, and who listens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::limits::Rate;
use crate::error::{Error, Result};

/// The right to settle one claim of one job. Claims never share a token: the epoch counts them, and the nonce
/// tells apart histories that counted alike (a server that failed over to a copy that lagged).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Token {
    /// The job's number in its queue.
    pub job: u64,
    /// Which claim of the job.
    pub epoch: u64,
    /// 53 random bits.
    pub nonce: u64,
}

/// What a worker is opened with.
#[derive(Clone)]
pub struct WorkerSpec {
    /// How it takes jobs.
    pub terms: WorkerTerms,
    /// Who hears that jobs wait.
    pub subscriber: Arc<dyn Subscriber>,
}

/// How a worker takes jobs, as the facade normalised it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerTerms {
    /// Milliseconds after which a job may be taken from a worker that is not there to renew; at least 1,000.
    pub lease_ms: u64,
    /// Times a job may lose its worker before it fails.
    pub max_stalled_count: u32,
    /// It takes a job only while the queue has begun fewer.
    #[serde(default)]
    pub limiter: Option<Rate>,
    /// It takes a job of a group only while fewer of that group are active.
    #[serde(default)]
    pub group_concurrency: Option<u32>,
    /// Milliseconds for which its event loop may stand still before it loses its jobs; none: for ever.
    #[serde(default)]
    pub stall_after_ms: Option<u64>,
}

/// The shortest time after which an event loop counts as standing still.
const STALL_AFTER_MS_MIN: u64 = 1_000;

impl WorkerTerms {
    /// Fails on terms that no worker can have.
    pub fn check(&self) -> Result<()> {
        if let Some(limiter) = &self.limiter {
            limiter.check()?;
        }
        if self.group_concurrency == Some(0) {
            return Err(Error::InvalidArg(
                "group.concurrency is 0; a worker that may take none takes none at all".into(),
            ));
        }
        match self.stall_after_ms {
            Some(ms) if ms < STALL_AFTER_MS_MIN => Err(Error::InvalidArg(format!(
                "stallAfter is {ms} ms; the shortest is {STALL_AFTER_MS_MIN} ms, null turns it off"
            ))),
            _ => Ok(()),
        }
    }
}

/// Why a worker hears that a claim is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseEnd {
    /// The job runs elsewhere, or is gone.
    Lost,
    /// The attempt ran for as long as it may; it is settled: another follows, or the job has failed.
    TimedOut {
        /// Whether another follows.
        again: bool,
    },
    /// Someone cancelled the job. The claim stays the worker's to settle; however it does, the job has failed.
    Cancelled,
}

/// Who is told what happens in a queue. Calls come from whichever thread made it happen, with no lock of the
/// queue held, one at a time, and in order. Implementations hand over and return: to a ring, then a poke.
pub trait Subscriber: Send + Sync {
    /// Jobs wait that `worker`, which took less than it had asked for, may take now. Said once; the worker's
    /// next take asks again.
    fn ready(&self, worker: u64);
    /// What happened. Gap-free in `seq` from the first event after subscribing; one that was under way when
    /// the subscription ended may still come.
    fn event(&self, subscription: u64, event: &Event);
    /// The claim is no longer this worker's, or is to end, though the worker neither finished it nor was closed.
    fn lease_lost(&self, worker: u64, token: Token, why: LeaseEnd);
    /// Does the worker's event loop turn? It answers with [`crate::engine::QueueEngine::pong`], from that loop.
    fn ping(&self, worker: u64);
}
