//! Cache calls, all bound: reads and writes are the hottest of the app.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use redstart_core::board;
use redstart_core::cache::loads::Landed;
use redstart_core::cache::{At, Put, Touch};
use redstart_core::engine::{CacheEngine, CacheView, Ended, Found, Joined, LoadMode, Read};
use redstart_core::key::{Key, OwnedKey};
use redstart_core::value::Tag;
use redstart_core::{Error, Result};

use crate::door::{Frame, Functions, KeyBuffer, List, Out};
use crate::lane::{HappenedLine, Led};
use crate::reply::answer;
use crate::store::Handle;

#[derive(Clone)]
struct Cache {
    engine: Arc<dyn CacheEngine>,
    /// The shape of the values that this handle reads and writes.
    version: u32,
    handle: Arc<Handle>,
    /// The place of the handle's near cache on the board, or `NO_NEAR`.
    near: Arc<AtomicU32>,
}

/// Where a write's arguments stand.
const VALUE: usize = 1;
const CODEC: usize = 2;
const TTL_MS: usize = 3;
const TAGS: usize = 4;

/// Before `set`, the hottest of the writes, codec and TTL stand in the scratch array.
const CODEC_IN: usize = 1;
const TTL_MS_IN: usize = 2;

/// The handle has no near cache.
const NO_NEAR: u32 = u32::MAX;

/// Places in the scratch array. A read leaves these.
const CODEC_OUT: usize = 1;
const SLOT_OUT: usize = 2;
const GENERATION_OUT: usize = 3;
const EXPIRES_OUT: usize = 4;
const KIND_OUT: usize = 5;
const HASH_OUT: usize = 8;
/// A load leaves these too.
const TICKET_OUT: usize = 6;
const LINE_OUT: usize = 7;

/// Bytes of a chunk of a scan, the last value aside.
const CHUNK_BYTES: usize = 1 << 20;

/// What `joinLoad` leaves as its kind.
const LEADS: f64 = 1.0;
const UNDER_WAY: f64 = 2.0;
const LANDED: f64 = 3.0;

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    CacheView { engine, version }: CacheView,
) -> napi::Result<Functions<'env>> {
    let cache = Cache { engine, version, handle: handle.clone(), near: Arc::new(AtomicU32::new(NO_NEAR)) };
    functions
        .with::<1, _>("get", cache.clone(), get)?
        .with::<2, _>("getStale", cache.clone(), get_stale)?
        .with::<2, _>("peek", cache.clone(), peek)?
        .with::<1, _>("take", cache.clone(), take)?
        .with::<2, _>("set", cache.clone(), set)?
        .with::<5, _>("setTagged", cache.clone(), set_tagged)?
        .with::<1, _>("has", cache.clone(), has)?
        .with::<1, _>("delete", cache.clone(), delete)?
        .with::<1, _>("getMany", cache.clone(), get_many)?
        .with::<3, _>("setMany", cache.clone(), set_many)?
        .with::<1, _>("deleteMany", cache.clone(), delete_many)?
        .with::<2, _>("touch", cache.clone(), touch)?
        .with::<1, _>("remaining", cache.clone(), remaining)?
        .with::<1, _>("expire", cache.clone(), expire)?
        .with::<1, _>("deleteByTag", cache.clone(), delete_by_tag)?
        .with::<1, _>("expireByTag", cache.clone(), expire_by_tag)?
        .with::<1, _>("deleteByPrefix", cache.clone(), delete_by_prefix)?
        .with::<0, _>("clear", cache.clone(), clear)?
        .with::<3, _>("scan", cache.clone(), scan)?
        .with::<4, _>("joinLoad", cache.clone(), join_load)?
        .with::<3, _>("tagLoad", cache.clone(), tag_load)?
        .with::<7, _>("endLoad", cache.clone(), end_load)?
        .with::<3, _>("failLoad", cache.clone(), fail_load)?
        .with::<2, _>("abandonLoad", cache.clone(), abandon_load)?
        .with::<3, _>("leaveLoad", cache.clone(), leave_load)?
        .with::<2, _>("loadCounts", cache.clone(), load_counts)?
        .with::<0, _>("tellUsed", cache.clone(), tell_used)?
        .with::<0, _>("openNear", cache.clone(), open_near)?
        .with::<1, _>("closeNear", cache.clone(), close_near)?
        .with::<0, _>("subscribe", cache.clone(), subscribe)?
        .with::<2, _>("unsubscribe", cache.clone(), unsubscribe)?
        .with::<0, _>("stats", cache, stats)
}

