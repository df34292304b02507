//! Cache calls, all bound: reads and writes are the hottest of the app.

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::engine::{CacheEngine, Lookup};
use redstart_core::key::Key;
use redstart_core::value::Tag;

use crate::door::{Frame, Functions, KeyBuffer, Out};
use crate::store::Handle;

#[derive(Clone)]
struct Cache {
    engine: Arc<dyn CacheEngine>,
    handle: Arc<Handle>,
}

/// Where a write's arguments stand.
const VALUE: usize = 1;
const CODEC: usize = 2;
const TTL_MS: usize = 3;
const TICKET: usize = 4;

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn CacheEngine>,
) -> napi::Result<Functions<'env>> {
    let cache = Cache { engine, handle: handle.clone() };
    functions
        .with::<1, _>("get", cache.clone(), get)?
        .with::<4, _>("set", cache.clone(), set)?
        .with::<1, _>("has", cache.clone(), has)?
        .with::<1, _>("delete", cache.clone(), delete)?
        .with::<0, _>("clear", cache.clone(), clear)?
        .with::<1, _>("beginLoad", cache.clone(), begin_load)?
        .with::<5, _>("endLoad", cache.clone(), end_load)?
        .with::<2, _>("abandonLoad", cache.clone(), abandon_load)?
        .with::<2, _>("loadCounts", cache.clone(), load_counts)?
        .with::<0, _>("stats", cache, stats)
}

fn get(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    match cache.engine.get(key, &mut frame.buffers.out)? {
        Lookup::Absent => Ok(Out::Undefined),
        Lookup::Copied(tag) => {
            frame.set(1, f64::from(tag.codec()));
            Ok(Out::Value(tag))
        }
    }
}

fn set(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    write(frame, |tag, value, ttl_ms| cache.engine.set(key, tag, value, ttl_ms))?;
    Ok(Out::Undefined)
}

/// Reads value, codec and ttl and hands them to `store`.
fn write<T>(frame: &mut Frame<'_>, store: impl FnOnce(Tag, &[u8], Option<u64>) -> Result<T>) -> Result<T> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lib/codec.js numbers from 0 to 6"
    )]
    let codec = frame.number(CODEC) as u8;
    // The facade passes a negative number for "never".
    let ttl_ms = frame.whole(TTL_MS);
    let (form, value) = frame.value(VALUE)?;
    store(Tag::new(form, codec), value, ttl_ms)
}

fn has(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, key| Out::Bool(engine.has(key)))
}

fn delete(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, key| Out::Bool(engine.delete(key)))
}

fn begin_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    #[expect(clippy::cast_precision_loss, reason = "tickets count loads and stay far below 2^53")]
    with_key(cache, frame, |engine, key| Out::Number(engine.begin_load(key) as f64))
}

fn with_key(
    cache: &Cache,
    frame: &mut Frame<'_>,
    call: impl FnOnce(&dyn CacheEngine, Key<'_>) -> Out,
) -> Result<Out> {
    cache.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    Ok(call(&*cache.engine, key))
}

/// Works on a closed handle too: others may wait for this load through handles of their own.
fn end_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    let ticket = frame.whole(TICKET).unwrap_or_default();
    let stored = write(frame, |tag, value, ttl_ms| cache.engine.end_load(key, tag, value, ttl_ms, ticket))?;
    Ok(Out::Bool(stored))
}

fn abandon_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    cache.engine.abandon_load(key, frame.whole(1).unwrap_or_default());
    Ok(Out::Undefined)
}

fn load_counts(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    Ok(Out::Bool(cache.engine.load_counts(key, frame.whole(1).unwrap_or_default())))
}

fn clear(cache: &Cache, _frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    cache.engine.clear();
    Ok(Out::Undefined)
}

fn stats(cache: &Cache, _frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(cache.engine.stats()).to_string()))
}
