'use strict';
// A thread that serves the same site from the same store. Its handler waits to be told, and tells of each run.
const http = require('node:http');
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { cacheResponse } = require('redstart/express');
const { appWith } = require('./serving.js');

const store = open(workerData.url);
const app = appWith(cacheResponse({ cache: store.cache('pages') }), async (req, res) => {
  parentPort.postMessage({ run: req.url });
  await new Promise((resolve) => parentPort.once('message', resolve));
  res.send(`by the thread: ${req.method}`);
});
const server = http.createServer(app);
server.listen(0, '127.0.0.1', () => parentPort.postMessage({ port: server.address().port }));
