//! What a limiter with room for every key is, in the simplest words there are: a state for each key and window that is
//! never forgotten, decided on by the pure algorithm, and until when keys are blocked.

use std::collections::HashMap;

use redstart_core::clock::MS;
use redstart_core::limiter::{Answer, Ask, Decide, Decision, LimiterOptions, Look, Reason, Rule};

/// A key and a window, in microseconds.
type At = (usize, u64);

#[derive(Clone)]
pub(crate) struct Model<S> {
    options: LimiterOptions,
    states: HashMap<At, S>,
    blocks: HashMap<usize, u64>,
    pub(crate) now_us: u64,
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
}

impl<S: Decide> Model<S> {
    pub(crate) fn new(options: LimiterOptions, now_us: u64) -> Self {
        let (states, blocks) = (HashMap::new(), HashMap::new());
        Self { options, states, blocks, now_us, allowed: 0, denied: 0 }
    }

    pub(crate) fn rule(&self, ask: Ask) -> Rule {
        if ask.limit.is_none() && ask.window.is_none() {
            self.options.rule()
        } else {
            self.options.rule_for(&ask).unwrap()
        }
    }

    /// The most that may ever be asked for at once.
    pub(crate) fn capacity(&self, ask: Ask) -> u32 {
        S::capacity(self.rule(ask))
    }

    fn state(&mut self, key: usize, rule: Rule) -> &mut S {
        self.states.entry((key, rule.window_us)).or_default()
    }

    /// What `cost` units would find.
    fn find(&mut self, key: usize, rule: Rule, cost: u32) -> (Decision, Reason) {
        let now_us = self.now_us;
        let state = self.state(key, rule);
        state.settle(rule, now_us);
        let Look { left, retry_after_us } = state.look(rule, cost, now_us);
        let found = Decision {
            allowed: retry_after_us == 0,
            remaining: left,
            reset_after_us: state.absent_at_us(rule.window_us).saturating_sub(now_us),
            retry_after_us,
        };
        let left_us = self.blocks.get(&key).map_or(0, |until_us| until_us.saturating_sub(now_us));
        if left_us == 0 {
            return (found, Reason::Limit);
        }
        let blocked = Decision {
            allowed: false,
            remaining: 0,
            reset_after_us: found.reset_after_us.max(left_us),
            retry_after_us: found.retry_after_us.max(left_us),
        };
        (blocked, Reason::Blocked)
    }

    fn take(&mut self, key: usize, rule: Rule, cost: u32) -> Decision {
        let now_us = self.now_us;
        self.state(key, rule).decide(rule, cost, now_us)
    }

    fn deny(&mut self, key: usize, (mut found, reason): (Decision, Reason), rule: Rule) -> Answer {
        self.denied += 1;
        if let Some(block_ms) = self.options.block.filter(|_| reason == Reason::Limit) {
            self.blocks.insert(key, self.now_us + block_ms * MS);
            found.remaining = 0;
            found.retry_after_us = found.retry_after_us.max(block_ms * MS);
            found.reset_after_us = found.reset_after_us.max(block_ms * MS);
        }
        Answer::new(found, rule.limit, reason)
    }

    pub(crate) fn peek(&mut self, key: usize, ask: Ask) -> Answer {
        let rule = self.rule(ask);
        let (found, reason) = self.find(key, rule, ask.cost);
        Answer::new(found, rule.limit, reason)
    }

    pub(crate) fn consume(&mut self, key: usize, ask: Ask) -> Answer {
        let rule = self.rule(ask);
        let found = self.find(key, rule, ask.cost);
        if !found.0.allowed {
            return self.deny(key, found, rule);
        }
        self.allowed += 1;
        Answer::new(self.take(key, rule, ask.cost), rule.limit, Reason::Limit)
    }

    pub(crate) fn refund(&mut self, key: usize, ask: Ask) {
        let (rule, now_us) = (self.rule(ask), self.now_us);
        let state = self.state(key, rule);
        state.settle(rule, now_us);
        state.give_back(rule, ask.cost, now_us);
    }

    pub(crate) fn penalty(&mut self, key: usize, ask: Ask) -> Answer {
        let (rule, now_us) = (self.rule(ask), self.now_us);
        let state = self.state(key, rule);
        state.settle(rule, now_us);
        let units = state.look(rule, 1, now_us).left.min(ask.cost);
        state.take(rule, units, now_us);
        self.peek(key, Ask { cost: 1, ..ask })
    }

    pub(crate) fn block(&mut self, key: usize, ms: u64) {
        self.blocks.insert(key, self.now_us + ms * MS);
    }

    /// Whether there was anything to forget.
    pub(crate) fn reset(&mut self, key: usize) -> bool {
        let now_us = self.now_us;
        let counts =
            |(&(of, window_us), state): (&At, &S)| of == key && state.absent_at_us(window_us) > now_us;
        let counted = self.states.iter().any(counts);
        self.states.retain(|at, _| at.0 != key);
        self.blocks.remove(&key).is_some_and(|until_us| until_us > now_us) || counted
    }

    pub(crate) fn reset_all(&mut self) {
        self.states.clear();
        self.blocks.clear();
    }

    /// None where the parts can never pass together.
    pub(crate) fn consume_all(&mut self, parts: &[(usize, Ask)]) -> Option<Vec<Answer>> {
        // A part must fit beside those before it that are of its key and window.
        let mut units: HashMap<At, (u32, Rule)> = HashMap::new();
        let mut sums = Vec::new();
        for &(key, ask) in parts {
            let rule = self.rule(ask);
            let (sum, first) = units.entry((key, rule.window_us)).or_insert((0, rule));
            *sum += ask.cost;
            if *first != rule || *sum > S::capacity(rule) {
                return None;
            }
            sums.push(*sum);
        }
        let found: Vec<_> = parts
            .iter()
            .zip(&sums)
            .map(|(&(key, ask), &sum)| {
                let rule = self.rule(ask);
                self.find(key, rule, sum)
            })
            .collect();
        if found.iter().all(|(found, _)| found.allowed) {
            return Some(parts.iter().map(|&(key, ask)| self.consume(key, ask)).collect());
        }
        // A denial may block the key of another part, which was looked at before that.
        let answer = |(&(key, ask), found): (&(usize, Ask), (Decision, Reason))| {
            let rule = self.rule(ask);
            if found.0.allowed {
                Answer::new(found.0, rule.limit, found.1)
            } else {
                self.deny(key, found, rule)
            }
        };
        Some(parts.iter().zip(found).map(answer).collect())
    }

    /// Counters that count, and blocks that do.
    pub(crate) fn held(&self) -> (u64, u64) {
        let counting =
            self.states.iter().filter(|((_, window_us), state)| state.absent_at_us(*window_us) > self.now_us);
        let blocking = self.blocks.values().filter(|&&until_us| until_us > self.now_us);
        (counting.count() as u64, blocking.count() as u64)
    }
}
