//! What sessions should be, as simply as it can be said.
//!
//! The model keeps sessions in a list and searches it. It knows the rules and nothing of effects, orders or locks. Whether one
//! that is over is collected it learns from what is told; whom a tie makes room, too, and it checks that he was a candidate.

use redstart_core::clock::MS;
use redstart_core::sessions::set::{ABSENT, Saved};
use redstart_core::sessions::{Digest, OnMaxPerUser, SessionsOptions, Why};

use crate::support::digest;

/// One session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) data: Vec<u8>,
    pub(crate) user: Option<&'static str>,
    pub(crate) created_us: u64,
    pub(crate) born: u64,
    pub(crate) seen_us: u64,
    pub(crate) ttl_us: u64,
    pub(crate) expires_us: u64,
    pub(crate) version: u64,
}

impl Session {
    pub(crate) fn bytes(&self) -> u64 {
        208 + self.data.len() as u64 + self.user.map_or(0, |user| 80 + user.len() as u64)
    }
}

/// Whose a session is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    AsItWas,
    Of(Option<&'static str>),
}

/// What a session is to be written with.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub(crate) data: Vec<u8>,
    pub(crate) whose: Whose,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) adopt: bool,
    pub(crate) on: Option<u64>,
    pub(crate) keep: bool,
}

/// One thing that was told.
pub(crate) type Told = (Digest, Option<String>, Why);

/// What a step must answer, and what must be told of it beside those who make room and those that are over.
pub(crate) struct Expected<T> {
    pub(crate) answer: Result<T, &'static str>,
    /// Exactly these.
    pub(crate) told: Vec<Told>,
    /// Who is the new one of which kind, and how many of that kind make room for it.
    pub(crate) room: Option<(Digest, Option<&'static str>, usize)>,
}

impl<T> Expected<T> {
    pub(crate) fn just(answer: T) -> Self {
        Self { answer: Ok(answer), told: Vec::new(), room: None }
    }

    fn refused(code: &'static str) -> Self {
        Self { answer: Err(code), told: Vec::new(), room: None }
    }
}

pub(crate) struct Model {
    pub(crate) options: SessionsOptions,
    pub(crate) now_us: u64,
    /// Live ones, and ones that are over and have not been told as such.
    pub(crate) sessions: Vec<Session>,
    pub(crate) last_version: u64,
    pub(crate) evicted: u64,
}

impl Model {
    pub(crate) fn new(options: SessionsOptions, now_us: u64) -> Self {
        Self { options, now_us, sessions: Vec::new(), last_version: 0, evicted: 0 }
    }

    pub(crate) fn all_live(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|session| self.now_us < session.expires_us)
    }

    pub(crate) fn live(&self, id: &str) -> Option<&Session> {
        self.all_live().find(|session| session.id == id)
    }

    pub(crate) fn of(&self, user: Option<&str>) -> impl Iterator<Item = &Session> {
        self.all_live().filter(move |session| session.user == user)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.sessions.iter().map(Session::bytes).sum()
    }

    fn expiry_us(&self, created_us: u64, ttl_us: u64) -> u64 {
        let idle_us = self.now_us + ttl_us;
        self.options.absolute_ttl.map_or(idle_us, |ms| idle_us.min(created_us + ms * MS))
    }

