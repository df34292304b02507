//! Sessions of visitors with 500 bytes of data.

use std::hint::black_box;
use std::sync::Arc;

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::SessionData;
use redstart_core::sessions::set::{Owner, Saved};
use redstart_core::store::Store;
use redstart_core::value::Form;
use serde_json::json;

use crate::{open, ready};

const TTL_MS: u64 = 3_600_000;
const MAX_ANONYMOUS: u32 = 4_000_000;
const DATA: [u8; 500] = [b'd'; 500];

/// Sessions and their ids, which are gone through over and over.
struct Sessions {
    engine: Arc<dyn SessionsEngine>,
    ids: Vec<String>,
    at: usize,
}

impl Sessions {
    fn new(store: &Store, count: usize) -> Self {
        let options = json!({ "ttl": TTL_MS, "maxAnonymous": MAX_ANONYMOUS });
        let engine = black_box(open(&options, |asked| store.sessions(asked)).feature);
        // Their ids are random: in the order of their making they are as good as shuffled.
        let ids = (0..count).map(|_| ready(engine.create(write()))).collect();
        Self { engine, ids, at: 0 }
    }

    #[inline]
    fn next(&mut self) -> &str {
        let at = self.at;
        self.at = if at + 1 == self.ids.len() { 0 } else { at + 1 };
        &self.ids[at]
    }
}

#[inline]
fn write() -> SessionWrite<'static> {
    let data = SessionData { form: Form::OneByteText, bytes: &DATA };
    SessionWrite { data, owner: Owner::AsItWas, ttl_ms: None, adopt: false, on: None, keep: false }
}

/// Reads a session.
pub fn get(store: &Store, count: usize) -> impl FnMut() + use<> {
    let mut sessions = Sessions::new(store, count);
    let (engine, mut buffer) = (sessions.engine.clone(), Vec::new());
    move || {
        let read = engine.get(sessions.next(), &mut buffer).expect("a read never fails");
        assert!(read.is_some() && buffer.len() == DATA.len());
    }
}

/// Replaces the data of a session.
pub fn set(store: &Store, count: usize) -> impl FnMut() + use<> {
    let mut sessions = Sessions::new(store, count);
    let engine = sessions.engine.clone();
    move || assert!(matches!(ready(engine.set(sessions.next(), write())), Saved::Stored(_)))
}

/// Renews a session.
pub fn touch(store: &Store, count: usize) -> impl FnMut() + use<> {
    let mut sessions = Sessions::new(store, count);
    let engine = sessions.engine.clone();
    move || assert!(ready(engine.touch(sessions.next(), None)))
}

/// Begins a session beside `count` others.
pub fn create(store: &Store, count: usize) -> impl FnMut() + use<> {
    let sessions = Sessions::new(store, count);
    move || drop(black_box(ready(sessions.engine.create(write()))))
}
