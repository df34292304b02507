//! Time, in microseconds since the Unix epoch.
//!
//! One clock a store. The system clock is the wall time read once when the process starts, plus what a steady
//! clock has counted since: expiries and leases neither jump nor stall when the wall clock is stepped, and the
//! same numbers serve as timestamps. On Linux the steady clock goes on counting while the machine sleeps.
//!
//! The manual clock stands still until [`ManualClock::advance_to`] walks it through every due instant in order,
//! so that a test sees the same sequence of events as an app that ran for that long. Rejected: a clock that
//! jumps to its target and lets everything fall due at once, which reorders what happens at different times.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::board::ClockPlace;
use crate::timer::Ticking;

/// Microseconds in a millisecond.
pub const MS: u64 = 1_000;

/// The instant so many milliseconds after another.
pub fn after(at_us: u64, ms: u64) -> u64 {
    at_us.saturating_add(ms.saturating_mul(MS))
}

/// What a store asks for the time.
#[derive(Clone)]
pub enum Clock {
    /// The machine's time.
    System,
    /// Time that a test moves.
    Manual(Arc<ManualClock>),
}

impl Clock {
    /// Microseconds since the Unix epoch; never goes back.
    pub fn now_us(&self) -> u64 {
        match self {
            Self::System => system::now_us(),
            Self::Manual(clock) => clock.now_us(),
        }
    }

    /// As `now_us`, in a fifth of its time and up to 20 ms behind it, never ahead: for reads of a cache. A machine that
    /// wakes up is noticed within a second of its waking time.
    #[inline]
    pub fn coarse_us(&self) -> u64 {
        match self {
            Self::System => system::coarse_us(),
            Self::Manual(clock) => clock.now_us(),
        }
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub fn now_ms(&self) -> u64 {
        self.now_us() / MS
    }

    /// Where the board has it; none for a manual clock when there are very many.
    pub fn place(&self) -> Option<u16> {
        match self {
            Self::System => Some(0),
            Self::Manual(clock) => clock.written.as_ref().map(ClockPlace::place),
        }
    }

    /// Whether both are the same clock: the machine's, or one manual clock.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::System, Self::System) => true,
            (Self::Manual(a), Self::Manual(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// A clock that a test moves; shared by the stores opened with it.
pub struct ManualClock {
    now_us: AtomicU64,
    /// Where near caches read it.
    written: Option<ClockPlace>,
    ticking: Mutex<BTreeMap<u64, Weak<dyn Ticking>>>,
    /// Held while the clock moves: two threads that advance it take turns.
    moving: Mutex<()>,
}

impl ManualClock {
    /// A clock that stands at `start_us`.
    pub fn new(start_us: u64) -> Arc<Self> {
        let written = ClockPlace::take();
        let clock = Self {
            now_us: AtomicU64::new(start_us),
            written,
            ticking: Mutex::default(),
            moving: Mutex::new(()),
        };
        clock.write_down();
        Arc::new(clock)
    }

    /// Where it stands.
    pub fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::Acquire)
    }

    fn write_down(&self) {
        if let Some(place) = &self.written {
            place.write(self.now_us());
        }
    }

    /// Makes `ticking` part of every later advance, until the returned number is unregistered. It may still be under
    /// construction.
    pub(crate) fn register(&self, ticking: Weak<dyn Ticking>) -> u64 {
        let mut all = self.ticking.lock();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, ticking);
        number
    }

    /// The counterpart of `register`.
    pub(crate) fn unregister(&self, number: u64) {
        self.ticking.lock().remove(&number);
    }

    /// Moves to the first instant up to `target_us` at which something is due, does what is due then, and says
    /// whether it stopped short of the target. A target in the past moves nothing.
    pub fn step_towards(&self, target_us: u64) -> bool {
        let _moving = self.moving.lock();
        let live: Vec<_> = self.ticking.lock().values().filter_map(Weak::upgrade).collect();
        let now = self.now_us();
        let due = live.iter().filter_map(|ticking| ticking.next_due_us()).min();
        let instant = due.map_or(target_us, |due| due.clamp(now, target_us.max(now)));
        self.now_us.fetch_max(instant, Ordering::AcqRel);
        self.write_down();
        for ticking in live {
            if ticking.next_due_us().is_some_and(|due| due <= instant) {
                ticking.tick(instant);
            }
        }
        due.is_some_and(|due| due <= target_us)
    }

    /// Walks through every due instant up to `target_us` and stands there.
    pub fn advance_to(&self, target_us: u64) {
        while self.step_towards(target_us) {}
        self.now_us.fetch_max(target_us, Ordering::AcqRel);
        self.write_down();
    }
}

/// The machine's clocks: a steady one, and what to add to it for microseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this module is where the machine's clocks are read")]
mod system {
    use std::sync::OnceLock;
    use std::time::{Duration, SystemTime};

