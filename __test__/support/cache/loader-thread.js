'use strict';
// A thread that does with one cache what it is told: `ask` starts a getOrSet whose loader ends when told to.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const cache = open(workerData.url).cache(workerData.name ?? 'pages');
const calls = workerData.calls === undefined ? undefined : new Int32Array(workerData.calls);
let settle;
let leave;

const tell = (what, more) => parentPort.postMessage({ what, ...more });

async function ask({ key, outcome, options = {}, leaves = false }) {
  if (leaves) {
    leave = new AbortController();
    options.signal = leave.signal;
  }
  const loader = (context) => {
    if (calls !== undefined) Atomics.add(calls, 0, 1);
    context.signal.addEventListener('abort', () => tell('aborted', { name: context.signal.reason.name }));
    tell('loading');
    if (outcome === 'own value') return { by: workerData.number };
    return new Promise((resolve, reject) => {
      settle = (how) => (how === 'throw' ? reject(failure()) : resolve({ by: workerData.number }));
    });
  };
  try {
    tell('got', { value: await cache.getOrSet(key, loader, options) });
  } catch (error) {
    tell('failed', { name: error.name, code: error.code, message: error.message });
  }
}

function failure() {
  const cause = new TypeError('no route');
  const error = Object.assign(new RangeError('the database is away', { cause }), { code: 'E_AWAY' });
  error.name = 'DatabaseError';
  return error;
}

parentPort.on('message', ({ what, ...more }) => {
  if (what === 'ask') {
    ask(more);
    // It has been registered: a getOrSet goes as far as it can before it waits.
    tell('asked');
  } else if (what === 'settle') settle(more.how);
  else if (what === 'leave') leave.abort(new Error('left'));
  else process.exit();
});
tell('ready');
