//! The one background thread: it wakes what is due, and nothing else.
//!
//! A feature that has things to do at an instant implements [`Ticking`] and holds an [`Alarm`]. Under the system
//! clock the alarm is a task on a single-threaded tokio runtime that sleeps until the feature's next due instant;
//! with nothing due there is nothing to run, so an idle process costs no CPU. Under a manual clock there is no
//! task: the clock itself calls `tick` as it moves.
//!
//! Rejected: a timer per entry (memory, and as many wake-ups as entries), a periodic tick (cost while idle).

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

use crate::clock::{Clock, ManualClock};

/// The longest sleep: a machine that was suspended is at most this late in noticing what fell due meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// Pieces freed at a time.
const FREED_AT_ONCE: usize = 1_000;

/// Something that has work to do at instants of its own.
pub trait Ticking: Send + Sync {
    /// The next instant at which there is work, in microseconds of the store's clock.
    fn next_due_us(&self) -> Option<u64>;
    /// Does what is due at `now_us`, in bounded steps: what is left makes `next_due_us` answer at once.
    fn tick(&self, now_us: u64);
}

/// How a feature says that something is due earlier than before. Dropping it ends its task.
pub struct Alarm {
    shared: Arc<Shared>,
    clock: Clock,
    ticking: Weak<dyn Ticking>,
    task: OnceLock<()>,
    /// Its number with a manual clock.
    registered: Option<(Arc<ManualClock>, u64)>,
}

struct Shared {
    /// The instant the task sleeps until; `u64::MAX` while it is awake and looking, or has not started.
    armed_us: AtomicU64,
    changed: Notify,
}

impl Alarm {
    /// An alarm for `ticking`, which holds it: build it in `Arc::new_cyclic`.
    pub fn new(clock: Clock, ticking: Weak<dyn Ticking>) -> Self {
        let registered = match &clock {
            Clock::System => None,
            Clock::Manual(manual) => Some((manual.clone(), manual.register(ticking.clone()))),
        };
        let shared = Arc::new(Shared { armed_us: AtomicU64::new(u64::MAX), changed: Notify::new() });
        Self { shared, clock, ticking, task: OnceLock::new(), registered }
    }

    /// Whether it is set for that instant or an earlier one: it then looks after the change that made this due, which the
    /// lock under which the caller made it orders.
    pub fn is_set_for(&self, due_us: u64) -> bool {
        self.shared.armed_us.load(Ordering::Acquire) <= due_us
    }

    /// Says that something is due at `due_us`. Call it after the change is visible to `next_due_us`. Cheap when
    /// the alarm is already set for that instant or an earlier one.
    pub fn set(&self, due_us: u64) {
        if self.registered.is_some() {
            return;
        }
        if self.is_set_for(due_us) {
            return;
        }
        self.task.get_or_init(|| {
            spawn(watch(self.shared.clone(), self.clock.clone(), self.ticking.clone()));
        });
        if self.shared.armed_us.fetch_min(due_us, Ordering::AcqRel) > due_us {
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((clock, number)) = self.registered.take() {
            clock.unregister(number);
        }
        self.shared.changed.notify_one();
    }
}

async fn watch(shared: Arc<Shared>, clock: Clock, ticking: Weak<dyn Ticking>) {
    loop {
        // Disarmed before looking: whoever changes the state after our look finds us disarmed and wakes us.
        shared.armed_us.store(u64::MAX, Ordering::Release);
        let Some(alive) = ticking.upgrade() else { return };
        let now = clock.now_us();
        let mut due = alive.next_due_us();
        if due.is_some_and(|due| due <= now) {
            alive.tick(now);
            due = alive.next_due_us();
        }
        drop(alive);
        let due = due.unwrap_or(u64::MAX);
        shared.armed_us.fetch_min(due, Ordering::AcqRel);
        sleep_until_or(due, &clock, &shared.changed).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this module is where the background thread sleeps")]
async fn sleep_until_or(due_us: u64, clock: &Clock, changed: &Notify) {
    if due_us == u64::MAX {
        return changed.notified().await;
    }
    let wait = Duration::from_micros(due_us.saturating_sub(clock.now_us())).min(SLEEP_MAX);
    // Either ends the wait; the caller looks again whichever it was.
    let _ = tokio::time::timeout(wait, changed.notified()).await;
}

/// Lets whatever else is due on the background thread run first.
pub(crate) async fn turn() {
    tokio::task::yield_now().await;
}

/// Frees what is gone: a thousand pieces here, the rest on the background thread, which lets other work in between.
pub(crate) fn free(mut pieces: impl Iterator<Item: Send> + Send + 'static) {
    let mut free_some = move || pieces.by_ref().take(FREED_AT_ONCE).count() == FREED_AT_ONCE;
    if free_some() {
        spawn(async move {
            while free_some() {
                turn().await;
            }
        });
    }
}

/// Runs `future` on the background thread.
#[expect(clippy::disallowed_methods, reason = "this module is the background thread")]
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    runtime().spawn(future);
}

#[expect(clippy::disallowed_methods, reason = "this module starts the process's one background thread")]
fn runtime() -> &'static Handle {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without I/O");
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("redstart".into())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .expect("the system refused a thread");
        handle
    })
}