    /// What the steady clock was behind the wall clock when the process first asked.
    fn behind_us() -> u64 {
        static BEHIND_US: OnceLock<u64> = OnceLock::new();
        *BEHIND_US.get_or_init(|| {
            let wall_us = SystemTime::UNIX_EPOCH.elapsed().map_or(0, micros);
            wall_us.saturating_sub(steady::now_us())
        })
    }

    /// One reading in so many tells the coarse clock how far it is behind, which costs a reading of its own.
    const NOTED_EVERY: u64 = 256;

    pub(super) fn now_us() -> u64 {
        let now_us = behind_us() + steady::now_us();
        if now_us.is_multiple_of(NOTED_EVERY) {
            steady::note(now_us);
        }
        now_us
    }

    #[inline]
    pub(super) fn coarse_us() -> u64 {
        steady::coarse_us().unwrap_or_else(|| {
            let now_us = now_us();
            steady::note(now_us);
            now_us
        })
    }

    #[cfg(target_os = "linux")]
    mod steady {
        use std::sync::atomic::{AtomicU64, Ordering};

        use rustix::time::{ClockId, clock_gettime};

        /// The coarse clock ticks with the kernel, 100 to 1,000 times a second.
        const TICK_US: u64 = 10_000;

        /// How old, in waking time, what is noted may get before a reading of the coarse clock becomes a precise one: a
        /// process that only reads its caches would otherwise never notice that the machine slept.
        const NOTE_AGE_US: u64 = 1_000_000;

        /// What to add to the coarse clock, which stands still while the machine sleeps; 0 before the first reading.
        /// Less a tick, so that the sum is never ahead.
        static ADD_US: AtomicU64 = AtomicU64::new(0);

        /// The coarse clock when that was noted.
        static NOTED_US: AtomicU64 = AtomicU64::new(0);

        pub(super) fn now_us() -> u64 {
            read_us(ClockId::Boottime)
        }

        pub(super) fn note(now_us: u64) {
            let coarse_us = read_us(ClockId::MonotonicCoarse);
            ADD_US.store(now_us.saturating_sub(coarse_us).saturating_sub(TICK_US), Ordering::Relaxed);
            NOTED_US.store(coarse_us, Ordering::Relaxed);
        }

        /// None where nothing is noted or it is too old.
        #[inline]
        pub(super) fn coarse_us() -> Option<u64> {
            let (add_us, noted_us) = (ADD_US.load(Ordering::Relaxed), NOTED_US.load(Ordering::Relaxed));
            let coarse_us = read_us(ClockId::MonotonicCoarse);
            let holds = add_us > 0 && coarse_us.saturating_sub(noted_us) < NOTE_AGE_US;
            holds.then(|| add_us + coarse_us)
        }

        #[inline]
        fn read_us(clock: ClockId) -> u64 {
            let now = clock_gettime(clock);
            now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1_000
        }

        #[test]
        fn a_coarse_reading_notices_by_itself_that_the_machine_slept() {
            const HOUR_US: u64 = 60 * 60 * 1_000_000;
            let behind_us = || super::now_us().saturating_sub(super::coarse_us());
            assert!(behind_us() < NOTE_AGE_US);
            ADD_US.fetch_sub(HOUR_US, Ordering::Relaxed);
            NOTED_US.fetch_sub(NOTE_AGE_US, Ordering::Relaxed);
            assert!(behind_us() < NOTE_AGE_US);
        }
    }

    #[cfg(not(target_os = "linux"))]
    mod steady {
        use std::sync::OnceLock;
        use std::time::Instant;

        pub(super) fn now_us() -> u64 {
            static START: OnceLock<Instant> = OnceLock::new();
            super::micros(START.get_or_init(Instant::now).elapsed())
        }

        pub(super) fn note(_now_us: u64) {}

        pub(super) fn coarse_us() -> Option<u64> {
            None
        }
    }

    fn micros(duration: Duration) -> u64 {
        u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
    }
}
