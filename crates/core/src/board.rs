//! The board: numbers that every thread's JavaScript reads in place, without a call.
//!
//! A near cache (lib/near.js) keeps decoded values and must know at a glance whether they still hold. For that it reads, in
//! memory shared with us:
//!
//! - **generations**: 65,536 numbers; a key's hash chooses one. It is raised, under the lock and after the change, whenever
//!   an entry whose key falls there is written, goes, or is seen to have expired. A near value carries the number that it was read
//!   with, under the same lock. Keys that share a number cost each other a read, nothing else.
//! - **epochs**: one a cache, raised when everything in it goes.
//! - **clocks**: the time in µs, as a double, up to 10 ms behind. A manual clock writes its own as it moves. The machine's
//!   ticks only while near caches are in use and stands at infinity otherwise, by which every near value with a TTL has
//!   expired and is asked for anew.
//! - **hits**: one a near cache, written by its thread alone, so that hits which never come here are counted exactly.
//! - **used**: a short list a near cache, written by its thread alone: the hashes of entries of whose uses the cache is yet to
//!   be told.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::timer;

const GENERATIONS: usize = 1 << 16;
const EPOCHS: usize = 1 << 10;
const CLOCKS: usize = 1 << 8;
const HITS: usize = 1 << 12;
/// Uses that a near cache writes down before it tells of them.
pub const USES: usize = 63;

/// How often the machine's clock is written down.
const TICK: Duration = Duration::from_millis(10);
/// Ticks without a near read or fill after which it stops.
const IDLE_TICKS: u32 = 100;

/// The numbers, in the order in which lib/near.js finds them.
#[repr(C)]
pub struct Board {
    /// See above.
    pub generations: [AtomicU32; GENERATIONS],
    /// See above.
    pub epochs: [AtomicU32; EPOCHS],
    /// See above; bits of doubles.
    pub clocks: [AtomicU64; CLOCKS],
    /// As above.
    pub hits: [AtomicU64; HITS],
    /// As above: how many, as a double, then the hashes.
    pub used: [[AtomicU64; 1 + USES]; HITS],
}

/// The one of this process.
pub static BOARD: Board = Board {
    generations: [const { AtomicU32::new(0) }; GENERATIONS],
    epochs: [const { AtomicU32::new(0) }; EPOCHS],
    clocks: [const { AtomicU64::new(f64::INFINITY.to_bits()) }; CLOCKS],
    hits: [const { AtomicU64::new(0) }; HITS],
    used: [const { [const { AtomicU64::new(0) }; 1 + USES] }; HITS],
};

/// Places of one kind, handed out and given back.
struct Places(LazyLock<Mutex<Vec<u16>>>);

impl Places {
    fn take(&self) -> Option<u16> {
        self.0.lock().pop()
    }

    fn give_back(&self, place: u16) {
        self.0.lock().push(place);
    }
}

/// Place 0 is the machine's clock.
static CLOCK_PLACES: Places = Places(LazyLock::new(|| Mutex::new((1..256).rev().collect())));
static HIT_PLACES: Places = Places(LazyLock::new(|| Mutex::new((0..4_096).rev().collect())));
static NEXT_EPOCH: AtomicU32 = AtomicU32::new(0);

/// The place of a key's generation: sixteen bits of its hash.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "that many are wanted")]
pub fn slot_of(hash: u64) -> u32 {
    u32::from((hash >> 8) as u16)
}

/// The generation in a place, read under the lock that guards the entry.
#[inline]
pub fn generation(slot: u32) -> u32 {
    BOARD.generations[slot as usize].load(Ordering::Acquire)
}

/// Says that the entry whose key has this hash has changed; under its lock, after the change.
#[inline]
pub fn raise(hash: u64) {
    BOARD.generations[slot_of(hash) as usize].fetch_add(1, Ordering::AcqRel);
}

/// A place for a cache's epoch. They may share one when there are very many caches, and then clear each other's near values.
pub fn take_epoch() -> u16 {
    let places = u32::try_from(EPOCHS).expect("a thousand");
    u16::try_from(NEXT_EPOCH.fetch_add(1, Ordering::Relaxed) % places).expect("as above")
}

/// Says that everything of a cache has gone; under all its locks.
pub fn raise_epoch(epoch: u16) {
    BOARD.epochs[usize::from(epoch)].fetch_add(1, Ordering::AcqRel);
}

/// The place where a clock is written down; given back when dropped.
#[derive(Debug)]
pub struct ClockPlace(u16);

impl ClockPlace {
    /// None when all are taken: stores with such a clock have no near caches.
    pub fn take() -> Option<Self> {
        CLOCK_PLACES.take().map(Self)
    }

    /// Writes the time down.
    pub fn write(&self, now_us: u64) {
        write_clock(self.0, now_us);
    }

    /// Its place.
    pub fn place(&self) -> u16 {
        self.0
    }
}

