//! Loads: one leader a key, and everybody else hears what it came to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use redstart_core::cache::loads::{Landed, Lapse};
use redstart_core::cache::{At, CacheOptions, Put};
use redstart_core::clock::Clock;
use redstart_core::engine::{Ended, Joined, LoadMode};
use redstart_core::key::Key;

use crate::support::{Heard, LEASE_MS, Open, Rig, TAG, at, landed, large, name_of, poll, put, roomy, settle};

fn one_leads_and_the_others_wait_for_its_value(open: Open) {
    let rig = Rig::new(open, roomy());
    let (ticket, _) = rig.lead("a");
    let mut waiting: Vec<_> = (0..3).map(|_| rig.wait("a")).collect();
    let (other, _) = rig.lead("b");
    assert_ne!(ticket, other);
    assert!(waiting.iter_mut().all(|pending| poll(pending).is_none()));
    assert!(rig.cache.load_counts(at("a"), ticket) && !rig.cache.load_counts(at("a"), other));
    assert!(rig.land("a", ticket, "1"));
    assert!(waiting.iter_mut().all(|pending| poll(pending) == Some(landed("1"))));
    assert_eq!(rig.get("a").unwrap(), "1");
    assert!(matches!(rig.join("a", LoadMode::Join).0, Joined::Found(found) if found.tag == TAG));
    rig.cache.abandon_load(at("b"), other);
    assert_eq!((rig.cache.loads(), rig.stats().loads, rig.stats().load_errors), ((0, 0), 2, 0));
    assert_eq!((rig.stats().hits, rig.stats().misses), (1, 0), "joining counts nothing");
}

fn what_a_load_brought_has_its_ttl_and_tags(open: Open) {
    let rig = Rig::new(open, roomy());
    let (ticket, _) = rig.lead("a");
    let tags = [Key::narrow(b"t")];
    let loaded = Put { ttl_ms: Some(10), tags: &tags, ..put("1") };
    assert_eq!(rig.cache.end_load(at("a"), ticket, loaded, true).unwrap(), Ended::Stored);
    assert_eq!((rig.left_ms("a"), rig.cache.recount_tags()), (Some(10), ((1, 1), 1)));
    rig.pass(10);
    assert_eq!((rig.has("a"), rig.stats().entries), (false, 0));
}

fn a_value_that_is_not_to_be_stored_reaches_who_waits(open: Open) {
    let rig = Rig::new(open, CacheOptions { max_entry_size: 1_024, ..roomy() });
    let (ticket, _) = rig.lead("a");
    let mut waiting = rig.wait("a");
    assert_eq!(rig.cache.end_load(at("a"), ticket, put("1"), false).unwrap(), Ended::Unstored);
    assert_eq!((poll(&mut waiting), rig.has("a")), (Some(landed("1")), false));
    // Nor is one that is too large; that is counted.
    let (ticket, _) = rig.lead("a");
    let mut waiting = rig.wait("a");
    let large = "x".repeat(2_000);
    assert!(!rig.land("a", ticket, &large));
    assert_eq!((poll(&mut waiting), rig.has("a")), (Some(landed(&large)), false));
    assert_eq!((rig.stats().rejections, rig.cache.loads()), (1, (0, 0)));
}

fn a_failure_and_nothing_reach_all_who_wait(open: Open) {
    let rig = Rig::new(open, roomy());
    for (failure, came) in [(Some("no"), Landed::Failed("no".into())), (None, Landed::Nothing)] {
        let (ticket, _) = rig.lead("a");
        let (mut one, mut two) = (rig.wait("a"), rig.wait("a"));
        rig.cache.fail_load(at("a"), ticket, failure);
        assert_eq!((poll(&mut one), poll(&mut two)), (Some(came.clone()), Some(came)));
        assert!(!rig.has("a"));
        // It is over: neither a second end nor a late value changes anything.
        rig.cache.fail_load(at("a"), ticket, failure);
        assert!(!rig.land("a", ticket, "late") && !rig.has("a"));
    }
    assert_eq!((rig.stats().loads, rig.stats().load_errors, rig.cache.loads()), (2, 1, (0, 0)));
}

fn an_abandoned_load_lets_the_first_who_asks_again_lead(open: Open) {
    let rig = Rig::new(open, roomy());
    let (ticket, _) = rig.lead("a");
    let (mut one, mut two) = (rig.wait("a"), rig.wait("a"));
    rig.cache.abandon_load(at("a"), ticket);
    assert_eq!((poll(&mut one), poll(&mut two)), (Some(Landed::Again), Some(Landed::Again)));
    let (again, _) = rig.lead("a");
    let mut one = rig.wait("a");
    assert!(again > ticket && !rig.land("a", ticket, "of the abandoned one"));
    assert_eq!(poll(&mut one), None);
    assert!(rig.land("a", again, "1"));
    assert_eq!((poll(&mut one), rig.stats().load_errors), (Some(landed("1")), 0));
}

