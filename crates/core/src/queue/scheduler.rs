//! Jobs that come again and again.
//!
//! A scheduler has one next instant. When that has come, a decision adds its job, or passes the instant over, and names
//! the next one: both are in the effects, so a replay asks no calendar. A scheduler is no job; it is not drained, and its
//! next iteration waits in no list.
//!
//! Never two of its jobs wait. While the last one still does, an instant is passed over; one that asks for all of them waits
//! for its job to begin, and comes then.
//!
//! An instant is missed when it is seen more than a minute late: the machine slept. A tick of a busy process is late by
//! milliseconds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::add;
use super::calendar::Calendar;
use super::effect::Effect;
use super::json::Json;
use super::options::{JobOptions, QueueOptions};
use super::state::State;
use crate::clock::MS;
use crate::error::{Error, Result};
use crate::key::Shown;

/// Later than this, an instant was missed.
const MISSED_US: u64 = 60_000 * MS;
/// The shortest interval.
const EVERY_MS_MIN: u64 = 10;

/// What becomes of instants that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// Nothing.
    #[default]
    Skip,
    /// One iteration for all of them.
    Once,
    /// One after the other.
    All,
}

/// When the iterations come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Repeat {
    /// Milliseconds between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Milliseconds after the multiples of `every` since 1970; none: those of the instant at which it was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The first one at once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub immediately: bool,
    /// Cron, instead of `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Whose hours the pattern means; none: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// None before this, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<u64>,
    /// None after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<u64>,
    /// Iterations in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// What becomes of those that were missed.
    pub missed: Missed,
}

impl Repeat {
    /// Fails on what no calendar knows.
    pub fn check(&self) -> Result<()> {
        let wrong = match (self.every, &self.pattern) {
            (Some(every), None) if every < EVERY_MS_MIN => {
                format!("every is {every} ms; the shortest is {EVERY_MS_MIN} ms")
            }
            (Some(_), None) if self.tz.is_some() => "tz goes with a pattern; every is a span of time".into(),
            (None, Some(_)) if self.offset.is_some() || self.immediately => {
                "offset and immediately go with every, not with a pattern".into()
            }
            (Some(_), None) | (None, Some(_)) if self.limit == Some(0) => {
                "limit is 0; leave the scheduler out".into()
            }
            (Some(_), None) | (None, Some(_)) if self.ends_before_it_starts() => {
                "endDate lies before startDate; no instant is between them".into()
            }
            (Some(every), None) => return super::options::check_duration("every", Some(every)),
            (None, Some(pattern)) => return Calendar::new(pattern, self.tz.as_deref())?.check(pattern),
            _ => "repeat has one of every and pattern".into(),
        };
        Err(Error::InvalidArg(wrong))
    }

    fn ends_before_it_starts(&self) -> bool {
        self.start_date.zip(self.end_date).is_some_and(|(start, end)| end < start)
    }

    /// The first instant after `after_us`; none when there is none.
    fn next_us(&self, after_us: u64) -> Option<u64> {
        let start_us = self.start_date.map_or(0, |ms| ms.saturating_mul(MS));
        let after_us = after_us.max(start_us.saturating_sub(1));
        let next_us = match (self.every, &self.pattern) {
            (Some(every), _) => {
                let (every_us, offset_us) =
                    (every.saturating_mul(MS), self.offset.unwrap_or(0).saturating_mul(MS));
                let offset_us = offset_us % every_us;
                let since_us = (after_us + every_us - offset_us) / every_us;
                since_us.checked_mul(every_us)?.checked_add(offset_us)?
            }
            // It was checked when it was set.
            (None, Some(pattern)) => Calendar::new(pattern, self.tz.as_deref()).ok()?.next_us(after_us)?,
            (None, None) => return None,
        };
        self.end_date.is_none_or(|ms| next_us <= ms.saturating_mul(MS)).then_some(next_us)
    }
}

