//! Session calls. Data crosses as the JSON text that the facade made, in the narrowest form that holds it.

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::clock::MS;
use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::destroy::Destroyed;
use redstart_core::sessions::set::{Owner, Saved};
use redstart_core::sessions::{Digest, Record, SessionData};
use serde_json::json;

use crate::door::{Frame, Functions, KeyBuffer, Out};
use crate::lane::HappenedLine;
use crate::reply;
use crate::store::Handle;

#[derive(Clone)]
struct Sessions {
    engine: Arc<dyn SessionsEngine>,
    handle: Arc<Handle>,
}

/// Sessions that one call of a list looks at.
const LISTED_MAX: usize = 256;

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn SessionsEngine>,
) -> napi::Result<Functions<'env>> {
    let sessions = Sessions { engine, handle: handle.clone() };
    functions
        .with::<4, _>("create", sessions.clone(), create)?
        .with::<1, _>("get", sessions.clone(), get)?
        .with::<1, _>("handleOf", sessions.clone(), handle_of)?
        .with::<8, _>("set", sessions.clone(), set)?
        .with::<2, _>("touch", sessions.clone(), touch)?
        .with::<1, _>("regenerate", sessions.clone(), regenerate)?
        .with::<2, _>("destroy", sessions.clone(), destroy)?
        .with::<1, _>("destroyHandle", sessions.clone(), destroy_handle)?
        .with::<2, _>("destroyUser", sessions.clone(), destroy_user)?
        .with::<2, _>("listUser", sessions.clone(), list_user)?
        .with::<1, _>("scan", sessions.clone(), scan)?
        .with::<0, _>("clear", sessions.clone(), clear)?
        .with::<0, _>("subscribe", sessions.clone(), subscribe)?
        .with::<2, _>("unsubscribe", sessions.clone(), unsubscribe)?
        .with::<0, _>("stats", sessions, stats)
}

/// The id in an argument; '' stands for whatever cannot be an id, and no session has it.
fn id<'key>(frame: &Frame<'_>, index: usize, buffer: &'key mut KeyBuffer) -> Result<&'key str> {
    let key = frame.key(index, buffer)?;
    if key.is_wide() {
        return Ok("");
    }
    Ok(std::str::from_utf8(key.bytes).unwrap_or_default())
}

/// Arguments `index` and the one after it: 0 as it was, 1 a visitor's, 2 the user that follows.
fn owner(frame: &mut Frame<'_>, index: usize) -> Result<Owner> {
    Ok(match frame.whole(index) {
        Some(1) => Owner::Is(None),
        Some(2) => Owner::Is(Some(frame.text(index + 1)?.into())),
        _ => Owner::AsItWas,
    })
}

/// Arguments: data, ttlMs (negative: the options'), owner, user.
fn create(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let (ttl_ms, owner) = (frame.whole(1), owner(frame, 2)?);
    let (form, bytes) = frame.value(0)?;
    let data = SessionData { form, bytes };
    let reply =
        sessions.engine.create(SessionWrite { data, owner, ttl_ms, adopt: false, on: None, keep: false });
    reply::answer(frame, &sessions.handle.lane, reply, Out::Text)
}

/// scratch[1]: the version, scratch[2]: when it is over in ms since the epoch.
fn get(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, 0, &mut buffer)?;
    let Some(read) = sessions.engine.get(id, &mut frame.buffers.out)? else {
        return Ok(Out::Undefined);
    };
    frame.set_whole(1, read.version);
    frame.set_whole(2, read.expires_ms);
    Ok(Out::Value(read.tag))
}

/// The handle of an id, whether there is such a session or not.
fn handle_of(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let digest = Digest::of(id(frame, 0, &mut buffer)?);
    Ok(digest.map_or(Out::Undefined, |digest| Out::Text(digest.handle())))
}

/// Arguments: id, data, ttlMs, owner, user, adopt, the version it was made on (negative: any; 0: there is none), keep. The new
/// version, 0 for an unknown id, -1 when it has changed.
fn set(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, 0, &mut buffer)?;
    let (ttl_ms, owner) = (frame.whole(2), owner(frame, 3)?);
    let (adopt, on, keep) = (frame.flag(5), frame.whole(6), frame.flag(7));
    let (form, bytes) = frame.value(1)?;
    let data = SessionData { form, bytes };
    let reply = sessions.engine.set(id, SessionWrite { data, owner, ttl_ms, adopt, on, keep });
    reply::answer(frame, &sessions.handle.lane, reply, |saved| match saved {
        Saved::Stored(version) => whole(version),
        Saved::Unknown => Out::Number(0.0),
        Saved::Changed => Out::Number(-1.0),
    })
}