fn a_load_that_had_its_time_is_over_at_that_instant(open: Open) {
    let rig = Rig::new(open, roomy());
    let (ticket, heard) = rig.lead("a");
    let mut waiting = rig.wait("a");
    rig.pass(LEASE_MS - 1);
    assert!(rig.cache.load_counts(at("a"), ticket) && poll(&mut waiting).is_none());
    rig.pass(1);
    assert_eq!((heard.take(), poll(&mut waiting)), (vec![(ticket, Lapse::TimedOut)], Some(Landed::Again)));
    assert_eq!((rig.cache.loads(), rig.stats().load_errors), ((0, 0), 1));
    assert!(!rig.cache.load_counts(at("a"), ticket));
    let (again, _) = rig.lead("a");
    assert!(!rig.land("a", ticket, "late") && !rig.has("a"), "what comes late is not stored");
    rig.cache.fail_load(at("a"), ticket, Some("late"));
    rig.cache.abandon_load(at("a"), ticket);
    assert!(!rig.cache.leave_load(at("a"), ticket, true));
    assert!(rig.land("a", again, "1"));
    rig.pass(LEASE_MS);
    assert_eq!((heard.take(), rig.stats().load_errors), (vec![], 1));
}

fn loads_of_different_length_end_each_at_its_own_time(open: Open) {
    let rig = Rig::new(open, large());
    let heard: Vec<Arc<Heard>> = (0..50).map(|_| Arc::default()).collect();
    let mut buffer = Vec::new();
    for (number, heard) in heard.iter().enumerate() {
        let timeout_ms = 10 * (number as u64 + 1);
        let joined = rig.cache.join_load(
            at(&number.to_string()),
            &[],
            LoadMode::Join,
            timeout_ms,
            heard.clone(),
            &mut buffer,
        );
        assert!(matches!(joined, Ok(Joined::Lead(_))));
    }
    for over in 1..=50 {
        rig.pass(10);
        assert_eq!(heard.iter().filter(|heard| !heard.0.lock().is_empty()).count(), over);
        assert_eq!(rig.cache.loads(), (50 - over, 50 - over));
    }
}

fn on_the_machines_clock_the_background_thread_ends_a_load_that_takes_too_long(open: Open) {
    let cache = open(roomy(), Clock::System);
    let heard: Arc<Heard> = Arc::default();
    let mut buffer = Vec::new();
    let mut join = || cache.join_load(at("a"), &[], LoadMode::Join, 5, heard.clone(), &mut buffer).unwrap();
    assert!(matches!(join(), Joined::Lead(_)));
    match join() {
        Joined::Wait(_, reply) => assert_eq!(settle(reply).unwrap(), Landed::Again),
        // The test was slower than the load's time.
        other => assert!(matches!(other, Joined::Lead(_)), "{}", name_of(&other)),
    }
    crate::support::eventually("the leader was not told", || !heard.0.lock().is_empty());
    crate::support::eventually("a load was left", || cache.loads() == (0, 0));
}

fn a_leader_hears_when_the_last_who_waited_has_left_after_its_own_callers(open: Open) {
    let rig = Rig::new(open, roomy());
    let (ticket, heard) = rig.lead("a");
    assert!(rig.cache.leave_load(at("a"), ticket, true), "nobody waits");
    assert!(!rig.cache.leave_load(at("a"), ticket, false), "one is back");
    let (one, two) = (rig.wait("a"), rig.wait("a"));
    drop(one);
    assert_eq!(heard.take(), [], "its own callers are still there");
    let one = rig.wait("a");
    assert!(!rig.cache.leave_load(at("a"), ticket, true), "others wait");
    drop(two);
    assert_eq!(heard.take(), []);
    drop(one);
    assert_eq!(heard.take(), [(ticket, Lapse::Deserted)]);
    // It may still bring its value, or give up; either ends it.
    let late = rig.wait("a");
    rig.cache.abandon_load(at("a"), ticket);
    drop(late);
    assert_eq!((heard.take(), rig.cache.loads()), (vec![], (0, 0)));
}

