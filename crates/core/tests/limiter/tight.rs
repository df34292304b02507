//! What a denial is told is true: denied a millisecond earlier, allowed then.

use proptest::prelude::*;
use redstart_core::limiter::{Algorithm, Answer, Ask, Reason};

use crate::steps::{KEYS, Step, any_options, steps};
use crate::support::{Rig, kept};

/// Asks a millisecond early, and then in time; nothing else is done meanwhile.
fn holds(rig: &Rig, told: Answer, again: impl Fn() -> bool) -> Result<(), TestCaseError> {
    if told.retry_after_ms > 10_000_000 {
        return Ok(());
    }
    prop_assert!(told.retry_after_ms > 0);
    rig.pass(told.retry_after_ms - 1);
    prop_assert!(!again(), "one millisecond early: {:?}", told);
    rig.pass(1);
    prop_assert!(again(), "in time: {:?}", told);
    Ok(())
}

fn tight(algorithm: Algorithm, rig: &Rig, history: &[Step]) -> Result<(), TestCaseError> {
    for step in history {
        match step {
            Step::Consume(at, wish) => {
                let ask = wish.ask(|ask| capacity(rig, ask));
                let answer = rig.ask(KEYS[*at], ask);
                if !answer.allowed {
                    holds(rig, answer, || rig.look(KEYS[*at], ask).allowed)?;
                }
            }
            Step::Together(wishes) => {
                let parts: Vec<_> = wishes
                    .iter()
                    .map(|&(at, wish)| {
                        let limit = wish.limit.filter(|_| algorithm != Algorithm::Gcra);
                        let wish = crate::steps::Wish { limit, ..wish };
                        (KEYS[at], wish.ask(|ask| capacity(rig, ask)))
                    })
                    .collect();
                let Ok(answers) = rig.consume_all(&parts) else { continue };
                let denied = answers.iter().filter(|answer| !answer.allowed);
                if let Some(&told) = denied.max_by_key(|answer| answer.retry_after_ms)
                    && rig.options.block.is_none()
                {
                    let all = || rig.consume_all(&parts).unwrap().iter().all(|answer| answer.allowed);
                    holds(rig, told, all)?;
                }
            }
            Step::Block(at, ms) => {
                rig.block(KEYS[*at], *ms);
                let told = rig.peek(KEYS[*at]);
                prop_assert_eq!(told.reason, Some(Reason::Blocked));
                holds(rig, told, || rig.peek(KEYS[*at]).allowed)?;
            }
            Step::Pass(us) => rig.pass_us(*us),
            _ => {}
        }
    }
    Ok(())
}

/// What may be asked for at once.
fn capacity(rig: &Rig, ask: Ask) -> u32 {
    let limit = ask.limit.unwrap_or(rig.options.limit);
    rig.options.burst.unwrap_or(limit)
}

proptest! {
    #![proptest_config(kept("tests/limiter/regressions/tight.txt", 250))]

    #[test]
    fn a_denial_says_when_the_same_call_passes_under_every_algorithm(
        (options, history) in (0..Algorithm::ALL.len()).prop_flat_map(|place| {
            (any_options(Algorithm::ALL[place]), steps(Algorithm::ALL[place]))
        }),
    ) {
        tight(options.algorithm, &Rig::new(options), &history)?;
    }

    #[test]
    fn a_key_equals_one_never_used_when_it_was_said_to_and_not_a_millisecond_earlier(
        (options, history) in (0..Algorithm::ALL.len()).prop_flat_map(|place| {
            (any_options(Algorithm::ALL[place]), steps(Algorithm::ALL[place]))
        }),
    ) {
        let rig = Rig::new(options);
        for step in &history {
            match step {
                Step::Consume(at, wish) => _ = rig.ask(KEYS[*at], wish.ask(|ask| capacity(&rig, ask))),
                Step::Pass(us) => rig.pass_us(*us),
                _ => {}
            }
        }
        let told = rig.peek(KEYS[0]);
        if told.reset_after_ms > 0 && told.reset_after_ms < 10_000_000 {
            rig.pass(told.reset_after_ms - 1);
            prop_assert!(rig.peek(KEYS[0]).reset_after_ms > 0, "{:?}", told);
            rig.pass(1);
            let fresh = rig.peek(KEYS[0]);
            prop_assert_eq!((fresh.allowed, fresh.reset_after_ms), (true, 0));
            prop_assert_eq!(fresh.remaining, capacity(&rig, Ask::units(1)));
        }
    }
}
