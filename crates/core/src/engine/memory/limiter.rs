//! Limiter states in this process.
//!
//! What a state is made of depends on the options, so the tables are generic and this is where they are chosen.

mod keyed;
mod sweep;

use std::sync::Arc;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::engine::LimiterEngine;
use crate::error::Result;
use crate::key::Key;
use crate::limiter::{Algorithm, Answer, FixedWindow, LimiterOptions, LimiterStats, SlidingWindow};

use keyed::Keyed;

/// The tables, whatever their states are made of.
trait Tables: LimiterEngine {
    fn forget_all(&self);
}

/// A limiter of one name.
pub struct MemoryLimiter {
    keyed: Arc<dyn Tables>,
}

impl MemoryLimiter {
    /// No keys yet; their bytes count against `budget`. The options must have passed their `check`.
    pub fn new(options: LimiterOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        let keyed: Arc<dyn Tables> = match options.algorithm {
            Algorithm::FixedWindow => Keyed::<FixedWindow>::new(options, clock, budget),
            Algorithm::SlidingWindow if u16::try_from(options.limit).is_ok() => {
                Keyed::<SlidingWindow<u16>>::new(options, clock, budget)
            }
            Algorithm::SlidingWindow => Keyed::<SlidingWindow<u32>>::new(options, clock, budget),
        };
        Arc::new(Self { keyed })
    }

    /// Forgets all keys when its store closes, and gives their bytes back.
    pub fn shut(&self) {
        self.keyed.forget_all();
    }
}

impl LimiterEngine for MemoryLimiter {
    fn consume(&self, key: Key<'_>, cost: u32) -> Result<Answer> {
        self.keyed.consume(key, cost)
    }

    fn peek(&self, key: Key<'_>) -> Result<Answer> {
        self.keyed.peek(key)
    }

    fn reset(&self, key: Key<'_>) -> bool {
        self.keyed.reset(key)
    }

    fn stats(&self) -> LimiterStats {
        self.keyed.stats()
    }
}
