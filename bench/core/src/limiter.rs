//! A limiter with keys of 16 bytes.

use std::hint::black_box;
use std::sync::Arc;

use redstart_core::engine::LimiterEngine;
use redstart_core::key::Key;
use redstart_core::limiter::{Algorithm, Ask};
use redstart_core::store::Store;
use serde_json::json;

use crate::open;
use crate::texts::Texts;

const WINDOW_MS: u64 = 10_000;
const MAX_KEYS: u32 = 2_000_000;
/// More than a bench asks of a key.
const LIMIT: u32 = 1_000;

fn limiter(store: &Store, algorithm: Algorithm, limit: u32) -> Arc<dyn LimiterEngine> {
    let options =
        json!({ "limit": limit, "window": WINDOW_MS, "algorithm": algorithm.name(), "maxKeys": MAX_KEYS });
    black_box(open(&options, |asked| store.limiter(asked)).feature)
}

#[inline]
fn take(limiter: &dyn LimiterEngine, key: Key<'_>) -> bool {
    let (answer, at_us) = limiter.take(key, Ask::units(1)).expect("a good cost");
    black_box((answer.remaining, answer.reset_after_ms, at_us));
    answer.allowed
}

/// Takes a unit of a key that is known and has some left.
pub fn consume(store: &Store, algorithm: Algorithm, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let limiter = limiter(store, algorithm, LIMIT);
    texts.each().for_each(|key| assert!(take(&*limiter, key)));
    let mut texts = texts.shuffled();
    move || assert!(take(&*limiter, texts.next()))
}

/// Asks for a unit of a key that has none left.
pub fn deny(store: &Store, algorithm: Algorithm, keys: usize) -> impl FnMut() + use<> {
    let texts = Texts::new(0, keys);
    let limiter = limiter(store, algorithm, 1);
    texts.each().for_each(|key| assert!(take(&*limiter, key)));
    let mut texts = texts.shuffled();
    move || assert!(!take(&*limiter, texts.next()))
}
