//! Cron patterns in time zones.
//!
//! A pattern whose hours begin with a star goes by elapsed time. All others go by the clock on the wall: an
//! hour that comes twice when summer time ends counts once, one that is left out when it begins comes as much later.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::error::{Error, Result};
use crate::key::Shown;

/// Where a search for any instant of a pattern begins: 2026.
const ANY_SECOND: i64 = 1_767_225_600;
/// Instants of a pattern within the hours that a clock goes through twice, at most: one a second, a day long.
const HOURS_TWICE_MAX: usize = 86_400;
/// The longest text of a pattern or a time zone, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// A pattern in a time zone.
pub(super) struct Calendar {
    cron: Cron,
    tz: TimeZone,
    by_elapsed_time: bool,
}

impl Calendar {
    /// Fails on what is no pattern or no time zone.
    pub(super) fn new(pattern: &str, tz: Option<&str>) -> Result<Self> {
        let shown = |text: &str| Shown(text).to_string();
        let long = |text: &str| text.chars().nth(TEXT_CHARS_MAX).is_some();
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = match parser.parse(pattern) {
            Ok(cron) if !long(pattern) => cron,
            Ok(_) => return Err(Error::InvalidArg("pattern is too long for a cron pattern".into())),
            Err(error) => {
                return Err(Error::InvalidArg(format!(
                    "pattern '{}' is no cron pattern: {error}; five fields as in '0 3 * * *', or six with seconds first",
                    shown(pattern)
                )));
            }
        };
        let name = tz.unwrap_or("UTC");
        let known = if long(name) { None } else { TimeZone::get(name).ok() };
        let tz = known.ok_or_else(|| {
            Error::InvalidArg(format!(
                "there is no time zone '{}'; give an IANA name such as 'Europe/Berlin'",
                shown(name)
            ))
        })?;
        Ok(Self { cron, tz, by_elapsed_time: is_by_elapsed_time(pattern) })
    }

    /// Fails on a day that no year has.
    pub(super) fn check(&self, pattern: &str) -> Result<()> {
        let ever = Timestamp::from_second(ANY_SECOND)
            .ok()
            .and_then(|at| self.cron.find_next_occurrence(&at.to_zoned(TimeZone::UTC), false).ok());
        ever.map(drop).ok_or_else(|| {
            let pattern = Shown(pattern);
            Error::InvalidArg(format!(
                "pattern '{pattern}' never comes: no year has such a day; see its day and month"
            ))
        })
    }

    /// The first instant after `after_us`; none when there is none.
    pub(super) fn next_us(&self, after_us: u64) -> Option<u64> {
        let after = Timestamp::from_microsecond(i64::try_from(after_us).ok()?).ok()?;
        let as_us = |next: &Zoned| u64::try_from(next.timestamp().as_microsecond()).ok();
        if self.by_elapsed_time {
            let next: Zoned = self.cron.find_next_occurrence(&after.to_zoned(self.tz.clone()), false).ok()?;
            return as_us(&next).filter(|&next_us| next_us > after_us);
        }
        // On a clock without leaps, whose hours are then found in the zone: twice the same hour is its first, one that is left
        // out is as much later.
        let left_out = self.left_out_before(after);
        let wall = after.to_zoned(self.tz.clone()).datetime().to_zoned(TimeZone::UTC).ok()?;
        let mut wall = wall.checked_sub(left_out).ok()?;
        for _ in 0..HOURS_TWICE_MAX {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let next_us = as_us(&wall.datetime().to_zoned(self.tz.clone()).ok()?)?;
            if next_us > after_us {
                return Some(next_us);
            }
        }
        None
    }

    /// How much the clock on the wall has left out of the last day: hours of then may be made up for still.
    fn left_out_before(&self, at: Timestamp) -> SignedDuration {
        let offset = |at: Timestamp| self.tz.to_offset(at).seconds();
        let before = at.checked_sub(SignedDuration::from_hours(25)).unwrap_or(at);
        SignedDuration::from_secs(i64::from(offset(at) - offset(before)).max(0))
    }
}

/// Whether a pattern means spans of time and not hours of the day: its hours begin with a star.
fn is_by_elapsed_time(pattern: &str) -> bool {
    let fields: Vec<&str> = pattern.split_whitespace().collect();
    match fields.as_slice() {
        [alias] => alias.eq_ignore_ascii_case("@hourly"),
        [.., hours, _, _, _] => hours.starts_with('*'),
        _ => false,
    }
}
