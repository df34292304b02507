'use strict';

// One feature of the installed package, as its README uses it: node feature.cjs <name>

const assert = require('node:assert/strict');
const http = require('node:http');
const { Worker } = require('node:worker_threads');
const { manualClock, open } = require('redstart');

/** Calls a server that answers by `listener`, a number of times, and returns the responses with their bodies. */
async function fetchAll(listener, times, headersOf = () => ({})) {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const answers = [];
  for (let call = 0; call < times; call++) {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: headersOf(answers) });
    answers.push({ status: answer.status, headers: answer.headers, body: await answer.text() });
  }
  server.close();
  server.closeAllConnections();
  return answers;
}

/** What a page that counts visits says to one browser. */
async function visitTwice(url) {
  const first = await fetch(url);
  const cookie = first.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
  const second = await fetch(url, { headers: { cookie } });
  return `${await first.text()}, then ${await second.text()}`;
}

const features = {
  async cache() {
    const clock = manualClock();
    const store = open('memory:', { clock });
    const users = store.cache('users', { ttl: '5m' });
    let loads = 0;
    const load = async () => ({ name: 'Ada', load: ++loads });
    const [first, second] = await Promise.all([users.getOrSet('42', load), users.getOrSet('42', load)]);
    assert.deepEqual([first, second, loads], [{ name: 'Ada', load: 1 }, { name: 'Ada', load: 1 }, 1]);
    assert.deepEqual(users.getSync('42'), first);
    clock.advance('5m');
    assert.equal(await users.get('42'), undefined);
    await store.close();
  },

  async sessions() {
    const store = open('memory:');
    const sessions = store.sessions('web', { ttl: '2h' });
    const { id } = await sessions.create({ userId: 'u1' });
    const next = await sessions.regenerate(id);
    assert.equal(await sessions.get(id), undefined);
    assert.deepEqual(await sessions.get(next), { userId: 'u1' });
    assert.equal(await sessions.destroy(next), true);
    assert.equal(await sessions.count(), 0);
    await store.close();
  },

  async limiter() {
    const store = open('memory:');
    const limiter = store.limiter('api', { limit: 3, window: '1m' });
    const answers = Array.from({ length: 5 }, () => limiter.consumeSync('10.0.0.1').allowed);
    assert.deepEqual(answers, [true, true, true, false, false]);
    assert.equal((await limiter.consume('10.0.0.2')).remaining, 2);
    await store.close();
  },

  async queue() {
    const store = open('memory:');
    const queue = store.queue('mail');
    const worker = queue.process(async (job) => {
      if (job.attempt === 1) throw new Error('busy');
      return `sent to ${job.data.to}`;
    });
    const job = await queue.add('welcome', { to: 'ada' }, { attempts: 2, backoff: { type: 'fixed', delay: 10 } });
    assert.equal(await job.result({ timeout: '10s' }), 'sent to ada');
    await worker.close();
    await store.close();
  },

  async threads() {
    const store = open('memory:app');
    const limiter = store.limiter('shared', { limit: 10, window: '1h' });
    const code = `const { open } = require('redstart');
      const limiter = open('memory:app').limiter('shared');
      for (let call = 0; call < 10; call++) limiter.consumeSync('k');`;
    const thread = new Worker(code, { eval: true });
    assert.equal(await new Promise((resolve) => thread.once('exit', resolve)), 0);
    assert.equal(limiter.consumeSync('k').allowed, false);
    await store.close();
  },

  async express() {
    const { cacheResponse, rateLimit } = require('redstart/express');
    const store = open('memory:');
    const limit = rateLimit({ limiter: store.limiter('api', { limit: 2, window: '1m' }), key: () => 'one' });
    const answers = await fetchAll((req, res) => limit(req, res, () => res.end('hello')), 3);
    assert.deepEqual([...answers.map(({ status }) => status)], [200, 200, 429]);
    assert.match(answers[2].headers.get('retry-after'), /^\d+$/);
    assert.ok(answers[0].headers.get('ratelimit'));
    const kept = cacheResponse({ cache: store.cache('pages', { ttl: '1m' }) });
    let runs = 0;
    const pages = await fetchAll((req, res) => kept(req, res, () => res.end(`run ${++runs}`)), 2);
    assert.deepEqual(
      [...pages.map(({ body, headers }) => `${body} ${headers.get('x-cache')}`)],
      ['run 1 MISS', 'run 1 HIT'],
    );
    await store.close();
  },

  async 'express-rate-limit'() {
    const express = require('express');
    const { rateLimit } = require('express-rate-limit');
    const { RateLimitStore } = require('redstart/express-rate-limit');
    const store = open('memory:');
    const counters = new RateLimitStore({ store, prefix: 'api' });
    const limit = rateLimit({ windowMs: 60_000, limit: 2, store: counters, keyGenerator: () => 'one' });
    const app = express();
    app.use(limit).get('/', (_req, res) => res.end('hello'));
    const answers = await fetchAll(app, 3);
    assert.deepEqual([...answers.map(({ status }) => status)], [200, 200, 429]);
    await store.close();
  },

  async 'express-session'() {
    const session = require('express-session');
    const { SessionStore } = require('redstart/express-session');
    const store = open('memory:');
    const sessions = new SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) });
    const middleware = session({ store: sessions, secret: 'of the check', resave: false, saveUninitialized: false });
    const listener = (req, res) =>
      middleware(req, res, () => {
        req.session.visits = (req.session.visits ?? 0) + 1;
        res.end(String(req.session.visits));
      });
    const cookieOf = ([first]) => (first ? { cookie: first.headers.get('set-cookie').split(';')[0] } : {});
    const answers = await fetchAll(listener, 3, cookieOf);
    assert.deepEqual([...answers.map(({ body }) => body)], ['1', '2', '3']);
    await store.close();
  },

  async 'fastify-rate-limit'() {
    const { fastifyRateLimitStore } = require('redstart/fastify-rate-limit');
    const store = open('memory:');
    const app = require('fastify')();
    const counters = fastifyRateLimitStore({ store, prefix: 'api' });
    await app.register(require('@fastify/rate-limit'), { max: 2, timeWindow: '1 minute', store: counters });
    app.get('/', async () => 'hello');
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const statuses = [];
    for (let call = 0; call < 3; call++) statuses.push((await fetch(url)).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    app.server.closeAllConnections();
    await app.close();
    await store.close();
  },

  async 'fastify-session'() {
    const { SessionStore } = require('redstart/fastify-session');
    const store = open('memory:');
    const app = require('fastify')();
    await app.register(require('@fastify/cookie'));
    await app.register(require('@fastify/session'), {
      store: new SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) }),
      secret: 'of the check, of at least 32 characters',
      cookie: { secure: false },
    });
    app.get('/', async (req) => {
      req.session.visits = (req.session.visits ?? 0) + 1;
      return String(req.session.visits);
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    assert.equal(await visitTwice(url), '1, then 2');
    app.server.closeAllConnections();
    await app.close();
    await store.close();
  },

  async 'koa-session'() {
    const Koa = require('koa');
    const { createSession } = require('koa-session');
    const { SessionStore } = require('redstart/koa-session');
    const store = open('memory:');
    const app = new Koa();
    app.keys = ['of the check'];
    app.use(createSession({ store: new SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) }) }, app));
    app.use((ctx) => {
      ctx.session.visits = (ctx.session.visits ?? 0) + 1;
      ctx.body = String(ctx.session.visits);
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    assert.equal(await visitTwice(`http://127.0.0.1:${server.address().port}/`), '1, then 2');
    server.closeAllConnections();
    server.close();
    await store.close();
  },

  async 'better-auth'() {
    const { secondaryStorage } = require('redstart/better-auth');
    const store = open('memory:');
    const storage = secondaryStorage({ sessions: store.sessions('auth', { ttl: '7d' }) });
    await storage.set('token', 'value', 60);
    assert.equal(await storage.increment('counter', 60), 1);
    assert.deepEqual([await storage.getAndDelete('token'), await storage.get('token')], ['value', null]);
    await store.close();
  },

  async keyv() {
    const { Keyv } = require('keyv');
    const { KeyvStore } = require('redstart/keyv');
    const clock = manualClock();
    const store = open('memory:', { clock });
    const keyv = new Keyv({ store: new KeyvStore({ cache: store.cache('keyv', { ttl: '5m' }) }) });
    await keyv.set('a', { name: 'Ada' }, 60_000);
    await keyv.set('b', 'Bob');
    assert.deepEqual(await keyv.getMany(['b', 'a']), ['Bob', { name: 'Ada' }]);
    clock.advance('1m');
    assert.deepEqual(await keyv.getMany(['b', 'a']), ['Bob', undefined]);
    await keyv.clear();
    assert.equal(await keyv.has('b'), false);
    await store.close();
  },

  async 'nest-throttler'() {
    const { ThrottlerStorage } = require('redstart/nest-throttler');
    const store = open('memory:');
    const storage = new ThrottlerStorage({ store, prefix: 'api' });
    const blocked = [];
    for (let call = 0; call < 3; call++) {
      blocked.push((await storage.increment('key', 60_000, 2, 60_000, 'default')).isBlocked);
    }
    assert.deepEqual(blocked, [false, false, true]);
    await store.close();
  },

  async 'rate-limiter-flexible'() {
    const { RateLimiterRes, RateLimiterUnion } = require('rate-limiter-flexible');
    const { RateLimiterRedstart } = require('redstart/rate-limiter-flexible');
    const store = open('memory:');
    const limiter = new RateLimiterRedstart({ store, keyPrefix: 'api', points: 2, duration: 60 });
    assert.equal((await limiter.consume('key', 2)).remainingPoints, 0);
    const refused = await new RateLimiterUnion(limiter).consume('key').catch((error) => error);
    assert.ok(refused.api instanceof RateLimiterRes);
    await store.close();
  },
};

features[process.argv[2]]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
