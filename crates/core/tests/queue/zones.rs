//! Schedulers by the clock on the wall, from one iteration to the next, where that clock leaps.

use std::str::FromStr;

use jiff::Timestamp;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{JobOptions, Repeat, Upsert};

use crate::support::{completed, raw, ready, rig};

fn shown(ms: u64) -> String {
    Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap().strftime("%m-%dT%H:%M").to_string()
}

/// When the jobs of a scheduler come that is set then, each run before the next: in UTC.
fn iterations(pattern: &str, tz: &str, set: &str, count: usize) -> Vec<String> {
    let rig = rig();
    let set = Timestamp::from_str(set).unwrap().as_microsecond();
    rig.clock.advance_to(u64::try_from(set).unwrap());
    let repeat = Repeat { pattern: Some(pattern.into()), tz: Some(tz.into()), ..Repeat::default() };
    let (data, options) = (raw("1").into(), JobOptions::default());
    ready(rig.queue.upsert_scheduler(Upsert { id: "s".into(), repeat, name: "n".into(), data, options }))
        .unwrap();
    let worker = rig.worker(1);
    (0..count)
        .map(|_| {
            let next = ready(rig.queue.schedulers()).unwrap()[0].next.unwrap();
            rig.clock.advance_to(next * 1_000 - 1);
            assert!(rig.take(worker, 1).is_empty(), "not a microsecond sooner");
            rig.clock.advance_to(next * 1_000);
            let [(_, token)] = rig.take(worker, 9)[..] else { panic!("one came") };
            rig.finish(token, completed());
            shown(next)
        })
        .collect()
}

#[test]
fn a_day_that_has_no_midnight_begins_when_it_begins_and_one_that_has_two_begins_once() {
    for daily in ["@daily", "0 0 * * *", "0 0 0 * * *"] {
        // In Cuba the clock goes from midnight to one o'clock, and back from one o'clock to midnight.
        let spring = iterations(daily, "America/Havana", "2026-03-06T12:00:00Z", 3);
        assert_eq!(spring, ["03-07T05:00", "03-08T05:00", "03-09T04:00"], "{daily}");
        let autumn = iterations(daily, "America/Havana", "2026-10-30T12:00:00Z", 3);
        assert_eq!(autumn, ["10-31T04:00", "11-01T04:00", "11-02T05:00"], "{daily}");
    }
}

#[test]
fn a_clock_that_leaps_by_half_an_hour_leaves_none_out_and_doubles_none() {
    let spring = iterations("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00:00Z", 3);
    assert_eq!(spring, ["10-02T15:45", "10-03T15:45", "10-04T15:15"]);
    let autumn = iterations("45 1 * * *", "Australia/Lord_Howe", "2026-04-03T00:00:00Z", 3);
    assert_eq!(autumn, ["04-03T14:45", "04-04T14:45", "04-05T15:15"]);
}

#[test]
fn hourly_goes_by_elapsed_time_through_both_leaps() {
    for hourly in ["@hourly", "0 * * * *", "0 */1 * * *"] {
        let spring = iterations(hourly, "Europe/Berlin", "2026-03-28T23:30:00Z", 4);
        assert_eq!(spring, ["03-29T00:00", "03-29T01:00", "03-29T02:00", "03-29T03:00"], "{hourly}");
        let autumn = iterations(hourly, "Europe/Berlin", "2026-10-24T23:30:00Z", 4);
        assert_eq!(autumn, ["10-25T00:00", "10-25T01:00", "10-25T02:00", "10-25T03:00"], "{hourly}");
    }
    let half_past = iterations("@hourly", "Asia/Kolkata", "2026-01-01T00:00:00Z", 2);
    assert_eq!(half_past, ["01-01T00:30", "01-01T01:30"]);
}

#[test]
fn days_of_the_week_and_the_month_are_those_of_the_zone() {
    let late = iterations("0 23 * * SUN", "America/Los_Angeles", "2026-01-01T00:00:00Z", 2);
    assert_eq!(late, ["01-05T07:00", "01-12T07:00"]);
    let first = iterations("0 0 1 * *", "Pacific/Kiritimati", "2026-01-15T00:00:00Z", 3);
    assert_eq!(first, ["01-31T10:00", "02-28T10:00", "03-31T10:00"]);
    let last = iterations("30 6 L * *", "UTC", "2028-02-01T00:00:00Z", 2);
    assert_eq!(last, ["02-29T06:30", "03-31T06:30"]);
    for (alias, comes) in
        [("@weekly", "01-03T15:00"), ("@monthly", "01-31T15:00"), ("@yearly", "12-31T15:00")]
    {
        assert_eq!(iterations(alias, "Asia/Tokyo", "2026-01-01T00:00:00Z", 1), [comes], "{alias}");
    }
}

#[test]
fn both_ends_of_a_leap_are_seen_by_one_that_is_set_on_the_day() {
    // Set at 03:10 in the morning on which 02:30 was left out, made up for at 03:30.
    let spring = iterations("30 2 * * *", "Europe/Berlin", "2026-03-29T01:10:00Z", 2);
    assert_eq!(spring, ["03-29T01:30", "03-30T00:30"]);
    // Set between the two half past twos: the first was the one.
    let autumn = iterations("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(autumn, ["10-26T01:30"]);
}
