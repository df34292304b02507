//! What every algorithm is: a small state, and a pure decision on it.

/// What a key may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Units a window; at least 1.
    pub limit: u32,
    /// The window in microseconds; at least 1,000.
    pub window_us: u64,
}

/// The outcome of asking for units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the units were there.
    pub allowed: bool,
    /// Units left after the decision; 0 when a limit that shrank leaves fewer than none.
    pub remaining: u32,
    /// Microseconds until the key equals an absent one.
    pub reset_after_us: u64,
    /// Microseconds until the same call passes; 0 when allowed.
    pub retry_after_us: u64,
}

/// The state of one key under one algorithm. The default value is that of a key never seen, at any time.
pub trait Decide: Copy + Default + Send + 'static {
    /// Asks for `cost` units (1 to the limit) at `now_us`: the state as of now, with the units taken when they
    /// were there, and the decision. A denial takes nothing: it changes no later decision.
    ///
    /// `now_us` may lie before what earlier calls saw (a clock that was set back): that admits nothing more than
    /// otherwise and locks nobody out for much longer than a window; each algorithm says how.
    #[must_use]
    fn decide(self, rule: Rule, cost: u32, now_us: u64) -> (Self, Decision);

    /// The first instant at which the state equals an absent key's, so that forgetting it changes nothing.
    fn absent_at_us(&self, rule: Rule) -> u64;
}