impl Cache {
    fn at<'a>(&self, key: Key<'a>) -> At<'a> {
        At { key, version: self.version }
    }

    fn near(&self) -> Option<u16> {
        u16::try_from(self.near.load(Ordering::Relaxed)).ok()
    }

    /// The engine hears of the near cache's uses, before it chooses who goes.
    fn tell_used(&self) {
        if let Some(near) = self.near() {
            board::take_used(near, |hashes| self.engine.note_used(hashes));
        }
    }
}

/// A call with a key as its first argument, on an open handle.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
fn with_key(
    cache: &Cache,
    frame: &mut Frame<'_>,
    call: impl FnOnce(&dyn CacheEngine, At<'_>, &mut Frame<'_>) -> Result<Out>,
) -> Result<Out> {
    cache.handle.check_open()?;
    with_key_always(cache, frame, call)
}

/// As `with_key`, on a closed handle too: others may wait for a load through handles of their own.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: what is handed over in memory stalls the next read")]
fn with_key_always(
    cache: &Cache,
    frame: &mut Frame<'_>,
    call: impl FnOnce(&dyn CacheEngine, At<'_>, &mut Frame<'_>) -> Result<Out>,
) -> Result<Out> {
    let mut buffer = KeyBuffer::new();
    let key = frame.key(0, &mut buffer)?;
    call(&*cache.engine, cache.at(key), frame)
}

/// What a read found, for the facade and its near cache.
#[inline]
fn show_read(cache: &Cache, frame: &Frame<'_>, read: &Read) -> Out {
    match read {
        Read::Absent => Out::Undefined,
        Read::Found(found) => show_found(cache, frame, found),
    }
}

/// By reference throughout: see `Frame::key_of`.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "µs since 1970 stay below 2^53 for 200 years")]
fn show_found(cache: &Cache, frame: &Frame<'_>, found: &Found) -> Out {
    frame.set(CODEC_OUT, f64::from(found.tag.codec()));
    frame.set(KIND_OUT, f64::from(u8::from(found.stale)));
    if cache.near().is_some() {
        frame.set_bits(HASH_OUT, found.hash);
        frame.set(SLOT_OUT, f64::from(found.slot));
        frame.set(GENERATION_OUT, f64::from(found.generation));
        let never = found.expires_us == u64::MAX;
        frame.set(EXPIRES_OUT, if never { f64::INFINITY } else { found.expires_us as f64 });
        if !never {
            // A near cache may keep what was read, and will then want to know when its TTL ends.
            board::keep_ticking();
        }
    }
    Out::Value(found.tag)
}

fn get(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| match &engine.get(at, &mut frame.buffers.out) {
        Ok(read) => Ok(show_read(cache, frame, read)),
        Err(error) => Err(error.clone()),
    })
}

fn get_stale(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        let window_ms = frame.whole(1).unwrap_or_default();
        let read = engine.get_stale(at, window_ms, &mut frame.buffers.out)?;
        Ok(show_read(cache, frame, &read))
    })
}

fn peek(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        let window_ms = frame.whole(1).unwrap_or_default();
        let read = engine.peek(at, window_ms, &mut frame.buffers.out)?;
        Ok(show_read(cache, frame, &read))
    })
}

fn take(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        let read = engine.take(at, &mut frame.buffers.out)?;
        Ok(show_read(cache, frame, &read))
    })
}

