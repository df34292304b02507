//! Who listens in the queue's tests: an ear that keeps everything, a tape of effects, a caller.

use std::sync::Arc;

use parking_lot::Mutex;
use redstart_core::queue::{Effect, Event, Journal, LeaseEnd, Subscriber, Token};

/// Keeps what a subscriber hears.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) ready: Mutex<Vec<u64>>,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) lost: Mutex<Vec<(u64, Token, LeaseEnd)>>,
    pub(crate) pings: Mutex<Vec<u64>>,
}

impl Ear {
    pub(crate) fn take_ready(&self) -> Vec<u64> {
        std::mem::take(&mut self.ready.lock())
    }

    pub(crate) fn take_lost(&self) -> Vec<(u64, Token, LeaseEnd)> {
        std::mem::take(&mut self.lost.lock())
    }

    /// The names of the events so far.
    pub(crate) fn heard(&self) -> Vec<&'static str> {
        self.events.lock().iter().map(|event| event.kind.name()).collect()
    }
}

impl Subscriber for Ear {
    fn ready(&self, worker: u64) {
        self.ready.lock().push(worker);
    }
    fn event(&self, _subscription: u64, event: &Event) {
        self.events.lock().push(event.clone());
    }
    fn lease_lost(&self, worker: u64, token: Token, why: LeaseEnd) {
        self.lost.lock().push((worker, token, why));
    }
    fn ping(&self, worker: u64) {
        self.pings.lock().push(worker);
    }
}

/// Calls when a job is due.
pub(crate) struct Caller<F>(pub(crate) F);

impl<F: Fn() + Send + Sync> Subscriber for Caller<F> {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, _event: &Event) {
        (self.0)();
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

/// Keeps the effects, each as its JSON and back.
#[derive(Clone, Default)]
pub(crate) struct Tape(pub(crate) Arc<Mutex<Vec<Effect>>>);

impl Journal for Tape {
    fn append(&mut self, effect: &Effect) {
        let json = serde_json::to_string(effect).unwrap();
        self.0.lock().push(serde_json::from_str(&json).unwrap());
    }
}
