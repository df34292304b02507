//! Sessions: JSON text under an id that is a credential, until nobody has used it for a while.
//!
//! Strictly by effects. A verb is one file that decides purely: (state, command, now) to the [`Effect`]s that
//! carry it out, and its answer. [`State::apply`] is the only thing that changes a state, so a log of the effects,
//! replayed, is the state; deciding never runs again, and neither the clock nor randomness is asked twice.
//!
//! Only the SHA-256 of an id is kept: who reads the memory, a dump or the log cannot use what is found there, and
//! looking one up takes a time that says nothing about ids that exist. A session that is over counts as absent
//! everywhere from its instant on, collected or not.

pub mod create;
pub mod destroy;
pub mod expire;
pub mod regenerate;
pub mod room;
pub mod set;
pub mod touch;

mod digest;
mod effect;
mod state;

use serde::{Deserialize, Serialize};

use crate::clock::{self, MS};
use crate::error::{Error, Result};
use crate::value::Form;

pub use digest::Digest;
pub use effect::{Effect, Record, SessionEvent, Why};
pub use state::State;

/// The longest idle time: 100 years of 365 days, in milliseconds.
pub const TTL_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// The largest session, in bytes, when the options do not say.
pub const SESSION_BYTES_DEFAULT: u64 = 64 * 1_024;

/// Visitors' sessions at most, when the options do not say.
pub const ANONYMOUS_DEFAULT: u32 = 100_000;

/// What happens when a user begins one session more than `maxPerUser`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMaxPerUser {
    /// The oldest goes.
    #[default]
    EvictOldest,
    /// The new one is refused.
    Reject,
}

/// What happens when two requests changed one session: the facade, which knows what each had read, does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Both changes are kept where they touched different keys.
    #[default]
    Merge,
    /// The later one stands.
    Overwrite,
    /// The later one is refused.
    Error,
}

/// What sessions are opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionsOptions {
    /// Idle time in milliseconds after which a session is gone: 1 to [`TTL_MS_MAX`].
    pub ttl: u64,
    /// Age in milliseconds after which a session is gone whatever its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absolute_ttl: Option<u64>,
    /// Milliseconds after a use within which another writes nothing.
    #[serde(default)]
    pub touch_after: u64,
    /// A user's sessions at most; at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_user: Option<u32>,
    /// What happens beyond.
    #[serde(default)]
    pub on_max_per_user: OnMaxPerUser,
    /// Visitors' sessions at most; at least 1.
    #[serde(default = "anonymous_default")]
    pub max_anonymous: u32,
    /// What happens when two requests changed one session.
    #[serde(default)]
    pub conflict: Conflict,
    /// Bytes of the largest session, as stored; at least 1.
    #[serde(default = "session_bytes_default")]
    pub max_session_size: u64,
}

fn session_bytes_default() -> u64 {
    SESSION_BYTES_DEFAULT
}

fn anonymous_default() -> u32 {
    ANONYMOUS_DEFAULT
}

impl SessionsOptions {
    /// Fails with `InvalidArg` for a value out of its range.
    pub fn check(&self) -> Result<()> {
        check_ttl("ttl", self.ttl)?;
        if let Some(absolute_ttl) = self.absolute_ttl {
            check_ttl("absoluteTtl", absolute_ttl)?;
        }
        let wrong = if self.touch_after >= self.ttl {
            format!(
                "touchAfter is {} ms and ttl {} ms: a session in use would be over before a touch counts; make touchAfter \
                 shorter",
                self.touch_after, self.ttl
            )
        } else if self.max_session_size == 0 {
            "maxSessionSize is 0, which no session fits; give a number of bytes, such as '64kb'".to_owned()
        } else if self.max_per_user == Some(0) {
            "maxPerUser is 0, which lets nobody in; give a whole number from 1 to 4294967295".to_owned()
        } else if self.max_anonymous == 0 {
            "maxAnonymous is 0, which lets no visitor in; give a whole number from 1 to 4294967295".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::InvalidArg(wrong))
    }

    /// The idle time of a session in microseconds.
    fn ttl_us(&self, asked_ms: Option<u64>) -> Result<u64> {
        let ttl_ms = asked_ms.unwrap_or(self.ttl);
        check_ttl("ttl", ttl_ms)?;
        Ok(ttl_ms * MS)
    }

    /// The instant at which a session is over that was used now.
    fn expiry_us(&self, created_us: u64, now_us: u64, ttl_us: u64) -> u64 {
        let idle_us = now_us.saturating_add(ttl_us);
        let old = self.absolute_ttl.map(|ms| clock::after(created_us, ms));
        old.map_or(idle_us, |old_us| old_us.min(idle_us))
    }
}