fn set(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.tell_used();
    with_key(cache, frame, |engine, at, frame| {
        let codec_and_ttl = (codec_of(frame.scratch(CODEC_IN)), frame.scratch_whole(TTL_MS_IN));
        write(frame, VALUE, codec_and_ttl, &[], |put| engine.set(at, put))?;
        Ok(Out::Undefined)
    })
}

fn set_tagged(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.tell_used();
    with_key(cache, frame, |engine, at, frame| {
        let tags = keys(frame, TAGS)?;
        let codec_and_ttl = codec_and_ttl(frame, VALUE);
        write(frame, VALUE, codec_and_ttl, &borrowed(&tags), |put| engine.set(at, put))?;
        Ok(Out::Undefined)
    })
}

/// Codec and TTL where they stand behind the value.
fn codec_and_ttl(frame: &Frame<'_>, value: usize) -> (u8, Option<u64>) {
    (codec_of(frame.number(value - VALUE + CODEC)), frame.whole(value - VALUE + TTL_MS))
}

/// Reads the value and hands all to `store`. The facade passes a negative number for a TTL of "never".
fn write<T>(
    frame: &mut Frame<'_>,
    value: usize,
    (codec, ttl_ms): (u8, Option<u64>),
    tags: &[Key<'_>],
    store: impl FnOnce(Put<'_>) -> Result<T>,
) -> Result<T> {
    let (form, value) = frame.value(value)?;
    store(Put { tag: Tag::new(form, codec), value, ttl_ms, tags })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lib/codec.js numbers from 0 to 9"
)]
fn codec_of(number: f64) -> u8 {
    number as u8
}

/// The keys, or tags, in an array argument.
fn keys(frame: &Frame<'_>, index: usize) -> Result<Vec<OwnedKey>> {
    let mut buffer = KeyBuffer::new();
    let read = |at| frame.key_in(index, at, &mut buffer).map(|key| key.to_owned());
    (0..frame.list_len(index)).map(read).collect()
}

fn borrowed(keys: &[OwnedKey]) -> Vec<Key<'_>> {
    keys.iter().map(OwnedKey::as_key).collect()
}

fn has(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, _| Ok(Out::Bool(engine.has(at))))
}

fn delete(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, _| Ok(Out::Bool(engine.delete(at))))
}

fn get_many(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let mut list = List::default();
    for key in keys(frame, 0)? {
        match cache.engine.get(cache.at(key.as_key()), &mut frame.buffers.out)? {
            Read::Found(Found { tag, .. }) => {
                list.push_number(f64::from(tag.codec()));
                list.push_value(tag, &frame.buffers.out);
            }
            Read::Absent => {
                list.push_number(-1.0);
                list.push_undefined();
            }
        }
    }
    Ok(Out::List(list))
}

/// Keys, values and codecs stand by threes in the first argument.
fn set_many(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    cache.tell_used();
    let tags = keys(frame, 2)?;
    let tags = borrowed(&tags);
    let ttl_ms = frame.whole(1);
    let count = frame.list_len(0) / 3;
    // All keys first: a bad one stores nothing.
    let mut buffer = KeyBuffer::new();
    let read = |at| frame.key_in(0, at * 3, &mut buffer).map(|key| key.to_owned());
    let keys: Vec<OwnedKey> = (0..count).map(read).collect::<Result<_>>()?;
    let mut too_large = None;
    for (at, key) in keys.iter().enumerate() {
        let codec = codec_of(frame.number_in(0, at * 3 + 2));
        let (form, value) = frame.value_in(0, at * 3 + 1)?;
        let put = Put { tag: Tag::new(form, codec), value, ttl_ms, tags: &tags };
        match cache.engine.set(cache.at(key.as_key()), put) {
            Err(error @ Error::TooLarge { .. }) => {
                too_large.get_or_insert(error);
            }
            set => set?,
        }
    }
    too_large.map_or(Ok(Out::Undefined), Err)
}

fn delete_many(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let keys = keys(frame, 0)?;
    let live = keys.iter().filter(|key| cache.engine.delete(cache.at(key.as_key()))).count();
    Ok(whole(live as u64))
}

