//! What a store holds and lets go of.

use redstart_core::Result;
use redstart_core::cache::{At, Put};
use redstart_core::engine::SessionWrite;
use redstart_core::key::Key;
use redstart_core::limiter::Ask;
use redstart_core::queue::{JobOptions, NewJob};
use redstart_core::reply::Reply;
use redstart_core::sessions::SessionData;
use redstart_core::sessions::set::Owner;
use redstart_core::store::{self, Asked};
use redstart_core::value::{Form, Tag};
use serde_json::value::RawValue;

const OPTIONS: &str = r#"{"maxMemory":null,"defaultMaxMemory":1000000,"keepFirstOptions":false}"#;

const CACHE: &str = r#"{"ttl":null,"ttlJitter":0,"updateAgeOnGet":false,"max":null,"maxSize":1000000,
    "maxEntrySize":100000,"eviction":"s3-fifo","staleWhileRevalidate":null,"staleIfError":null,"negativeTtl":null,
    "handle":{"codec":"structured","near":null,"version":null}}"#;

fn asked(options: &str) -> Asked<'_> {
    Asked { name: "a", options: Some(options), origin: "here", keep_first: false }
}

fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(answer) => answer,
        Reply::Pending(_) => panic!("the memory engine answers at once"),
    }
}

#[test]
fn the_last_close_frees_everything_even_where_features_are_still_held() {
    let (store, _) = store::open(String::new(), OPTIONS, None, "here").unwrap();
    let cache = store.cache(&asked(CACHE)).unwrap().feature.engine;
    let sessions = store.sessions(&asked(r#"{"ttl":60000}"#)).unwrap().feature;
    let limiter = store.limiter(&asked(r#"{"limit":5,"window":60000}"#)).unwrap().feature;
    let queue = store.queue(&asked("{}")).unwrap().feature;
    let put = Put { tag: Tag::new(Form::Bytes, 0), value: &vec![0; 50_000], ttl_ms: None, tags: &[] };
    cache.set(At { key: Key::narrow(b"k"), version: 0 }, put).unwrap();
    let data = SessionData { form: Form::OneByteText, bytes: b"{}" };
    let write =
        SessionWrite { data, owner: Owner::AsItWas, ttl_ms: None, adopt: false, on: None, keep: false };
    let id = ready(sessions.create(write)).unwrap();
    for number in 0..100_u32 {
        limiter.consume(Key::narrow(&number.to_le_bytes()), Ask::units(1)).unwrap();
    }
    let data = RawValue::from_string("1".into()).unwrap();
    ready(queue.add(NewJob { name: "n".into(), data, options: JobOptions::default() })).unwrap();
    assert!(store.stats()["bytes"].as_u64().unwrap() > 50_000 && limiter.stats().keys == 100);

    let unfinished = store::close(&store);
    assert_eq!(unfinished.get("a"), Some(&1));
    let stats = store.stats();
    assert_eq!((&stats["bytes"], &stats["budget"]["used"]), (&0.into(), &0.into()));
    assert_eq!((cache.stats().entries, sessions.stats().live, limiter.stats().keys), (0, 0, 0));
    let mut buffer = Vec::new();
    assert_eq!(sessions.get(&id, &mut buffer), Ok(None));
    assert!(limiter.peek(Key::narrow(&1_u32.to_le_bytes()), Ask::units(1)).unwrap().remaining == 5);
}

#[test]
fn what_belongs_to_a_handle_is_no_conflict_and_is_told_to_handles_that_say_nothing() {
    let (store, _) = store::open(String::new(), OPTIONS, None, "here").unwrap();
    let first = store.cache(&asked(CACHE)).unwrap();
    let other = CACHE.replace(r#""version":null"#, r#""version":"2""#);
    let second = store.cache(&asked(&other)).unwrap();
    assert_ne!(first.feature.version, second.feature.version);
    assert!(second.options.contains(r#""version":"2""#));
    let silent = store.cache(&Asked { options: None, ..asked("") }).unwrap();
    assert_eq!((silent.feature.version, silent.options), (first.feature.version, first.options));
    let conflict = store.cache(&asked(&CACHE.replace(r#""ttlJitter":0"#, r#""ttlJitter":0.5"#)));
    assert_eq!(conflict.err().unwrap().code(), "ERR_OPTIONS_CONFLICT");
}
