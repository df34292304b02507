//! Limiter calls: the answer's numbers go through the scratch array, lib/limiter.js makes the object.

use std::sync::{Arc, OnceLock};

use napi_derive::napi;
use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{Answer, Ask, Reason};
use redstart_core::{Result, ids};

use crate::door::{Frame, Functions, KeyBuffer, Out};
use crate::reply;
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
        .with::<1, _>("consume", limiter.clone(), consume)?
        .with::<4, _>("consumeAs", limiter.clone(), consume_as)?
        .with::<4, _>("peek", limiter.clone(), peek)?
        .with::<5, _>("refund", limiter.clone(), refund)?
        .with::<4, _>("penalty", limiter.clone(), penalty)?
        .with::<2, _>("block", limiter.clone(), block)?
        .with::<1, _>("reset", limiter.clone(), reset)?
        .with::<0, _>("resetAll", limiter.clone(), reset_all)?
        .with::<5, _>("wait", limiter.clone(), wait)?
        .with::<0, _>("number", limiter.clone(), number)?
        .with::<0, _>("stats", limiter, stats)
}

/// What a part of `consumeAll` names it by.
fn number(limiter: &Limiter, _frame: &mut Frame<'_>) -> Result<Out> {
    Ok(Out::Text(limiter.engine.number().to_string()))
}

fn consume(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    Ok(taken(frame, limiter.engine.take(key, Ask::units(1))?))
}

fn consume_as(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    Ok(taken(frame, limiter.engine.take(key, ask(frame))?))
}

fn peek(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    Ok(answer(frame, &limiter.engine.peek(key, ask(frame))?))
}

/// Arguments: as the others, and takenUs (negative: whenever).
fn refund(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    limiter.engine.give_back(key, ask(frame), frame.whole(4).unwrap_or(u64::MAX))?;
    Ok(Out::Undefined)
}

fn penalty(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    Ok(answer(frame, &limiter.engine.penalty(key, ask(frame))?))
}

/// Arguments: key, durationMs.
fn block(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    // lib/limiter.js has checked the duration.
    limiter.engine.block(key, frame.whole(1).unwrap_or(1))?;
    Ok(Out::Undefined)
}

fn reset(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    Ok(Out::Bool(limiter.engine.reset(key)))
}

fn reset_all(limiter: &Limiter, _frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    limiter.engine.reset_all();
    Ok(Out::Undefined)
}

/// Arguments: as the others, and timeoutMs (negative: none). Pending until there is room.
fn wait(limiter: &Limiter, frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    let mut buffer = KeyBuffer::of_any_length();
    let key = frame.key(0, &mut buffer)?;
    let waited = limiter.engine.wait(key, ask(frame), frame.whole(4));
    reply::answer(frame, &limiter.handle.lane, waited, |answer| {
        Out::Text(format!("[{}]", fields(&answer).map(|field| field.to_string()).join(",")))
    })
}

fn stats(limiter: &Limiter, _frame: &mut Frame<'_>) -> Result<Out> {
    limiter.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(limiter.engine.stats()).to_string()))
}

/// Arguments 1 to 3 of most calls: cost, limit and windowMs, 0 for the limiter's own.
fn ask(frame: &Frame<'_>) -> Ask {
    asked(frame.whole(1), frame.whole(2), frame.whole(3))
}

fn asked(cost: Option<u64>, limit: Option<u64>, window: Option<u64>) -> Ask {
    let limit = limit.filter(|&limit| limit > 0).map(|limit| units(Some(limit)));
    Ask { cost: units(cost), limit, window: window.filter(|&window| window > 0) }
}

/// lib/limiter.js has checked the number; what does not fit is above every limit and refused as such.
fn units(number: Option<u64>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX)
}

/// As `answer`, and scratch[5]: when that was.
fn taken(frame: &Frame<'_>, (given, at_us): (Answer, u64)) -> Out {
    frame.set_whole(5, at_us);
    answer(frame, &given)
}

/// counts[2]: limit, [3]: remaining; scratch[2]: `resetAfterMs`, [3]: `retryAfterMs`, [4]: reason, which an allowed call has not.
fn answer(frame: &Frame<'_>, answer: &Answer) -> Out {
    frame.set_pair(1, [answer.limit, answer.remaining]);
    frame.set_whole(2, answer.reset_after_ms);
    frame.set_whole(3, answer.retry_after_ms);
    frame.set_whole(4, reason(answer));
    Out::Undefined
}

/// allowed, limit, remaining, resetAfterMs, retryAfterMs, reason (0 none, 1 limit, 2 overflow, 3 blocked).
fn fields(answer: &Answer) -> [u64; 6] {
    [
        u64::from(answer.allowed),
        answer.limit.into(),
        answer.remaining.into(),
        answer.reset_after_ms,
        answer.retry_after_ms,
        reason(answer),
    ]
}

fn reason(answer: &Answer) -> u64 {
    match answer.reason {
        None => 0,
        Some(Reason::Limit) => 1,
        Some(Reason::Overflow) => 2,
        Some(Reason::Blocked) => 3,
    }
}

/// What doors salt a key with before they show its hash to clients: one text a process, so that all threads show the same.
#[napi(catch_unwind)]
pub fn partition_salt() -> String {
    static SALT: OnceLock<String> = OnceLock::new();
    SALT.get_or_init(ids::session_id).clone()
}

/// A call of the store's: one list [limiter, key, cost, limit, windowMs, …] of the parts. The answers' fields as JSON.
pub(crate) fn consume_all(handle: &Arc<Handle>, frame: &mut Frame<'_>) -> Result<Out> {
    const FIELDS: usize = 5;
    handle.check_open()?;
    let parts = frame.list_len(0) / FIELDS;
    let mut buffers: Vec<KeyBuffer> = (0..parts).map(|_| KeyBuffer::of_any_length()).collect();
    let mut wanted = Vec::with_capacity(parts);
    for (part, buffer) in buffers.iter_mut().enumerate() {
        let at = part * FIELDS;
        let number = frame.whole_in(0, at).unwrap_or(0);
        let key = frame.key_in(0, at + 1, buffer)?;
        let (cost, limit) = (frame.whole_in(0, at + 2), frame.whole_in(0, at + 3));
        wanted.push((number, key, asked(cost, limit, frame.whole_in(0, at + 4))));
    }
    let (answers, at_us) = handle.store.consume_all(&wanted)?;
    frame.set_whole(5, at_us);
    let answers = answers.iter().map(fields).collect::<Vec<_>>();
    Ok(Out::Text(serde_json::json!(answers).to_string()))
}
