'use strict';
// A thread that serves a limited Express app over the store that all of them share, until it is told to stop.
const { parentPort, workerData } = require('node:worker_threads');
const express = require('express');
const { rateLimit } = require('express-rate-limit');
const { open } = require('../../..');
const { RateLimitStore } = require('redstart/express-rate-limit');

const { url, limit } = workerData;
const store = open(url);
const app = express();
app.use(rateLimit({ windowMs: 3_600_000, limit, store: new RateLimitStore({ store, prefix: 'api' }) }));
app.get('/', (_req, res) => res.send('in'));
const server = app.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
parentPort.once('message', () => {
  server.closeAllConnections();
  server.close(() => store.close());
});
