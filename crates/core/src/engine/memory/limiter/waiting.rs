//! Calls that wait for room: a line for each key and window, served in order.
//!
//! Only the first of a line is tried: when the units it wants are due, when somebody gives units of its key back, and
//! when one before it leaves. So those behind never overtake it, and a line costs one instant in one ordered set
//! however long it is. Calls that do not wait know of no line: they take what is there.
//!
//! Answers are sent with no lock held: whoever hears one may leave a line at once.
//!
//! Rejected: a timer a call, and a common line for all keys, in which one exhausted key would hold up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::keyed::Keyed;
use super::slab::Hash;
use super::slots::Call;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::limiter::{Answer, Decide};
use crate::reply::Reply;

/// Calls of one limiter that may wait at once.
pub const WAITING_MAX: u64 = 100_000;

/// What a waiting call is counted as in bytes: itself, its places in three ordered sets and its channel.
const WAITER_BYTES: u64 = 320;

/// Calls tried and timeouts told in one go, under the lock of the lines: some 500 µs.
const TRIED_AT_ONCE: usize = 1_024;

/// Key and window.
type At = (Hash, u64);

#[derive(Default)]
pub(super) struct Waiting {
    /// As in `lines`, for those who only want to know whether there is anyone.
    count: AtomicU64,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    by_key: BTreeMap<At, Line>,
    /// When the first of a line is tried next.
    due: BTreeSet<(u64, At)>,
    /// When a call gives up.
    ends: BTreeSet<(u64, At, u64)>,
    drawn: u64,
    /// All lines from here on are to be tried, though not due.
    retried_from: Option<At>,
}

/// Before every key.
const FIRST: At = (Hash { slot: 0, table: 0 }, 0);

#[derive(Default)]
struct Line {
    /// By number, and so in the order in which they came.
    waiters: BTreeMap<u64, Waiter>,
    due_us: u64,
}

struct Waiter {
    call: Call,
    ends_us: u64,
    sender: Sender,
}

/// The answer, and when it was given.
type Heard = Result<(Answer, u64)>;

type Sender = oneshot::Sender<Heard>;

/// Answers to be sent once no lock is held, and what was asked.
#[derive(Default)]
struct Told {
    answers: Vec<(Sender, Call, Heard)>,
    /// Calls tried, whatever came of it.
    tries: usize,
}

impl Told {
    fn is_enough(&self) -> bool {
        self.tries >= TRIED_AT_ONCE
    }

    fn push(&mut self, sender: Sender, call: Call, answer: Heard) {
        self.answers.push((sender, call, answer));
    }
}

impl Waiting {
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    pub(super) fn next_due_us(&self) -> Option<u64> {
        if self.count() == 0 {
            return None;
        }
        let lines = self.lines.lock();
        if lines.retried_from.is_some() {
            return Some(0);
        }
        let due_us = lines.due.first().map(|&(due_us, _)| due_us);
        let ends_us = lines.ends.first().map(|&(ends_us, ..)| ends_us);
        due_us.into_iter().chain(ends_us).min()
    }
}

impl Lines {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    fn schedule(&mut self, at: At, due_us: u64) {
        if let Some(line) = self.by_key.get_mut(&at) {
            self.due.remove(&(line.due_us, at));
            line.due_us = due_us;
            self.due.insert((due_us, at));
        }
    }

    /// Takes a call out of its line, and the line where it was the last.
    fn remove(&mut self, at: At, number: u64) -> Option<Waiter> {
        let line = self.by_key.get_mut(&at)?;
        let waiter = line.waiters.remove(&number)?;
        self.ends.remove(&(waiter.ends_us, at, number));
        if line.waiters.is_empty() {
            self.due.remove(&(line.due_us, at));
            self.by_key.remove(&at);
        }
        Some(waiter)
    }

    fn first(&self, at: At) -> Option<(u64, Call)> {
        let (&number, waiter) = self.by_key.get(&at)?.waiters.first_key_value()?;
        Some((number, waiter.call))
    }
}

