'use strict';
// One site, served by several threads from one store.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith } = require('./support/cache-response/serving.js');

const THREAD = path.join(__dirname, 'support', 'cache-response', 'thread.js');
const SITE = { headers: { host: 'site.example' } };

/** An answer of the server at this port. */
async function askAt(port, url, method = 'GET') {
  const request = http.request({ host: '127.0.0.1', port, path: url, method, agent: false, ...SITE }).end();
  const [response] = await once(request, 'response');
  let body = '';
  for await (const text of response.setEncoding('utf8')) body += text;
  return { body, cache: response.headers['x-cache'] };
}

test('threads share pages, runs of the handler and invalidations', async () => {
  const url = 'memory:cache-response-threads';
  const store = open(url);
  const cache = store.cache('pages', { ttl: '1m' });
  const thread = new Worker(THREAD, { workerData: { url } });
  const [{ port }] = await once(thread, 'message');
  const app = appWith(cacheResponse({ cache }), (_req, res) => res.send('by this one'));
  await serving(app, async (ask) => {
    const running = once(thread, 'message');
    const there = askAt(port, '/');
    await running;
    // The thread makes the page: this one waits for it.
    const here = ask('/', SITE);
    const other = await ask('/other', SITE);
    assert.deepEqual([other.body, app.runs], ['by this one', 1]);
    thread.postMessage('go on');
    assert.deepEqual(await there, { body: 'by the thread: GET', cache: 'MISS' });
    const { body, cache: outcome } = await here;
    assert.deepEqual([body, outcome, app.runs], ['by the thread: GET', 'HIT', 1]);
    assert.deepEqual(await askAt(port, '/other'), { body: 'by this one', cache: 'HIT' });

    const changing = once(thread, 'message');
    const changed = askAt(port, '/other', 'PUT');
    await changing;
    thread.postMessage('go on');
    assert.equal((await changed).body, 'by the thread: PUT');
    assert.deepEqual([(await ask('/other', SITE)).cache, app.runs], ['MISS', 2]);
  });
  await thread.terminate();
  await store.close();
});