#[expect(clippy::cast_precision_loss, reason = "versions and counts stay far below 2^53")]
fn whole(number: u64) -> Out {
    Out::Number(number as f64)
}

/// Arguments: id, ttlMs (negative: as it was).
fn touch(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, 0, &mut buffer)?;
    let reply = sessions.engine.touch(id, frame.whole(1));
    reply::answer(frame, &sessions.handle.lane, reply, Out::Bool)
}

fn regenerate(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, 0, &mut buffer)?;
    let reply = sessions.engine.regenerate(id);
    reply::answer(frame, &sessions.handle.lane, reply, |id| id.map_or(Out::Undefined, Out::Text))
}

/// Arguments: id, the version it must be at (negative: any). 1, 0 for an unknown id, -1 when it has changed.
fn destroy(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let id = id(frame, 0, &mut buffer)?;
    let reply = sessions.engine.destroy(id, frame.whole(1));
    reply::answer(frame, &sessions.handle.lane, reply, destroyed)
}

fn destroy_handle(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let mut buffer = KeyBuffer::new();
    let handle = id(frame, 0, &mut buffer)?;
    let reply = sessions.engine.destroy_handle(handle);
    reply::answer(frame, &sessions.handle.lane, reply, destroyed)
}

fn destroyed(what: Destroyed) -> Out {
    Out::Number(match what {
        Destroyed::Ended => 1.0,
        Destroyed::Unknown => 0.0,
        Destroyed::Changed => -1.0,
    })
}

/// Arguments: user, the id that stays ('': none).
fn destroy_user(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let user = frame.text(0)?;
    let mut buffer = KeyBuffer::new();
    let except = id(frame, 1, &mut buffer)?;
    let reply = sessions.engine.destroy_user(&user, Some(except));
    reply::answer(frame, &sessions.handle.lane, reply, whole)
}

/// Arguments: user, a cursor, 0 at first. [[session, …], next cursor or null] as JSON.
fn list_user(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let user = frame.text(0)?;
    Ok(part(sessions.engine.list_user(&user, frame.whole(1).unwrap_or(0), LISTED_MAX)))
}

/// Arguments: a cursor, 0 at first. The same.
fn scan(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    Ok(part(sessions.engine.scan(frame.whole(0).unwrap_or(0), LISTED_MAX)))
}

fn part((records, next): (Vec<Record>, Option<u64>)) -> Out {
    Out::Text(json!([records.iter().map(shown).collect::<Vec<_>>(), next]).to_string())
}

/// What lists tell of a session: [handle, user, createdAt, lastSeenAt, expiresAt, data], times in ms since the epoch.
fn shown(record: &Record) -> serde_json::Value {
    let ms = |us: u64| us / MS;
    let times = [ms(record.created_us), ms(record.seen_us), ms(record.expires_us)];
    json!([record.digest.handle(), record.user, times[0], times[1], times[2], text(record)])
}

/// The data as the text it is.
fn text(record: &Record) -> String {
    if record.wide {
        let units = record.data.chunks_exact(2).map(|two| u16::from_ne_bytes([two[0], two[1]]));
        return char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    record.data.iter().copied().map(char::from).collect()
}

fn clear(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let reply = sessions.engine.clear();
    reply::answer(frame, &sessions.handle.lane, reply, |()| Out::Undefined)
}

fn subscribe(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    let lane = &sessions.handle.lane;
    let number = lane.next_number();
    let subscription = sessions.engine.watch(Arc::new(HappenedLine { lane: lane.clone(), number }));
    let engine = Arc::downgrade(&sessions.engine);
    lane.add_watch(
        number,
        Box::new(move || {
            if let Some(engine) = engine.upgrade() {
                engine.unwatch(subscription);
            }
        }),
    );
    frame.set_whole(1, number);
    Ok(whole(subscription))
}

fn unsubscribe(sessions: &Sessions, frame: &mut Frame<'_>) -> Result<Out> {
    sessions.engine.unwatch(frame.whole(0).unwrap_or_default());
    sessions.handle.lane.remove_watch(frame.whole(1).unwrap_or_default());
    Ok(Out::Undefined)
}

fn stats(sessions: &Sessions, _frame: &mut Frame<'_>) -> Result<Out> {
    sessions.handle.check_open()?;
    Ok(Out::Text(json!(sessions.engine.stats()).to_string()))
}