#[expect(clippy::cast_precision_loss, reason = "counts of things in memory stay far below 2^53")]
fn whole(number: u64) -> Out {
    Out::Number(number as f64)
}

fn touch(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        let own = frame.number(1).is_nan();
        let touch = if own { Touch::Own } else { Touch::For(frame.whole(1)) };
        Ok(Out::Bool(engine.touch(at, touch)))
    })
}

#[expect(clippy::cast_precision_loss, reason = "µs of a TTL stay below 2^53")]
fn remaining(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, _| {
        Ok(match engine.remaining_us(at) {
            None => Out::Undefined,
            Some(u64::MAX) => Out::Number(f64::INFINITY),
            Some(us) => Out::Number(us as f64 / 1_000.0),
        })
    })
}

fn expire(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, _| Ok(Out::Bool(engine.expire(at))))
}

fn delete_by_tag(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let tags = keys(frame, 0)?;
    let reply = cache.engine.delete_by_tag(&borrowed(&tags));
    answer(frame, &cache.handle.lane, reply, |()| Out::Undefined)
}

fn expire_by_tag(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let tags = keys(frame, 0)?;
    let reply = cache.engine.expire_by_tag(&borrowed(&tags));
    answer(frame, &cache.handle.lane, reply, |()| Out::Undefined)
}

fn delete_by_prefix(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        answer(frame, &cache.handle.lane, engine.delete_by_prefix(at.key), whole)
    })
}

fn clear(cache: &Cache, _frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    cache.engine.clear();
    Ok(Out::Undefined)
}

fn scan(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let cursor = frame.whole(0).unwrap_or_default();
    let with_values = frame.flag(2);
    let mut buffer = KeyBuffer::new();
    let prefix = frame.key(1, &mut buffer)?;
    let mut list = List::default();
    let next = cache.engine.scan(cursor, prefix, cache.version, &mut |key, tag, value| {
        list.push_key(key);
        if with_values {
            list.push_number(f64::from(tag.codec()));
            list.push_value(tag, value);
        }
        list.bytes() < CHUNK_BYTES
    });
    frame.set_whole(1, next);
    Ok(Out::List(list))
}

fn join_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key(cache, frame, |engine, at, frame| {
        let timeout_ms = frame.whole(1).unwrap_or(u64::MAX);
        let mode = match frame.whole(2) {
            Some(1) => LoadMode::Fresh,
            Some(2) => LoadMode::Refresh,
            _ => LoadMode::Join,
        };
        let tags = keys(frame, 3)?;
        let lane = &cache.handle.lane;
        let number = lane.next_number();
        let leader = lane.leader(number);
        match engine.join_load(at, &borrowed(&tags), mode, timeout_ms, leader, &mut frame.buffers.out)? {
            Joined::Found(found) => Ok(show_found(cache, frame, &found)),
            Joined::Lead(ticket) => {
                let engine = Arc::downgrade(&cache.engine);
                lane.add_load(ticket, Led { engine, key: at.key.to_owned(), version: at.version });
                frame.set(KIND_OUT, LEADS);
                frame.set_whole(TICKET_OUT, ticket);
                frame.set_whole(LINE_OUT, number);
                Ok(Out::Undefined)
            }
            Joined::UnderWay => {
                frame.set(KIND_OUT, UNDER_WAY);
                Ok(Out::Undefined)
            }
            Joined::Wait(ticket, reply) => {
                frame.set_whole(TICKET_OUT, ticket);
                // Where the answer is ready all the same: the load has ended since.
                frame.set(KIND_OUT, LANDED);
                answer(frame, lane, reply, landed)
            }
        }
    })
}

/// [kind, codec, payload], as the facade's loads expect it.
fn landed(landed: Landed) -> Out {
    let mut list = List::default();
    match landed {
        Landed::Value(tag, bytes) => {
            list.push_number(0.0);
            list.push_number(f64::from(tag.codec()));
            list.push_value(tag, &bytes);
        }
        Landed::Nothing => list.push_number(1.0),
        Landed::Failed(failure) => {
            list.push_number(2.0);
            list.push_undefined();
            list.push_text(&failure);
        }
        Landed::Again => list.push_number(3.0),
    }
    Out::List(list)
}