impl<S: Decide> Keyed<S> {
    /// Takes the units now, or when they are there and everyone before has had theirs.
    pub(super) fn wait_for(&self, call: &Call, timeout_us: Option<u64>) -> Reply<Answer> {
        let at = (call.hash, call.rule.window_us);
        let mut lines = self.waiting.lines.lock();
        let first = !lines.by_key.contains_key(&at);
        if first {
            let outcome = self.attempt(call, false);
            if outcome.decision.allowed {
                return Reply::Ready(Ok(outcome.answer(call.rule)));
            }
        }
        if let Err(error) = self.let_in() {
            return Reply::Ready(Err(error));
        }
        let number = lines.draw();
        let ends_us = timeout_us.map_or(u64::MAX, |us| self.clock.now_us().saturating_add(us));
        let (sender, receiver) = oneshot::channel();
        let waiter = Waiter { call: *call, ends_us, sender };
        lines.by_key.entry(at).or_default().waiters.insert(number, waiter);
        if ends_us < u64::MAX {
            lines.ends.insert((ends_us, at, number));
        }
        let mut told = Told::default();
        if first {
            // Whoever gave units back since the attempt did not see it counted, and wakes nobody.
            self.serve(&mut lines, at, &mut told);
        }
        drop(lines);
        self.tell(told);
        if ends_us < u64::MAX {
            self.alarm.set(ends_us);
        }
        Reply::Pending(Box::pin(InLine { limiter: self.this.clone(), at, number, call: *call, receiver }))
    }

    fn tell(&self, told: Told) {
        for (sender, call, answer) in told.answers {
            // Whoever asked may be gone by now.
            if let Err(Ok((unheard, at_us))) = sender.send(answer)
                && unheard.allowed
            {
                self.give_back(&call, at_us);
            }
        }
    }

