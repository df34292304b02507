//! What a store holds and lets go of.

use std::sync::Arc;

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

#[test]
fn a_shared_name_opens_a_private_store_as_the_same_one_and_a_named_one_too() {
    for name in ["", "shared by a name"] {
        let (store, _) = store::open(name.into(), OPTIONS, None, "here").unwrap();
        let shared = store.share();
        assert_eq!(shared, store.share());
        let found = store::open_shared(&shared).unwrap().unwrap();
        assert!(Arc::ptr_eq(&found, &store));
        assert_eq!(found.share(), shared);
        store::close(&store);
    }
}

#[test]
fn a_store_that_was_opened_by_a_shared_name_ends_with_its_last_handle() {
    for name in ["", "ends with its last handle"] {
        let (store, _) = store::open(name.into(), OPTIONS, None, "here").unwrap();
        let shared = store.share();
        let guest = store::open_shared(&shared).unwrap().unwrap();
        let queue = guest.queue(&asked("{}")).unwrap().feature;
        let data = RawValue::from_string("1".into()).unwrap();
        ready(queue.add(NewJob { name: "n".into(), data, options: JobOptions::default() })).unwrap();
        assert!(!guest.is_shut());
        assert_eq!(store::close(&store).get("a"), Some(&1));
        assert!(guest.is_shut());
        let gone = store::open_shared(&shared).err().unwrap();
        assert_eq!(gone.code(), "ERR_CLOSED");
    }
}

#[test]
fn a_shared_name_is_gone_with_a_private_store_that_nobody_closed() {
    let (store, _) = store::open(String::new(), OPTIONS, None, "here").unwrap();
    let shared = store.share();
    drop(store);
    assert_eq!(store::open_shared(&shared).err().unwrap().code(), "ERR_CLOSED");
}

#[test]
fn another_handle_of_a_named_store_keeps_its_shared_name() {
    let open = || store::open("has two handles".into(), OPTIONS, None, "here").unwrap().0;
    let (first, second) = (open(), open());
    let shared = first.share();
    store::close(&first);
    assert!(Arc::ptr_eq(&store::open_shared(&shared).unwrap().unwrap(), &second));
    store::close(&second);
    assert!(store::open_shared(&shared).is_err());
}

#[test]
fn no_name_that_a_user_may_choose_is_a_shared_one() {
    let (store, _) = store::open(String::new(), OPTIONS, None, "here").unwrap();
    let longest: String = store.share().chars().take(256).collect();
    for name in ["", "app", "shared", &longest] {
        assert!(store::open_shared(name).unwrap().is_none(), "{name}");
    }
    store::close(&store);
}
