//! Who goes when a cache is full: the exact order of 'lru', and what 's3-fifo' is better at.

use redstart_core::cache::CacheOptions;
use redstart_core::cache::table::Eviction;

use crate::support::{Open, Rig, roomy};

/// Numbers that are the same in every run: an xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    fn unit(&mut self) -> f64 {
        self.below(1 << 32) as f64 / (1_u64 << 32) as f64
    }
}

/// Ranks from 0 whose chance falls with their number.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(keys: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut add = |rank: u32| {
            sum += f64::from(rank).powf(-exponent);
            sum
        };
        Self((1..=keys).map(&mut add).collect())
    }

    fn draw(&self, numbers: &mut Numbers) -> usize {
        let at = numbers.unit() * self.0.last().unwrap();
        self.0.partition_point(|&sum| sum < at)
    }
}

fn full(open: Open, eviction: Eviction, max: u64) -> Rig {
    Rig::new(open, CacheOptions { eviction, max: Some(max), ..roomy() })
}

/// Reads each key and sets it where it is missing; the share of hits.
fn hit_rate(rig: &Rig, keys: impl Iterator<Item = String>) -> f64 {
    for key in keys {
        if rig.get(&key).is_none() {
            rig.set(&key, "v");
        }
    }
    rig.stats().hit_rate
}

fn zipf(exponent: f64, reads: usize) -> Vec<String> {
    let (zipf, mut numbers) = (Zipf::new(20_000, exponent), Numbers(42));
    (0..reads).map(|_| format!("z{}", zipf.draw(&mut numbers))).collect()
}

/// Popular keys, and now and then a walk through keys that nobody reads again.
fn zipf_with_scans() -> Vec<String> {
    let mut keys = Vec::new();
    let mut scanned = 0;
    for chunk in zipf(0.9, 60_000).chunks(6_000) {
        keys.extend_from_slice(chunk);
        keys.extend((scanned..scanned + 3_000).map(|number| format!("s{number}")));
        scanned += 3_000;
    }
    keys
}

fn lru_evicts_in_the_exact_order_of_use(open: Open) {
    const ROOM: usize = 7;
    let rig = full(open, Eviction::Lru, ROOM as u64);
    let mut numbers = Numbers(7);
    // The newest is last.
    let mut order: Vec<String> = Vec::new();
    for _ in 0..20_000 {
        let key = numbers.below(12).to_string();
        let known = order.iter().position(|other| *other == key);
        match (numbers.below(8), known) {
            (0..3, _) => {
                rig.set(&key, "v");
                match known {
                    Some(known) => drop(order.remove(known)),
                    None if order.len() == ROOM => drop(order.remove(0)),
                    None => {}
                }
                order.push(key);
            }
            (3..6, Some(known)) => {
                if numbers.below(2) == 0 {
                    assert!(rig.get(&key).is_some());
                } else {
                    rig.cache.note_used(&[rig.hash(&key)]);
                }
                let key = order.remove(known);
                order.push(key);
            }
            (6, Some(known)) if numbers.below(4) == 0 => {
                assert!(rig.delete(&key));
                order.remove(known);
            }
            // Neither is a use.
            (_, known) => {
                assert_eq!((rig.has(&key), rig.peek(&key).is_some()), (known.is_some(), known.is_some()));
            }
        }
        assert!(order.iter().all(|key| rig.has(key)));
        assert_eq!(rig.stats().entries, order.len() as u64);
    }
}

fn s3_fifo_keeps_what_is_used_again_while_a_scan_passes_through(open: Open) {
    let rig = full(open, Eviction::S3Fifo, 1_000);
    let used: Vec<String> = (0..500).map(|number| format!("used {number}")).collect();
    for key in &used {
        rig.set(key, "v");
        assert!(rig.get(key).is_some() && rig.get(key).is_some());
    }
    (0..20_000).for_each(|number| rig.set(&format!("once {number}"), "v"));
    assert!(used.iter().all(|key| rig.has(key)), "a scan took some of them");
    assert_eq!(rig.stats().entries, 1_000);
}

fn s3_fifo_does_better_than_lru_on_popular_keys_beside_scans(open: Open) {
    let rate = |eviction| hit_rate(&full(open, eviction, 1_000), zipf_with_scans().into_iter());
    let (s3_fifo, lru) = (rate(Eviction::S3Fifo), rate(Eviction::Lru));
    assert!(s3_fifo > lru * 1.1, "s3-fifo {s3_fifo}, lru {lru}");
}

fn s3_fifo_is_no_worse_than_lru_on_popular_keys_alone(open: Open) {
    for exponent in [0.6, 0.8, 1.0] {
        let rate = |eviction| hit_rate(&full(open, eviction, 2_000), zipf(exponent, 60_000).into_iter());
        let (s3_fifo, lru) = (rate(Eviction::S3Fifo), rate(Eviction::Lru));
        assert!(s3_fifo >= lru, "at {exponent}: s3-fifo {s3_fifo}, lru {lru}");
    }
}

fn s3_fifo_keeps_a_popular_key_that_is_only_ever_overwritten(open: Open) {
    let rig = full(open, Eviction::S3Fifo, 100);
    for number in 0..5_000 {
        rig.set("counter", &number.to_string());
        assert_eq!(rig.peek("counter").unwrap(), number.to_string());
        (0..20).for_each(|other| rig.set(&format!("{number} {other}"), "v"));
        assert!(number < 5 || rig.has("counter"), "it was set {number} times");
    }
}

fn s3_fifo_hears_of_uses_that_a_near_cache_answered(open: Open) {
    let rig = full(open, Eviction::S3Fifo, 100);
    rig.set("near", "v");
    let near = rig.hash("near");
    // And of some that nobody could have found.
    rig.cache.note_used(&[near, u64::MAX, near + 1, near]);
    (0..1_000).for_each(|number| rig.set(&number.to_string(), "v"));
    assert!(rig.has("near"));
    assert_eq!(rig.stats().hits, 0, "what a near cache answered it counts itself");
}

fn what_was_popular_once_makes_room_for_what_is_popular_now(open: Open) {
    for eviction in [Eviction::S3Fifo, Eviction::Lru] {
        let rig = full(open, eviction, 500);
        for era in 0..4 {
            let (zipf, mut numbers) = (Zipf::new(400, 0.5), Numbers(era + 1));
            let keys = (0..12_000).map(|_| format!("{era} {}", zipf.draw(&mut numbers)));
            let before = rig.stats();
            hit_rate(&rig, keys);
            let after = rig.stats();
            let hits = after.hits - before.hits;
            assert!(hits > 10_500, "{eviction:?}, era {era}: {hits} of 12,000");
        }
    }
}

promises!(
    lru_evicts_in_the_exact_order_of_use,
    s3_fifo_keeps_what_is_used_again_while_a_scan_passes_through,
    s3_fifo_does_better_than_lru_on_popular_keys_beside_scans,
    s3_fifo_is_no_worse_than_lru_on_popular_keys_alone,
    s3_fifo_keeps_a_popular_key_that_is_only_ever_overwritten,
    s3_fifo_hears_of_uses_that_a_near_cache_answered,
    what_was_popular_once_makes_room_for_what_is_popular_now,
);
