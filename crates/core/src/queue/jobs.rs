//! The jobs of a queue, by number and by id.
//!
//! Numbers rise by one, and jobs leave mostly in the order in which they came: their table is laid out by number, so that
//! claims walk through memory instead of jumping about in it. A record lies apart, next to its texts, which were allocated with
//! it: the table stays small when it doubles.
//!
//! So do the ids that we make, in a tree by their time: UUIDs of version 7. Others are chosen by callers, and theirs perhaps by
//! strangers: they lie by std's keyed hash, which cannot be flooded. The whole hash stands in that table, so a job is looked at
//! only where its id is the one asked for.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use super::job::Job;

/// Names that are shared by the jobs that have them; those of a queue are few.
const NAMES_MAX: usize = 16;

/// All jobs of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs {
    by_number: HashMap<u64, Box<Job>, BuildHasherDefault<ByNumber>>,
    /// Those whose id is a UUID of version 7.
    by_uuid: BTreeMap<u128, u64>,
    /// The others: the hash of the id, the number.
    by_id: HashTable<(u64, u64)>,
    seed: RandomState,
    names: VecDeque<Arc<str>>,
}

impl Jobs {
    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// How many ids are known.
    pub(super) fn ids(&self) -> usize {
        self.by_uuid.len() + self.by_id.len()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Job> {
        self.by_number.get(&number).map(|job| &**job)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Job> {
        self.by_number.get_mut(&number).map(|job| &mut **job)
    }

    /// The number of the job with that id.
    pub(super) fn find(&self, id: &str) -> Option<u64> {
        if let Some(uuid) = uuid_of(id) {
            return self.by_uuid.get(&uuid).copied();
        }
        let hash = self.seed.hash_one(id);
        let has_id =
            |&(of, number): &(u64, u64)| of == hash && self.get(number).is_some_and(|job| &*job.id == id);
        self.by_id.find(hash, has_id).map(|&(_, number)| number)
    }

    /// Adds a job; false where its number or its id is taken.
    pub(super) fn insert(&mut self, number: u64, mut job: Job) -> bool {
        job.name = self.shared(job.name);
        let is_new = if let Some(uuid) = uuid_of(&job.id) {
            self.by_uuid.insert(uuid, number).is_none()
        } else {
            let is_new = self.find(&job.id).is_none();
            let hash = self.seed.hash_one(&*job.id);
            self.by_id.insert_unique(hash, (hash, number), |&(hash, _)| hash);
            is_new
        };
        self.by_number.insert(number, Box::new(job)).is_none() && is_new
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Box<Job>> {
        let job = self.by_number.remove(&number)?;
        if let Some(uuid) = uuid_of(&job.id) {
            self.by_uuid.remove(&uuid);
            return Some(job);
        }
        let hash = self.seed.hash_one(&*job.id);
        if let Ok(id) = self.by_id.find_entry(hash, |&(_, of)| of == number) {
            id.remove();
        }
        Some(job)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Job)> {
        self.by_number.iter().map(|(&number, job)| (number, &**job))
    }

    /// To be freed piece by piece.
    pub(super) fn into_pieces(self) -> impl Iterator<Item = ()> + Send {
        let Self { by_number, by_uuid, by_id, .. } = self;
        let ids = std::iter::once((by_uuid, by_id));
        by_number.into_values().map(drop).chain(ids.map(drop))
    }

    /// The name as another job has it.
    fn shared(&mut self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.iter().find(|known| **known == name) {
            return known.clone();
        }
        if self.names.len() >= NAMES_MAX {
            self.names.pop_front();
        }
        self.names.push_back(name.clone());
        name
    }
}

/// Of each byte the digit that it is, lower case alone; above 15 for what is none.
const DIGITS: [u8; 256] = {
    let mut digits = [u8::MAX; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

/// The number that an id is which we might have made; none has two texts, as only one form is taken for it. Without a branch a
/// digit: it is asked for at every add and end.
fn uuid_of(id: &str) -> Option<u128> {
    let bytes: &[u8; 36] = id.as_bytes().try_into().ok()?;
    let [a, b, c, d] = [bytes[8], bytes[13], bytes[18], bytes[23]];
    if bytes[14] != b'7' || [a, b, c, d] != *b"----" {
        return None;
    }
    let (mut uuid, mut all) = (0, 0);
    for part in [&bytes[..8], &bytes[9..13], &bytes[14..18], &bytes[19..23], &bytes[24..]] {
        let mut number = 0_u64;
        for &byte in part {
            let digit = DIGITS[usize::from(byte)];
            all |= digit;
            number = number << 4 | u64::from(digit & 15);
        }
        uuid = uuid << (4 * part.len()) | u128::from(number);
    }
    (all < 16).then_some(uuid)
}

/// The same jobs under the same numbers; what else there is follows from them.
impl PartialEq for Jobs {
    fn eq(&self, other: &Self) -> bool {
        self.by_number == other.by_number
    }
}

/// One place after the other; the upper bits, by which the table tells entries apart, are those of a product.
#[derive(Clone, Debug, Default)]
struct ByNumber(u64);

/// The bits that a table tells entries apart by.
const TAG_BITS: u64 = 0x7f << 57;
/// 2^64 by the golden ratio: numbers side by side get products far apart.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for ByNumber {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0.wrapping_mul(SPREAD) & TAG_BITS)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 << 8 | u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::JobOptions;
    use crate::queue::job::Phase;
    use serde_json::value::RawValue;

    fn job(id: &str, name: &str) -> Job {
        Job {
            id: id.into(),
            name: name.into(),
            data: RawValue::NULL.to_owned().into(),
            terms: Arc::new(JobOptions::default().terms(&JobOptions::default())),
            phase: Phase::Waiting { since_us: 0, front: false },
            ord: 1,
            added_us: 0,
            processed_us: None,
            epoch: 0,
            attempts_made: 0,
            stalled_count: 0,
            released_count: 0,
            snoozed_count: 0,
            epoch_base: 0,
            failed_reason: None,
            extra: None,
        }
    }

    #[test]
    fn a_job_is_found_by_number_and_by_id_until_it_is_removed() {
        let mut jobs = Jobs::default();
        for number in 1..=10_000 {
            assert!(jobs.insert(number, job(&format!("job-{number}"), "mail")));
        }
        assert!(!jobs.clone().insert(10_001, job("job-7", "mail")));
        assert!(!jobs.clone().insert(7, job("another", "mail")));
        for number in (1..=10_000).step_by(2) {
            assert_eq!(&*jobs.remove(number).unwrap().id, format!("job-{number}"));
        }
        assert_eq!((jobs.len(), jobs.ids()), (5_000, 5_000));
        for number in 1..=10_000 {
            let there = (number % 2 == 0).then_some(number);
            assert_eq!(jobs.find(&format!("job-{number}")), there);
            assert_eq!(jobs.get(number).is_some(), there.is_some());
        }
    }

    #[test]
    fn ids_that_look_alike_are_ids_of_their_own() {
        let ids = [
            "018bcfe5-6800-7abc-8def-0123456789ab",
            "018bcfe5-6800-7abc-8def-0123456789aB",
            "018bcfe5-6800-4abc-8def-0123456789ab",
            "018bcfe56-800-7abc-8def-0123456789ab",
            "000018bcfe5680700000abc8def0123456789",
            "0018bcfe5-680-7abc-8def-0123456789ab",
            "018bcfe5-6800-7abc-8def-0123456789a",
        ];
        let mut jobs = Jobs::default();
        for (number, id) in (1..).zip(ids) {
            assert!(jobs.insert(number, job(id, "mail")), "{id}");
        }
        for (number, id) in (1..).zip(ids) {
            assert_eq!(jobs.find(id), Some(number));
        }
        assert_eq!((jobs.by_uuid.len(), jobs.ids()), (1, ids.len()));
        assert!((1..=7).all(|number| jobs.remove(number).is_some()) && jobs.ids() == 0);
    }

    #[test]
    fn jobs_share_their_name_and_the_names_kept_for_that_are_few() {
        let mut jobs = Jobs::default();
        for number in 1..=100 {
            jobs.insert(number, job(&number.to_string(), &format!("name {}", number % 2)));
        }
        assert!(Arc::ptr_eq(&jobs.get(1).unwrap().name, &jobs.get(99).unwrap().name));
        assert_eq!(&*jobs.get(100).unwrap().name, "name 0");
        for number in 101..=200 {
            jobs.insert(number, job(&number.to_string(), &number.to_string()));
        }
        assert_eq!(jobs.names.len(), NAMES_MAX);
    }
}
