//! What the cache's tests share: a cache on a clock that stands still, and short words for what one does with it.

use std::sync::Arc;

use redstart_core::Result;
use redstart_core::cache::loads::Landed;
use redstart_core::cache::table::Eviction;
use redstart_core::cache::{At, CacheOptions, CacheStats, HandleOptions, Put, Touch};
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::memory::MemoryCache;
use redstart_core::engine::{CacheEngine, Ended, Joined, LoadMode, Read};
use redstart_core::key::Key;
use redstart_core::reply::{Pending, Reply};
use redstart_core::value::{Form, Tag};

pub(crate) use crate::ears::{Ear, Heard, eventually, poll, settle};

pub(crate) const TAG: Tag = Tag::new(Form::OneByteText, 0);
pub(crate) const START_US: u64 = 1_700_000_000_000_000;
pub(crate) const LEASE_MS: u64 = 30_000;

/// An engine that can be counted anew.
pub(crate) trait Counted: CacheEngine {
    /// Bytes counted anew and as kept.
    fn recount(&self) -> (u64, u64);
    /// Tags known and entries under them as kept, and the latter counted anew.
    fn recount_tags(&self) -> ((usize, usize), usize);
    /// Loads and leases.
    fn loads(&self) -> (usize, usize);
}

impl Counted for MemoryCache {
    fn recount(&self) -> (u64, u64) {
        self.recount()
    }
    fn recount_tags(&self) -> ((usize, usize), usize) {
        self.recount_tags()
    }
    fn loads(&self) -> (usize, usize) {
        self.loads()
    }
}

/// Makes an engine.
pub(crate) type Open = fn(CacheOptions, Clock) -> Arc<dyn Counted>;

pub(crate) fn memory(options: CacheOptions, clock: Clock) -> Arc<dyn Counted> {
    options.check().expect("options that hold");
    MemoryCache::new(options, clock)
}

/// A cache whose entries stay, with room for some thousand.
pub(crate) fn roomy() -> CacheOptions {
    CacheOptions {
        ttl: None,
        ttl_jitter: 0.0,
        update_age_on_get: false,
        max: None,
        max_size: 8 << 20,
        max_entry_size: 1 << 20,
        eviction: Eviction::S3Fifo,
        stale_while_revalidate: None,
        stale_if_error: None,
        negative_ttl: None,
        handle: HandleOptions { codec: "structured".into(), near: None, version: None },
    }
}

/// A cache of several shards.
pub(crate) fn large() -> CacheOptions {
    CacheOptions { max_size: 64 << 20, max_entry_size: 64 << 10, ..roomy() }
}

/// Keeps expired entries for a minute.
pub(crate) fn stale_for_a_minute() -> CacheOptions {
    CacheOptions { stale_while_revalidate: Some(60_000), stale_if_error: Some(1_000), ..roomy() }
}

pub(crate) fn at(key: &str) -> At<'_> {
    At { key: Key::narrow(key.as_bytes()), version: 0 }
}

pub(crate) fn put(value: &str) -> Put<'_> {
    Put { tag: TAG, value: value.as_bytes(), ttl_ms: None, tags: &[] }
}

pub(crate) fn keys_of<'a>(texts: &[&'a str]) -> Vec<Key<'a>> {
    texts.iter().map(|text| Key::narrow(text.as_bytes())).collect()
}

