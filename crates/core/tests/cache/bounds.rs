//! How much a cache holds at most, and that what was just set is in it.

use redstart_core::cache::table::Eviction;
use redstart_core::cache::{CacheOptions, Put, entry, tags};
use redstart_core::ids::Spread;
use redstart_core::key::Key;

use crate::support::{Open, Rig, at, keys_of, put, roomy};

const BOTH: [Eviction; 2] = [Eviction::S3Fifo, Eviction::Lru];

fn cost(key: &str, value: &str) -> u64 {
    entry::cost(Key::narrow(key.as_bytes()), value.as_bytes(), 0) as u64
}

fn a_small_cache_holds_exactly_as_many_as_it_is_told(open: Open) {
    for eviction in BOTH {
        for max in [1_u64, 2, 3, 10, 100] {
            let rig = Rig::new(open, CacheOptions { max: Some(max), eviction, ..roomy() });
            for number in 0..3 * max {
                let key = number.to_string();
                rig.set(&key, "value");
                assert!(rig.has(&key), "a key that was just set is there");
                // Some are used, so that both queues have entries.
                (0..number % 4).for_each(|_| assert!(rig.get(&key).is_some()));
                assert_eq!(rig.stats().entries, max.min(number + 1));
            }
            assert_eq!(rig.stats().evictions, 2 * max);
            rig.set(&(3 * max - 1).to_string(), "an overwrite needs no room");
            assert_eq!((rig.stats().entries, rig.stats().evictions), (max, 2 * max));
            rig.check();
        }
    }
}

fn a_cap_on_entries_is_exact_up_to_16_384_and_a_little_under_beyond(open: Open) {
    let fill = |max: u64| {
        let rig = Rig::new(open, CacheOptions { max: Some(max), ..crate::support::large() });
        (0..2 * max).for_each(|number| rig.set(&number.to_string(), ""));
        rig.check();
        rig.stats().entries
    };
    assert_eq!(fill(16_383), 16_383);
    let split = fill(20_000);
    assert!((19_000..=20_000).contains(&split), "{split}");
}

fn bytes_stay_within_their_bound_and_the_newest_is_there_whatever_its_size(open: Open) {
    for eviction in BOTH {
        let options = CacheOptions { max_size: 8 << 10, max_entry_size: 8 << 10, eviction, ..roomy() };
        let rig = Rig::new(open, options);
        let mut spread = Spread::new();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]
        let mut below = |limit: f64| (spread.unit() * limit) as usize;
        for _ in 0..3_000 {
            let key = below(20.0).to_string();
            let most = 8 * 1_024 - usize::try_from(cost(&key, "")).unwrap();
            let size = if below(4.0) == 0 { most - below(3.0) } else { below(1_000.0) };
            rig.set(&key, &"x".repeat(size));
            assert_eq!(rig.peek(&key).expect("it was just set").len(), size);
            assert!(rig.stats().bytes <= 8 << 10);
            (0..below(3.0)).for_each(|_| assert!(rig.get(&key).is_some()));
            rig.check();
        }
    }
}

fn a_key_that_is_overwritten_by_a_large_value_stays_and_the_others_make_room(open: Open) {
    for eviction in BOTH {
        let room = 20 * cost("00", "");
        let options = CacheOptions { max_size: room, max_entry_size: room, eviction, ..roomy() };
        let rig = Rig::new(open, options);
        let keys: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
        for overwritten in [0, 7, 19] {
            for key in &keys {
                rig.set(key, "");
            }
            assert_eq!((rig.stats().bytes, rig.stats().entries), (room, 20));
            let key = &keys[overwritten];
            rig.set(key, &"x".repeat(usize::try_from(room - cost("00", "")).unwrap()));
            assert_eq!((rig.stats().entries, rig.has(key), rig.stats().bytes), (1, true, room));
            rig.clear();
        }
        assert_eq!(rig.stats().evictions, 3 * 19);
    }
}

fn tags_count_as_bytes_of_their_entry(open: Open) {
    let rig = Rig::new(open, CacheOptions { max_size: 2_048, max_entry_size: 1_000, ..roomy() });
    rig.set("a", "1");
    let untagged = rig.stats().bytes;
    rig.set_tagged("a", "1", &["a tag", "another"]);
    let both = keys_of(&["a tag", "another"]);
    let cost = entry::cost(Key::narrow(b"a"), b"1", tags::cost(&both)) + tags::index_cost(&both);
    assert_eq!(rig.stats().bytes, cost as u64);
    assert!(rig.stats().bytes > untagged + 12);
    let long = "t".repeat(900);
    let refused = rig.cache.set(at("a"), Put { tags: &[Key::narrow(long.as_bytes())], ..put("1") });
    assert_eq!(refused.unwrap_err().code(), "ERR_TOO_LARGE");
    assert_eq!((rig.stats().bytes, rig.stats().rejections), (0, 1));
    assert_eq!(rig.cache.recount_tags(), ((0, 0), 0));
}

fn what_no_cache_can_have_is_refused_with_its_limit(_: Open) {
    let message = |options: CacheOptions| options.check().unwrap_err().to_string();
    assert!(message(CacheOptions { max_size: 1_023, ..roomy() }).contains("the least is 1024"));
    assert!(message(CacheOptions { max_entry_size: 9 << 20, ..roomy() }).contains("must fit into its cache"));
    assert!(message(CacheOptions { max: Some(0), ..roomy() }).contains("the least is 1"));
    for ttl_jitter in [-0.1, 1.1, f64::NAN] {
        assert!(message(CacheOptions { ttl_jitter, ..roomy() }).contains("between 0 and 1"));
    }
}

impl Rig {
    fn clear(&self) {
        self.cache.clear();
        assert_eq!((self.stats().entries, self.stats().bytes), (0, 0));
    }
}

promises!(
    a_small_cache_holds_exactly_as_many_as_it_is_told,
    a_cap_on_entries_is_exact_up_to_16_384_and_a_little_under_beyond,
    bytes_stay_within_their_bound_and_the_newest_is_there_whatever_its_size,
    a_key_that_is_overwritten_by_a_large_value_stays_and_the_others_make_room,
    tags_count_as_bytes_of_their_entry,
    what_no_cache_can_have_is_refused_with_its_limit,
);
