//! `Reply<T>` to JavaScript: a value now, or a promise later.
//!
//! A pending reply takes a number, which the facade keeps in its table of promises. The lane itself runs the future:
//! whoever completes it pushes it into the lane's ring, and the drain polls it there. Rejected: napi's own async
//! functions, a thread hop and a deferred each, and a task a reply on the background thread, which costs a hop too
//! (bench/boundary).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use redstart_core::Result;
use redstart_core::reply::Reply;

use crate::door::{Frame, Out, STATUS_PENDING};
use crate::lane::{Completion, Shared};

/// Answers `reply` through `convert`: at once, or when it comes.
pub(crate) fn answer<T: 'static>(
    frame: &Frame<'_>,
    lane: &Arc<Shared>,
    reply: Reply<T>,
    convert: fn(T) -> Out,
) -> Result<Out> {
    match reply {
        Reply::Ready(result) => result.map(convert),
        Reply::Pending(future) => {
            let pending = Arc::new(Promised {
                number: lane.next_number(),
                lane: Arc::downgrade(lane),
                future: Mutex::new(Some(Box::pin(async move { future.await.map(convert) }))),
            });
            if let Some(outcome) = pending.poll() {
                return outcome;
            }
            lane.add_promised(&pending);
            frame.set_status(STATUS_PENDING);
            frame.set_whole(1, pending.number);
            Ok(Out::Undefined)
        }
    }
}

type OutFuture = Pin<Box<dyn Future<Output = Result<Out>> + Send>>;

/// A reply that has not come yet. Whoever will complete it holds it, through its waker.
pub(crate) struct Promised {
    /// The promise's number in the facade's table.
    pub(crate) number: u64,
    lane: Weak<Shared>,
    /// None once it has come.
    future: Mutex<Option<OutFuture>>,
}

impl Promised {
    /// The outcome, once, if it has come; otherwise the lane hears of it.
    pub(crate) fn poll(self: &Arc<Self>) -> Option<Result<Out>> {
        let waker = Waker::from(self.clone());
        let mut slot = self.future.lock();
        let Poll::Ready(outcome) = slot.as_mut()?.as_mut().poll(&mut Context::from_waker(&waker)) else {
            return None;
        };
        *slot = None;
        Some(outcome)
    }

    /// Nobody waits any more. The future holds us through its waker: without this, neither would ever go.
    pub(crate) fn give_up(&self) {
        *self.future.lock() = None;
    }
}

impl Wake for Promised {
    fn wake(self: Arc<Self>) {
        match self.lane.upgrade() {
            Some(lane) => lane.push(Completion::Promise(self)),
            None => self.give_up(),
        }
    }
}
