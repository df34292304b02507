'use strict';
// Starts what must be given back, and is gone in the same turn: a load, or as many near caches as it is told.
const { workerData } = require('node:worker_threads');
const { open } = require('redstart');

const { url, nears } = workerData;
const store = open(url);
for (let at = 0; at < nears; at++) store.cache(`c${at}`, { ttl: null }).getSync('k');
if (nears === 0) store.cache('c', { ttl: null }).getOrSet('k', () => new Promise(() => {}));
process.exit();
