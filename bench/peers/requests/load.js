/** What asks: autocannon, in the process that measures. Its own histogram knows whole milliseconds only, so times are kept here. */
const autocannon = require('autocannon');

/** Each asks again as soon as it is answered. */
const CONNECTIONS = 50;
/** How often autocannon looks whether its time is over. */
const SAMPLE_MS = 50;

/** @typedef {{ path: string, headers: Record<string, string> }} Request */

/**
 * @param {string} url
 * @param {Request[]} requests Dealt out to the connections: each asks its own in turn, as no two browsers have one session.
 * @param {string} sign What every answer holds.
 * @param {number} seconds
 */
async function load(url, requests, sign, seconds) {
  /** @type {number[]} */
  const times = [];
  let connections = 0;
  let last = 0;
  const run = autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    sampleInt: SAMPLE_MS,
    setupClient(client) {
      const own = connections++;
      client.setRequests(requests.filter((_, index) => index % CONNECTIONS === own));
    },
    verifyBody: (body) => body.includes(sign),
  });
  const start = performance.now();
  run.on('response', (_client, _status, _bytes, ms) => {
    times.push(ms);
    last = performance.now();
  });
  const { errors, non2xx, mismatches } = await run;
  const sorted = Float64Array.from(times).sort();
  return {
    answers: sorted.length,
    rps: sorted.length / ((last - start) / 1000),
    p50: sorted[Math.floor(sorted.length * 0.5)],
    p99: sorted[Math.floor(sorted.length * 0.99)],
    // An answer that is neither 2xx nor what was asked for is one error.
    errors: errors + Math.max(non2xx, mismatches),
  };
}

module.exports = { CONNECTIONS, load };
