/**
 * The stores of sessions that are compared, each as its users call it: `begin` makes a session and answers its id, `get` and
 * `set` are what a request does to one, `open` makes of what was got what the request changes. Rivals and
 * redstart/express-session go through the interface that express-session calls; their callbacks are made promises.
 */
const { randomBytes } = require('node:crypto');
const path = require('node:path');
const { promisify } = require('node:util');
const { ROOT } = require('../../../scripts/run.js');

/** Of JSON, the cookie of express-session included. */
const DATA_BYTES = 500;
const TTL_MS = 86_400_000;
/** The visits that a session begins with: so many that their digits stay as many. */
const VISITS = 100_000;

/**
 * @typedef {object} Contender
 * @property {(number: number) => Promise<string>} begin
 * @property {(id: string) => Promise<any>} get
 * @property {(id: string, got: any) => any} open
 * @property {(id: string, session: any) => Promise<unknown>} set
 * @property {() => Promise<{ bytes: number }>} [stats] What it says of itself.
 */

/** @param {number} number */
function dataOf(number) {
  const data = {
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    user: `user:${1_000_000 + number}`,
    visits: VISITS,
    roles: ['reader', 'editor'],
    csrf: '1f0c6b9e5d2a48737c1e9b0a6f5d4c3b',
    cart: [
      { sku: 'tea-0017', count: 2, cents: 450 },
      { sku: 'mug-0003', count: 1, cents: 1_250 },
    ],
    note: '',
  };
  data.note = 'n'.repeat(DATA_BYTES - JSON.stringify(data).length);
  return data;
}

/** @typedef {{ redisUrl: string, bounds?: { maxMemory: string, maxAnonymous: number } }} Options */

/** @param {Options} options @param {boolean} [owned] Whether its sessions are users', one each, or visitors'. */
function redstartSessions({ bounds }, owned = false) {
  const { open } = require(ROOT);
  const store = open('memory:', bounds && { maxMemory: bounds.maxMemory });
  const sessions = store.sessions('bench', {
    ttl: TTL_MS,
    ...(bounds && { maxAnonymous: bounds.maxAnonymous }),
    ...(owned && { userId: (/** @type {{ user: string }} */ data) => data.user }),
  });
  return { sessions, stats: async () => (await store.stats()).sessions.bench };
}

/** @param {Options} options @param {boolean} [owned] @returns {Contender} */
function redstart(options, owned) {
  const { sessions, stats } = redstartSessions(options, owned);
  return {
    begin: async (number) => (await sessions.create(dataOf(number))).id,
    get: (id) => sessions.get(id),
    open: (_id, got) => got,
    set: (id, session) => sessions.set(id, session),
    stats,
  };
}

/** @param {any} store A Store of express-session. @returns {Contender} */
function ofExpress(store) {
  const set = promisify(store.set.bind(store));
  return {
    async begin(number) {
      // As long as express-session makes them, and redstart.
      const id = randomBytes(24).toString('base64url');
      await set(id, dataOf(number));
      return id;
    },
    get: promisify(store.get.bind(store)),
    open: (id, got) => store.createSession({ sessionID: id, sessionStore: store }, got),
    set,
  };
}

/** @param {Options} options @returns {Contender} */
function redstartDoor(options) {
  const { SessionStore } = require(path.join(ROOT, 'lib/express-session.js'));
  const { sessions, stats } = redstartSessions(options);
  return { ...ofExpress(new SessionStore({ sessions })), stats };
}

function memoryStore() {
  const { MemoryStore } = require('express-session');
  return ofExpress(new MemoryStore());
}

/** As its README has it. */
function memorystore() {
  const MemoryStore = require('memorystore')(require('express-session'));
  return ofExpress(new MemoryStore({ checkPeriod: 86_400_000 }));
}

/** @param {Options} options */
async function connectRedis({ redisUrl }) {
  const client = await require('redis').createClient({ url: redisUrl }).connect();
  await client.flushAll();
  const { RedisStore } = require('connect-redis');
  return ofExpress(new RedisStore({ client }));
}

/** @type {Record<string, (options: Options) => Contender | Promise<Contender>>} */
const CONTENDERS = {
  redstart,
  'redstart/express-session': redstartDoor,
  "redstart, users' sessions": (options) => redstart(options, true),
  'express-session MemoryStore': memoryStore,
  memorystore,
  'connect-redis': connectRedis,
};

/** @param {string} name @param {Options} options @returns {Promise<Contender>} */
const contenderOf = async (name, options) => CONTENDERS[name](options);

module.exports = { DATA_BYTES, VISITS, contenderOf };
