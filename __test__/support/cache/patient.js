'use strict';
// 10,000 callers wait five seconds for one load, half of them in the thread that loads. What does the process do meanwhile?
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { open } = require('redstart');

const CALLERS_A_THREAD = 5_000;
const WAIT_MS = 5_000;

const cache = open('memory:patient').cache('pages', { ttl: '1h' });

function ask(loader) {
  return Promise.all(Array.from({ length: CALLERS_A_THREAD }, () => cache.getOrSet('slow', loader)));
}

async function lead() {
  let release;
  const values = ask(
    () =>
      new Promise((resolve) => {
        release = resolve;
      }),
  );
  parentPort.once('message', () => release('loaded'));
  parentPort.postMessage('loading');
  parentPort.postMessage((await values).filter((value) => value === 'loaded').length);
}

async function main() {
  const worker = new Worker(__filename);
  const next = () => new Promise((resolve) => worker.once('message', resolve));
  await next();
  let ownLoads = 0;
  const values = ask(() => ++ownLoads);
  // What registering them costs is not what waiting costs.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  const { user, system } = process.cpuUsage(before);
  worker.postMessage('release');
  const there = await next();
  const here = (await values).filter((value) => value === 'loaded').length;
  console.log(JSON.stringify({ cpuMs: (user + system) / 1_000, there, here, ownLoads }));
}

if (isMainThread) main();
else lead();
