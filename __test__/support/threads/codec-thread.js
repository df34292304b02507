'use strict';
// Decodes what the main thread stored, and stores what came of it beside: bent here, it comes back bent.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('../../..');

const { url, codec, keys } = workerData;
const cache = open(url).cache('values', { ttl: null, near: false, codec });
for (const key of keys) cache.setSync(`${key} back`, cache.getSync(key));
parentPort.postMessage(keys.length);
