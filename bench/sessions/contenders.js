/**
 * The stores of sessions that are compared, each as its users call it: `begin` makes a session and returns its id, `visit`
 * is what a request does to one: get, a change, set. Rivals and redstart/express-session go through the interface that
 * express-session calls; their callbacks are made promises.
 */
const { randomBytes } = require('node:crypto');
const path = require('node:path');
const { promisify } = require('node:util');
const { ROOT } = require('../../scripts/run.js');

/** Of JSON, the cookie of express-session included. */
const DATA_BYTES = 500;
const TTL_MS = 86_400_000;
/** What redstart is given that is not its default, as its bounds are below what is measured here. */
const DEVIATIONS = { maxMemory: '4gb', maxAnonymous: 2_000_000 };

/**
 * @typedef {object} Contender
 * @property {(number: number) => Promise<string>} begin
 * @property {(id: string) => Promise<void>} visit
 * @property {() => Promise<{ bytes: number }>} [stats] What it says of itself.
 */

/** @param {number} number */
function dataOf(number) {
  const data = {
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    user: `user:${1_000_000 + number}`,
    visits: 100_000,
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

/** @param {boolean} owned Whether its sessions are users', one each, or visitors'. */
function redstartSessions(owned) {
  const { open } = require(ROOT);
  const store = open('memory:', { maxMemory: DEVIATIONS.maxMemory });
  const { maxAnonymous } = DEVIATIONS;
  const userId = (/** @type {{ user: string }} */ data) => data.user;
  const sessions = store.sessions('bench', { ttl: TTL_MS, maxAnonymous, ...(owned && { userId }) });
  return { sessions, stats: async () => (await store.stats()).sessions.bench };
}

/** @param {boolean} owned @returns {Contender} */
function redstart(owned) {
  const { sessions, stats } = redstartSessions(owned);
  return {
    begin: async (number) => (await sessions.create(dataOf(number))).id,
    async visit(id) {
      const data = await sessions.get(id);
      data.visits += 1;
      await sessions.set(id, data);
    },
    stats,
  };
}

/** @param {any} store A Store of express-session. @returns {Contender} */
function ofExpress(store) {
  const get = promisify(store.get.bind(store));
  const set = promisify(store.set.bind(store));
  return {
    async begin(number) {
      // As long as express-session makes them, and redstart.
      const id = randomBytes(24).toString('base64url');
      await set(id, dataOf(number));
      return id;
    },
    async visit(id) {
      const session = store.createSession({ sessionID: id, sessionStore: store }, await get(id));
      session.visits += 1;
      await set(id, session);
    },
  };
}

function redstartDoor() {
  const { SessionStore } = require(path.join(ROOT, 'lib/express-session.js'));
  return ofExpress(new SessionStore({ sessions: redstartSessions(false).sessions }));
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

const RIVALS = {
  'express-session, MemoryStore': memoryStore,
  memorystore,
};
const OWN = {
  "redstart, visitors' sessions": () => redstart(false),
  "redstart, users' sessions": () => redstart(true),
};

/** @type {Record<string, () => Contender>} */
const CONTENDERS = { ...OWN, 'redstart/express-session': redstartDoor, ...RIVALS };

/** The rivals' versions, as installed. */
function versions() {
  return ['express-session', 'memorystore'].map((name) => {
    // Not by its name: a package need not export its package.json.
    const { version } = require(path.join(__dirname, 'node_modules', name, 'package.json'));
    return `${name} ${version}`;
  });
}

module.exports = { CONTENDERS, DATA_BYTES, DEVIATIONS, OWN: Object.keys(OWN), RIVALS: Object.keys(RIVALS), versions };
