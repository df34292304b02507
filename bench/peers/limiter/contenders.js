/**
 * The limiters that are compared, each as its users call it. `consume` takes one unit of a key: it returns the answer, or a
 * promise of it where a user would have to await one. Every answer is looked at: `tells` reads a number out of it, and
 * `told` is what that has to be at the n-th unit of a key.
 */
const { once } = require('node:events');
const { ROOT } = require('../../../scripts/run.js');

const WINDOW_MS = 3_600_000;
/** Nobody reaches it here: a denial of rate-limiter-flexible is a rejection, which costs more than the limiter. */
const LIMIT = 60_000;
/** Units come back all the time there, so what is left is not what was taken. */
const REFILLED = ['token-bucket', 'gcra'];

/**
 * @typedef {object} Contender
 * @property {(key: string) => any} consume
 * @property {boolean} awaited Whether `consume` returns a promise.
 * @property {(answer: any) => number} tells
 * @property {(hit: number) => number} told
 * @property {() => Promise<{ bytes: number, keys: number }>} [stats] What it says of itself.
 */

const nth = (/** @type {number} */ hit) => hit;

/** @param {string} algorithm @param {boolean} awaited @returns {() => Contender} */
function redstart(algorithm, awaited) {
  return () => {
    const { open } = require(ROOT);
    const limiter = open('memory:').limiter('bench', { limit: LIMIT, window: WINDOW_MS, algorithm });
    const consume = awaited
      ? (/** @type {string} */ key) => limiter.consume(key)
      : (/** @type {string} */ key) => limiter.consumeSync(key);
    const stats = () => limiter.stats();
    if (REFILLED.includes(algorithm)) {
      return { consume, awaited, tells: (answer) => Number(answer.allowed), told: () => 1, stats };
    }
    return { consume, awaited, tells: (answer) => LIMIT - answer.remaining, told: nth, stats };
  };
}

/** What the middleware of express-rate-limit awaits for each request. @param {any} store @returns {Contender} */
function ofExpressRateLimit(store) {
  return { consume: (key) => store.increment(key), awaited: true, tells: (answer) => answer.totalHits, told: nth };
}

function expressRateLimit() {
  const { MemoryStore } = require('express-rate-limit');
  const store = new MemoryStore();
  store.init({ windowMs: WINDOW_MS });
  return ofExpressRateLimit(store);
}

/** With node-redis, as the first example of its README. @param {string} url */
async function rateLimitRedis(url) {
  const client = await require('redis').createClient({ url }).connect();
  await client.flushAll();
  const { RedisStore } = require('rate-limit-redis');
  const store = new RedisStore({ sendCommand: (/** @type {string[]} */ ...args) => client.sendCommand(args) });
  await store.init({ windowMs: WINDOW_MS });
  return ofExpressRateLimit(store);
}

/** @param {any} limiter @returns {Contender} */
function ofFlexible(limiter) {
  return { consume: (key) => limiter.consume(key), awaited: true, tells: (answer) => answer.consumedPoints, told: nth };
}

const FLEXIBLE = { points: LIMIT, duration: WINDOW_MS / 1_000 };

function flexibleMemory() {
  const { RateLimiterMemory } = require('rate-limiter-flexible');
  return ofFlexible(new RateLimiterMemory(FLEXIBLE));
}

/** @param {string} url */
async function flexibleRedis(url) {
  const { Redis } = require('ioredis');
  const storeClient = new Redis(url);
  await once(storeClient, 'ready');
  await storeClient.flushall();
  const { RateLimiterRedis } = require('rate-limiter-flexible');
  return ofFlexible(new RateLimiterRedis({ storeClient, ...FLEXIBLE }));
}

/** @type {Record<string, (redisUrl: string) => Contender | Promise<Contender>>} */
const CONTENDERS = {
  redstart: redstart('sliding-window', false),
  'redstart, awaited': redstart('sliding-window', true),
  'redstart gcra, awaited': redstart('gcra', true),
  'express-rate-limit': expressRateLimit,
  'rate-limiter-flexible': flexibleMemory,
  'rate-limit-redis': rateLimitRedis,
  'rate-limiter-flexible, Redis': flexibleRedis,
};
for (const algorithm of ['sliding-log', 'sliding-counter', 'fixed-window', 'token-bucket', 'gcra']) {
  CONTENDERS[`redstart ${algorithm}`] = redstart(algorithm, false);
}

/** Keys of one length, as flat as what a server reads off a connection. @param {number} number */
const keyOf = (number) => `user:${1_000_000 + number}`;

/** @param {string} name @param {{ redisUrl: string }} options @returns {Promise<Contender>} */
const contenderOf = async (name, { redisUrl }) => CONTENDERS[name](redisUrl);

module.exports = { contenderOf, keyOf };
