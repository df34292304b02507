//! One key: what is set comes back, once, to who may see it.

use redstart_core::cache::{At, CacheOptions, Put, Touch};
use redstart_core::engine::Read;
use redstart_core::key::Key;
use redstart_core::value::{Form, Tag};

use crate::support::{Open, Rig, TAG, at, put, roomy};

fn a_value_comes_back_as_it_was_set_until_it_is_overwritten_or_deleted(open: Open) {
    let rig = Rig::new(open, roomy());
    assert_eq!((rig.get("a"), rig.has("a"), rig.delete("a")), (None, false, false));
    rig.set("a", "1");
    rig.set("", "empty key");
    rig.set("b", "");
    assert_eq!(rig.get("a").unwrap(), "1");
    assert_eq!((rig.get("").unwrap(), rig.get("b").unwrap()), ("empty key".into(), String::new()));
    rig.set("a", "2, and longer");
    assert_eq!(rig.get("a").unwrap(), "2, and longer");
    assert!(rig.delete("a") && !rig.delete("a") && !rig.has("a"));
    assert_eq!(rig.stats().entries, 2);
    rig.check();
}

fn how_to_read_a_value_comes_back_with_it(open: Open) {
    let rig = Rig::new(open, roomy());
    let mut buffer = Vec::new();
    for (form, codec) in
        [(Form::OneByteText, 0), (Form::TwoByteText, 3), (Form::Number, 255), (Form::Bytes, 7)]
    {
        let tag = Tag::new(form, codec);
        rig.cache.set(at("a"), Put { tag, ..put("12345678") }).unwrap();
        let Read::Found(found) = rig.cache.get(at("a"), &mut buffer).unwrap() else { panic!("it is there") };
        assert_eq!((found.tag, found.expires_us, found.stale), (tag, u64::MAX, false));
    }
}

fn reads_count_and_looks_do_not(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set("a", "1");
    assert!(rig.has("a") && !rig.has("b"));
    assert_eq!((rig.peek("a").unwrap(), rig.peek("b")), ("1".into(), None));
    assert!(rig.cache.remaining_us(at("b")).is_none());
    assert_eq!((rig.stats().hits, rig.stats().misses), (0, 0));
    assert_eq!((rig.get("a").unwrap(), rig.get("b")), ("1".into(), None));
    assert_eq!((rig.stats().hits, rig.stats().misses), (1, 1));
    assert_eq!((rig.take("a").unwrap(), rig.take("a")), ("1".into(), None));
    let stats = rig.stats();
    assert_eq!((stats.hits, stats.misses, stats.entries, stats.bytes), (2, 2, 0, 0));
    assert!((stats.hit_rate - 0.5).abs() < f64::EPSILON);
}

fn narrow_and_wide_keys_of_the_same_bytes_are_two_keys(open: Open) {
    let rig = Rig::new(open, roomy());
    let wide = At { key: Key::wide(b"ab"), version: 0 };
    rig.cache.set(wide, put("wide")).unwrap();
    assert_eq!(rig.get("ab"), None);
    rig.set("ab", "narrow");
    assert_eq!(rig.get("ab").unwrap(), "narrow");
    assert!(rig.delete("ab") && rig.cache.has(wide));
}

fn a_value_of_another_shape_is_a_miss_both_ways(open: Open) {
    let rig = Rig::new(open, roomy());
    let (one, two) = (rig.cache.version(Some("1")), rig.cache.version(Some("2")));
    assert_eq!((rig.cache.version(None), rig.cache.version(Some("1"))), (0, one));
    assert!(one != two && one != 0 && two != 0);
    let (old, new) = (At { version: one, ..at("a") }, At { version: two, ..at("a") });
    let mut buffer = Vec::new();
    for (mine, other) in [(old, new), (new, old)] {
        rig.cache.set(mine, Put { ttl_ms: Some(1_000), ..put("mine") }).unwrap();
        let cache = &rig.cache;
        for read in [
            cache.get(other, &mut buffer),
            cache.get_stale(other, 1_000, &mut buffer),
            cache.peek(other, 1_000, &mut buffer),
            cache.take(other, &mut buffer),
        ] {
            assert_eq!(read.unwrap(), Read::Absent);
        }
        assert!(!cache.has(other) && !cache.touch(other, Touch::Own) && !cache.expire(other));
        assert_eq!(cache.remaining_us(other), None);
        assert!(cache.has(mine), "nothing of this was for its eyes");
        assert!(matches!(cache.get(mine, &mut buffer).unwrap(), Read::Found(found) if found.tag == TAG));
    }
    assert_eq!(rig.stats().entries, 1, "a key has one value, of one shape");
    assert!(!rig.cache.delete(old), "the value that is there is not of this shape");
}

fn a_value_too_large_is_refused_and_takes_the_old_one_with_it(open: Open) {
    let rig = Rig::new(open, CacheOptions { max_entry_size: 1 << 10, ..roomy() });
    rig.set("a", "old");
    let refused = rig.cache.set(at("a"), put(&"x".repeat(2_000))).unwrap_err();
    assert_eq!(refused.code(), "ERR_TOO_LARGE");
    assert!(refused.to_string().contains("'a'") && refused.to_string().contains("the limit is 1024"));
    assert_eq!(rig.get("a"), None);
    let stats = rig.stats();
    assert_eq!((stats.rejections, stats.bytes, stats.entries, stats.evictions), (1, 0, 0, 0));
}

promises!(
    a_value_comes_back_as_it_was_set_until_it_is_overwritten_or_deleted,
    how_to_read_a_value_comes_back_with_it,
    reads_count_and_looks_do_not,
    narrow_and_wide_keys_of_the_same_bytes_are_two_keys,
    a_value_of_another_shape_is_a_miss_both_ways,
    a_value_too_large_is_refused_and_takes_the_old_one_with_it,
);