    fn let_in(&self) -> Result<()> {
        if self.waiting.count() >= WAITING_MAX {
            return Err(Error::Full(format!(
                "{WAITING_MAX} calls wait at this limiter, which is the most; let some through, or give wait() a timeout"
            )));
        }
        if !self.ledger.take_bytes(WAITER_BYTES) {
            let budget = &self.ledger.budget;
            return Err(Error::StoreFull { asked: WAITER_BYTES, used: budget.used(), limit: budget.limit() });
        }
        self.waiting.count.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn let_out(&self, calls: u64) {
        self.waiting.count.fetch_sub(calls, Ordering::AcqRel);
        self.ledger.give_back_bytes(calls * WAITER_BYTES);
    }

    /// Serves who can be served after units of a key have come back.
    pub(super) fn wake_waiters_of(&self, hash: Hash) {
        if self.waiting.count() == 0 {
            return;
        }
        let mut told = Told::default();
        let mut lines = self.waiting.lines.lock();
        let of_key = lines.by_key.range((hash, 0)..=(hash, u64::MAX)).map(|(&at, _)| at);
        for at in of_key.collect::<Vec<_>>() {
            self.serve(&mut lines, at, &mut told);
        }
        drop(lines);
        let enough = told.is_enough();
        self.tell(told);
        if enough {
            self.serve_what_is_left();
        }
    }

    /// Tries every line anew, after everything was forgotten: on the background thread, as there may be many.
    pub(super) fn wake_all_waiters(&self) {
        if self.waiting.count() == 0 {
            return;
        }
        self.waiting.lines.lock().retried_from = Some(FIRST);
        self.alarm.set(self.clock.now_us());
        self.serve_what_is_left();
    }

    /// A manual clock that stands still wakes nobody: what is due now and did not fit one go is served at once.
    fn serve_what_is_left(&self) {
        if matches!(self.clock, Clock::System) {
            return;
        }
        let now_us = self.clock.now_us();
        while self.waiting.next_due_us().is_some_and(|due_us| due_us <= now_us) {
            self.serve_due(now_us);
        }
    }

    /// Serves those of one line whose units are there, in order.
    fn serve(&self, lines: &mut Lines, at: At, told: &mut Told) {
        while let Some((number, call)) = lines.first(at) {
            if told.is_enough() {
                return self.try_again(lines, at, 0);
            }
            told.tries += 1;
            let outcome = self.attempt(&call, false);
            if !outcome.decision.allowed {
                return self.try_again(lines, at, outcome.decision.retry_after_us);
            }
            let waiter = lines.remove(at, number).expect("it was the first");
            self.let_out(1);
            told.push(waiter.sender, call, Ok((outcome.answer(call.rule), outcome.at_us)));
        }
    }

    fn try_again(&self, lines: &mut Lines, at: At, after_us: u64) {
        let due_us = self.clock.now_us().saturating_add(after_us);
        lines.schedule(at, due_us);
        self.alarm.set(due_us);
    }

    /// Serves the lines that are due, and tells those whose time is over.
    pub(super) fn serve_due(&self, now_us: u64) {
        if self.waiting.count() == 0 {
            return;
        }
        let mut told = Told::default();
        let mut lines = self.waiting.lines.lock();
        while !told.is_enough()
            && let Some(from) = lines.retried_from
        {
            let next = lines.by_key.range(from..).map(|(&at, _)| at).next();
            lines.retried_from = next.map(|(hash, window_us)| (hash, window_us + 1));
            if let Some(at) = next {
                self.serve(&mut lines, at, &mut told);
            }
        }
        while !told.is_enough()
            && let Some(&(due_us, at)) = lines.due.first()
            && due_us <= now_us
        {
            // Whoever cannot be served is due later; where the clock stands still that is not now.
            lines.due.remove(&(due_us, at));
            self.serve(&mut lines, at, &mut told);
        }
        while !told.is_enough()
            && let Some(&(ends_us, at, number)) = lines.ends.first()
            && ends_us <= now_us
        {
            self.end(&mut lines, at, number, &mut told);
        }
        drop(lines);
        self.tell(told);
    }

    /// A call's time is over.
    fn end(&self, lines: &mut Lines, at: At, number: u64, told: &mut Told) {
        let was_first = lines.first(at).is_some_and(|(first, _)| first == number);
        let Some(Waiter { call, sender, .. }) = lines.remove(at, number) else { return };
        told.tries += 1;
        self.let_out(1);
        let mut found = self.look(&call);
        // One further back may find room that those before it are about to take.
        found.decision.allowed = false;
        found.decision.retry_after_us = found.decision.retry_after_us.max(1);
        told.push(sender, call, Ok((found.answer(call.rule), found.at_us)));
        if was_first {
            self.serve(lines, at, told);
        }
    }

    /// Nobody waits for this call's answer any more.
    fn leave(&self, at: At, number: u64) {
        let mut told = Told::default();
        let mut lines = self.waiting.lines.lock();
        let was_first = lines.first(at).is_some_and(|(first, _)| first == number);
        if lines.remove(at, number).is_some() {
            self.let_out(1);
            if was_first {
                self.serve(&mut lines, at, &mut told);
            }
        }
        drop(lines);
        self.tell(told);
    }

    /// Tells all who wait that the store is closed.
    pub(super) fn send_away(&self) {
        let gone = {
            let lines = &mut *self.waiting.lines.lock();
            let drawn = lines.drawn;
            // Numbers go on: a place of before is still there, and given up later.
            std::mem::replace(lines, Lines { drawn, ..Lines::default() })
        };
        let waiters = gone.by_key.into_values().flat_map(|line| line.waiters.into_values());
        let answers: Vec<_> = waiters.map(|waiter| (waiter.sender, waiter.call, Err(closed()))).collect();
        self.let_out(answers.len() as u64);
        self.tell(Told { answers, tries: 0 });
    }
}

/// Also what a limiter that was dropped leaves of a call.
fn closed() -> Error {
    Error::Closed("the store was closed while this call waited for room; nothing was taken".to_owned())
}

/// A place in a line, given up when it is dropped. What was taken for it then and nobody has heard of is given back.
struct InLine<S: Decide> {
    limiter: Weak<Keyed<S>>,
    at: At,
    number: u64,
    call: Call,
    receiver: oneshot::Receiver<Heard>,
}

impl<S: Decide> Future for InLine<S> {
    type Output = Result<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let heard = Pin::new(&mut self.receiver).poll(context);
        heard.map(|heard| heard.unwrap_or_else(|_| Err(closed())).map(|(answer, _)| answer))
    }
}

impl<S: Decide> Drop for InLine<S> {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.upgrade() {
            limiter.leave(self.at, self.number);
            // An answer on its way finds nobody from here on, and whoever sends it gives back what was taken.
            self.receiver.close();
            if let Ok(Ok((answer, at_us))) = self.receiver.try_recv()
                && answer.allowed
            {
                limiter.give_back(&self.call, at_us);
            }
        }
    }
}