/// A scheduler as the queue keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheduler {
    /// When.
    pub repeat: Repeat,
    /// What kind of job.
    pub name: Arc<str>,
    /// What the handler needs.
    pub data: Json,
    /// Its options.
    pub options: JobOptions,
    /// The next iteration.
    pub next_us: Option<u64>,
    /// Iterations so far.
    pub iterations: u64,
    /// The job of the last one.
    pub job: Option<u64>,
}

impl Scheduler {
    /// Bytes it takes.
    pub fn bytes(&self, id: &str) -> u64 {
        let texts =
            [&self.repeat.pattern, &self.repeat.tz].into_iter().flatten().map(String::len).sum::<usize>();
        700 + (2 * id.len() + self.name.len() + self.data.get().len() + texts) as u64
    }
}

/// A scheduler as callers see it; its JSON is what the facade reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SchedulerView {
    /// Unique in its queue.
    pub id: Arc<str>,
    /// When.
    pub repeat: Repeat,
    /// What kind of job.
    pub name: Arc<str>,
    /// What the handler needs, as a text of JSON.
    pub data: String,
    /// Its options.
    pub options: JobOptions,
    /// The next iteration, in milliseconds since the epoch.
    pub next: Option<u64>,
    /// Iterations so far.
    pub iterations: u64,
}

impl Scheduler {
    /// As callers see it.
    pub fn view(&self, id: &Arc<str>) -> SchedulerView {
        SchedulerView {
            id: id.clone(),
            repeat: self.repeat.clone(),
            name: self.name.clone(),
            data: self.data.get().to_owned(),
            options: self.options.clone(),
            next: self.next_us.map(|us| us / MS),
            iterations: self.iterations,
        }
    }
}

/// A scheduler to set.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// Unique in its queue.
    pub id: Arc<str>,
    /// When.
    pub repeat: Repeat,
    /// What kind of job.
    pub name: Arc<str>,
    /// What the handler needs.
    pub data: Json,
    /// Its options.
    pub options: JobOptions,
}

impl Upsert {
    /// Fails on impossible options, and on data over the queue's limit.
    pub fn check(&self, queue: &QueueOptions) -> Result<()> {
        self.repeat.check()?;
        queue.check_data(|| format!("scheduler '{}'", Shown(&self.id)), &self.data)?;
        if self.options.job_id.is_some() || self.options.run_at.is_some() {
            return Err(Error::InvalidArg(
                "a scheduler's job has neither jobId nor runAt: each iteration is a job of its own".into(),
            ));
        }
        self.options.check()
    }
}

/// Sets it; none where it is there and equal, which keeps its next instant.
pub fn upsert(state: &State, command: Upsert, now_us: u64) -> Option<Effect> {
    let Upsert { id, mut repeat, name, data, options } = command;
    let known = state.scheduler(&id);
    if let (Some(every), None) = (repeat.every, repeat.offset) {
        // Where the time of setting counts, setting it again does not.
        let same =
            known.filter(|known| known.repeat.every == Some(every)).and_then(|known| known.repeat.offset);
        repeat.offset = Some(same.unwrap_or(now_us / MS % every));
    }
    let is_same = |known: &Scheduler| {
        known.repeat == repeat && known.name == name && known.data == data && known.options == options
    };
    if known.is_some_and(is_same) {
        return None;
    }
    let within = repeat.start_date.is_none_or(|ms| ms.saturating_mul(MS) <= now_us)
        && repeat.end_date.is_none_or(|ms| now_us <= ms.saturating_mul(MS));
    let next_us = if repeat.immediately && within { Some(now_us) } else { repeat.next_us(now_us) };
    let job = known.and_then(|known| known.job);
    let scheduler = Box::new(Scheduler { repeat, name, data, options, next_us, iterations: 0, job });
    Some(Effect::SchedulerSet { id, scheduler })
}

