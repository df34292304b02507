//! What a queue has to say, told after its lock is released, in order.
//!
//! Under the lock an operation only puts notices into the outbox, so they lie there in the order of `seq`.
//! After it has released the lock it delivers them, unless another thread is delivering already: then that
//! one takes these along. One deliverer at a time keeps the order; it looks again under the lock before it
//! stops, so nothing stays behind.
//!
//! A thread that has delivered its own and a thousand of others hands the rest to the background thread, so that no operation
//! goes on for as long as others make notices.
//!
//! Rejected: a second lock around delivery. It keeps the order too, but a listener that calls the queue would
//! wait for itself for ever, and every thread would queue up behind one slow listener.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::inner::Inner;
use crate::error::Result;
use crate::queue::{Event, Json, LeaseEnd, Subscriber, Token};

/// Who listens, as of one instant: an event goes to those who listened when it happened.
pub(super) type Listeners = Arc<[(u64, Arc<dyn Subscriber>)]>;

/// One thing to tell.
pub(super) enum Notice {
    Event(Listeners, Event),
    Ready(Arc<dyn Subscriber>, u64),
    LeaseLost(Arc<dyn Subscriber>, u64, Token, LeaseEnd),
    Ping(Arc<dyn Subscriber>, u64),
    Result(oneshot::Sender<Result<Json>>, Result<Json>),
    Settled(oneshot::Sender<()>),
}

impl Notice {
    fn tell(self) {
        match self {
            Self::Event(listeners, event) => {
                for (subscription, listener) in listeners.iter() {
                    listener.event(*subscription, &event);
                }
            }
            Self::Ready(subscriber, worker) => subscriber.ready(worker),
            Self::LeaseLost(subscriber, worker, token, why) => subscriber.lease_lost(worker, token, why),
            Self::Ping(subscriber, worker) => subscriber.ping(worker),
            // Who no longer waits needs no answer.
            Self::Result(waiter, result) => drop(waiter.send(result)),
            Self::Settled(waiter) => drop(waiter.send(())),
        }
    }
}

/// Notices in order, and whether a thread is delivering.
#[derive(Default)]
pub(super) struct Outbox {
    notices: Vec<Notice>,
    delivering: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The notices, for the caller to deliver; none when there are none or another thread delivers.
    pub(super) fn begin(&mut self) -> Option<Vec<Notice>> {
        if self.delivering || self.notices.is_empty() {
            return None;
        }
        self.delivering = true;
        Some(std::mem::take(&mut self.notices))
    }

    /// What came meanwhile, in exchange for the emptied batch; with nothing there the caller is done.
    fn go_on(&mut self, batch: &mut Vec<Notice>) {
        std::mem::swap(&mut self.notices, batch);
        self.delivering = !batch.is_empty();
    }
}

/// Delivers `batch` and what comes meanwhile, `most` of them, with the lock of `queue` held only to look. What is left is for
/// another thread to deliver: nobody who only added a job works for all others for long.
pub(super) fn deliver(mut batch: Vec<Notice>, mut most: usize, queue: &Mutex<Inner>) -> Option<Vec<Notice>> {
    let _unwinding = Unwinding(queue);
    while !batch.is_empty() {
        let now = most.min(batch.len());
        batch.drain(..now).for_each(Notice::tell);
        most -= now;
        if !batch.is_empty() {
            return Some(batch);
        }
        queue.lock().outbox.go_on(&mut batch);
    }
    None
}

/// A listener that panics loses its batch, not the notices of everyone after it.
struct Unwinding<'a>(&'a Mutex<Inner>);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().outbox.delivering = false;
        }
    }
}
