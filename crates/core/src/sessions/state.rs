//! All sessions of one name. Changed by effects only.
//!
//! Records lie in numbered places and never move while they live, so the orders beside them (by the instant at which they
//! are over, visitors by when they were last seen, a user's by age) hold numbers of four bytes instead of digests of 32,
//! and whoever walks through all of them meets each once. Orders are sets and not queues, because a session is touched by
//! every request of its user and must not leave a stale entry behind each time.
//!
//! Users are numbered too, for one order that holds the sessions of all of them: a set of his own for each would take 200
//! bytes, and most have one session.
//!
//! Invariants: `by_digest`, `by_expiry` and exactly one of `visitors` and `of_users` hold every record, each under what the
//! record says; `users` counts what each has in `of_users`, at least one; `bytes` is the sum of what the records take.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use hashbrown::HashTable;

use super::{Digest, Effect, Record};

/// What a session takes beside its data: its place (120 bytes), its number in a table that doubles (9), in two ordered sets
/// (about 24 each), the header and rounding of the data's own allocation (about 29).
const RECORD_BYTES: u64 = 208;

/// What a user's name takes beside itself, in an allocation of its own and in a table. Counted with each of his sessions,
/// though they share it.
const USER_BYTES: u64 = 80;

fn record_bytes(record: &Record) -> u64 {
    RECORD_BYTES
        + record.data.len() as u64
        + record.user.as_ref().map_or(0, |user| USER_BYTES + user.len() as u64)
}

/// A user's session. By user, then by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct OfUser {
    user: u32,
    /// In two halves, so that four numbers take 16 bytes.
    born: [u32; 2],
    place: u32,
}

impl OfUser {
    fn new(user: u32, born: u64, place: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
        let born = [(born >> 32) as u32, born as u32];
        Self { user, born, place }
    }
}

#[derive(Clone, Copy)]
struct User {
    number: u32,
    sessions: u32,
}

/// Sessions by digest, by the instant at which they are over, and by user.
#[derive(Default)]
pub struct State {
    by_digest: HashTable<u32>,
    places: Vec<Option<Record>>,
    free: Vec<u32>,
    by_expiry: BTreeSet<(u64, u32)>,
    /// By when they were last seen.
    visitors: BTreeSet<(u64, u32)>,
    users: HashMap<Arc<str>, User>,
    /// Numbers that users have had.
    free_users: Vec<u32>,
    of_users: BTreeSet<OfUser>,
    bytes: u64,
    version: u64,
}

/// A digest is as good as random, and so is its hash.
fn hash(digest: Digest) -> u64 {
    digest.slot()
}

