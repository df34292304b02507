//! What handlers say of their jobs: progress, and lines of a log.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Outcome, QueueOptions, Token};

use crate::support::{Rig, add_all, completed, failed, raw, ready, rig, run, take_one};

fn log(rig: &Rig, token: Token, line: &str) -> bool {
    ready(rig.queue.log(token, line)).unwrap()
}

fn lines(rig: &Rig, id: &str, start: usize, max: usize) -> Vec<String> {
    let lines = ready(rig.queue.logs(id, start, max)).unwrap();
    lines.iter().map(ToString::to_string).collect()
}

fn progress(rig: &Rig, token: Token, json: &str) -> bool {
    ready(rig.queue.progress(token, raw(json))).unwrap()
}

#[test]
fn the_last_progress_is_kept_with_the_job_through_its_attempts_and_after_its_end() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    assert_eq!(rig.get("a").unwrap().progress, None);
    let token = take_one(&rig, worker, "a");
    let said = || rig.get("a").unwrap().progress.map(|progress| progress.get().to_owned());
    for json in ["1", r#"{"b": [1, 2], "a": null}"#, &format!("\"{}\"", "x".repeat(5_000)), "99"] {
        assert!(progress(&rig, token, json));
        assert_eq!(said().as_deref(), Some(json));
    }
    rig.finish(token, failed(false));
    rig.advance(1_000);
    assert_eq!(said().as_deref(), Some("99"));
    run(&rig, worker, completed());
    assert_eq!(said().as_deref(), Some("99"));
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "progress").count(), 4);
}

#[test]
fn progress_over_the_limit_is_refused_and_changes_nothing() {
    let rig = Rig::new(QueueOptions { max_data_size: 20, ..QueueOptions::default() });
    add_all(&rig, &["a"]);
    let token = take_one(&rig, rig.worker(1), "a");
    let long = raw(&format!("\"{}\"", "x".repeat(19)));
    let refused = ready(rig.queue.progress(token, long));
    assert!(matches!(refused, Err(Error::TooLarge { size: 21, limit: 20, .. })));
    assert_eq!(rig.get("a").unwrap().progress, None);
}

#[test]
fn who_no_longer_has_the_job_says_nothing_of_it() {
    let rig = rig();
    let dead = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    let late = take_one(&rig, dead, "a");
    rig.queue.close_worker(dead, false);
    let worker = rig.worker(1);
    take_one(&rig, worker, "a");
    let done = take_one(&rig, worker, "b");
    rig.finish(done, completed());
    for token in [late, done, Token { job: 99, ..late }] {
        assert!(!log(&rig, token, "late") && !progress(&rig, token, "1"));
    }
    for id in ["a", "b"] {
        assert!(lines(&rig, id, 0, 9).is_empty() && rig.get(id).unwrap().progress.is_none());
    }
    assert!(!rig.ear.heard().contains(&"progress"));
}

#[test]
fn a_log_keeps_its_last_thousand_lines_in_order_over_all_attempts() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    for number in 0..600 {
        assert!(log(&rig, token, &format!("line {number}")));
    }
    rig.finish(token, failed(false));
    rig.advance(1_000);
    let token = take_one(&rig, worker, "a");
    for number in 600..1_200 {
        log(&rig, token, &format!("line {number}"));
    }
    let all = lines(&rig, "a", 0, usize::MAX);
    assert!(all.iter().map(String::as_str).eq(
        (200..1_200).map(|number| format!("line {number}")).collect::<Vec<_>>().iter().map(String::as_str)
    ));
    assert_eq!(lines(&rig, "a", 998, 9), ["line 1198", "line 1199"]);
    assert_eq!(lines(&rig, "a", 0, 1), ["line 200"]);
    assert!(lines(&rig, "a", 1_000, 9).is_empty() && lines(&rig, "unknown", 0, 9).is_empty());
}

#[test]
fn a_line_is_cut_to_8_kilobytes_between_two_characters() {
    let rig = rig();
    add_all(&rig, &["a"]);
    let token = take_one(&rig, rig.worker(1), "a");
    log(&rig, token, &format!("x{}", "é".repeat(10_000)));
    log(&rig, token, "");
    let kept = lines(&rig, "a", 0, 9);
    assert_eq!((kept[0].len(), kept[1].len()), (8 * 1024 - 1, 0));
}

#[test]
fn a_log_goes_with_its_job() {
    let rig = rig();
    let worker = rig.worker(1);
    let empty = rig.budget.used();
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    let before = rig.budget.used();
    log(&rig, token, &"x".repeat(1_000));
    assert!(rig.budget.used() >= before + 1_000);
    rig.finish(token, completed());
    assert_eq!(lines(&rig, "a", 0, 9).len(), 1);
    rig.change("a", redstart_core::queue::Change::Remove);
    assert_eq!(rig.budget.used(), empty);
    add_all(&rig, &["a"]);
    assert!(lines(&rig, "a", 0, 9).is_empty(), "another job of that id has a log of its own");
}

#[test]
fn a_full_store_refuses_lines_and_progress_and_lets_the_job_end() {
    let rig = Rig::within(QueueOptions::default(), 3_000);
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    while rig.budget.used() < 2_000 {
        log(&rig, token, "0123456789");
    }
    let long = "x".repeat(2_000);
    assert!(matches!(ready(rig.queue.log(token, &long)), Err(Error::StoreFull { .. })));
    let said = ready(rig.queue.progress(token, raw(&format!("\"{long}\""))));
    assert!(matches!(said, Err(Error::StoreFull { .. })));
    assert!(rig.get("a").unwrap().progress.is_none());
    rig.finish(token, Outcome::Completed(raw("1")));
    assert_eq!(ready(rig.queue.result("a", None)).unwrap(), "1");
}

#[test]
fn history_goes_for_lines_and_progress() {
    let rig = Rig::within(QueueOptions::default(), 3_500);
    let worker = rig.worker(1);
    add_all(&rig, &["old", "a"]);
    run(&rig, worker, Outcome::Completed(raw(&format!("\"{}\"", "x".repeat(1_500)))));
    let token = take_one(&rig, worker, "a");
    assert!(log(&rig, token, &"x".repeat(1_500)));
    assert!(rig.get("old").is_none());
}
