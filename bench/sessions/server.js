/**
 * The app that a flood meets: Express with express-session on redstart/express-session, in a process of its own. It tells its
 * address, and what its store holds when asked; it ends with the process that started it.
 */
const path = require('node:path');
const express = require('express');
const session = require('express-session');
const { ROOT } = require('../../scripts/run.js');
const { open } = require(ROOT);
const { SessionStore } = require(path.join(ROOT, 'lib/express-session.js'));

/** Requests between two looks at what is held. */
const LOOK_EVERY = 20;

const { secret, saveUninitialized, maxAnonymous } = JSON.parse(process.argv[2]);
const store = open('memory:');
const sessions = store.sessions('web', {
  ttl: '1h',
  maxAnonymous,
  userId: (/** @type {{ user?: string }} */ { user }) => user,
});

/** The most that any look has found; `bytesFull`: what was held when visitors first filled their room. */
const seen = { anonymous: 0, bytes: 0, bytesFull: 0, looks: 0 };

async function look() {
  const { bytes, sessions: of } = await store.stats();
  const { anonymous } = of.web;
  seen.anonymous = Math.max(seen.anonymous, anonymous);
  seen.bytes = Math.max(seen.bytes, bytes);
  if (seen.bytesFull === 0 && anonymous >= maxAnonymous) seen.bytesFull = bytes;
  seen.looks += 1;
}

const app = express();
let requests = 0;
app.use((_req, res, next) => {
  requests += 1;
  if (requests % LOOK_EVERY === 0) res.on('finish', look);
  next();
});
app.use(session({ secret, resave: false, saveUninitialized, store: new SessionStore({ sessions }) }));
app.get('/me', (req, res) => res.json(req.session.user ?? null));
app.get('/login', (req, res, next) =>
  req.session.regenerate((/** @type {unknown} */ error) => {
    if (error) return next(error);
    req.session.user = req.query.user;
    return res.json(req.session.user);
  }),
);

const server = app.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${server.address().port}` });
});
process.on('message', async () => {
  await look();
  const { bytes, sessions: of } = await store.stats();
  process.send?.({ bytes, count: await sessions.count(), seen, of: of.web, rss: process.memoryUsage.rss() });
});
process.on('disconnect', () => process.exit());
