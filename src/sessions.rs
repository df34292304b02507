//! Session calls. Data crosses as the JSON text that the facade made, in the narrowest form that holds it.

use std::sync::Arc;

use redstart_core::engine::{Lookup, SessionsEngine};
use redstart_core::sessions::SessionData;
use redstart_core::{Error, Result};

use crate::door::{Frame, Functions, KeyBuffer, Out};
use crate::reply;
use crate::store::Handle;

#[derive(Clone)]
struct Sessions {
    engine: Arc<dyn SessionsEngine>,
    handle: Arc<Handle>,
}

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn SessionsEngine>,
) -> napi::Result<Functions<'env>> {
    let sessions = Sessions { engine, handle: handle.clone() };
    functions
        .with::<2, _>("create", sessions.clone(), create)?
        .with::<1, _>("get", sessions.clone(), get)?
        .with::<4, _>("set", sessions.clone(), set)?
        .with::<2, _>("touch", sessions.clone(), touch)?
        .with::<1, _>("regenerate", sessions.clone(), regenerate)?
        .with::<1, _>("destroy", sessions.clone(), destroy)?
        .with::<0, _>("stats", sessions, stats)
}

/// The id in argument 0; '' stands for whatever cannot be an id, and no session has it.
fn id<'key>(frame: &Frame<'_>, buffer: &'key mut KeyBuffer) -> Result<&'key str> {
    let key = frame.key(0, buffer)?;
    if key.is_wide() {
        return Ok("");
    }
    Ok(std::str::from_utf8(key.bytes).unwrap_or_default())
}

fn ttl_ms(frame: &Frame<'_>, index: usize) -> Result<u64> {
    frame.whole(index).ok_or_else(|| Error::InvalidArg("a session needs a ttl in milliseconds".into()))
}

fn create(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let ttl_ms = ttl_ms(frame, 1)?;
    let (form, bytes) = frame.value(0)?;
    let reply = sessions.engine.create(SessionData { form, bytes }, ttl_ms);
    reply::answer(frame, &sessions.handle.lane, reply, Out::Text)
}

fn get(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, &mut buffer)?;
    Ok(match sessions.engine.get(id, &mut frame.buffers.out)? {
        Lookup::Absent => Out::Undefined,
        Lookup::Copied(tag) => Out::Value(tag),
    })
}

fn set(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, &mut buffer)?;
    let (ttl_ms, adopt) = (ttl_ms(frame, 2)?, frame.flag(3));
    let (form, bytes) = frame.value(1)?;
    let reply = sessions.engine.set(id, SessionData { form, bytes }, ttl_ms, adopt);
    reply::answer(frame, &sessions.handle.lane, reply, Out::Bool)
}

fn touch(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, &mut buffer)?;
    let reply = sessions.engine.touch(id, ttl_ms(frame, 1)?);
    reply::answer(frame, &sessions.handle.lane, reply, Out::Bool)
}

fn regenerate(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, &mut buffer)?;
    let reply = sessions.engine.regenerate(id);
    reply::answer(frame, &sessions.handle.lane, reply, |id| id.map_or(Out::Undefined, Out::Text))
}

fn destroy(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, &mut buffer)?;
    let reply = sessions.engine.destroy(id);
    reply::answer(frame, &sessions.handle.lane, reply, Out::Bool)
}

fn stats(sessions: &Sessions, _frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(sessions.engine.stats()).to_string()))
}
