/**
 * What the example app keeps its sessions in and limits its API with, by contender: what createApp() takes in place of its own.
 * The rule of the limit (key, limit, message) and the headers are those of examples/express-app/app.js.
 */
const { createRequire } = require('node:module');
const path = require('node:path');
const { ROOT } = require('../../../scripts/run.js');

const APP_DIR = path.join(ROOT, 'examples', 'express-app');
const ofApp = createRequire(path.join(APP_DIR, 'package.json'));
const { PLANS } = require(path.join(APP_DIR, 'state.js'));

/** As state.js has them for redstart. */
const SESSION_TTL_S = 7_200;
const WINDOW_MS = 60_000;

/** @typedef {{ sessionStore?: object, limitApi?: Function }} Parts */

/** @param {object} [store] Of express-rate-limit; none: its default, in memory. */
function limitApi(store) {
  const { ipKeyGenerator, rateLimit } = require('express-rate-limit');
  return rateLimit({
    windowMs: WINDOW_MS,
    keyGenerator: (req) => req.member?.id ?? ipKeyGenerator(req.ip),
    limit: (req) => (req.member ? PLANS.member : PLANS.visitor),
    message: { error: 'Too many requests, please slow down.' },
    identifier: 'api',
    // redstart sends both by default, express-rate-limit the older ones alone.
    standardHeaders: 'draft-8',
    legacyHeaders: true,
    store,
  });
}

/** @type {Record<string, (options: { redisUrl: string }) => Parts | Promise<Parts>>} */
const CONTENDERS = {
  // The app's own.
  redstart: () => ({}),

  'in-memory defaults'() {
    const { MemoryStore } = ofApp('express-session');
    return { sessionStore: new MemoryStore(), limitApi: limitApi() };
  },

  async Redis({ redisUrl }) {
    const { createClient } = require('redis');
    const { RedisStore: LimitStore } = require('rate-limit-redis');
    // An ES module.
    const { RedisStore: SessionStore } = await import('connect-redis');
    const client = createClient({ url: redisUrl });
    await client.connect();
    await client.flushAll();
    return {
      sessionStore: new SessionStore({ client, ttl: SESSION_TTL_S }),
      limitApi: limitApi(new LimitStore({ sendCommand: (...command) => client.sendCommand(command) })),
    };
  },
};

module.exports = { APP_DIR, CONTENDERS };