impl State {
    /// Carries out one effect. One that speaks of a session that is not there changes nothing.
    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Stored(record) => match self.number_of(record.digest) {
                Some(number) => self.replace(number, record.clone()),
                None => self.insert(record.clone()),
            },
            Effect::Touched { digest, seen_us, ttl_us, expires_us } => {
                if let Some(number) = self.number_of(*digest) {
                    self.touch(number, *seen_us, *ttl_us, *expires_us);
                }
            }
            Effect::Moved { from, to } => {
                if let Some(record) = self.remove(*from) {
                    self.remove(*to);
                    self.insert(Record { digest: *to, ..record });
                }
            }
            Effect::Destroyed { digest } | Effect::Expired { digest } | Effect::Evicted { digest } => {
                self.remove(*digest);
                self.shrink();
            }
            Effect::Cleared => drop(self.clear()),
        }
    }

    /// Gives the places back once nothing is in them. Not as part of `remove`: a session that is only written anew must keep
    /// its place, or whoever is walking through all would miss it.
    fn shrink(&mut self) {
        if self.by_digest.is_empty() {
            self.places = Vec::new();
            self.free = Vec::new();
            self.free_users = Vec::new();
        }
    }

    fn insert(&mut self, record: Record) {
        self.bytes += record_bytes(&record);
        self.version = self.version.max(record.version);
        let number = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            u32::try_from(self.places.len() - 1).expect("2^32 sessions do not fit in memory")
        });
        self.by_expiry.insert((record.expires_us, number));
        self.own(&record, number);
        let slot = hash(record.digest);
        self.places[number as usize] = Some(record);
        let places = &self.places;
        self.by_digest
            .insert_unique(slot, number, |&number| place(places, number).map_or(0, |held| hash(held.digest)));
    }

    /// Other contents for a session, in its place: what does not change is not looked up anew.
    fn replace(&mut self, number: u32, mut record: Record) {
        let Some(held) = self.places[number as usize].take() else { return };
        self.bytes = self.bytes + record_bytes(&record) - record_bytes(&held);
        self.version = self.version.max(record.version);
        moved(&mut self.by_expiry, number, held.expires_us, record.expires_us);
        match (&held.user, &record.user) {
            (None, None) => moved(&mut self.visitors, number, held.seen_us, record.seen_us),
            (Some(was), Some(user)) if was == user && held.born == record.born => record.user = held.user,
            _ => {
                self.disown(&held, number);
                self.own(&record, number);
            }
        }
        self.places[number as usize] = Some(record);
    }

    fn touch(&mut self, number: u32, seen_us: u64, ttl_us: u64, expires_us: u64) {
        let Some(held) = &mut self.places[number as usize] else { return };
        moved(&mut self.by_expiry, number, held.expires_us, expires_us);
        if held.user.is_none() {
            moved(&mut self.visitors, number, held.seen_us, seen_us);
        }
        (held.seen_us, held.ttl_us, held.expires_us) = (seen_us, ttl_us, expires_us);
    }

    fn number_of(&self, digest: Digest) -> Option<u32> {
        let same = |&number: &u32| place(&self.places, number).is_some_and(|record| record.digest == digest);
        self.by_digest.find(hash(digest), same).copied()
    }

    /// Into the order of its kind.
    fn own(&mut self, record: &Record, number: u32) {
        match &record.user {
            Some(user) => self.give_to(user.clone(), record.born, number),
            None => {
                self.visitors.insert((record.seen_us, number));
            }
        }
    }

    /// Out of it.
    fn disown(&mut self, record: &Record, number: u32) {
        match &record.user {
            Some(user) => self.take_from(user, record.born, number),
            None => {
                self.visitors.remove(&(record.seen_us, number));
            }
        }
    }

    fn remove(&mut self, digest: Digest) -> Option<Record> {
        let places = &self.places;
        let same = |&number: &u32| place(places, number).is_some_and(|record| record.digest == digest);
        let (number, _) = self.by_digest.find_entry(hash(digest), same).ok()?.remove();
        let record = self.places[number as usize].take()?;
        self.free.push(number);
        self.bytes -= record_bytes(&record);
        self.by_expiry.remove(&(record.expires_us, number));
        self.disown(&record, number);
        Some(record)
    }

    fn give_to(&mut self, user: Arc<str>, born: u64, place: u32) {
        let unused = u32::try_from(self.users.len()).expect("no more users than sessions");
        let held = self.users.entry(user).or_insert_with(|| {
            let number = self.free_users.pop().unwrap_or(unused);
            User { number, sessions: 0 }
        });
        held.sessions += 1;
        self.of_users.insert(OfUser::new(held.number, born, place));
    }

    fn take_from(&mut self, user: &Arc<str>, born: u64, place: u32) {
        let Some(held) = self.users.get_mut(user) else { return };
        self.of_users.remove(&OfUser::new(held.number, born, place));
        held.sessions -= 1;
        if held.sessions == 0 {
            self.free_users.push(held.number);
            self.users.remove(user);
        }
    }

    /// The session, over or not.
    pub fn get(&self, digest: Digest) -> Option<&Record> {
        place(&self.places, self.number_of(digest)?)
    }

    /// What the session takes; 0 where there is none.
    pub fn bytes_of(&self, digest: Digest) -> u64 {
        self.get(digest).map_or(0, record_bytes)
    }

    /// What `bytes` will be once `effects` have been applied; each must speak of another session.
    pub fn bytes_after(&self, effects: &[Effect]) -> u64 {
        let held = |digest| self.bytes_of(digest);
        effects.iter().fold(self.bytes, |bytes, effect| match effect {
            Effect::Stored(record) => bytes + record_bytes(record) - held(record.digest),
            Effect::Moved { from, to } if held(*from) > 0 => bytes - held(*to),
            Effect::Touched { .. } | Effect::Moved { .. } => bytes,
            Effect::Destroyed { digest } | Effect::Expired { digest } | Effect::Evicted { digest } => {
                bytes - held(*digest)
            }
            Effect::Cleared => 0,
        })
    }

    /// The session, unless it is over.
    pub fn live(&self, digest: Digest, now_us: u64) -> Option<&Record> {
        self.get(digest).filter(|record| now_us < record.expires_us)
    }

    /// Carries out `Cleared` and hands over what there was, which can take long to free. Versions go on from where they are.
    #[must_use]
    pub fn clear(&mut self) -> Self {
        let empty = Self { version: self.version, ..Self::default() };
        std::mem::replace(self, empty)
    }

    /// Frees it piece by piece, as far as it is asked on.
    pub fn into_pieces(self) -> impl Iterator<Item = ()> {
        let records = self.places.into_iter().map(drop).chain(self.users.into_iter().map(drop));
        let times = self.by_expiry.into_iter().chain(self.visitors).map(drop);
        records.chain(times).chain(self.of_users.into_iter().map(drop))
    }

    /// A version that no change has had.
    pub fn next_version(&self) -> u64 {
        self.version + 1
    }

    /// Sessions that are not over; costs as many steps as there are sessions over and not collected.
    pub fn live_count(&self, now_us: u64) -> u64 {
        (self.by_digest.len() - self.over(now_us).count()) as u64
    }

    /// Sessions that are over, longest first.
    pub fn over(&self, now_us: u64) -> impl Iterator<Item = Digest> {
        let over = self.by_expiry.iter().take_while(move |(expires_us, _)| *expires_us <= now_us);
        self.digests(over)
    }

    /// Visitors' sessions, over or not.
    pub fn visitors_len(&self) -> usize {
        self.visitors.len()
    }

    /// Visitors' sessions, the one unseen for longest first.
    pub fn visitors(&self) -> impl Iterator<Item = Digest> {
        self.digests(self.visitors.iter())
    }

    /// Users with sessions.
    pub fn users_len(&self) -> usize {
        self.users.len()
    }

    /// A user's sessions that began as a later version than `after` (0: all), over or not, oldest first.
    pub fn of_user(&self, user: &str, after: u64) -> impl Iterator<Item = &Record> {
        let all = self.users.get(user).map(|&User { number, .. }| {
            let (first, last) = (OfUser::new(number, after + 1, 0), OfUser::new(number, u64::MAX, u32::MAX));
            self.of_users.range(first..=last)
        });
        all.into_iter().flatten().filter_map(|held| place(&self.places, held.place))
    }

    /// Sessions from the place `cursor` on, with their places, over or not.
    pub fn from(&self, cursor: usize) -> impl Iterator<Item = (usize, &Record)> {
        let places = self.places.iter().enumerate().skip(cursor);
        places.filter_map(|(at, held)| held.as_ref().map(|record| (at, record)))
    }

    fn digests<'a>(&'a self, numbers: impl Iterator<Item = &'a (u64, u32)>) -> impl Iterator<Item = Digest> {
        numbers.filter_map(|&(_, number)| place(&self.places, number).map(|record| record.digest))
    }

    /// When the next session is over.
    pub fn next_expiry_us(&self) -> Option<u64> {
        self.by_expiry.first().map(|(expires_us, _)| *expires_us)
    }

    /// Bytes held by sessions, over or not.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Everything there is, in an order that does not depend on how it came about: for comparison.
    pub fn records(&self) -> Vec<Record> {
        let mut all: Vec<Record> = self.from(0).map(|(_, record)| record.clone()).collect();
        all.sort_by_key(|record| record.digest);
        all
    }

    /// Whether what is kept beside the records says what they say, counted anew.
    pub fn recount(&self) -> Result<(), String> {
        let all: Vec<_> = self.from(0).collect();
        let claim = |what: &str, holds: bool| if holds { Ok(()) } else { Err(what.to_owned()) };
        claim("bytes", self.bytes == all.iter().map(|(_, record)| record_bytes(record)).sum::<u64>())?;
        claim("by_digest", self.by_digest.len() == all.len())?;
        claim("by_expiry", self.by_expiry.len() == all.len())?;
        let of_users: usize = self.users.values().map(|user| user.sessions as usize).sum();
        claim("of users", self.of_users.len() == of_users)?;
        claim("users and visitors", self.visitors.len() + of_users == all.len())?;
        claim("an empty user", self.users.values().all(|user| user.sessions > 0))?;
        let mut numbers: Vec<_> = self.users.values().map(|user| user.number).collect();
        numbers.extend(&self.free_users);
        numbers.sort_unstable();
        claim("numbers of users", numbers.iter().zip(0..).all(|(&number, at)| number == at))?;
        claim("free places", self.free.len() + all.len() == self.places.len())?;
        for (at, record) in all {
            let number = u32::try_from(at).map_err(|error| error.to_string())?;
            claim("found", self.get(record.digest) == Some(record))?;
            claim("expiry", self.by_expiry.contains(&(record.expires_us, number)))?;
            let placed = match &record.user {
                Some(user) => self.users.get(user).is_some_and(|user| {
                    self.of_users.contains(&OfUser::new(user.number, record.born, number))
                }),
                None => self.visitors.contains(&(record.seen_us, number)),
            };
            claim("user", placed)?;
        }
        Ok(())
    }
}

