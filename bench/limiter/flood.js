/**
 * One fresh process of the limiter bench: somebody makes up keys, far more than maxKeys. Memory must stay as it is, and
 * who is limited must stay so: a limiter that forgets keys to make room would let everybody in again. Prints JSON.
 */
const { open } = require('../../index.js');

const MAX_KEYS = 100_000;
const LIMIT = 3;
const SAMPLES = 10;

/** @param {number} number */
const keyOf = (number) => `user:${1_000_000 + number}`;

const [algorithm, keysText, settledText] = process.argv.slice(2);
const [KEYS, SETTLED] = [Number(keysText), Number(settledText)];

function rssBytes() {
  globalThis.gc();
  return process.memoryUsage.rss();
}

/** Calls on few keys, so that V8 has its size before anything is looked at. */
function warmUp() {
  const store = open('memory:');
  const limiter = store.limiter('warm-up', { limit: LIMIT, window: '1h', algorithm });
  for (let call = 0; call < 1_000_000; call++) limiter.consumeSync(keyOf(call % 1_000));
  return store.close();
}

async function main() {
  await warmUp();
  const limiter = open('memory:').limiter('flood', { limit: LIMIT, window: '1h', algorithm, maxKeys: MAX_KEYS });
  for (let unit = 0; unit < LIMIT; unit++) limiter.consumeSync('limited');
  for (let unit = 0; unit < LIMIT - 1; unit++) limiter.consumeSync('one left');

  /** @type {{ keys: number, rss: number }[]} From the first SETTLED keys on. */
  const samples = [];
  const every = Math.ceil((KEYS - SETTLED) / SAMPLES);
  const start = process.hrtime.bigint();
  let measuring = 0n;
  for (let number = 0; number < KEYS; number++) {
    limiter.consumeSync(keyOf(number));
    const keys = number + 1;
    if (keys >= SETTLED && (keys - SETTLED) % every === 0) {
      const from = process.hrtime.bigint();
      samples.push({ keys, rss: rssBytes() });
      measuring += process.hrtime.bigint() - from;
    }
  }
  const ns = Number(process.hrtime.bigint() - start - measuring) / KEYS;
  const limited = limiter.consumeSync('limited');
  const oneLeft = [limiter.consumeSync('one left'), limiter.consumeSync('one left')];
  console.log(JSON.stringify({ samples, ns, limited, oneLeft, stats: await limiter.stats() }));
}

main();
