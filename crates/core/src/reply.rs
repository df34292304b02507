//! An engine's answer: now, or later.

use std::future::Future;
use std::pin::Pin;

use crate::error::Result;

/// An answer that comes later.
pub type Pending<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What an engine answers. The memory engine is ready at once except where the caller waits for an event (a
/// job's result); an engine with a log or a network behind it is pending.
pub enum Reply<T> {
    /// The answer.
    Ready(Result<T>),
    /// Its promise.
    Pending(Pending<T>),
}