fn fresh_starts_a_new_load_and_overtakes_the_one_under_way(open: Open) {
    let rig = Rig::new(open, roomy());
    rig.set("a", "cached");
    let (Joined::Lead(first), _) = rig.join("a", LoadMode::Fresh) else {
        panic!("fresh leads whatever there is")
    };
    let mut of_first = match rig.join("a", LoadMode::Join).0 {
        Joined::Found(_) => {
            rig.delete("a");
            let (Joined::Lead(_), _) = rig.join("a", LoadMode::Fresh) else { panic!("as above") };
            rig.wait("a")
        }
        other => panic!("the cached value is fresh, got {}", name_of(&other)),
    };
    let (Joined::Lead(last), _) = rig.join("a", LoadMode::Fresh) else { panic!("as above") };
    let mut of_last = rig.wait("a");
    assert!(!rig.land("a", first, "first"), "it was overtaken");
    assert!(rig.land("a", last, "last"));
    assert_eq!((poll(&mut of_last), poll(&mut of_first)), (Some(landed("last")), None));
    assert_eq!((rig.get("a").unwrap(), rig.stats().loads), ("last".into(), 3));
    rig.pass(LEASE_MS);
    assert_eq!((poll(&mut of_first), rig.cache.loads()), (Some(Landed::Again), (0, 0)));
}

fn a_refresh_leads_or_leaves_it_to_who_does(open: Open) {
    let rig = Rig::new(open, roomy());
    let (Joined::Lead(ticket), _) = rig.join("a", LoadMode::Refresh) else { panic!("nobody loads") };
    assert!(matches!(rig.join("a", LoadMode::Refresh).0, Joined::UnderWay));
    let mut waiting = rig.wait("a");
    assert!(rig.land("a", ticket, "1"));
    assert_eq!(poll(&mut waiting), Some(landed("1")));
    assert!(matches!(rig.join("a", LoadMode::Refresh).0, Joined::Found(_)));
    assert_eq!((rig.stats().loads, rig.cache.loads()), (1, (0, 0)));
}

fn loads_of_different_shapes_are_different_loads(open: Open) {
    let rig = Rig::new(open, roomy());
    let version = rig.cache.version(Some("2"));
    let (old, _) = rig.lead("a");
    let mut buffer = Vec::new();
    let new_at = At { version, ..at("a") };
    let mut join = || {
        rig.cache
            .join_load(new_at, &[], LoadMode::Join, LEASE_MS, Arc::<Heard>::default(), &mut buffer)
            .unwrap()
    };
    let Joined::Lead(new) = join() else { panic!("of its shape nobody loads") };
    assert!(matches!(join(), Joined::Wait(ticket, _) if ticket == new));
    assert!(rig.land("a", old, "old"));
    assert!(rig.cache.load_counts(new_at, new));
    assert_eq!(rig.cache.end_load(new_at, new, put("new"), true).unwrap(), Ended::Stored);
    assert_eq!((rig.get("a"), rig.cache.has(new_at), rig.cache.loads()), (None, true, (0, 0)));
}

fn of_threads_that_race_exactly_one_leads_a_key_and_all_get_its_value(open: Open) {
    const THREADS: usize = 8;
    const KEYS: usize = 200;
    let rig = Rig::new(open, large());
    let leaders: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for (number, led) in leaders.iter().enumerate() {
                    let key = format!("key {number}");
                    barrier.wait();
                    match rig.join(&key, LoadMode::Join).0 {
                        Joined::Lead(ticket) => {
                            led.fetch_add(1, Ordering::Relaxed);
                            assert!(rig.land(&key, ticket, &key));
                        }
                        Joined::Wait(_, reply) => assert_eq!(settle(reply).unwrap(), landed(&key)),
                        Joined::Found(_) => assert_eq!(rig.peek(&key).unwrap(), key),
                        Joined::UnderWay => panic!("nobody asked for that"),
                    }
                }
            });
        }
    });
    assert!(leaders.iter().all(|led| led.load(Ordering::Relaxed) == 1));
    assert_eq!((rig.stats().loads, rig.cache.loads()), (KEYS as u64, (0, 0)));
}

promises!(
    one_leads_and_the_others_wait_for_its_value,
    what_a_load_brought_has_its_ttl_and_tags,
    a_value_that_is_not_to_be_stored_reaches_who_waits,
    a_failure_and_nothing_reach_all_who_wait,
    an_abandoned_load_lets_the_first_who_asks_again_lead,
    a_load_that_had_its_time_is_over_at_that_instant,
    loads_of_different_length_end_each_at_its_own_time,
    on_the_machines_clock_the_background_thread_ends_a_load_that_takes_too_long,
    a_leader_hears_when_the_last_who_waited_has_left_after_its_own_callers,
    fresh_starts_a_new_load_and_overtakes_the_one_under_way,
    a_refresh_leads_or_leaves_it_to_who_does,
    loads_of_different_shapes_are_different_loads,
    of_threads_that_race_exactly_one_leads_a_key_and_all_get_its_value,
);
