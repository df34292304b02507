//! Many entries at once: by tag, by prefix, all of them, and walking through.
//!
//! Each works in steps of a bounded number of entries a lock. What is small is done at once; what is not goes on on the
//! background thread, and the answer comes when it is through.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::expiry::in_background;
use super::{MemoryCache, State};
use crate::board;
use crate::cache::entry::Entry;
use crate::cache::loads;
use crate::cache::removals::Gone;
use crate::cache::table::{Reason, Table};
use crate::cache::tags;
use crate::error::Error;
use crate::key::{Key, OwnedKey};
use crate::reply::Reply;
use crate::value::Tag;

/// Entries of a step, and slots of one where entries have to be looked for.
const STEP: usize = 1_024;
/// Entries that a caller looks through itself.
const AT_ONCE: usize = 4_096;
/// Slots that one step of a walk looks at; it reads under a shared lock.
const WALKED: u32 = 256;

/// What happens to the entries of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ByTag {
    Delete,
    Expire,
}

/// The entries of some tags that are still to be visited: the tag's number and the key's hash.
type Members = Vec<(u64, u64)>;

impl MemoryCache {
    pub(super) fn by_tag(&self, tags: &[Key<'_>], what: ByTag) -> Reply<()> {
        if let Err(error) = tags::check(tags) {
            return Reply::Ready(Err(error));
        }
        let mut members = Members::new();
        let loading;
        {
            let mut index = self.tags.lock();
            // Asked under the lock: a load that another deletion has just remembered itself for is under way.
            loading = self.loads_under_way.load(Ordering::SeqCst) > 0;
            if !loading {
                index.forget_overtaken();
            }
            for &tag in tags {
                if loading {
                    index.overtake(tag, loads::last_ticket());
                }
                members.extend(index.members(tag));
            }
            if members.len() > STEP {
                for &tag in tags {
                    index.retire(tag);
                }
            }
        }
        // Who asks from now on joins no load that said it would bring one of these tags.
        for shard in self.shards.iter().filter(|_| loading) {
            shard.state.write().loads.overtake_tags(tags);
        }
        if members.len() <= STEP {
            self.visit_members(&mut members, what);
            return Reply::Ready(Ok(()));
        }
        let (sender, receiver) = oneshot::channel();
        let step = move |cache: Option<&Self>, members: &mut Members| {
            cache.is_some_and(|cache| cache.visit_members(members, what))
        };
        in_background(self.me.upgrade(), members, step, |_| tell(sender, ()));
        pending(receiver)
    }

    /// Visits a step of the members; whether any are left. One that has gone meanwhile, or came back without the tag, is
    /// passed over.
    fn visit_members(&self, members: &mut Members, what: ByTag) -> bool {
        let from = members.len().saturating_sub(STEP);
        let mut gone = Gone::default();
        for (number, hash) in members.drain(from..) {
            let shard = &self.shards[self.shard_of(hash)];
            let state = &mut *shard.state.write();
            let has_tag = |entry: &Entry| {
                entry.tags.as_ref().is_some_and(|tags| tags.numbers.binary_search(&number).is_ok())
            };
            let Some(index) = state.table.find_by(hash, has_tag) else { continue };
            let live = !state.table.entry(index).has_expired(|| self.clock.coarse_us());
            if what == ByTag::Delete {
                let reason = if live { Reason::Delete } else { Reason::Expire };
                self.remove(state, index, reason, shard, &mut gone);
                state.table.compact();
            } else if live {
                self.expire_now(state, index, shard, &mut gone);
            }
        }
        self.watchers.tell(&gone);
        !members.is_empty()
    }

    pub(super) fn by_prefix(&self, prefix: Key<'_>) -> Reply<u64> {
        for shard in &self.shards {
            shard.state.write().loads.overtake_prefix(prefix);
        }
        let mut walk = PrefixWalk { prefix: prefix.to_owned(), shard: 0, below: u32::MAX, live: 0 };
        let entries: usize = self.shards.iter().map(|shard| shard.state.read().table.len()).sum();
        if entries <= AT_ONCE {
            while self.delete_step(&mut walk) {}
            return Reply::Ready(Ok(walk.live));
        }
        let (sender, receiver) = oneshot::channel();
        let step =
            |cache: Option<&Self>, walk: &mut PrefixWalk| cache.is_some_and(|cache| cache.delete_step(walk));
        in_background(self.me.upgrade(), walk, step, |walk| tell(sender, walk.live));
        pending(receiver)
    }

    /// Looks at a step of the slots; whether any are left.
    fn delete_step(&self, walk: &mut PrefixWalk) -> bool {
        let Some(shard) = self.shards.get(walk.shard) else { return false };
        let mut gone = Gone::default();
        {
            let state = &mut *shard.state.write();
            let mut found = Vec::new();
            let prefix = walk.prefix.as_key();
            let step = u32::try_from(STEP).expect("a small number");
            walk.below = state.table.chunk(walk.below, step, |index, entry| {
                if entry.key().starts_with(prefix) {
                    found.push((index, !entry.has_expired(|| self.clock.coarse_us())));
                }
                true
            });
            for (index, live) in found {
                walk.live += u64::from(live);
                let reason = if live { Reason::Delete } else { Reason::Expire };
                self.remove(state, index, reason, shard, &mut gone);
            }
            state.table.compact();
        }
        self.watchers.tell(&gone);
        if walk.below == 0 {
            walk.shard += 1;
            walk.below = u32::MAX;
        }
        walk.shard < self.shards.len()
    }

    pub(super) fn clear_all(&self) {
        // All locks first: a reader sees either none or all of it gone.
        let mut all: Vec<_> = self.shards.iter().map(|shard| shard.state.write()).collect();
        let clear = |state: &mut parking_lot::RwLockWriteGuard<'_, State>| {
            state.loads.overtake_all();
            state.table.clear()
        };
        let gone: Vec<Table> = all.iter_mut().map(clear).collect();
        // No entry is left that could leave a tag; what loads bring back is overtaken as it is.
        let tags = {
            let mut index = self.tags.lock();
            let tags = index.clear();
            self.note_tag_bytes(&index);
            tags
        };
        board::raise_epoch(self.epoch);
        drop(all);
        if tags.len() > STEP {
            let free_tags =
                |_: Option<&Self>, tags: &mut _| Iterator::take(Iterator::by_ref(tags), STEP).count() == STEP;
            in_background(None, tags, free_tags, drop);
        }
        let entries: usize = gone.iter().map(Table::len).sum();
        let watched = self.watchers.is_watched();
        if entries <= STEP && !watched {
            return;
        }
        // Freeing a million entries takes a while, and telling of them too.
        let entries = gone.into_iter().flat_map(Table::into_entries);
        let step = move |cache: Option<&Self>, entries: &mut _| {
            let mut told = Gone::default();
            let mut freed = 0;
            for entry in Iterator::take(Iterator::by_ref(entries), STEP) {
                let entry: Entry = entry;
                if let Some(cache) = cache {
                    cache.watchers.note(&mut told, &entry, Reason::Clear);
                }
                freed += 1;
            }
            if let Some(cache) = cache {
                cache.watchers.tell(&told);
            }
            freed == STEP
        };
        in_background(self.me.upgrade().filter(|_| watched), entries, step, drop);
    }

