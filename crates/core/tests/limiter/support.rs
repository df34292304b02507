//! What the limiter's tests share: a limiter on a clock that stands still, and short words for what one does with it.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use proptest::test_runner::{Config, FileFailurePersistence};
use redstart_core::Result;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::LimiterEngine;
use redstart_core::engine::memory::MemoryLimiter;
use redstart_core::key::Key;
use redstart_core::limiter::{Algorithm, Answer, Ask, LimiterOptions, LimiterStats};
use redstart_core::reply::{Pending, Reply};

/// A multiple of every window and sub-bucket used here.
pub(crate) const START_US: u64 = 1_600_000_000_000_000;

/// How long a test waits for what comes soon, before it says that it does not come.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a call that waits is counted as.
pub(crate) const WAITER_BYTES: u64 = 320;

/// What a block is counted as.
pub(crate) const BLOCK_BYTES: u64 = 33;

/// `cases` histories, and those kept in `file`; cargo runs tests in the folder of their package.
pub(crate) fn kept(file: &'static str, cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..Config::default()
    }
}

pub(crate) fn options(algorithm: Algorithm, limit: u32, window: u64) -> LimiterOptions {
    LimiterOptions { limit, window, algorithm, burst: None, block: None, max_keys: 1_000_000 }
}

/// One for each algorithm.
pub(crate) fn each(limit: u32, window: u64) -> impl Iterator<Item = LimiterOptions> {
    Algorithm::ALL.into_iter().map(move |algorithm| options(algorithm, limit, window))
}

pub(crate) fn key(text: &str) -> Key<'_> {
    Key::narrow(text.as_bytes())
}

/// A limiter under test.
pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) limiter: Arc<MemoryLimiter>,
    pub(crate) options: LimiterOptions,
}

impl Rig {
    pub(crate) fn new(options: LimiterOptions) -> Self {
        Self::within(options, 1 << 40)
    }

    /// With a budget of so many bytes.
    pub(crate) fn within(options: LimiterOptions, bytes: u64) -> Self {
        let (clock, budget) = (ManualClock::new(START_US), Arc::new(Budget::new(bytes)));
        Self::beside(options, &clock, &budget)
    }

    /// On a clock and a budget that are others' too.
    pub(crate) fn beside(options: LimiterOptions, clock: &Arc<ManualClock>, budget: &Arc<Budget>) -> Self {
        options.check().unwrap();
        let limiter = MemoryLimiter::new(options, Clock::Manual(clock.clone()), budget.clone());
        Self { clock: clock.clone(), budget: budget.clone(), limiter, options }
    }

    /// The limiter alone, on the machine's clock.
    pub(crate) fn on_system_clock(options: LimiterOptions) -> Arc<MemoryLimiter> {
        options.check().unwrap();
        MemoryLimiter::new(options, Clock::System, Arc::new(Budget::new(1 << 40)))
    }

    pub(crate) fn consume(&self, text: &str, cost: u32) -> Answer {
        self.ask(text, Ask::units(cost))
    }

    pub(crate) fn ask(&self, text: &str, ask: Ask) -> Answer {
        self.limiter.consume(key(text), ask).unwrap()
    }

    pub(crate) fn peek(&self, text: &str) -> Answer {
        self.look(text, Ask::units(1))
    }

    pub(crate) fn look(&self, text: &str, ask: Ask) -> Answer {
        self.limiter.peek(key(text), ask).unwrap()
    }

    pub(crate) fn refund(&self, text: &str, units: u32) {
        self.limiter.refund(key(text), Ask::units(units)).unwrap();
    }

    pub(crate) fn penalty(&self, text: &str, units: u32) -> Answer {
        self.limiter.penalty(key(text), Ask::units(units)).unwrap()
    }

    pub(crate) fn block(&self, text: &str, ms: u64) {
        self.limiter.block(key(text), ms).unwrap();
    }

    pub(crate) fn reset(&self, text: &str) -> bool {
        self.limiter.reset(key(text))
    }

    /// Takes all parts of this limiter or none.
    pub(crate) fn consume_all(&self, parts: &[(&str, Ask)]) -> Result<Vec<Answer>> {
        let parts: Vec<_> = parts.iter().map(|&(text, ask)| (0, key(text), ask)).collect();
        MemoryLimiter::consume_all(std::slice::from_ref(&self.limiter), &parts)
    }

    pub(crate) fn stats(&self) -> LimiterStats {
        self.limiter.stats()
    }

    pub(crate) fn pass_us(&self, us: u64) {
        self.clock.advance_to(self.clock.now_us() + us);
    }

    pub(crate) fn pass(&self, ms: u64) {
        self.pass_us(ms * MS);
    }

    /// What is kept as a sum must be the sum, as far as it shows.
    pub(crate) fn check(&self) {
        let stats = self.stats();
        assert_eq!(stats.bytes, self.budget.used(), "{stats:?}");
        let fixed =
            stats.keys * stats.bytes_per_key + stats.blocked * BLOCK_BYTES + stats.waiting * WAITER_BYTES;
        let rest = stats.bytes.checked_sub(fixed).unwrap_or_else(|| panic!("{stats:?} against {fixed}"));
        match self.options.algorithm {
            // What logs hold besides themselves.
            Algorithm::SlidingLog => assert_eq!(rest % 8, 0, "{stats:?}"),
            algorithm => {
                let larger = larger_by(algorithm, self.options.limit);
                assert!(
                    rest.is_multiple_of(larger) && rest / larger <= stats.keys,
                    "{stats:?}: {rest} are left"
                );
            }
        }
    }
}

/// By how much a state under another window is larger than one under the limiter's own.
fn larger_by(algorithm: Algorithm, limit: u32) -> u64 {
    if algorithm == Algorithm::SlidingWindow && u16::try_from(limit).is_ok() { 40 } else { 8 }
}

/// What has come of it by now.
pub(crate) fn poll<T>(pending: &mut Pending<T>) -> Option<Result<T>> {
    match pending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for an answer.
pub(crate) fn settle<T>(reply: Reply<T>) -> Result<T> {
    let mut pending = match reply {
        Reply::Ready(answer) => return answer,
        Reply::Pending(pending) => pending,
    };
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let deadline = deadline_us();
    loop {
        if let Poll::Ready(answer) = pending.as_mut().poll(&mut Context::from_waker(&waker)) {
            return answer;
        }
        assert!(Clock::System.now_us() < deadline, "no answer came");
        std::thread::park_timeout(PATIENCE);
    }
}

pub(crate) fn deadline_us() -> u64 {
    Clock::System.now_us() + u64::try_from(PATIENCE.as_micros()).unwrap()
}
