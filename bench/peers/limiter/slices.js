/**
 * What a call costs whose arguments are made just before, as a request's are: slice by slice they are made, which is not
 * timed, and used, which is. Arguments that all were made at the start would be cold in the cache of the processor.
 */

/** A batch is as many slices as take so long: one that a pause of the machine hits does not move the median. */
const BATCH_MS = 10;
const WARM_UP_MS = 120;
const MEASURE_MS = 250;

/** @param {() => string[]} make The keys of a slice. @param {(slice: string[]) => void | Promise<void>} use */
async function batch(make, use) {
  let elapsed = 0;
  let calls = 0;
  while (elapsed < BATCH_MS * 1e6) {
    const slice = make();
    const start = process.hrtime.bigint();
    const pending = use(slice);
    if (pending) await pending;
    elapsed += Number(process.hrtime.bigint() - start);
    calls += slice.length;
  }
  return { elapsed, ns: elapsed / calls };
}

/**
 * Nanoseconds a call, the median of batches.
 * @param {{ make: () => string[], use: (slice: string[]) => void | Promise<void> }} work
 */
async function nsOfCall({ make, use }) {
  for (let warmed = 0; warmed < WARM_UP_MS * 1e6; ) warmed += (await batch(make, use)).elapsed;
  const batches = [];
  for (let measured = 0; measured < MEASURE_MS * 1e6; ) {
    const { elapsed, ns } = await batch(make, use);
    measured += elapsed;
    batches.push(ns);
  }
  return batches.sort((a, b) => a - b)[batches.length >> 1];
}

module.exports = { nsOfCall };
