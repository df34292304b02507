//! Claimed jobs as lib/worker-claims.js reads them: one array of JSON, eleven values a job.
//!
//! Number, epoch, nonce, id, name, data, processedOn, that less the timestamp, priority, attemptsMade, others. Nonce, name and
//! processedOn are null where they are those of the job before, others where it has none. Rows and not objects, because most
//! of what a claim costs is what JavaScript parses, and there names, large numbers and texts cost more than small numbers.

use redstart_core::queue::job::DeadLetter;
use redstart_core::queue::{JobView, Json, Token};
use serde::Serialize;

/// Bytes of a row beside its texts.
const ROW_BYTES: usize = 64;

/// What few claimed jobs have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Others<'job> {
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<&'job Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_reason: Option<&'job str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter: Option<&'job DeadLetter>,
}

impl<'job> Others<'job> {
    fn of(job: &'job JobView) -> Option<Self> {
        let JobView { progress, failed_reason, dead_letter, .. } = job;
        let others = Self {
            progress: progress.as_ref(),
            failed_reason: failed_reason.as_deref(),
            dead_letter: dead_letter.as_deref(),
        };
        (progress.is_some() || failed_reason.is_some() || dead_letter.is_some()).then_some(others)
    }
}

/// The rows of `claimed`, one after the other.
pub(super) fn of(claimed: &[(JobView, Token)]) -> String {
    let texts = claimed.iter().map(|(job, _)| ROW_BYTES + job.id.len() + job.data.get().len());
    let mut out = Vec::with_capacity(texts.sum());
    let (mut nonce, mut name, mut processed_on) = (None, None, None);
    for (job, token) in claimed {
        let began = job.processed_on.unwrap_or(job.timestamp);
        let age = i128::from(began) - i128::from(job.timestamp);
        push(&mut out, token.job);
        push(&mut out, token.epoch);
        push(&mut out, changed(&mut nonce, token.nonce));
        push(&mut out, &*job.id);
        push(&mut out, changed(&mut name, &*job.name));
        separate(&mut out);
        out.extend_from_slice(job.data.get().as_bytes());
        push(&mut out, changed(&mut processed_on, began));
        push(&mut out, age);
        push(&mut out, job.priority);
        push(&mut out, job.attempts_made);
        push(&mut out, Others::of(job));
    }
    out.push(b']');
    String::from_utf8(out).expect("JSON of texts is UTF-8")
}

/// `value`, unless it is that of the job before.
fn changed<T: Copy + PartialEq>(before: &mut Option<T>, value: T) -> Option<T> {
    (before.replace(value) != Some(value)).then_some(value)
}

fn separate(out: &mut Vec<u8>) {
    out.push(if out.is_empty() { b'[' } else { b',' });
}

fn push(out: &mut Vec<u8>, value: impl Serialize) {
    separate(out);
    serde_json::to_writer(out, &value).expect("what a queue answers is plain data");
}
