'use strict';
// Removes entries of a cache that another thread listens to.
const { workerData } = require('node:worker_threads');
const { open } = require('redstart');

const cache = open(workerData.url).cache('pages');
for (let at = 0; at < workerData.removals; at++) {
  cache.setSync(`k${at}`, at);
  cache.deleteSync(`k${at}`);
}
