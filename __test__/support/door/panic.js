'use strict';
// In a process of its own, on the probe's binary: a bound call panics, and life goes on.
const { lane, native, ready, scratch, STATUS_OK } = require('../../../lib/lane.js');
const { open, RedstartError } = require('redstart');

const probe = native.probeFunctions(lane);

function panic() {
  try {
    ready(probe.panic(), panic);
  } catch (error) {
    return { isOurs: RedstartError.is(error, 'ERR_INTERNAL'), message: error.message, retryable: error.retryable };
  }
  return 'nothing was thrown';
}

async function main() {
  const cache = open('memory:').cache('pages', { ttl: null });
  const panics = [panic(), panic()];
  await cache.set('home', 'still here');
  probe.empty();
  console.log(JSON.stringify({ panics, status: scratch[0] === STATUS_OK, value: await cache.get('home') }));
}

main();
