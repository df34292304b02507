//! A cache with keys of 16 bytes and values of 100, which expire.

use std::hint::black_box;

use redstart_core::cache::{At, Put};
use redstart_core::engine::{CacheView, Read};
use redstart_core::key::Key;
use redstart_core::store::Store;
use redstart_core::value::{Form, Tag};
use serde_json::{Value, json};

use crate::open;
use crate::texts::Texts;

const TTL_MS: u64 = 300_000;
/// Enough for a million entries and as many again.
const MAX_SIZE: u64 = 4 << 30;
const VALUE: [u8; 100] = [b'v'; 100];

fn cache(store: &Store, max: Option<usize>) -> CacheView {
    let options = json!({
        "ttl": TTL_MS,
        "ttlJitter": 0.0,
        "updateAgeOnGet": false,
        "max": max,
        "maxSize": MAX_SIZE,
        "maxEntrySize": 1 << 20,
        "eviction": "s3-fifo",
        "staleWhileRevalidate": Value::Null,
        "staleIfError": Value::Null,
        "negativeTtl": Value::Null,
        "handle": { "codec": "structured", "near": Value::Null, "version": Value::Null },
    });
    // The addon calls it through its contract, too, and the compiler must not see which engine it is.
    black_box(open(&options, |asked| store.cache(asked)).feature)
}

fn filled(store: &Store, texts: &Texts) -> CacheView {
    let view = cache(store, None);
    texts.each().for_each(|key| set(&view, key));
    view
}

fn at<'a>(view: &CacheView, key: Key<'a>) -> At<'a> {
    At { key, version: view.version }
}

#[inline]
fn set(view: &CacheView, key: Key<'_>) {
    let put = Put { tag: Tag::new(Form::OneByteText, 1), value: &VALUE, ttl_ms: Some(TTL_MS), tags: &[] };
    view.engine.set(at(view, key), put).expect("it is small");
}

#[inline]
fn get(view: &CacheView, key: Key<'_>, buffer: &mut Vec<u8>) -> bool {
    let read = view.engine.get(at(view, key), buffer).expect("a read never fails");
    matches!(read, Read::Found(_))
}

/// Reads a key that is there.
pub fn get_hit(store: &Store, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let (view, mut texts) = (filled(store, &texts), texts.shuffled());
    let mut buffer = Vec::new();
    move || {
        assert!(get(&view, texts.next(), &mut buffer));
        assert_eq!(buffer.len(), VALUE.len());
    }
}

/// Reads a key that is not there.
pub fn get_miss(store: &Store, keys: usize) -> impl FnMut() + use<> {
    let view = filled(store, &Texts::new(0, keys));
    let mut others = Texts::new(keys, keys).shuffled();
    let mut buffer = Vec::new();
    move || assert!(!get(&view, others.next(), &mut buffer))
}

/// Asks for a key that is there.
pub fn has(store: &Store, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let (view, mut texts) = (filled(store, &texts), texts.shuffled());
    move || assert!(view.engine.has(at(&view, texts.next())))
}

/// Writes a key that is there.
pub fn set_replace(store: &Store, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let (view, mut texts) = (filled(store, &texts), texts.shuffled());
    move || set(&view, texts.next())
}

/// Writes a key that is not there, beside `keys` others, at most `calls` times.
pub fn set_new(store: &Store, keys: usize, calls: usize) -> impl FnMut() + use<> {
    let view = filled(store, &Texts::new(0, keys));
    let (mut fresh, mut left) = (Texts::new(keys, calls), calls);
    move || {
        left = left.checked_sub(1).expect("as many calls as were announced");
        set(&view, fresh.next());
    }
}

/// Writes a key that is not there into a cache that is full.
pub fn set_evict(store: &Store, keys: usize) -> impl FnMut() + use<> {
    /// By then a key is gone, and nothing remembers it.
    const ROUNDS: usize = 8;
    let view = cache(store, Some(keys));
    let mut texts = Texts::new(0, ROUNDS * keys);
    texts.each().take(2 * keys).for_each(|key| set(&view, key));
    assert!(view.engine.stats().evictions > 0);
    texts.skip(2 * keys);
    move || set(&view, texts.next())
}

/// Deletes a key that is there, at most `keys` times.
pub fn delete(store: &Store, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let (view, mut texts) = (filled(store, &texts), texts.shuffled());
    move || assert!(view.engine.delete(at(&view, texts.next())))
}