fn tag_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key_always(cache, frame, |engine, at, frame| {
        let ticket = frame.whole(1).unwrap_or_default();
        let tags = keys(frame, 2)?;
        engine.tag_load(at, ticket, &borrowed(&tags))?;
        Ok(Out::Undefined)
    })
}

/// Works on a closed handle too, as do the other ways to end a load.
fn end_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.tell_used();
    with_key_always(cache, frame, |engine, at, frame| {
        let ticket = frame.whole(1).unwrap_or_default();
        let tags = keys(frame, 5)?;
        let store = frame.flag(6);
        let codec_and_ttl = codec_and_ttl(frame, 2);
        let stored =
            write(frame, 2, codec_and_ttl, &borrowed(&tags), |put| engine.end_load(at, ticket, put, store));
        cache.handle.lane.remove_load(ticket);
        if stored.is_err() {
            // A bad tag: whoever waits asks anew, and hears of it then.
            engine.abandon_load(at, ticket);
        }
        let ended = stored?;
        frame.set(KIND_OUT, f64::from(u8::from(ended == Ended::Over)));
        Ok(Out::Bool(ended == Ended::Stored))
    })
}

fn fail_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key_always(cache, frame, |engine, at, frame| {
        let ticket = frame.whole(1).unwrap_or_default();
        let failure = frame.text(2)?;
        engine.fail_load(at, ticket, (!failure.is_empty()).then_some(&failure));
        cache.handle.lane.remove_load(ticket);
        Ok(Out::Undefined)
    })
}

fn abandon_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key_always(cache, frame, |engine, at, frame| {
        let ticket = frame.whole(1).unwrap_or_default();
        engine.abandon_load(at, ticket);
        cache.handle.lane.remove_load(ticket);
        Ok(Out::Undefined)
    })
}

fn leave_load(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key_always(cache, frame, |engine, at, frame| {
        let ticket = frame.whole(1).unwrap_or_default();
        Ok(Out::Bool(engine.leave_load(at, ticket, frame.flag(2))))
    })
}

fn load_counts(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    with_key_always(cache, frame, |engine, at, frame| {
        Ok(Out::Bool(engine.load_counts(at, frame.whole(1).unwrap_or_default())))
    })
}

fn tell_used(cache: &Cache, _frame: &mut Frame<'_>) -> Result<Out> {
    cache.tell_used();
    Ok(Out::Undefined)
}

fn open_near(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let Some(places) = cache.engine.open_near() else { return Ok(Out::Number(-1.0)) };
    cache.handle.lane.add_near(&cache.engine, places.hits);
    cache.near.store(u32::from(places.hits), Ordering::Relaxed);
    frame.set(1, f64::from(places.epoch));
    frame.set(2, f64::from(places.clock));
    Ok(Out::Number(f64::from(places.hits)))
}

fn close_near(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    if let Some(hits) = frame.whole(0).and_then(|hits| u16::try_from(hits).ok()) {
        cache.near.store(NO_NEAR, Ordering::Relaxed);
        cache.handle.lane.close_near(&cache.engine, hits);
    }
    Ok(Out::Undefined)
}

fn subscribe(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    let lane = &cache.handle.lane;
    let number = lane.next_number();
    let subscription = cache.engine.watch(Arc::new(HappenedLine { lane: lane.clone(), number }));
    let engine = Arc::downgrade(&cache.engine);
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

fn unsubscribe(cache: &Cache, frame: &mut Frame<'_>) -> Result<Out> {
    cache.engine.unwatch(frame.whole(0).unwrap_or_default());
    cache.handle.lane.remove_watch(frame.whole(1).unwrap_or_default());
    Ok(Out::Undefined)
}

fn stats(cache: &Cache, _frame: &mut Frame<'_>) -> Result<Out> {
    cache.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(cache.engine.stats()).to_string()))
}
