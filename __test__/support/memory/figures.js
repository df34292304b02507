'use strict';
// What the scripts of this folder measure; they run with --expose-gc.

const MB = 1024 * 1024;

/** Lets finalizers run, then collects; twice, for what the first round has set free. */
async function collect() {
  for (let n = 0; n < 2; n++) {
    global.gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Megabytes, after a collection. */
async function memory() {
  await collect();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { rss: rss / MB, heapUsed: heapUsed / MB, external: external / MB, arrayBuffers: arrayBuffers / MB };
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

module.exports = { MB, collect, memory, median };
