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
pub mod set;
pub mod touch;

mod digest;
mod effect;
mod state;

use serde::{Deserialize, Serialize};

use crate::clock::MS;
use crate::error::{Error, Result};
use crate::value::Form;

pub use digest::Digest;
pub use effect::Effect;
pub use state::{Record, State};

/// The longest idle time: 100 years of 365 days, in milliseconds.
pub const TTL_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// The largest session, in bytes, when the options do not say.
pub const SESSION_BYTES_DEFAULT: u64 = 64 * 1_024;

/// What sessions are opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionsOptions {
    /// Idle time in milliseconds after which a session is gone: 1 to [`TTL_MS_MAX`].
    pub ttl: u64,
    /// Bytes of the largest session, as stored; at least 1.
    #[serde(default = "session_bytes_default")]
    pub max_session_size: u64,
}

fn session_bytes_default() -> u64 {
    SESSION_BYTES_DEFAULT
}

impl SessionsOptions {
    /// Fails with `InvalidArg` for a value out of its range.
    pub fn check(&self) -> Result<()> {
        check_ttl(self.ttl)?;
        if self.max_session_size == 0 {
            let wrong = "maxSessionSize is 0, which no session fits; give a number of bytes, such as '64kb'";
            return Err(Error::InvalidArg(wrong.into()));
        }
        Ok(())
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
    /// Bytes held, those of sessions that are over but not collected yet included.
    pub bytes: u64,
}

/// The instant at which a session used now is over.
fn expiry_us(now_us: u64, ttl_ms: u64) -> Result<u64> {
    check_ttl(ttl_ms)?;
    Ok(now_us.saturating_add(ttl_ms * MS))
}

fn check_ttl(ttl_ms: u64) -> Result<()> {
    if (1..=TTL_MS_MAX).contains(&ttl_ms) {
        return Ok(());
    }
    Err(Error::InvalidArg(format!("ttl is {ttl_ms} ms; give 1 ms to 100 years, such as '30m'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_arrive_under_their_javascript_names_with_defaults() {
        let options = |json| serde_json::from_str::<SessionsOptions>(json);
        assert_eq!(options(r#"{"ttl":60000}"#).unwrap().max_session_size, 65_536);
        assert_eq!(options(r#"{"ttl":1,"maxSessionSize":9}"#).unwrap().max_session_size, 9);
        assert!(options(r#"{"ttl":1,"maxSize":9}"#).is_err());
    }

    #[test]
    fn options_out_of_range_say_what_is_allowed() {
        let good = SessionsOptions { ttl: 1, max_session_size: 1 };
        assert_eq!(good.check(), Ok(()));
        for (bad, name) in [
            (SessionsOptions { ttl: 0, ..good }, "ttl"),
            (SessionsOptions { ttl: TTL_MS_MAX + 1, ..good }, "ttl"),
            (SessionsOptions { max_session_size: 0, ..good }, "maxSessionSize"),
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
