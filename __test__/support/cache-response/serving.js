'use strict';
// An app behind cacheResponse() over real HTTP, and a client that says and hears every header as it is.
const http = require('node:http');
const express = require('express');

/**
 * Serves for the length of one call. `ask(path, { method, headers, body })` gives status, headers and body (bytes) of an
 * answer; `open` gives the request, to be aborted or to be read slowly.
 */
async function serving(listener, visit) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const agent = new http.Agent();
  const open = (path = '/', { method = 'GET', headers = {}, body } = {}) => {
    const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent });
    request.end(body);
    return request;
  };
  const ask = async (path, options) => {
    const request = open(path, options);
    const response = await new Promise((resolve, reject) => {
      request.once('response', resolve).once('error', reject);
    });
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const { statusCode: status, headers, rawHeaders } = response;
    return { status, headers, rawHeaders, bytes, body: bytes.toString(), cache: headers['x-cache'] };
  };
  try {
    return await visit(ask, { open, port });
  } finally {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An Express app behind this middleware, whose handler counts its runs in `app.runs`. Errors are told as JSON. */
function appWith(middleware, handler = (_req, res) => res.send('page')) {
  const app = express();
  // Express prints no errors then.
  app.set('env', 'test');
  app.runs = 0;
  app.use(...[middleware].flat());
  app.use((req, res, next) => {
    app.runs += 1;
    res.locals.run = app.runs;
    return handler(req, res, next);
  });
  app.use((error, _req, res, next) => {
    if (res.headersSent) return next(error);
    res.status(error.status ?? 500).json({ code: error.code, message: error.message });
  });
  return app;
}

/** A promise, and what resolves it. */
function gate() {
  let openGate;
  const passed = new Promise((resolve) => {
    openGate = resolve;
  });
  return { passed, open: openGate };
}

/** Resolves once `holds()` does, at a turn of the event loop. */
async function until(holds) {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 20_000) throw new Error(`never held: ${holds}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

module.exports = { serving, appWith, gate, until };
