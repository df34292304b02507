//! Those who want to hear what happens to a feature's entries. With nobody listening it costs a look at a flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Whoever wants to know.
pub trait Watcher<E>: Send + Sync {
    /// These happened. Called under no lock of the feature; it must not wait.
    fn told(&self, events: &[E]);
}

type Numbered<E> = (u64, Arc<dyn Watcher<E>>);

/// Those who listen to one feature.
pub struct Watchers<E> {
    watched: AtomicBool,
    numbers: AtomicU64,
    all: Mutex<Vec<Numbered<E>>>,
}

impl<E> Default for Watchers<E> {
    fn default() -> Self {
        Self { watched: AtomicBool::new(false), numbers: AtomicU64::new(0), all: Mutex::default() }
    }
}

impl<E> Watchers<E> {
    /// Tells `watcher` of every later event until the returned number is removed.
    pub fn add(&self, watcher: Arc<dyn Watcher<E>>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut all = self.all.lock();
        all.push((number, watcher));
        self.watched.store(true, Ordering::Release);
        number
    }

    /// The counterpart of `add`.
    pub fn remove(&self, number: u64) {
        let mut all = self.all.lock();
        all.retain(|&(known, _)| known != number);
        self.watched.store(!all.is_empty(), Ordering::Release);
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }

    /// Tells what happened, under no lock of the feature.
    #[inline]
    pub fn tell_of(&self, events: &[E]) {
        if !events.is_empty() {
            self.tell_each(events);
        }
    }

    #[cold]
    fn tell_each(&self, events: &[E]) {
        let all: Vec<_> = self.all.lock().iter().map(|(_, watcher)| watcher.clone()).collect();
        for watcher in all {
            watcher.told(events);
        }
    }
}
