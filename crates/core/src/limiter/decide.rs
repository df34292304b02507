//! What every algorithm is: a small state, and pure decisions on it.
//!
//! A state is first brought to the present ([`Decide::settle`]), then looked at ([`Decide::look`]), then perhaps
//! changed ([`Decide::take`], [`Decide::give_back`]). None of them looks anywhere but at its arguments. Two rules
//! make the rest simple. `look` changes nothing, so a denial takes nothing. And `give_back` at the instant of a `take` of as
//! many units undoes it: every later decision is as if neither had happened. (Where the limit of that call was another
//! than the one before, a token bucket goes on refilling at the newer rate, and GCRA has rounded up by a microsecond at most.)

/// What a key may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Units a window; at least 1.
    pub limit: u32,
    /// Units at once where an algorithm refills; at least 1. The windows do not look at it.
    pub burst: u32,
    /// The window in microseconds; at least 1,000.
    pub window_us: u64,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Units left now; none when a limit that shrank leaves fewer than that.
    pub left: u32,
    /// Microseconds until the units asked for are there, if none are taken meanwhile; 0: they are.
    pub retry_after_us: u64,
}

/// The outcome of asking for units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the units were there.
    pub allowed: bool,
    /// Units left after the decision.
    pub remaining: u32,
    /// Microseconds until the key equals an absent one.
    pub reset_after_us: u64,
    /// Microseconds until the same call passes; 0 when allowed.
    pub retry_after_us: u64,
}

/// The state of one key under one algorithm. The default value is that of a key never seen, at any time.
///
/// The rule may change from call to call in its limit and burst, but not in its window. `now_us` may lie before what
/// earlier calls saw (a clock that was set back): that admits nothing more than otherwise, and a key waits no
/// longer for a unit than it would after having taken all there is at `now_us`.
pub trait Decide: Default + Clone + PartialEq + std::fmt::Debug + Send + 'static {
    /// A form of the same state that holds any number of units.
    type Wide: Decide + From<Self>;

    /// The largest limit that this form can count up to.
    const UNITS_MAX: u32 = u32::MAX;

    /// The most units that may ever be there at once.
    fn capacity(rule: Rule) -> u32 {
        rule.limit
    }

    /// Brings the state to `now_us`: drops what no longer counts, and moves what a clock that was set back left in the
    /// future. Changes no answer at `now_us` or later.
    fn settle(&mut self, rule: Rule, now_us: u64);

    /// What a call for `cost` units (1 to the capacity) would find. The state must be settled at `now_us`.
    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look;

    /// Takes units that are there. The state must be settled at `now_us`.
    fn take(&mut self, rule: Rule, units: u32, now_us: u64);

    /// Gives back the units taken last, at most those that still count. The state must be settled at `now_us`.
    fn give_back(&mut self, rule: Rule, units: u32, now_us: u64) {
        self.give_back_of(rule, units, u64::MAX, now_us);
    }

    /// As `give_back`, of units taken at `taken_us` or before: later ones go on counting, so that who gives old units back
    /// is not let in early by new ones. The two that refill do not tell units apart: they give back no more than can be
    /// missing of those since then.
    fn give_back_of(&mut self, rule: Rule, units: u32, taken_us: u64, now_us: u64);

    /// The first instant at which the state equals an absent key's for every limit, so that forgetting it changes
    /// nothing. Depends on no limit but those that units were taken under.
    fn absent_at_us(&self, window_us: u64) -> u64;

    /// Whether the state holds bytes beside its own size.
    const GROWS: bool = false;

    /// Those bytes.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// How many more `take` of so many units would make it.
    fn growth(&self, _units: u32) -> usize {
        0
    }

    /// Asks for `cost` units: takes them when they are there.
    fn decide(&mut self, rule: Rule, cost: u32, now_us: u64) -> Decision {
        self.settle(rule, now_us);
        let Look { left, retry_after_us } = self.look(rule, cost, now_us);
        let allowed = retry_after_us == 0;
        if allowed {
            self.take(rule, cost, now_us);
        }
        Decision {
            allowed,
            remaining: if allowed { left - cost } else { left },
            reset_after_us: self.absent_at_us(rule.window_us).saturating_sub(now_us),
            retry_after_us,
        }
    }
}
