/**
 * Which key each call asks for, and what keys and values look like: the same in every process, so that all contenders do
 * the same work in the same order.
 */
const { SEED, randomFrom } = require('../hit-ratio/workloads.js');

/** So many that a million keys can all be drawn; a power of two, so that a mask goes round them. */
const DRAWS = 1 << 21;
/** The exponent of YCSB. */
const ZIPF_EXPONENT = 0.99;
/** Keys and numbers in values start here, so that all are of one length. */
const FIRST = 1_000_000;

/** Each key as likely as the other. @param {number} keys */
function uniform(keys, count = DRAWS, seed = SEED) {
  const random = randomFrom(seed);
  const drawn = new Uint32Array(count);
  for (let index = 0; index < count; index++) drawn[index] = random() * keys;
  return drawn;
}

/**
 * Zipf with exponent 0.99: one draw from each of `count` equal parts of the distribution, then shuffled. Which key has which
 * rank is shuffled too: keys that are asked for often were not written one after the other, so they do not lie side by side.
 * @param {number} keys
 */
function zipf(keys, count = DRAWS, seed = SEED) {
  const random = randomFrom(seed);
  const keyOfRank = new Uint32Array(keys);
  let total = 0;
  for (let rank = 0; rank < keys; rank++) {
    keyOfRank[rank] = rank;
    total += weight(rank);
  }
  shuffle(keyOfRank, random);
  const drawn = new Uint32Array(count);
  let rank = 0;
  let upTo = weight(0);
  for (let index = 0; index < count; index++) {
    const point = ((index + random()) / count) * total;
    while (upTo < point && rank < keys - 1) upTo += weight(++rank);
    drawn[index] = keyOfRank[rank];
  }
  return shuffle(drawn, random);
}

/** How often a rank is drawn, in proportion. @param {number} rank */
const weight = (rank) => 1 / (rank + 1) ** ZIPF_EXPONENT;

/** @param {Uint32Array} numbers @param {() => number} random */
function shuffle(numbers, random) {
  for (let last = numbers.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const number = numbers[last];
    numbers[last] = numbers[other];
    numbers[other] = number;
  }
  return numbers;
}

/** @param {'zipf' | 'uniform'} distribution @param {number} keys */
const draws = (distribution, keys) => (distribution === 'zipf' ? zipf(keys) : uniform(keys));

/**
 * 20 characters, made anew at each call as for each request: V8 has not hashed them yet, and they are not in one piece.
 * @param {number} number
 */
const keyOf = (number) => `user:session:${FIRST + number}`;

/**
 * Strings of one length that differ in the number after the prefix, each in one piece of its own: V8 puts concatenated ones
 * together only when it must.
 * @param {string} prefix
 * @param {number} bytes
 */
function strings(prefix, bytes) {
  const buffer = Buffer.from(`${prefix}${FIRST}`.padEnd(bytes, ' redstart'), 'latin1');
  return (/** @type {number} */ number) => {
    buffer.write(`${FIRST + number}`, prefix.length, 'latin1');
    return buffer.toString('latin1');
  };
}

/** Keys as an app has them that keeps them: the same strings at each call. @param {number} keys */
function stableKeys(keys) {
  const keyInOnePiece = strings('user:session:', 20);
  return Array.from({ length: keys }, (_, number) => keyInOnePiece(number));
}

/** 200 bytes as JSON. @param {number} number */
const object200 = (number) => ({
  id: FIRST + number,
  name: 'Ada Lovelace',
  email: `ada.lovelace.${FIRST + number}@example.com`,
  roles: ['author', 'editor'],
  plan: 'family',
  active: true,
  seats: 12,
  balance: 1234.5,
  createdAt: '2025-03-14T09:26:53Z',
});

/** 1 KB as JSON. @param {number} number */
const object1k = (number) => ({
  ...object200(number),
  address: { street: '12 St. James Square', city: 'London', postcode: 'SW1Y 4JH', country: 'GB' },
  orders: Array.from({ length: 7 }, (_, index) => ({
    id: FIRST + number + index,
    item: 'Analytical Engine, part',
    quantity: 1 + index,
    price: 99.95,
    paid: index !== 3,
  })),
  note: 'Prefers to be called in the morning, and to have invoices sent to the offices in Marylebone Road.',
});

/** What a cache holds under a number, by the name of the kind. @type {Record<string, (number: number) => any>} */
const VALUES = { string100: strings('', 100), string1k: strings('', 1024), object200, object1k };

module.exports = { draws, uniform, zipf, keyOf, strings, stableKeys, VALUES };
