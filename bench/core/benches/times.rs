//! What the calls take, on the machine's clock: `npm run bench:core -- --times [filter]`.
//!
//! Every bench makes 100 times 1,000 calls and prints what one of them took, those of `queue_50_jobs` fewer.

use std::sync::Arc;

use divan::Bencher;
use redstart_bench_core::{cache, limiter, queue, sessions};
use redstart_core::limiter::Algorithm;
use redstart_core::store::Store;

fn main() {
    divan::main();
}

const SAMPLES: u32 = 100;
const SIZE: u32 = 1_000;
const CALLS: usize = (SAMPLES * SIZE) as usize;

/// Jobs at once.
const MANY: usize = 50;
/// Calls a sample that does something to many jobs, and in all.
const FEW_SIZE: u32 = 20;
const FEW: usize = (SAMPLES * FEW_SIZE) as usize;

fn store() -> Arc<Store> {
    redstart_bench_core::store(None)
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = SIZE)]
mod cache_entries {
    use super::{Bencher, CALLS, cache, store};

    const KEYS: [usize; 3] = [1_000, 100_000, 1_000_000];

    #[divan::bench(args = KEYS)]
    fn get_hit(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::get_hit(&store(), keys));
    }

    #[divan::bench(args = KEYS)]
    fn get_miss(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::get_miss(&store(), keys));
    }

    #[divan::bench(args = KEYS)]
    fn has(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::has(&store(), keys));
    }

    #[divan::bench(args = KEYS)]
    fn set_replace(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::set_replace(&store(), keys));
    }

    #[divan::bench(args = KEYS)]
    fn set_new(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::set_new(&store(), keys, CALLS));
    }

    #[divan::bench(args = KEYS)]
    fn set_evict(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::set_evict(&store(), keys));
    }

    /// Each call takes an entry away, so there must be as many.
    #[divan::bench(args = [CALLS, 1_000_000])]
    fn delete(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(cache::delete(&store(), keys));
    }
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = SIZE)]
mod limiter_consume {
    use super::{Algorithm, Bencher, limiter, store};

    const KEYS: [usize; 2] = [10_000, 1_000_000];

    fn time(bencher: Bencher<'_, '_>, algorithm: Algorithm, keys: usize) {
        bencher.bench_local(limiter::consume(&store(), algorithm, keys));
    }

    #[divan::bench(args = KEYS)]
    fn sliding_window(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::SlidingWindow, keys);
    }

    #[divan::bench(args = KEYS)]
    fn sliding_log(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::SlidingLog, keys);
    }

    #[divan::bench(args = KEYS)]
    fn sliding_counter(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::SlidingCounter, keys);
    }

    #[divan::bench(args = KEYS)]
    fn fixed_window(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::FixedWindow, keys);
    }

    #[divan::bench(args = KEYS)]
    fn token_bucket(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::TokenBucket, keys);
    }

    #[divan::bench(args = KEYS)]
    fn gcra(bencher: Bencher<'_, '_>, keys: usize) {
        time(bencher, Algorithm::Gcra, keys);
    }

    #[divan::bench(args = KEYS)]
    fn denied_by_sliding_window(bencher: Bencher<'_, '_>, keys: usize) {
        bencher.bench_local(limiter::deny(&store(), Algorithm::SlidingWindow, keys));
    }
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = SIZE)]
mod sessions_held {
    use super::{Bencher, sessions, store};

    const COUNTS: [usize; 2] = [1_000, 100_000];

    #[divan::bench(args = COUNTS)]
    fn get(bencher: Bencher<'_, '_>, count: usize) {
        bencher.bench_local(sessions::get(&store(), count));
    }

    #[divan::bench(args = COUNTS)]
    fn set(bencher: Bencher<'_, '_>, count: usize) {
        bencher.bench_local(sessions::set(&store(), count));
    }

    #[divan::bench(args = COUNTS)]
    fn touch(bencher: Bencher<'_, '_>, count: usize) {
        bencher.bench_local(sessions::touch(&store(), count));
    }

    #[divan::bench(args = COUNTS)]
    fn create(bencher: Bencher<'_, '_>, count: usize) {
        bencher.bench_local(sessions::create(&store(), count));
    }
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = SIZE)]
mod queue_waiting {
    use super::{Bencher, CALLS, queue, store};

    const WAITING: [usize; 2] = [1_000, 100_000];

    #[divan::bench(args = WAITING)]
    fn add(bencher: Bencher<'_, '_>, waiting: usize) {
        bencher.bench_local(queue::add(&store(), waiting, CALLS));
    }

    #[divan::bench(args = WAITING)]
    fn run(bencher: Bencher<'_, '_>, waiting: usize) {
        bencher.bench_local(queue::run(&store(), waiting, 1, CALLS));
    }

    #[divan::bench(args = WAITING)]
    fn retry(bencher: Bencher<'_, '_>, waiting: usize) {
        bencher.bench_local(queue::retry(&store(), waiting, CALLS));
    }
}

#[divan::bench_group(sample_count = SAMPLES, sample_size = FEW_SIZE)]
mod queue_50_jobs {
    use super::{Bencher, FEW, MANY, queue, store};

    #[divan::bench]
    fn add_bulk(bencher: Bencher<'_, '_>) {
        bencher.bench_local(queue::add_bulk(&store(), MANY, FEW));
    }

    #[divan::bench]
    fn run(bencher: Bencher<'_, '_>) {
        bencher.bench_local(queue::run(&store(), 0, MANY, FEW));
    }

    #[divan::bench]
    fn as_json(bencher: Bencher<'_, '_>) {
        bencher.bench_local(queue::as_json(&store(), MANY));
    }
}
