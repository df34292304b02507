//! Room for one session more: of its kind, a user's or a visitor's; and in the store.

use super::{Digest, Effect, OnMaxPerUser, SessionsOptions, State, expire};
use crate::error::{Error, Result};
use crate::key::Shown;

/// What must go before the session `digest` is a further one of `user`, or of the visitors. Sessions that are over go first,
/// as expired ones; then a user's oldest, or the visitor's that was unseen for longest. `InvalidState` where the options
/// refuse instead.
pub fn decide(
    state: &State,
    options: &SessionsOptions,
    user: Option<&str>,
    digest: Digest,
    now_us: u64,
) -> Result<Vec<Effect>> {
    match user {
        Some(user) => of_user(state, options, user, digest, now_us),
        None => Ok(of_visitors(state, options, digest, now_us)),
    }
}

fn of_user(
    state: &State,
    options: &SessionsOptions,
    user: &str,
    digest: Digest,
    now_us: u64,
) -> Result<Vec<Effect>> {
    let Some(max) = options.max_per_user else { return Ok(Vec::new()) };
    let mut effects = Vec::new();
    let mut live = Vec::new();
    for record in state.of_user(user, 0).filter(|record| record.digest != digest) {
        if record.expires_us <= now_us {
            effects.push(Effect::Expired { digest: record.digest });
        } else {
            live.push(record.digest);
        }
    }
    let too_many = (live.len() + 1).saturating_sub(max as usize);
    if too_many > 0 && options.on_max_per_user == OnMaxPerUser::Reject {
        return Err(Error::InvalidState(format!(
            "user '{}' has {} sessions, as many as maxPerUser allows; destroy one first, or set onMaxPerUser to 'evict-oldest'",
            Shown(user),
            live.len()
        )));
    }
    effects.extend(live.into_iter().take(too_many).map(|digest| Effect::Evicted { digest }));
    Ok(effects)
}

fn of_visitors(state: &State, options: &SessionsOptions, digest: Digest, now_us: u64) -> Vec<Effect> {
    let is_visitors = |digest| state.get(digest).is_some_and(|record| record.user.is_none());
    let held = state.visitors_len() - usize::from(is_visitors(digest));
    let mut too_many = (held + 1).saturating_sub(options.max_anonymous as usize);
    let mut effects = Vec::new();
    if too_many == 0 {
        return effects;
    }
    for over in state.over(now_us).filter(|&over| over != digest).take(expire::STEP_MAX) {
        too_many -= usize::from(is_visitors(over));
        effects.push(Effect::Expired { digest: over });
        if too_many == 0 {
            return effects;
        }
    }
    let live = state.visitors().filter(|&other| other != digest && state.live(other, now_us).is_some());
    effects.extend(live.take(too_many).map(|digest| Effect::Evicted { digest }));
    effects
}

/// The visitors' sessions, those unseen for longest, that must go for the user's session which `effects` store, where the
/// store lacks so many bytes: whoever comes without an id cannot keep users from logging in. None where [`IN_STORE_MAX`] of
/// them would not do.
pub fn in_store(state: &State, effects: &[Effect], bytes: u64) -> Vec<Effect> {
    let stored = effects.iter().find_map(|effect| match effect {
        Effect::Stored(record) if record.user.is_some() => Some(record.digest),
        _ => None,
    });
    let (mut gone, mut freed) = (Vec::new(), 0);
    if stored.is_some() {
        for digest in state.visitors().filter(|&digest| Some(digest) != stored).take(IN_STORE_MAX) {
            freed += state.bytes_of(digest);
            gone.push(Effect::Evicted { digest });
            if freed >= bytes {
                return gone;
            }
        }
    }
    Vec::new()
}

/// Visitors' sessions that may go at once: some 500 µs. They hold 200 KB at least.
const IN_STORE_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::*;

    /// (id, seen, over)
    fn visitors(held: &[(&str, u64, u64)]) -> State {
        let mut state = State::default();
        for &(id, seen_us, expires_us) in held {
            state.apply(&Effect::Stored(Record {
                digest: of(id),
                created_us: 0,
                born: 1,
                seen_us,
                ttl_us: 10,
                expires_us,
                version: 1,
                user: None,
                wide: false,
                data: [].into(),
            }));
        }
        state
    }

    fn of(id: &str) -> Digest {
        Digest::of(id).unwrap()
    }

    fn room(state: &State, max: u32, id: &str) -> Vec<Effect> {
        let mut options: SessionsOptions = serde_json::from_str(r#"{"ttl":1}"#).unwrap();
        options.max_anonymous = max;
        decide(state, &options, None, of(id), 100).unwrap()
    }

    #[test]
    fn a_visitor_goes_only_where_none_is_over_whoever_was_seen_last() {
        let state = visitors(&[("live", 1, 200), ("over", 50, 100), ("seen", 60, 101)]);
        let live = || Effect::Evicted { digest: of("live") };
        let over = || Effect::Expired { digest: of("over") };
        assert_eq!(room(&state, 4, "new"), []);
        assert_eq!(room(&state, 3, "new"), [over()]);
        assert_eq!(room(&state, 2, "new"), [over(), live()]);
    }

    #[test]
    fn who_comes_in_his_own_place_needs_no_room() {
        let state = visitors(&[("live", 1, 200), ("over", 50, 100)]);
        assert_eq!(room(&state, 2, "over"), [], "one that is over, too");
        assert_eq!(room(&state, 2, "live"), []);
        assert_eq!(room(&state, 1, "over"), [Effect::Evicted { digest: of("live") }]);
        let state = visitors(&[("first", 1, 200), ("second", 2, 200)]);
        assert_eq!(room(&state, 1, "first"), [Effect::Evicted { digest: of("second") }]);
    }

    #[test]
    fn a_user_who_comes_in_his_own_place_neither_ends_it_nor_counts_twice() {
        let mut state = State::default();
        for (id, expires_us) in [("live", 200), ("over", 100), ("over too", 100)] {
            let held = visitors(&[(id, 1, expires_us)]).get(of(id)).unwrap().clone();
            state.apply(&Effect::Stored(Record { user: Some("ann".into()), ..held }));
        }
        let mut options: SessionsOptions = serde_json::from_str(r#"{"ttl":1,"maxPerUser":1}"#).unwrap();
        let mut room = |max, id| {
            options.max_per_user = Some(max);
            decide(&state, &options, Some("ann"), of(id), 100).unwrap()
        };
        let over = |id| Effect::Expired { digest: of(id) };
        assert_eq!(room(1, "live"), [over("over"), over("over too")]);
        assert_eq!(room(2, "over"), [over("over too")]);
        assert_eq!(room(1, "over"), [over("over too"), Effect::Evicted { digest: of("live") }]);
    }
}