impl Drop for ClockPlace {
    fn drop(&mut self) {
        BOARD.clocks[usize::from(self.0)].store(f64::INFINITY.to_bits(), Ordering::Release);
        CLOCK_PLACES.give_back(self.0);
    }
}

/// A near cache's count of hits; given back when dropped.
#[derive(Debug)]
pub struct HitCount(u16);

impl HitCount {
    /// None when all are taken.
    pub fn take() -> Option<Self> {
        let place = HIT_PLACES.take()?;
        BOARD.hits[usize::from(place)].store(0, Ordering::Release);
        BOARD.used[usize::from(place)][0].store(0, Ordering::Release);
        Some(Self(place))
    }

    /// Its place.
    pub fn place(&self) -> u16 {
        self.0
    }

    /// Hits counted.
    pub fn count(&self) -> u64 {
        whole(&BOARD.hits[usize::from(self.0)])
    }
}

/// What the near cache with this place has written down since it was last asked; by its own thread.
#[inline]
pub fn take_used(near: u16, tell: impl FnOnce(&[u64])) {
    let used = &BOARD.used[usize::from(near)];
    let count = whole(&used[0]);
    if count > 0 {
        tell_used(used, count, tell);
    }
}

#[inline(never)]
fn tell_used(used: &[AtomicU64; 1 + USES], count: u64, tell: impl FnOnce(&[u64])) {
    let mut hashes = [0; USES];
    let count = usize::try_from(count).unwrap_or(USES).min(USES);
    for (hash, written) in hashes.iter_mut().zip(&used[1..=count]) {
        *hash = written.load(Ordering::Relaxed);
    }
    used[0].store(0, Ordering::Relaxed);
    tell(&hashes[..count]);
}

/// A whole number that JavaScript wrote.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of at least 0")]
fn whole(written: &AtomicU64) -> u64 {
    f64::from_bits(written.load(Ordering::Acquire)) as u64
}

impl Drop for HitCount {
    fn drop(&mut self) {
        HIT_PLACES.give_back(self.0);
    }
}

#[expect(clippy::cast_precision_loss, reason = "µs since 1970 stay below 2^53 for 200 years")]
fn write_clock(place: u16, now_us: u64) {
    BOARD.clocks[usize::from(place)].store((now_us as f64).to_bits(), Ordering::Release);
}

/// A near cache has just been given a value with a TTL.
static FILLED: AtomicBool = AtomicBool::new(false);
static TICKING: AtomicBool = AtomicBool::new(false);

/// Lets the machine's clock tick: a near cache is about to keep a value with a TTL.
#[inline]
pub fn keep_ticking() {
    if !FILLED.load(Ordering::Relaxed) {
        start_ticking();
    }
}

#[cold]
fn start_ticking() {
    FILLED.store(true, Ordering::SeqCst);
    if !TICKING.swap(true, Ordering::SeqCst) {
        write_clock(0, Clock::System.now_us());
        timer::spawn(tick());
    }
}

#[expect(clippy::disallowed_methods, reason = "the board's clock is a matter of the machine's time")]
async fn tick() {
    let mut idle = 0;
    let mut hits_before = all_hits();
    loop {
        tokio::time::sleep(TICK).await;
        write_clock(0, Clock::System.now_us());
        idle += 1;
        if idle < IDLE_TICKS {
            continue;
        }
        idle = 0;
        let hits = all_hits();
        let used = FILLED.swap(false, Ordering::SeqCst) || hits != hits_before;
        hits_before = hits;
        if used {
            continue;
        }
        BOARD.clocks[0].store(f64::INFINITY.to_bits(), Ordering::SeqCst);
        TICKING.store(false, Ordering::SeqCst);
        // Who filled between our look and this finds it ticking no more; whoever fills next starts it.
        if !FILLED.load(Ordering::SeqCst) || TICKING.swap(true, Ordering::SeqCst) {
            return;
        }
        write_clock(0, Clock::System.now_us());
    }
}

/// Changes whenever any near cache is hit.
fn all_hits() -> u64 {
    BOARD.hits.iter().fold(0, |sum, hits| sum.wrapping_add(hits.load(Ordering::Relaxed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lib_near_js_finds_the_numbers_where_it_looks() {
        assert_eq!(std::mem::offset_of!(Board, epochs), 262_144);
        assert_eq!(std::mem::offset_of!(Board, clocks), 266_240);
        assert_eq!(std::mem::offset_of!(Board, hits), 268_288);
        assert_eq!(std::mem::offset_of!(Board, used), 301_056);
        assert_eq!(size_of::<Board>(), 2_398_208);
    }

    #[test]
    fn places_are_handed_out_once_and_come_back() {
        let first = HitCount::take().unwrap();
        let second = HitCount::take().unwrap();
        assert_ne!(first.place(), second.place());
        BOARD.hits[usize::from(first.place())].store(7.0_f64.to_bits(), Ordering::Release);
        assert_eq!((first.count(), second.count()), (7, 0));
    }
}
