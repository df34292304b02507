//! Limiter calls: the answer's numbers go through the scratch array, lib/limiter.js makes the object.

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Answer, Reason};

use crate::door::{Frame, Functions, KeyBuffer, Out};
use crate::store::Handle;

#[derive(Clone)]
struct Limiter {
    engine: Arc<dyn LimiterEngine>,
    handle: Arc<Handle>,
}

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn LimiterEngine>,
) -> napi::Result<Functions<'env>> {
    let limiter = Limiter { engine, handle: handle.clone() };
    functions
        .with::<2, _>("consume", limiter.clone(), consume)?
        .with::<1, _>("peek", limiter.clone(), peek)?
        .with::<1, _>("reset", limiter.clone(), reset)?
        .with::<0, _>("stats", limiter, stats)
}

fn consume(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    // lib/limiter.js has checked the cost; what does not fit is above every limit and refused as such.
    let cost = frame.whole(1).and_then(|cost| u32::try_from(cost).ok()).unwrap_or(u32::MAX);
    Ok(answer(frame, &limiter.engine.consume(key, cost)?))
}

fn peek(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    Ok(answer(frame, &limiter.engine.peek(key)?))
}

/// scratch[1..6]: limit, remaining, resetAfterMs, retryAfterMs, reason (0 none, 1 limit, 2 overflow).
fn answer(frame: &Frame<'_>, answer: &Answer) -> Out {
    frame.set(1, f64::from(answer.limit));
    frame.set(2, f64::from(answer.remaining));
    frame.set_whole(3, answer.reset_after_ms);
    frame.set_whole(4, answer.retry_after_ms);
    let reason = match answer.reason {
        None => 0.0,
        Some(Reason::Limit) => 1.0,
        Some(Reason::Overflow) => 2.0,
    };
    frame.set(5, reason);
    Out::Bool(answer.allowed)
}

fn reset(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    Ok(Out::Bool(limiter.engine.reset(key)))
}

fn stats(limiter: &Limiter, _frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(limiter.engine.stats()).to_string()))
}
