'use strict';
// Limited apps over real HTTP. An answer is handed out when the server has done with it too, so that what happens at the
// end of a response (a refund) has happened.
const http = require('node:http');
const { once } = require('node:events');
const express = require('express');

const tick = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Serves for the length of one call. `get` resolves with status, headers, text and, where it is JSON, json; or with the
 * error of a connection that was cut.
 * @param {import('node:http').RequestListener} listener
 * @param {(get: (path?: string, options?: RequestInit) => Promise<any>, port: number) => unknown} visit
 */
async function serving(listener, visit) {
  const open = new Set();
  const server = http.createServer((req, res) => {
    const closed = new Promise((resolve) => res.once('close', resolve)).then(() => open.delete(closed));
    open.add(closed);
    listener(req, res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const get = async (path = '/', options = {}) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, options).then(read, (error) => ({ error }));
    await Promise.all(open);
    await tick();
    return answer;
  };
  try {
    return await visit(get, port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** @param {Response} response */
async function read(response) {
  const { status, headers } = response;
  const text = await response.text();
  const isJson = headers.get('content-type')?.startsWith('application/json');
  return { status, headers, text, json: isJson && text !== '' ? JSON.parse(text) : undefined };
}

/**
 * An Express app behind these limits, which tells what the request keeps; ?status= is what it answers with. Errors are
 * told as JSON.
 * @param {...any} middleware
 */
function appWith(...middleware) {
  const app = express();
  if (middleware.length > 0) app.use(...middleware);
  app.use((req, res) => res.status(Number(req.query.status ?? 200)).json({ seen: req.rateLimit ?? null }));
  app.use((error, _req, res, _next) => res.status(500).json({ code: error.code, message: error.message }));
  return app;
}

/** The codes of the process warnings that come while `work` runs. @param {() => unknown} work */
async function warningsDuring(work) {
  const seen = [];
  const note = (warning) => seen.push(warning);
  process.on('warning', note);
  try {
    await work();
    // They are emitted on the next tick.
    await tick();
  } finally {
    process.off('warning', note);
  }
  return seen.filter(({ code }) => String(code).startsWith('REDSTART_'));
}

module.exports = { serving, appWith, warningsDuring, tick };