    pub(super) fn walk(
        &self,
        cursor: u64,
        prefix: Key<'_>,
        version: u32,
        visit: &mut dyn FnMut(Key<'_>, Tag, &[u8]) -> bool,
    ) -> u64 {
        let (number, below) = if cursor == 0 { (0, u32::MAX) } else { read_cursor(cursor) };
        let Some(shard) = self.shards.get(number) else { return 0 };
        let below = shard.state.read().table.chunk(below, WALKED, |_, entry| {
            let ours = entry.version == version && entry.key().starts_with(prefix);
            let live = ours && !entry.has_expired(|| self.clock.coarse_us());
            !live || visit(entry.key(), entry.tag(), entry.value())
        });
        match (below, number + 1 < self.shards.len()) {
            (0, false) => 0,
            (0, true) => write_cursor(number + 1, u32::MAX),
            _ => write_cursor(number, below),
        }
    }
}

/// How far a deletion by prefix has come.
struct PrefixWalk {
    prefix: OwnedKey,
    shard: usize,
    below: u32,
    live: u64,
}

/// A place in a walk as a number above 0 that JavaScript can hold.
fn write_cursor(shard: usize, below: u32) -> u64 {
    1 + ((shard as u64) << 32 | u64::from(below))
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
fn read_cursor(cursor: u64) -> (usize, u32) {
    let place = cursor - 1;
    (usize::try_from(place >> 32).unwrap_or(usize::MAX), place as u32)
}

/// Whoever asked may have stopped waiting.
fn tell<T>(sender: oneshot::Sender<T>, answer: T) {
    let _ = sender.send(answer);
}

fn pending<T: Send + 'static>(receiver: oneshot::Receiver<T>) -> Reply<T> {
    Reply::Pending(Box::pin(async move {
        receiver.await.map_err(|_| Error::Closed("the store was closed meanwhile; open() another".into()))
    }))
}
