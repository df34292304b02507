//! What is counted beside the jobs: rates and times of the last minutes.
//!
//! Times go into histograms of two significant digits (`HdrHistogram`), one a minute; asked for, the present minute and the last
//! one are one. They belong to a process and not to the queue: a restart begins with none.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::MS;

const MINUTE_US: u64 = 60_000 * MS;
/// Digits that a percentile has; a histogram takes some 10 KB.
const SIGNIFICANT_DIGITS: u8 = 2;

/// Milliseconds, with fractions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half took at most this long.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// As `QueueMetrics` in index.d.ts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    /// Jobs completed a second, over the last whole minute.
    pub completed_rate: f64,
    /// Attempts and jobs failed a second, over the last whole minute.
    pub failed_rate: f64,
    /// From when a job may run until it does.
    pub wait: Percentiles,
    /// That attempts ran.
    pub run: Percentiles,
    /// Milliseconds.
    pub oldest_waiting_age: u64,
}

#[derive(Default)]
struct Minute {
    completed: u64,
    failed: u64,
    /// Microseconds; none before the first.
    wait: Option<Histogram<u32>>,
    run: Option<Histogram<u32>>,
}

/// The present minute and the last one.
#[derive(Default)]
pub struct Meter {
    /// Which minute since 1970 the present one is.
    minute: u64,
    present: Minute,
    last: Minute,
}

fn record(times: &mut Option<Histogram<u32>>, us: u64) {
    let times = times.get_or_insert_with(|| Histogram::new(SIGNIFICANT_DIGITS).expect("two digits are few"));
    // It grows with its largest value; what no histogram holds is clamped.
    if times.record(us).is_err() {
        times.saturating_record(us);
    }
}

impl Meter {
    fn turn_to(&mut self, now_us: u64) {
        let minute = now_us / MINUTE_US;
        if minute == self.minute {
            return;
        }
        let present = std::mem::take(&mut self.present);
        self.last = if minute == self.minute + 1 { present } else { Minute::default() };
        self.minute = minute;
    }

    /// A job that could run since then runs.
    pub fn began(&mut self, since_us: u64, now_us: u64) {
        self.turn_to(now_us);
        record(&mut self.present.wait, now_us.saturating_sub(since_us));
    }

    /// An attempt that began then is over: it `completed`, or failed.
    pub fn ended(&mut self, began_us: u64, completed: bool, now_us: u64) {
        self.turn_to(now_us);
        let count = if completed { &mut self.present.completed } else { &mut self.present.failed };
        *count += 1;
        record(&mut self.present.run, now_us.saturating_sub(began_us));
    }

    /// What it comes to; `oldest_us` is since when the job that has waited for longest does.
    pub fn read(&mut self, oldest_us: Option<u64>, now_us: u64) -> Metrics {
        self.turn_to(now_us);
        let Self { present, last, .. } = self;
        Metrics {
            completed_rate: a_second(last.completed),
            failed_rate: a_second(last.failed),
            wait: percentiles([&present.wait, &last.wait]),
            run: percentiles([&present.run, &last.run]),
            oldest_waiting_age: oldest_us.map_or(0, |since_us| now_us.saturating_sub(since_us) / MS),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a minute stay far below 2^53")]
fn a_second(of_a_minute: u64) -> f64 {
    of_a_minute as f64 / 60.0
}

fn percentiles(of: [&Option<Histogram<u32>>; 2]) -> Percentiles {
    let mut all: Option<Histogram<u32>> = None;
    for times in of.into_iter().flatten() {
        match &mut all {
            None => all = Some(times.clone()),
            Some(sum) => sum.add(times).expect("it grows with its largest value"),
        }
    }
    let Some(all) = all else {
        return Percentiles::default();
    };
    let at = |quantile| ms(all.value_at_quantile(quantile));
    Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

#[expect(clippy::cast_precision_loss, reason = "two significant digits")]
fn ms(us: u64) -> f64 {
    us as f64 / MS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_this_minute_and_the_last_and_rates_of_the_last_alone() {
        let mut meter = Meter::default();
        for ms in 1..=100 {
            meter.began(0, ms * MS);
            meter.ended(0, ms % 4 > 0, ms * MS);
        }
        let now = meter.read(Some(40 * MS), 100 * MS);
        assert_eq!((now.completed_rate, now.failed_rate, now.oldest_waiting_age), (0.0, 0.0, 60));
        assert!((49.0..=51.0).contains(&now.wait.p50) && (98.0..=100.0).contains(&now.run.p99), "{now:?}");
        meter.began(MINUTE_US, MINUTE_US + 7_000 * MS);
        let later = meter.read(None, MINUTE_US + 8_000 * MS);
        assert_eq!((later.completed_rate, later.failed_rate), (75.0 / 60.0, 25.0 / 60.0));
        assert!((98.0..=101.0).contains(&later.wait.p99), "{later:?}");
        assert_eq!(meter.read(None, 3 * MINUTE_US), Metrics::default());
    }
}