/// The first scheduler whose instant has come: its job, if it gets one, and its next instant. Ask again until there is none.
pub fn tick(
    state: &State,
    queue: &add::Shared,
    new_id: impl FnOnce() -> String,
    now_us: u64,
) -> Option<Vec<Effect>> {
    let id = state.due_scheduler(now_us)?;
    let scheduler = state.scheduler(id)?;
    let due_us = scheduler.next_us?;
    let missed = now_us.saturating_sub(due_us) > MISSED_US;
    let all = scheduler.repeat.missed == Missed::All;
    let runs = !(state.is_pending(scheduler.job) || missed && scheduler.repeat.missed == Missed::Skip);
    let mut effects = Vec::new();
    let mut job = None;
    if runs {
        let new = add::NewJob {
            name: scheduler.name.to_string(),
            data: scheduler.data.to_raw(),
            options: scheduler.options.clone(),
        };
        // It was checked when it was set; a queue whose limit has become smaller since gets no job.
        if let Ok(prepared) = add::prepare(new, queue, new_id) {
            let decision = add::decide(state, prepared, now_us);
            job = decision.number();
            effects = decision.effects;
        }
    }
    let iterations = scheduler.iterations + u64::from(job.is_some());
    let more = scheduler.repeat.limit.is_none_or(|limit| iterations < limit);
    let after_us = if all { due_us } else { now_us };
    let next_us = if more { scheduler.repeat.next_us(after_us) } else { None };
    effects.push(Effect::SchedulerTicked { id: id.clone(), next_us, job });
    Some(effects)
}

