//! How long a job waits after a failed attempt.

use super::terms::{Backoff, BackoffType};

/// Milliseconds before the next attempt after `attempts_made` failed ones. `random` in 0..1 picks the jitter:
/// drawn by the caller, so that the decision can be repeated.
pub fn wait_ms(backoff: &Backoff, attempts_made: u32, random: f64) -> u64 {
    let doublings = match backoff.kind {
        BackoffType::Fixed => 0,
        BackoffType::Exponential => attempts_made.saturating_sub(1),
    };
    let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
    let wait_ms = backoff.delay.saturating_mul(factor).min(backoff.max_delay_ms());
    wait_ms - share(wait_ms, backoff.jitter.unwrap_or(0.0) * random)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the options allow at most 100 years in milliseconds, below 2^53; the share is between 0 and 1"
)]
fn share(of_ms: u64, part: f64) -> u64 {
    (of_ms as f64 * part) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn backoff(kind: BackoffType, max_delay: Option<u64>, jitter: Option<f64>) -> Backoff {
        Backoff { kind, delay: 1_000, max_delay, jitter }
    }

    fn waits(backoff: &Backoff, random: f64) -> Vec<u64> {
        [1, 2, 3, 4, 20, 64, 65, u32::MAX].map(|made| wait_ms(backoff, made, random)).to_vec()
    }

    #[test]
    fn a_fixed_wait_stays() {
        assert_eq!(waits(&backoff(BackoffType::Fixed, None, None), 0.9), [1_000; 8]);
    }

    #[test]
    fn an_exponential_wait_doubles_up_to_a_day() {
        let waits = waits(&backoff(BackoffType::Exponential, None, None), 0.9);
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, DAY_MS, DAY_MS, DAY_MS, DAY_MS]);
    }

    #[test]
    fn max_delay_caps_the_first_wait_too() {
        assert_eq!(waits(&backoff(BackoffType::Exponential, Some(700), None), 0.0), [700; 8]);
    }

    #[test]
    fn jitter_shortens_by_a_random_share_up_to_its_own() {
        let half = backoff(BackoffType::Fixed, None, Some(0.5));
        assert_eq!(wait_ms(&half, 1, 0.0), 1_000);
        assert_eq!(wait_ms(&half, 1, 0.5), 750);
        assert_eq!(wait_ms(&half, 1, 0.999_999), 501);
        let all = backoff(BackoffType::Fixed, None, Some(1.0));
        assert!((1..=10).contains(&wait_ms(&all, 1, 0.995)));
    }
}
