'use strict';
// Real Express with real express-session over a real socket, and as much of a browser as sessions need.
const http = require('node:http');
const express = require('express');
const session = require('express-session');
const { SessionStore } = require('redstart/express-session');

/** It keeps one cookie, and remembers the last response. */
class Browser {
  constructor(url, cookie = '') {
    this.url = url;
    this.cookie = cookie;
  }

  /** The body, from JSON where it is some. @param {string} path */
  async get(path) {
    const response = await fetch(this.url + path, { headers: { cookie: this.cookie } });
    this.status = response.status;
    this.setCookie = response.headers.get('set-cookie');
    if (this.setCookie) this.cookie = this.setCookie.split(';')[0];
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }

  /** Another window of it. */
  window() {
    return new Browser(this.url, this.cookie);
  }

  get sid() {
    return decodeURIComponent(this.cookie)
      .replace(/^.*=s:/, '')
      .replace(/\.[^.]*$/, '');
  }
}

/**
 * Serves an app with sessions for the length of `visit`: /login?user=, /me, /logout and what `routes` adds. Errors are 500
 * with their code and message as JSON.
 */
async function serving({ sessions, options = {}, routes = () => {} }, visit) {
  const sessionStore = new SessionStore({ sessions });
  const app = express();
  app.use(session({ secret: 'test', resave: false, saveUninitialized: false, store: sessionStore, ...options }));
  app.get('/login', (req, res) => {
    req.session.user = req.query.user;
    res.send('in');
  });
  app.get('/me', (req, res) => res.json(req.session.user ?? null));
  app.get('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.send('out'))));
  routes(app, sessionStore);
  app.use((error, _req, res, next) => {
    if (res.headersSent) return next(error);
    return res.status(500).json({ code: error.code, message: error.message });
  });
  // What fails after the response has begun is told by Express; it is no part of a test's output.
  app.set('env', 'test');
  const server = http.createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await visit({ browser: () => new Browser(`http://127.0.0.1:${server.address().port}`), sessionStore });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A place in a request where it stops until it is let go on. */
class Gate {
  #reach;
  #open;
  reached = new Promise((resolve) => {
    this.#reach = resolve;
  });
  #opened = new Promise((resolve) => {
    this.#open = resolve;
  });

  /** For the request. */
  pass() {
    this.#reach();
    return this.#opened;
  }

  open() {
    this.#open();
  }
}

module.exports = { Browser, Gate, serving };