/// Another time for what an order by time holds.
fn moved(order: &mut BTreeSet<(u64, u32)>, number: u32, from_us: u64, to_us: u64) {
    if from_us != to_us {
        order.remove(&(from_us, number));
        order.insert((to_us, number));
    }
}

fn place(places: &[Option<Record>], number: u32) -> Option<&Record> {
    places[number as usize].as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(id: &str, user: Option<&str>, expires_us: u64, data: &[u8]) -> Effect {
        Effect::Stored(Record {
            digest: digest(id),
            created_us: 0,
            born: 1,
            seen_us: 0,
            ttl_us: 10,
            expires_us,
            version: 1,
            user: user.map(Into::into),
            wide: false,
            data: data.into(),
        })
    }

    fn digest(id: &str) -> Digest {
        Digest::of(id).unwrap()
    }

    fn touched(id: &str, expires_us: u64) -> Effect {
        Effect::Touched { digest: digest(id), seen_us: 5, ttl_us: 10, expires_us }
    }

    #[test]
    fn bytes_after_tells_what_applying_will_make_of_them() {
        let mut state = State::default();
        for effects in [
            vec![stored("a", None, 10, b"12345")],
            vec![stored("b", Some("ann"), 20, b"1"), stored("a", Some("ann"), 30, b"1234567")],
            vec![Effect::Destroyed { digest: digest("a") }, stored("c", None, 30, b"1234567")],
            vec![touched("b", 50)],
            vec![Effect::Moved { from: digest("c"), to: digest("d") }],
            vec![Effect::Moved { from: digest("nobody"), to: digest("e") }],
            vec![Effect::Moved { from: digest("d"), to: digest("b") }],
            vec![stored("f", Some("bob"), 1, b"")],
            vec![Effect::Expired { digest: digest("b") }, Effect::Evicted { digest: digest("nobody") }],
        ] {
            let foretold = state.bytes_after(&effects);
            for effect in &effects {
                state.apply(effect);
            }
            assert_eq!(state.bytes(), foretold);
            assert_eq!(state.recount(), Ok(()));
        }
        assert_eq!(state.bytes(), RECORD_BYTES + USER_BYTES + 3);
        state.apply(&Effect::Destroyed { digest: digest("f") });
        assert_eq!((state.bytes(), state.places.capacity(), state.users_len()), (0, 0, 0));
    }

    #[test]
    fn each_order_tells_who_is_first() {
        let mut state = State::default();
        for effect in [
            stored("late", None, 30, b""),
            stored("soon", None, 10, b""),
            stored("of ann", Some("ann"), 20, b""),
            touched("soon", 40),
        ] {
            state.apply(&effect);
        }
        assert_eq!(state.over(30).collect::<Vec<_>>(), [digest("of ann"), digest("late")]);
        assert_eq!(state.next_expiry_us(), Some(20));
        assert_eq!(
            state.visitors().collect::<Vec<_>>(),
            [digest("late"), digest("soon")],
            "the unseen first"
        );
        assert_eq!(state.of_user("ann", 0).count(), 1);
        assert_eq!(state.of_user("bob", 0).count(), 0);
    }

    #[test]
    fn a_session_keeps_its_place_however_it_is_written_anew() {
        let mut state = State::default();
        let place =
            |state: &State, id| state.from(0).find(|(_, held)| held.digest == digest(id)).map(|(at, _)| at);
        for id in ["a", "b", "c"] {
            state.apply(&stored(id, None, 10, b""));
        }
        assert_eq!(place(&state, "c"), Some(2));
        for id in ["a", "b"] {
            state.apply(&Effect::Destroyed { digest: digest(id) });
            for effect in
                [touched("c", 20), stored("c", Some("ann"), 30, b"more"), stored("c", None, 30, b"")]
            {
                state.apply(&effect);
                assert_eq!(place(&state, "c"), Some(2));
            }
        }
        state.apply(&Effect::Moved { from: digest("c"), to: digest("d") });
        assert_eq!((place(&state, "d"), state.recount()), (Some(2), Ok(())));
    }
}