/// A session's data as it comes: JSON text in the form of a JavaScript string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionData<'a> {
    /// One of the two text forms.
    pub form: Form,
    /// The text in that form.
    pub bytes: &'a [u8],
}

impl SessionData<'_> {
    /// Whether the text has two bytes a unit; `InvalidArg` for a form that is no text, `TooLarge` over `bytes_max`.
    fn check(&self, bytes_max: u64) -> Result<bool> {
        let wide = match self.form {
            Form::OneByteText => false,
            Form::TwoByteText => true,
            Form::Number | Form::Bytes => {
                return Err(Error::InvalidArg(
                    "a session's data is not JSON text; pass a plain object".into(),
                ));
            }
        };
        if self.bytes.len() as u64 > bytes_max {
            return Err(Error::TooLarge {
                what: "the session's data".into(),
                size: self.bytes.len(),
                limit: usize::try_from(bytes_max).unwrap_or(usize::MAX),
                remedy: "keep less in the session, or raise maxSessionSize",
            });
        }
        Ok(wide)
    }
}

/// How many sessions there are and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SessionsStats {
    /// Sessions that are not over.
    pub live: u64,
    /// Visitors' sessions held, those that are over but not collected yet included.
    pub anonymous: u64,
    /// Users with sessions.
    pub users: u64,
    /// Sessions that had to make room for others.
    pub evicted: u64,
    /// Bytes held, those of sessions that are over but not collected yet included.
    pub bytes: u64,
}

fn check_ttl(name: &str, ttl_ms: u64) -> Result<()> {
    if (1..=TTL_MS_MAX).contains(&ttl_ms) {
        return Ok(());
    }
    Err(Error::InvalidArg(format!("{name} is {ttl_ms} ms; give 1 ms to 100 years, such as '30m'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: SessionsOptions = SessionsOptions {
        ttl: 2,
        absolute_ttl: None,
        touch_after: 1,
        max_per_user: None,
        on_max_per_user: OnMaxPerUser::EvictOldest,
        max_anonymous: 1,
        conflict: Conflict::Merge,
        max_session_size: 1,
    };

    #[test]
    fn options_arrive_under_their_javascript_names_with_defaults() {
        let options = |json| serde_json::from_str::<SessionsOptions>(json);
        let given = options(r#"{"ttl":60000}"#).unwrap();
        assert_eq!((given.max_session_size, given.max_anonymous, given.touch_after), (65_536, 100_000, 0));
        assert_eq!((given.on_max_per_user, given.conflict), (OnMaxPerUser::EvictOldest, Conflict::Merge));
        let given = options(
            r#"{"ttl":1,"absoluteTtl":7,"touchAfter":3,"maxPerUser":2,"onMaxPerUser":"reject","maxAnonymous":5,
                "conflict":"error","maxSessionSize":9}"#,
        )
        .unwrap();
        assert_eq!((given.absolute_ttl, given.touch_after, given.max_per_user), (Some(7), 3, Some(2)));
        assert_eq!((given.on_max_per_user, given.conflict), (OnMaxPerUser::Reject, Conflict::Error));
        assert_eq!((given.max_anonymous, given.max_session_size), (5, 9));
        assert!(options(r#"{"ttl":1,"maxSize":9}"#).is_err());
    }

    #[test]
    fn options_out_of_range_say_what_is_allowed() {
        assert_eq!(GOOD.check(), Ok(()));
        for (bad, name) in [
            (SessionsOptions { ttl: 0, ..GOOD }, "ttl"),
            (SessionsOptions { ttl: TTL_MS_MAX + 1, ..GOOD }, "ttl"),
            (SessionsOptions { absolute_ttl: Some(0), ..GOOD }, "absoluteTtl"),
            (SessionsOptions { touch_after: 2, ..GOOD }, "touchAfter"),
            (SessionsOptions { max_per_user: Some(0), ..GOOD }, "maxPerUser"),
            (SessionsOptions { max_anonymous: 0, ..GOOD }, "maxAnonymous"),
            (SessionsOptions { max_session_size: 0, ..GOOD }, "maxSessionSize"),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.code(), "ERR_INVALID_ARG");
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn data_must_be_text_of_at_most_the_size_allowed() {
        let data = SessionData { form: Form::TwoByteText, bytes: &[0; 8] };
        assert_eq!(data.check(8), Ok(true));
        let error = data.check(7).unwrap_err();
        assert_eq!(error.code(), "ERR_TOO_LARGE");
        assert!(
            error.to_string().contains("limit is 7") && error.to_string().contains("maxSessionSize"),
            "{error}"
        );
        assert_eq!(
            SessionData { form: Form::Number, ..data }.check(8).unwrap_err().code(),
            "ERR_INVALID_ARG"
        );
    }
}
