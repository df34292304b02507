//! Exact fractions.

use std::ops::{Add, Sub};

/// A fraction in lowest terms; the denominator is positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio {
    over: i128,
    under: i128,
}

impl Default for Ratio {
    fn default() -> Self {
        Self { over: 0, under: 1 }
    }
}

fn greatest_common_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.abs()
}

impl Ratio {
    pub(crate) fn new(over: impl Into<i128>, under: impl Into<i128>) -> Self {
        let (over, under) = (over.into(), under.into());
        assert!(under > 0);
        let common = greatest_common_divisor(over, under);
        Self { over: over / common, under: under / common }
    }

    pub(crate) fn whole(number: impl Into<i128>) -> Self {
        Self { over: number.into(), under: 1 }
    }

    pub(crate) fn round_up(self) -> Self {
        Self::whole(-(-self.over).div_euclid(self.under))
    }

    pub(crate) fn max(self, other: Self) -> Self {
        if self.is_at_most(other) { other } else { self }
    }

    pub(crate) fn is_at_most(self, other: Self) -> bool {
        (self - other).over <= 0
    }
}

impl Add for Ratio {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let common = greatest_common_divisor(self.under, other.under);
        let over = self.over * (other.under / common) + other.over * (self.under / common);
        Self::new(over, self.under / common * other.under)
    }
}

impl Sub for Ratio {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { over: -other.over, ..other }
    }
}
