//! Ears for what a cache tells, and ways to wait for what it answers later.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use redstart_core::Result;
use redstart_core::cache::loads::{Lapse, Leader};
use redstart_core::cache::removals::Removal;
use redstart_core::cache::table::Reason;
use redstart_core::clock::Clock;
use redstart_core::reply::{Pending, Reply};
use redstart_core::watch::Watcher;

/// How long a test waits for what comes soon, before it says that it does not come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A leader that keeps what it hears.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<(u64, Lapse)>>);

impl Leader for Heard {
    fn lapsed(&self, ticket: u64, why: Lapse) {
        self.0.lock().push((ticket, why));
    }
}

impl Heard {
    pub(crate) fn take(&self) -> Vec<(u64, Lapse)> {
        std::mem::take(&mut self.0.lock())
    }
}

/// Keeps every removal it is told of.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Vec<(String, Reason)>>);

impl Watcher<Removal> for Ear {
    fn told(&self, removals: &[Removal]) {
        let heard = removals.iter().map(|removal| {
            let key = removal.key.as_key().bytes.to_vec();
            (String::from_utf8(key).unwrap(), removal.reason)
        });
        self.0.lock().extend(heard);
    }
}

impl Ear {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.0.lock().iter().filter(|(_, other)| *other == reason).count() as u64
    }

    pub(crate) fn take(&self) -> Vec<(String, Reason)> {
        std::mem::take(&mut self.0.lock())
    }
}

/// What has come of it by now.
pub(crate) fn poll<T>(pending: &mut Pending<T>) -> Option<T> {
    match pending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.unwrap()),
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

/// Waits until something holds that the background thread brings about.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = deadline_us();
    while !holds() {
        assert!(Clock::System.now_us() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn deadline_us() -> u64 {
    Clock::System.now_us() + u64::try_from(PATIENCE.as_micros()).unwrap()
}
