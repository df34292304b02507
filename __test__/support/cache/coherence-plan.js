'use strict';
// What the threads of coherence.js agree on.

/** Few enough that every thread holds them near, and that every read is of a key that was changed lately. */
const KEYS = 48;
const READERS = 2;
const READS = 11_000_000;
/** Of a cache that holds half of the keys: what comes in puts others out. */
const SMALL_MAX = KEYS / 2;

const keyOf = (key) => `${key % 2 === 0 ? 'even' : 'odd'}:${key}`;

module.exports = { KEYS, READERS, READS, SMALL_MAX, keyOf };
