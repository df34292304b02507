//! Who runs jobs, and who listens.

use std::sync::Arc;

use serde::Serialize;

use super::event::Event;

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
    /// Milliseconds after which a job may be taken from a worker that is not there to renew; at least 1,000.
    pub lease_ms: u64,
    /// Times a job may lose its worker before it fails.
    pub max_stalled_count: u32,
    /// Who hears that jobs wait.
    pub subscriber: Arc<dyn Subscriber>,
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
    /// The claim is no longer this worker's, though the worker neither finished it nor was closed.
    fn lease_lost(&self, worker: u64, token: Token);
}
