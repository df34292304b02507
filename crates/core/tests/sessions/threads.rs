//! Many callers at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::sessions::SessionsStats;
use redstart_core::sessions::set::Saved;

use crate::support::{OPTIONS, Rig, TTL_MS, digest, of, ready, write};

const THREADS: usize = 8;

#[test]
fn of_many_who_give_a_session_a_new_id_one_does() {
    let at = Rig::new(OPTIONS);
    let id = at.create("0");
    let moved = std::thread::scope(|scope| {
        let movers: Vec<_> = (0..4).map(|_| scope.spawn(|| at.regenerate(&id))).collect();
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).filter(|number| at.set(&id, &number.to_string())).count());
        }
        movers.into_iter().filter_map(|mover| mover.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(moved.len(), 1, "only one of them finds the old id alive");
    assert_eq!((at.get(&id), at.stats().live), (None, 1));
}

#[test]
fn changes_made_on_versions_lose_none_whoever_comes_between() {
    const KEYS: usize = 200;
    let at = Rig::new(redstart_core::sessions::SessionsOptions { max_session_size: 1 << 20, ..OPTIONS });
    let id = at.create("{}");
    let add = |key: String| {
        loop {
            let (data, read) = at.read(&id).unwrap();
            let mut keys: BTreeMap<String, u64> = serde_json::from_str(&data).unwrap();
            keys.insert(key.clone(), read.version);
            let data = serde_json::to_string(&keys).unwrap();
            match at.save(&id, SessionWrite { on: Some(read.version), ..write(&data) }).unwrap() {
                Saved::Stored(version) => return version,
                Saved::Changed => {}
                Saved::Unknown => panic!("nobody ended it"),
            }
        }
    };
    let add = &add;
    let versions: Vec<u64> = std::thread::scope(|scope| {
        let adders: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || (0..KEYS).map(|key| add(format!("{thread}.{key}"))).collect::<Vec<_>>())
            })
            .collect();
        adders.into_iter().flat_map(|adder| adder.join().unwrap()).collect()
    });
    let keys: BTreeMap<String, u64> = serde_json::from_str(&at.get(&id).unwrap()).unwrap();
    assert_eq!(keys.len(), THREADS * KEYS);
    assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), THREADS * KEYS, "versions never repeat");
    assert_eq!(
        keys.values().collect::<BTreeSet<_>>().len(),
        THREADS * KEYS,
        "no two were made on one version"
    );
}

#[test]
fn everyone_logs_out_of_a_user_in_the_midst_of_his_requests() {
    const ROUNDS: usize = 300;
    let at = Rig::new(OPTIONS);
    let ear = at.ear();
    let (ended, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let versions: Vec<u64> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (at, ended, begun) = (&at, &ended, &begun);
                scope.spawn(move || {
                    let mut versions = Vec::new();
                    for round in 0..ROUNDS {
                        let id = at.try_create_of("ann").unwrap();
                        begun.fetch_add(1, Ordering::Relaxed);
                        let touched = at.touch(&id);
                        if let Saved::Stored(version) = at.save(&id, write("{}")).unwrap() {
                            assert!(touched, "what was gone came back");
                            versions.push(version);
                        }
                        if (round + thread) % 10 == 0 {
                            let count = ready(at.sessions.destroy_user("ann", None)).unwrap();
                            ended.fetch_add(usize::try_from(count).unwrap(), Ordering::Relaxed);
                            assert!(at.get(&id).is_none() && !at.set(&id, "{}"), "one of his, begun before");
                        }
                    }
                    versions
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let left = at.list("ann").len();
    assert_eq!(begun.into_inner(), THREADS * ROUNDS);
    assert_eq!(ended.into_inner() + left, THREADS * ROUNDS);
    let told = ear.words();
    assert_eq!(told.len() + left, THREADS * ROUNDS, "each end is told once");
    assert_eq!(told.iter().map(|(digest, ..)| digest).collect::<BTreeSet<_>>().len(), told.len());
    assert_eq!(versions.iter().collect::<BTreeSet<_>>().len(), versions.len(), "versions never repeat");
    assert_eq!((at.stats().live, at.stats().bytes), (left as u64, at.budget.used()));
    at.pass(TTL_MS);
    assert_eq!((at.stats(), at.budget.used()), (SessionsStats::default(), 0));
}

#[test]
fn what_one_thread_writes_all_read_at_once() {
    let at = Rig::new(OPTIONS);
    let id = at.create("0");
    std::thread::scope(|scope| {
        for _ in 1..THREADS {
            scope.spawn(|| {
                let mut last = 0;
                while last < 2_000 {
                    let seen: u64 = at.get(&id).unwrap().parse().unwrap();
                    assert!(seen >= last, "{seen} after {last}");
                    last = seen;
                }
            });
        }
        for number in 1..=2_000 {
            assert!(at.set(&id, &number.to_string()));
            assert_eq!(at.get(&id).unwrap(), number.to_string());
        }
    });
    at.give(&id, of("ann")).unwrap();
    assert_eq!(at.list("ann"), [digest(&id)]);
}
