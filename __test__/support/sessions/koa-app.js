'use strict';
// Real Koa with real koa-session over a real socket.
const http = require('node:http');
const Koa = require('koa');
const { createSession } = require('koa-session');
const { SessionStore } = require('redstart/koa-session');
const { Browser } = require('./browser.js');

/** What the app knows a browser by. @param {Browser} browser */
const sidOf = (browser) => browser.cookie.replace(/^[^=]*=/, '');

const ROUTES = {
  '/login': (ctx) => {
    ctx.session.user = ctx.query.user;
    ctx.body = 'in';
  },
  '/me': (ctx) => {
    ctx.type = 'json';
    ctx.body = JSON.stringify(ctx.session.user ?? null);
  },
  '/logout': (ctx) => {
    ctx.session = null;
    ctx.body = 'out';
  },
  '/set': (ctx) => {
    for (const [key, value] of Object.entries(ctx.query)) ctx.session[key] = value;
    ctx.body = 'set';
  },
};

/**
 * Serves an app with sessions for the length of `visit`: /login?user=, /me, /logout, /set?key=value and what `routes` adds.
 * Errors are 500 with their code and message as JSON.
 */
async function serving({ sessions, options = {}, routes = {} }, visit) {
  const sessionStore = new SessionStore({ sessions });
  const app = new Koa();
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.status = 500;
      ctx.body = { code: error.code, message: error.message };
    }
  });
  app.use(createSession({ signed: false, store: sessionStore, ...options }, app));
  const handlers = { ...ROUTES, ...routes };
  app.use((ctx) => handlers[ctx.path]?.(ctx));
  const server = http.createServer(app.callback());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    return await visit({ browser: (cookie) => new Browser(url, cookie), sessionStore });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

module.exports = { serving, sidOf };