/// A cache under test.
pub(crate) struct Rig {
    pub(crate) cache: Arc<dyn Counted>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Rig {
    pub(crate) fn new(open: Open, options: CacheOptions) -> Self {
        let clock = ManualClock::new(START_US);
        Self { cache: open(options, Clock::Manual(clock.clone())), clock }
    }

    pub(crate) fn set(&self, key: &str, value: &str) {
        self.cache.set(at(key), put(value)).unwrap();
    }

    pub(crate) fn set_for(&self, key: &str, value: &str, ttl_ms: u64) {
        self.cache.set(at(key), Put { ttl_ms: Some(ttl_ms), ..put(value) }).unwrap();
    }

    pub(crate) fn set_tagged(&self, key: &str, value: &str, tags: &[&str]) {
        self.cache.set(at(key), Put { tags: &keys_of(tags), ..put(value) }).unwrap();
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        read(|buffer| self.cache.get(at(key), buffer)).map(|(value, _)| value)
    }

    /// By which a near cache would tell of its uses.
    pub(crate) fn hash(&self, key: &str) -> u64 {
        match self.cache.peek(at(key), 0, &mut Vec::new()).unwrap() {
            Read::Found(found) => found.hash,
            Read::Absent => panic!("{key} is there"),
        }
    }

    pub(crate) fn peek(&self, key: &str) -> Option<String> {
        read(|buffer| self.cache.peek(at(key), 0, buffer)).map(|(value, _)| value)
    }

    pub(crate) fn take(&self, key: &str) -> Option<String> {
        read(|buffer| self.cache.take(at(key), buffer)).map(|(value, _)| value)
    }

    /// The value, and whether it is stale.
    pub(crate) fn get_stale(&self, key: &str, window_ms: u64) -> Option<(String, bool)> {
        read(|buffer| self.cache.get_stale(at(key), window_ms, buffer))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.cache.has(at(key))
    }

    pub(crate) fn delete(&self, key: &str) -> bool {
        self.cache.delete(at(key))
    }

    pub(crate) fn touch_for(&self, key: &str, ttl_ms: Option<u64>) -> bool {
        self.cache.touch(at(key), Touch::For(ttl_ms))
    }

    /// Milliseconds left; none: absent or for ever.
    pub(crate) fn left_ms(&self, key: &str) -> Option<u64> {
        self.cache.remaining_us(at(key)).filter(|&left_us| left_us != u64::MAX).map(|left_us| left_us / MS)
    }

    pub(crate) fn delete_by_tag(&self, tags: &[&str]) {
        settle(self.cache.delete_by_tag(&keys_of(tags))).unwrap();
    }

    pub(crate) fn expire_by_tag(&self, tags: &[&str]) {
        settle(self.cache.expire_by_tag(&keys_of(tags))).unwrap();
    }

    pub(crate) fn delete_by_prefix(&self, prefix: &str) -> u64 {
        settle(self.cache.delete_by_prefix(Key::narrow(prefix.as_bytes()))).unwrap()
    }

    /// Every key that a walk shows, in its order.
    pub(crate) fn walk(&self, prefix: &str) -> Vec<String> {
        let mut shown = Vec::new();
        let mut cursor = 0;
        loop {
            cursor = self.step(cursor, prefix, &mut shown);
            if cursor == 0 {
                return shown;
            }
        }
    }

    /// One chunk of a walk.
    pub(crate) fn step(&self, cursor: u64, prefix: &str, shown: &mut Vec<String>) -> u64 {
        self.cache.scan(cursor, Key::narrow(prefix.as_bytes()), 0, &mut |key, tag, _| {
            assert_eq!(tag, TAG);
            shown.push(String::from_utf8(key.bytes.to_vec()).unwrap());
            true
        })
    }

    /// Moves the clock by so many milliseconds.
    pub(crate) fn pass(&self, ms: u64) {
        self.clock.advance_to(self.clock.now_us() + ms * MS);
    }

    pub(crate) fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// What is kept as a sum must be the sum.
    pub(crate) fn check(&self) {
        let (counted, kept) = self.cache.recount();
        assert_eq!(counted, kept);
        let ((_, members), held) = self.cache.recount_tags();
        assert_eq!(members, held);
    }

    pub(crate) fn join(&self, key: &str, mode: LoadMode) -> (Joined, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let mut buffer = Vec::new();
        let joined = self.cache.join_load(at(key), &[], mode, LEASE_MS, heard.clone(), &mut buffer).unwrap();
        (joined, heard)
    }

    /// Joins a load that is expected to be the caller's own.
    pub(crate) fn lead(&self, key: &str) -> (u64, Arc<Heard>) {
        match self.join(key, LoadMode::Join) {
            (Joined::Lead(ticket), heard) => (ticket, heard),
            (other, _) => panic!("expected to lead, got {}", name_of(&other)),
        }
    }

    /// Joins a load that is expected to be another's.
    pub(crate) fn wait(&self, key: &str) -> Pending<Landed> {
        match self.join(key, LoadMode::Join).0 {
            Joined::Wait(_, Reply::Pending(pending)) => pending,
            other => panic!("expected to wait, got {}", name_of(&other)),
        }
    }

    /// Ends a load with a value that is to be stored.
    pub(crate) fn land(&self, key: &str, ticket: u64, value: &str) -> bool {
        self.cache.end_load(at(key), ticket, put(value), true).unwrap() == Ended::Stored
    }

    pub(crate) fn watch(&self) -> Arc<Ear> {
        let ear = Arc::new(Ear::default());
        self.cache.watch(ear.clone());
        ear
    }
}

fn read(read: impl FnOnce(&mut Vec<u8>) -> Result<Read>) -> Option<(String, bool)> {
    let mut buffer = b"left over".to_vec();
    match read(&mut buffer).expect("memory answers") {
        Read::Absent => None,
        Read::Found(found) => {
            assert_eq!(found.tag, TAG);
            Some((String::from_utf8(buffer).unwrap(), found.stale))
        }
    }
}

pub(crate) fn name_of(joined: &Joined) -> &'static str {
    match joined {
        Joined::Found(_) => "found",
        Joined::Lead(_) => "lead",
        Joined::UnderWay => "under way",
        Joined::Wait(..) => "wait",
    }
}

pub(crate) fn landed(value: &str) -> Landed {
    Landed::Value(TAG, value.as_bytes().into())
}
