//! All sessions of one name. Changed by effects only.
//!
//! Invariants: `by_expiry` holds exactly the records, each under its own instant; `bytes` is the sum of what the
//! records take. Expiry is a set ordered by instant rather than a queue, because a session is touched by every
//! request of its user and must not leave a stale entry behind each time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Digest, Effect};

/// What a session takes beside its data: the record in a table that doubles (about 107 bytes), its place by
/// expiry (about 56), the header and rounding of the data's own allocation (about 29).
const RECORD_BYTES: u64 = 192;

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it is over, in microseconds since the epoch.
    pub expires_us: u64,
    /// Whether the text has two bytes a unit.
    pub wide: bool,
    /// JSON text.
    pub data: Arc<[u8]>,
}

impl Record {
    fn bytes(&self) -> u64 {
        record_bytes(&self.data)
    }
}

fn record_bytes(data: &[u8]) -> u64 {
    RECORD_BYTES + data.len() as u64
}

/// Sessions by digest and by the instant at which they are over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct State {
    records: HashMap<Digest, Record>,
    by_expiry: BTreeSet<(u64, Digest)>,
    bytes: u64,
}

impl State {
    /// Carries out one effect. One that speaks of a session that is not there changes nothing.
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Stored { digest, expires_us, wide, data } => {
                self.remove(*digest);
                self.bytes += record_bytes(data);
                self.by_expiry.insert((*expires_us, *digest));
                let record = Record { expires_us: *expires_us, wide: *wide, data: data.clone() };
                self.records.insert(*digest, record);
            }
            Effect::Touched { digest, expires_us } => {
                if let Some(record) = self.records.get_mut(digest) {
                    self.by_expiry.remove(&(record.expires_us, *digest));
                    self.by_expiry.insert((*expires_us, *digest));
                    record.expires_us = *expires_us;
                }
            }
            Effect::Destroyed { digest } | Effect::Expired { digest } => self.remove(*digest),
        }
    }

    fn remove(&mut self, digest: Digest) {
        if let Some(record) = self.records.remove(&digest) {
            self.by_expiry.remove(&(record.expires_us, digest));
            self.bytes -= record.bytes();
        }
    }

    /// What `bytes` will be once `effects` have been applied; each must speak of another session.
    pub fn bytes_after(&self, effects: &[Effect]) -> u64 {
        effects.iter().fold(self.bytes, |bytes, effect| {
            let held = self.records.get(&effect.digest()).map_or(0, Record::bytes);
            match effect {
                Effect::Stored { data, .. } => bytes + record_bytes(data) - held,
                Effect::Touched { .. } => bytes,
                Effect::Destroyed { .. } | Effect::Expired { .. } => bytes - held,
            }
        })
    }

    /// The session, unless it is over.
    pub fn live(&self, digest: Digest, now_us: u64) -> Option<&Record> {
        self.records.get(&digest).filter(|record| now_us < record.expires_us)
    }

    /// Sessions that are not over; costs as many steps as there are sessions over and not collected.
    pub fn live_count(&self, now_us: u64) -> u64 {
        (self.records.len() - self.over(now_us).count()) as u64
    }

    /// Sessions that are over, longest first.
    pub fn over(&self, now_us: u64) -> impl Iterator<Item = Digest> {
        self.by_expiry
            .iter()
            .take_while(move |(expires_us, _)| *expires_us <= now_us)
            .map(|(_, digest)| *digest)
    }

    /// When the next session is over.
    pub fn next_expiry_us(&self) -> Option<u64> {
        self.by_expiry.first().map(|(expires_us, _)| *expires_us)
    }

    /// Bytes held by sessions, over or not.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes as the records say, counted one by one: what `bytes` must equal.
    pub fn recount_bytes(&self) -> u64 {
        self.records.values().map(Record::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: &str, expires_us: u64, data: &[u8]) -> Effect {
        Effect::Stored { digest: Digest::of(id).unwrap(), expires_us, wide: false, data: data.into() }
    }

    fn digest(id: &str) -> Digest {
        Digest::of(id).unwrap()
    }

    #[test]
    fn bytes_after_tells_what_applying_will_make_of_them() {
        let mut state = State::default();
        for effects in [
            vec![stored("a", 10, b"12345")],
            vec![stored("b", 20, b"1"), stored("a", 30, b"1234567")],
            vec![Effect::Destroyed { digest: digest("a") }, stored("c", 30, b"1234567")],
            vec![Effect::Touched { digest: digest("b"), expires_us: 50 }],
            vec![Effect::Expired { digest: digest("b") }, Effect::Destroyed { digest: digest("nobody") }],
        ] {
            let foretold = state.bytes_after(&effects);
            for effect in &effects {
                state.apply(effect);
            }
            assert_eq!(state.bytes(), foretold);
            assert_eq!(state.bytes(), state.recount_bytes());
        }
        assert_eq!(state.bytes(), RECORD_BYTES + 7);
    }

    #[test]
    fn each_session_has_one_place_by_expiry_however_often_it_is_touched() {
        let mut state = State::default();
        state.apply(&stored("a", 10, b""));
        state.apply(&stored("b", 20, b""));
        for expires_us in [30, 25, 40] {
            state.apply(&Effect::Touched { digest: digest("a"), expires_us });
        }
        assert_eq!(state.next_expiry_us(), Some(20));
        assert_eq!(state.over(40).collect::<Vec<_>>(), [digest("b"), digest("a")]);
        assert_eq!((state.live_count(19), state.live_count(20), state.live_count(40)), (2, 1, 0));
    }

    #[test]
    fn a_session_that_is_over_is_absent_before_it_is_collected() {
        let mut state = State::default();
        state.apply(&stored("a", 10, b"data"));
        assert!(state.live(digest("a"), 9).is_some());
        assert!(state.live(digest("a"), 10).is_none());
        assert_eq!((state.live_count(9), state.live_count(10), state.bytes()), (1, 0, RECORD_BYTES + 4));
    }

    #[test]
    fn touching_a_session_that_is_not_there_does_not_bring_it_back() {
        let mut state = State::default();
        state.apply(&stored("a", 10, b""));
        state.apply(&Effect::Destroyed { digest: digest("a") });
        state.apply(&Effect::Touched { digest: digest("a"), expires_us: 50 });
        assert_eq!(state, State::default());
    }
}
