//! `Reply<T>` to JavaScript: a value now, or a promise later.
//!
//! A pending reply takes a number, which the facade keeps in its table of promises; the future runs on core's
//! background thread and its outcome goes into the lane's ring. Rejected: napi's own async functions, a thread hop
//! and a deferred each (bench/boundary).

use std::sync::Arc;

use redstart_core::reply::Reply;
use redstart_core::{Result, timer};

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
            let lane = lane.clone();
            let promise = lane.next_number();
            frame.set_status(STATUS_PENDING);
            frame.set_whole(1, promise);
            timer::spawn(async move {
                let outcome = future.await.map(convert);
                lane.push(Completion::Promise { promise, outcome });
            });
            Ok(Out::Undefined)
        }
    }
}
