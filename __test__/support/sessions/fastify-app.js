'use strict';
// Real Fastify with real @fastify/session over a real socket.
const fastify = require('fastify');
const fastifyCookie = require('@fastify/cookie');
const fastifySession = require('@fastify/session');
const { SessionStore } = require('redstart/fastify-session');
const { Browser } = require('./browser.js');

const SECRET = 'a secret of the tests, long enough';

/** What the app knows a browser by. @param {Browser} browser */
const sidOf = (browser) =>
  decodeURIComponent(browser.cookie)
    .replace(/^[^=]*=/, '')
    .replace(/\.[^.]*$/, '');

/**
 * Serves an app with sessions for the length of `visit`: /login?user=, /me, /logout, /set?key=value and what `routes` adds.
 * Visitors without data are not stored unless `options` say so. Errors are 500 with their code and message as JSON.
 */
async function serving({ sessions, options = {}, routes = () => {} }, visit) {
  const sessionStore = new SessionStore({ sessions });
  const app = fastify();
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    secret: SECRET,
    saveUninitialized: false,
    store: sessionStore,
    ...options,
    cookie: { secure: false, ...options.cookie },
  });
  app.get('/login', async (request) => {
    request.session.user = request.query.user;
    return 'in';
  });
  app.get('/me', async (request, reply) => {
    reply.type('application/json');
    return JSON.stringify(request.session.user ?? null);
  });
  app.get('/logout', async (request) => {
    await request.session.destroy();
    return 'out';
  });
  app.get('/set', async (request) => {
    Object.assign(request.session, request.query);
    return 'set';
  });
  routes(app, sessionStore);
  app.setErrorHandler((error, _request, reply) => reply.status(500).send({ code: error.code, message: error.message }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    return await visit({ browser: (cookie) => new Browser(url, cookie), sessionStore });
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
}

module.exports = { serving, sidOf };
