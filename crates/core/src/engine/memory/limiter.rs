//! Limiter states in this process.
//!
//! What a state is made of depends on the options, so the tables are generic and this is where they are chosen.

mod changes;
mod keyed;
mod ledger;
mod slab;
mod slots;
mod sweep;
mod together;
mod waiting;

use std::sync::Arc;

use crate::budget::Budget;
use crate::clock::{Clock, MS};
use crate::engine::LimiterEngine;
use crate::error::Result;
use crate::key::Key;
use crate::limiter::{
    Algorithm, Answer, Ask, Decide, FixedWindow, Gcra, LimiterOptions, LimiterStats, SlidingCounter,
    SlidingLog, SlidingWindow, TokenBucket,
};
use crate::reply::Reply;

use keyed::Keyed;
use slots::Call;
use together::Parts;

pub use waiting::WAITING_MAX;

/// The tables, whatever their states are made of.
trait Tables: LimiterEngine {
    fn shut(&self);
    fn check<'a>(&'a self, parts: &[(Key<'_>, Ask)]) -> Result<Box<dyn Parts + 'a>>;
}

/// A limiter of one name.
pub struct MemoryLimiter {
    keyed: Arc<dyn Tables>,
}

impl MemoryLimiter {
    /// No keys yet; their bytes count against `budget`. The options must have passed their `check`.
    pub fn new(options: LimiterOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        fn of<S: Decide>(options: LimiterOptions, clock: Clock, budget: Arc<Budget>) -> Arc<dyn Tables> {
            Keyed::<S>::new(options, clock, budget)
        }
        let keyed = match options.algorithm {
            Algorithm::SlidingWindow if options.limit <= SlidingWindow::<u16>::UNITS_MAX => {
                of::<SlidingWindow<u16>>(options, clock, budget)
            }
            Algorithm::SlidingWindow => of::<SlidingWindow<u32>>(options, clock, budget),
            Algorithm::SlidingLog => of::<SlidingLog>(options, clock, budget),
            Algorithm::SlidingCounter => of::<SlidingCounter>(options, clock, budget),
            Algorithm::FixedWindow => of::<FixedWindow>(options, clock, budget),
            Algorithm::TokenBucket => of::<TokenBucket>(options, clock, budget),
            Algorithm::Gcra => of::<Gcra>(options, clock, budget),
        };
        Arc::new(Self { keyed })
    }

    /// Forgets all keys when its store closes, gives their bytes back, and sends away who waits.
    pub fn shut(&self) {
        self.keyed.shut();
    }

    /// Takes the units of every part or of none; the answers in order of the parts, which name limiters of the list.
    pub fn consume_all(limiters: &[Arc<Self>], parts: &[(usize, Key<'_>, Ask)]) -> Result<Vec<Answer>> {
        Self::take_all(limiters, parts).map(|(answers, _)| answers)
    }

    /// As `consume_all`, and when that was.
    pub fn take_all(limiters: &[Arc<Self>], parts: &[(usize, Key<'_>, Ask)]) -> Result<(Vec<Answer>, u64)> {
        let mut order: Vec<usize> = (0..limiters.len()).collect();
        order.sort_by_key(|&limiter| limiters[limiter].number());
        let parts_of = |limiter: usize| parts.iter().enumerate().filter(move |(_, part)| part.0 == limiter);
        let mut checked = Vec::new();
        for &limiter in &order {
            let of_it: Vec<_> = parts_of(limiter).map(|(_, &(_, key, ask))| (key, ask)).collect();
            checked.push(limiters[limiter].keyed.check(&of_it)?);
        }
        let mut locked: Vec<_> = checked.iter().map(|parts| parts.lock()).collect();
        let now_us = locked.first().map_or(0, |parts| parts.now_us());
        // Each is asked, also behind one that denied: its answer is wanted.
        let fitting = locked.iter_mut().filter_map(|parts| parts.fit(now_us).then_some(())).count();
        let all = fitting == locked.len() && locked.iter_mut().all(|parts| parts.take());
        let mut answers: Vec<Option<Answer>> = vec![None; parts.len()];
        for (&limiter, locked) in order.iter().zip(&mut locked) {
            for ((index, _), answer) in parts_of(limiter).zip(locked.finish(all)) {
                answers[index] = Some(answer);
            }
        }
        let answers =
            answers.into_iter().map(|answer| answer.expect("every part is of a limiter of the list"));
        Ok((answers.collect(), now_us))
    }
}

impl<S: Decide> LimiterEngine for Keyed<S> {
    fn number(&self) -> u64 {
        self.number
    }

    fn take(&self, key: Key<'_>, ask: Ask) -> Result<(Answer, u64)> {
        let call = self.call(key, &ask)?;
        let outcome = self.attempt(&call, true);
        Ok((outcome.answer(call.rule), outcome.at_us))
    }

    fn peek(&self, key: Key<'_>, ask: Ask) -> Result<Answer> {
        let call = self.call(key, &ask)?;
        Ok(self.look(&call).answer(call.rule))
    }

    fn give_back(&self, key: Key<'_>, ask: Ask, taken_us: u64) -> Result<()> {
        self.refund(key, &ask, taken_us)
    }

    fn penalty(&self, key: Key<'_>, ask: Ask) -> Result<Answer> {
        let rule = self.call_up_to(key, &ask)?.rule;
        Ok(self.penalize(key, &ask)?.answer(rule))
    }

    fn block(&self, key: Key<'_>, duration_ms: u64) -> Result<()> {
        self.block_key(key, duration_ms)
    }

    fn reset(&self, key: Key<'_>) -> bool {
        self.reset_key(key)
    }

    fn reset_all(&self) {
        self.forget_all();
        self.wake_all_waiters();
    }

    fn wait(&self, key: Key<'_>, ask: Ask, timeout_ms: Option<u64>) -> Reply<Answer> {
        match self.call(key, &ask) {
            Ok(call) => self.wait_for(&call, timeout_ms.map(|ms| ms.saturating_mul(MS))),
            Err(error) => Reply::Ready(Err(error)),
        }
    }

    fn stats(&self) -> LimiterStats {
        Self::stats(self)
    }
}

impl<S: Decide> Tables for Keyed<S> {
    fn shut(&self) {
        self.send_away();
        self.forget_all();
    }

    fn check<'a>(&'a self, parts: &[(Key<'_>, Ask)]) -> Result<Box<dyn Parts + 'a>> {
        let calls: Result<Vec<Call>> = parts.iter().map(|(key, ask)| self.call(*key, ask)).collect();
        Ok(Box::new(self.check_parts(calls?)?))
    }
}

impl LimiterEngine for MemoryLimiter {
    fn number(&self) -> u64 {
        self.keyed.number()
    }

    fn take(&self, key: Key<'_>, ask: Ask) -> Result<(Answer, u64)> {
        self.keyed.take(key, ask)
    }

    fn peek(&self, key: Key<'_>, ask: Ask) -> Result<Answer> {
        self.keyed.peek(key, ask)
    }

    fn give_back(&self, key: Key<'_>, ask: Ask, taken_us: u64) -> Result<()> {
        self.keyed.give_back(key, ask, taken_us)
    }

    fn penalty(&self, key: Key<'_>, ask: Ask) -> Result<Answer> {
        self.keyed.penalty(key, ask)
    }

    fn block(&self, key: Key<'_>, duration_ms: u64) -> Result<()> {
        self.keyed.block(key, duration_ms)
    }

    fn reset(&self, key: Key<'_>) -> bool {
        self.keyed.reset(key)
    }

    fn reset_all(&self) {
        self.keyed.reset_all();
    }

    fn wait(&self, key: Key<'_>, ask: Ask, timeout_ms: Option<u64>) -> Reply<Answer> {
        self.keyed.wait(key, ask, timeout_ms)
    }

    fn stats(&self) -> LimiterStats {
        self.keyed.stats()
    }
}
