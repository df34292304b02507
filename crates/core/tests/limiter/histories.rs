//! Histories of a limiter with room for every key beside a plain map of states.

use proptest::prelude::*;
use redstart_core::engine::LimiterEngine;
use redstart_core::limiter::{
    Algorithm, Ask, Decide, FixedWindow, Gcra, LimiterOptions, SlidingCounter, SlidingLog, SlidingWindow,
    TokenBucket,
};

use crate::model::Model;
use crate::steps::{KEYS, Step, Wish, any_options, steps};
use crate::support::{Rig, kept, key};

fn step<S: Decide>(rig: &Rig, model: &mut Model<S>, step: &Step) -> Result<(), TestCaseError> {
    let ask = |model: &Model<S>, wish: &Wish| wish.ask(|ask| model.capacity(ask));
    match step {
        Step::Consume(at, wish) => {
            let ask = ask(model, wish);
            let peeked = rig.look(KEYS[*at], ask);
            let answer = rig.ask(KEYS[*at], ask);
            prop_assert_eq!(answer, model.consume(*at, ask));
            prop_assert_eq!(peeked.allowed, answer.allowed);
            prop_assert_eq!(peeked.retry_after_ms <= answer.retry_after_ms, true);
        }
        Step::Peek(at, wish) => {
            let ask = ask(model, wish);
            prop_assert_eq!(rig.look(KEYS[*at], ask), model.peek(*at, ask));
        }
        Step::Refund(at, wish) => {
            let ask = ask(model, wish);
            rig.limiter.refund(key(KEYS[*at]), ask).unwrap();
            model.refund(*at, ask);
        }
        Step::TakeBack(at, wish) => {
            // Under another limit the rate at which a bucket refills is another afterwards.
            let ask = Ask { limit: None, ..ask(model, &Wish { limit: None, ..*wish }) };
            let before = rig.look(KEYS[*at], ask);
            if rig.ask(KEYS[*at], ask).allowed {
                rig.limiter.refund(key(KEYS[*at]), ask).unwrap();
                prop_assert!(rig.look(KEYS[*at], ask).remaining == before.remaining);
            }
            if model.consume(*at, ask).allowed {
                model.refund(*at, ask);
            }
        }
        Step::Penalty(at, wish) => {
            let ask = ask(model, wish);
            prop_assert_eq!(rig.limiter.penalty(key(KEYS[*at]), ask).unwrap(), model.penalty(*at, ask));
        }
        Step::Block(at, ms) => {
            rig.block(KEYS[*at], *ms);
            model.block(*at, *ms);
        }
        Step::Reset(at) => prop_assert_eq!(rig.reset(KEYS[*at]), model.reset(*at)),
        Step::ResetAll => {
            rig.limiter.reset_all();
            model.reset_all();
            prop_assert_eq!(rig.budget.used(), 0);
        }
        Step::Together(wishes) => together(rig, model, wishes)?,
        Step::Pass(us) => {
            model.now_us += us;
            rig.clock.advance_to(model.now_us);
        }
    }
    Ok(())
}

fn together<S: Decide>(
    rig: &Rig,
    model: &mut Model<S>,
    wishes: &[(usize, Wish)],
) -> Result<(), TestCaseError> {
    // GCRA keeps shares of a bucket: units of one key under two limits have no sum.
    let one_limit = rig.options.algorithm == Algorithm::Gcra;
    let parts: Vec<_> = wishes
        .iter()
        .map(|&(at, wish)| {
            let wish = if one_limit { Wish { limit: None, ..wish } } else { wish };
            (at, wish.ask(|ask| model.capacity(ask)))
        })
        .collect();
    let texts: Vec<_> = parts.iter().map(|&(at, ask)| (KEYS[at], ask)).collect();
    let before = rig.stats();
    match (rig.consume_all(&texts), model.consume_all(&parts)) {
        (Ok(answers), Some(expected)) => {
            prop_assert_eq!(&answers, &expected, "{:?}", parts);
            if answers.iter().any(|answer| !answer.allowed) {
                prop_assert_eq!(rig.stats().keys, before.keys, "no counter is left behind");
            }
        }
        (Err(error), None) => {
            prop_assert_eq!(error.code(), "ERR_INVALID_ARG");
            prop_assert_eq!(rig.stats(), before);
        }
        (answers, expected) => prop_assert!(false, "{answers:?} and not {expected:?}"),
    }
    Ok(())
}

/// Whatever can be seen is the same.
fn compare<S: Decide>(rig: &Rig, model: &mut Model<S>) -> Result<(), TestCaseError> {
    for (at, text) in KEYS.into_iter().enumerate() {
        for window in [None, Some(80), Some(50_000)] {
            let ask = Ask { cost: 1, limit: None, window };
            prop_assert_eq!(rig.look(text, ask), model.peek(at, ask));
        }
    }
    let stats = rig.stats();
    prop_assert_eq!((stats.allowed, stats.denied), (model.allowed, model.denied));
    let (counting, blocking) = model.held();
    prop_assert!(stats.keys >= counting && stats.blocked >= blocking, "{stats:?}: {counting} {blocking}");
    rig.check();
    Ok(())
}

fn agree<S: Decide>(options: LimiterOptions, history: &[Step]) -> Result<(), TestCaseError> {
    let rig = Rig::new(options);
    let mut model = Model::<S>::new(options, rig.clock.now_us());
    for next in history {
        step(&rig, &mut model, next)?;
        compare(&rig, &mut model)?;
    }
    // The longest window there is, twice, and a sweep: a large burst takes longer to come back.
    rig.pass(2 * 50_000);
    model.now_us = rig.clock.now_us();
    let nothing_counts = model.held() == (0, 0);
    rig.pass(options.window + 100);
    if nothing_counts {
        let left = rig.stats();
        prop_assert_eq!((left.keys, left.blocked, rig.budget.used()), (0, 0, 0));
    }
    drop(rig.limiter);
    prop_assert_eq!(rig.budget.used(), 0);
    Ok(())
}

/// One test for each algorithm.
macro_rules! histories {
    ($($name:ident: $algorithm:expr, $state:ty;)+) => {
        $(proptest! {
            #![proptest_config(kept("tests/limiter/regressions/histories.txt", 250))]

            #[test]
            fn $name(options in any_options($algorithm), history in steps($algorithm)) {
                agree::<$state>(options, &history)?;
            }
        })+
    };
}

histories! {
    a_sliding_window_with_room_for_every_key_is_a_plain_map: Algorithm::SlidingWindow, SlidingWindow<u32>;
    a_sliding_log_with_room_for_every_key_is_a_plain_map: Algorithm::SlidingLog, SlidingLog;
    a_sliding_counter_with_room_for_every_key_is_a_plain_map: Algorithm::SlidingCounter, SlidingCounter;
    a_fixed_window_with_room_for_every_key_is_a_plain_map: Algorithm::FixedWindow, FixedWindow;
    a_token_bucket_with_room_for_every_key_is_a_plain_map: Algorithm::TokenBucket, TokenBucket;
    gcra_with_room_for_every_key_is_a_plain_map: Algorithm::Gcra, Gcra;
}