/// Ends it; none where it is not there.
pub fn remove(state: &State, id: &str) -> Option<Effect> {
    state.scheduler(id).map(|_| Effect::SchedulerRemoved { id: id.into() })
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use jiff::Timestamp;

    use super::*;

    const DAY_US: u64 = 86_400_000_000;

    fn at(text: &str) -> u64 {
        u64::try_from(Timestamp::from_str(text).unwrap().as_microsecond()).unwrap()
    }

    fn shown(us: u64) -> String {
        Timestamp::from_microsecond(i64::try_from(us).unwrap()).unwrap().to_string()
    }

    fn cron(pattern: &str, tz: Option<&str>) -> Repeat {
        Repeat { pattern: Some(pattern.into()), tz: tz.map(Into::into), ..Repeat::default() }
    }

    fn following(repeat: &Repeat, from: &str, count: usize) -> Vec<String> {
        let mut after_us = at(from);
        std::iter::from_fn(|| {
            after_us = repeat.next_us(after_us)?;
            Some(shown(after_us))
        })
        .take(count)
        .collect()
    }

    #[test]
    fn a_pattern_means_the_hours_of_its_time_zone() {
        let nightly = cron("0 3 * * *", None);
        assert_eq!(
            following(&nightly, "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T03:00:00Z", "2026-03-30T03:00:00Z"]
        );
        // Summer time begins on the 29th.
        let berlin = cron("0 3 * * *", Some("Europe/Berlin"));
        assert_eq!(
            following(&berlin, "2026-03-27T12:00:00Z", 2),
            ["2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"]
        );
    }

    #[test]
    fn an_hour_that_comes_twice_is_one_iteration_and_one_that_is_left_out_is_made_up_for() {
        let berlin = cron("30 2 * * *", Some("Europe/Berlin"));
        let autumn = following(&berlin, "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let spring = following(&berlin, "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
    }

    #[test]
    fn lists_of_hours_and_minutes_go_by_the_clock_on_the_wall_too() {
        let tz = Some("Europe/Berlin");
        let (autumn, spring) = ("2026-10-24T20:00:00Z", "2026-03-28T20:00:00Z");
        let twice_a_day = cron("0 2,14 * * *", tz);
        assert_eq!(
            following(&twice_a_day, autumn, 3),
            ["2026-10-25T00:00:00Z", "2026-10-25T13:00:00Z", "2026-10-26T01:00:00Z"]
        );
        assert_eq!(following(&twice_a_day, spring, 2), ["2026-03-29T01:00:00Z", "2026-03-29T12:00:00Z"]);
        for pattern in ["0,30 2 * * *", "*/30 2 * * *"] {
            let half_hours = cron(pattern, tz);
            assert_eq!(
                following(&half_hours, autumn, 3),
                ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"]
            );
            assert_eq!(
                following(&half_hours, spring, 3),
                ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"]
            );
        }
        // 02:00 is made up for at 03:00, which is one instant.
        let two_hours = cron("0 2,3 * * *", tz);
        assert_eq!(following(&two_hours, spring, 2), ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]);
    }

    #[test]
    fn every_half_hour_goes_by_elapsed_time() {
        let half_hours = cron("*/30 * * * *", Some("Europe/Berlin"));
        for from in ["2026-10-25T00:00:00Z", "2026-03-29T00:00:00Z"] {
            let following = following(&half_hours, from, 6);
            assert!(
                following.windows(2).all(|two| at(&two[1]) - at(&two[0]) == 1_800_000_000),
                "{following:?}"
            );
        }
    }

    #[test]
    fn a_day_that_a_zone_left_out_ends_no_scheduler() {
        let noon = cron("0 12 * * *", Some("Pacific/Apia"));
        let days = following(&noon, "2011-12-29T00:00:00Z", 4);
        assert_eq!(days.len(), 4, "{days:?}");
        assert_eq!(days[3], "2012-01-01T22:00:00Z");
    }

    #[test]
    fn six_fields_begin_with_seconds() {
        let often = cron("*/20 * * * * *", None);
        assert_eq!(
            following(&often, "2026-01-01T00:00:30Z", 2),
            ["2026-01-01T00:00:40Z", "2026-01-01T00:01:00Z"]
        );
    }

    #[test]
    fn an_interval_counts_from_1970_and_its_offset() {
        let repeat = Repeat { every: Some(60_000), offset: Some(15_000), ..Repeat::default() };
        assert_eq!(
            following(&repeat, "2026-01-01T00:00:15Z", 2),
            ["2026-01-01T00:01:15Z", "2026-01-01T00:02:15Z"]
        );
        assert_eq!(following(&repeat, "2026-01-01T00:00:14Z", 1), ["2026-01-01T00:00:15Z"]);
    }

    #[test]
    fn none_comes_before_the_start_or_after_the_end() {
        let (start, end) = (at("2026-01-02T00:00:00Z") / MS, at("2026-01-03T00:00:00Z") / MS);
        let repeat = Repeat { start_date: Some(start), end_date: Some(end), ..cron("0 0 * * *", None) };
        let all = following(&repeat, "2025-06-01T00:00:00Z", 9);
        assert_eq!(all, ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]);
        let every = Repeat { start_date: Some(start), every: Some(DAY_US / MS), ..Repeat::default() };
        assert_eq!(following(&every, "2025-06-01T00:00:00Z", 1), ["2026-01-02T00:00:00Z"]);
    }

    #[test]
    fn what_no_calendar_knows_is_refused() {
        for (repeat, says) in [
            (Repeat::default(), "one of every and pattern"),
            (Repeat { every: Some(9), ..Repeat::default() }, "the shortest is 10 ms"),
            (Repeat { every: Some(99), ..cron("* * * * *", None) }, "one of every and pattern"),
            (
                Repeat { every: Some(99), tz: Some("UTC".into()), ..Repeat::default() },
                "tz goes with a pattern",
            ),
            (Repeat { immediately: true, ..cron("* * * * *", None) }, "go with every"),
            (Repeat { limit: Some(0), ..cron("* * * * *", None) }, "limit is 0"),
            (cron("0 0 30 2 *", None), "never comes"),
            (
                Repeat { start_date: Some(2), end_date: Some(1), ..cron("* * * * *", None) },
                "endDate lies before startDate",
            ),
            (cron("61 * * * *", None), "no cron pattern"),
            (cron("0 0 0 1 1 * 2030", None), "no cron pattern"),
            (cron("* * * * *", Some("Europe/Atlantis")), "no time zone 'Europe/Atlantis'"),
        ] {
            let refused = repeat.check().unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
        assert_eq!(cron("0 3 * * *", Some("Europe/Berlin")).check(), Ok(()));
    }
}