    /// How many must make room for one more of `user`'s.
    fn room(&self, id: &str, user: Option<&'static str>) -> Result<usize, &'static str> {
        let others = self.of(user).filter(|session| session.id != id).count();
        let max = if user.is_some() { self.options.max_per_user } else { Some(self.options.max_anonymous) };
        let too_many = max.map_or(0, |max| (others + 1).saturating_sub(max as usize));
        if user.is_some() && too_many > 0 && self.options.on_max_per_user == OnMaxPerUser::Reject {
            return Err("ERR_INVALID_STATE");
        }
        Ok(too_many)
    }

    /// What writing must answer; it is not carried out.
    pub(crate) fn save(&self, id: &str, write: &Write) -> Expected<Saved> {
        if write.data.len() as u64 > self.options.max_session_size {
            return Expected::refused("ERR_TOO_LARGE");
        }
        let known = self.live(id);
        let user = match (write.whose, known) {
            (Whose::Of(user), _) => user,
            (Whose::AsItWas, known) => known.and_then(|session| session.user),
        };
        let needs_room = match known {
            None if !write.adopt || write.on.is_some_and(|on| on != ABSENT) => {
                return Expected::just(Saved::Unknown);
            }
            None => true,
            Some(session) if write.on.is_some_and(|on| on != session.version) => {
                let told = vec![(digest(id), session.user.map(str::to_owned), Why::Conflict)];
                return Expected { told, ..Expected::just(Saved::Changed) };
            }
            Some(session) => session.user != user,
        };
        let room = if needs_room { self.room(id, user) } else { Ok(0) };
        match room {
            Ok(count) => {
                let room = Some((digest(id), user, count));
                Expected { room, ..Expected::just(Saved::Stored(self.last_version + 1)) }
            }
            Err(code) => Expected::refused(code),
        }
    }

    /// Carries it out.
    pub(crate) fn store(&mut self, id: &str, write: Write) {
        let known = self.live(id).cloned();
        self.last_version += 1;
        let user = match write.whose {
            Whose::Of(user) => user,
            Whose::AsItWas => known.as_ref().and_then(|session| session.user),
        };
        let ttl_us = match (write.ttl_ms, &known) {
            (Some(ms), _) => ms * MS,
            (None, Some(session)) => session.ttl_us,
            (None, None) => self.options.ttl * MS,
        };
        let (created_us, born) = known
            .as_ref()
            .map_or((self.now_us, self.last_version), |session| (session.created_us, session.born));
        let anew = (self.now_us, ttl_us, self.expiry_us(created_us, ttl_us));
        let kept = known.filter(|_| write.keep).map(|known| (known.seen_us, known.ttl_us, known.expires_us));
        let (seen_us, ttl_us, expires_us) = kept.unwrap_or(anew);
        self.sessions.retain(|session| session.id != id);
        self.sessions.push(Session {
            id: id.to_owned(),
            data: write.data,
            user,
            created_us,
            born,
            seen_us,
            ttl_us,
            expires_us,
            version: self.last_version,
        });
    }

    /// Whether there was one.
    pub(crate) fn touch(&mut self, id: &str, asked_ms: Option<u64>) -> bool {
        let Some(session) = self.live(id) else { return false };
        let ttl_us = asked_ms.map_or(session.ttl_us, |ms| ms * MS);
        let after_us = (self.options.touch_after * MS).min(session.ttl_us / 2);
        if self.now_us - session.seen_us < after_us && ttl_us == session.ttl_us {
            return true;
        }
        let (seen_us, expires_us) = (self.now_us, self.expiry_us(session.created_us, ttl_us));
        let touched = Session { seen_us, ttl_us, expires_us, ..session.clone() };
        self.sessions.retain(|session| session.id != id);
        self.sessions.push(touched);
        true
    }

    /// Takes those out that `which` says: what must be told of them.
    pub(crate) fn destroy(&mut self, which: impl Fn(&Session) -> bool) -> Vec<Told> {
        let now_us = self.now_us;
        let ended: Vec<_> =
            self.sessions.extract_if(.., |session| now_us < session.expires_us && which(session)).collect();
        let told = |session: Session| (digest(&session.id), session.user.map(str::to_owned), Why::Destroyed);
        ended.into_iter().map(told).collect()
    }

    /// Takes out what was told to be over or to have made room, which must be so: what was told beside. `room`: as expected.
    pub(crate) fn hear(
        &mut self,
        told: Vec<Told>,
        room: Option<(Digest, Option<&'static str>, usize)>,
    ) -> Result<Vec<Told>, String> {
        let (mut others, mut made_room) = (Vec::new(), Vec::new());
        for (digest_told, user, why) in told {
            if !matches!(why, Why::Expired | Why::Evicted) {
                others.push((digest_told, user, why));
                continue;
            }
            let at = self.sessions.iter().position(|session| digest(&session.id) == digest_told);
            let session = self.sessions.remove(at.ok_or_else(|| format!("nobody's end is told: {why:?}"))?);
            let over = session.expires_us <= self.now_us;
            if over != (why == Why::Expired) || session.user != user.as_deref() {
                return Err(format!("{session:?} is told as {why:?} of {user:?}"));
            }
            if !over {
                made_room.push(session);
            }
        }
        self.evicted += made_room.len() as u64;
        let Some((new, kind, count)) = room else {
            return if made_room.is_empty() { Ok(others) } else { Err(format!("for nobody: {made_room:?}")) };
        };
        let rank = |session: &Session| if kind.is_some() { session.born } else { session.seen_us };
        let stays = self.of(kind).filter(|session| digest(&session.id) != new).map(rank).min();
        // For want of memory visitors make room for a user's.
        let (of_kind, visitors): (Vec<_>, Vec<_>) = made_room.into_iter().partition(|gone| gone.user == kind);
        let stays_unseen =
            self.of(None).filter(|session| digest(&session.id) != new).map(|session| session.seen_us).min();
        let last = |gone: &Session| {
            digest(&gone.id) != new && stays_unseen.is_none_or(|stays| gone.seen_us <= stays)
        };
        if !visitors.iter().all(|gone| kind.is_some() && gone.user.is_none() && last(gone)) {
            return Err(format!("no visitors to make room in the store: {visitors:?}"));
        }
        let made_room = of_kind;
        let right = made_room.iter().all(|gone| {
            gone.user == kind && digest(&gone.id) != new && stays.is_none_or(|stays| rank(gone) <= stays)
        });
        if made_room.len() != count || !right {
            return Err(format!("{count} should have made room: {made_room:?}"));
        }
        Ok(others)
    }
}
