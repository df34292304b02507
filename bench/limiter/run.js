/**
 * npm run bench:limiter [-- --quick]: what a flood of made-up keys does to a limiter; below each algorithm's figures: what
 * must hold. --quick sends a tenth. What a key takes and a decision costs, beside other limiters, is in bench/peers.
 */
const os = require('node:os');
const path = require('node:path');
const { STEADY_HEAP, child, tell, whole } = require('../figures.js');

const ALGORITHMS = ['sliding-window', 'sliding-log', 'sliding-counter', 'fixed-window', 'token-bucket', 'gcra'];
const FLOOD_KEYS = 10_000_000;
const FLOOD_KEYS_QUICK = 1_000_000;
/** maxKeys are reached at half of this. */
const FLOOD_SETTLED = 200_000;
const FLOOD_GROWTH_MAX = 0.1;

/** @param {string} algorithm @param {number} keys @returns {boolean} Whether everything holds. */
function flood(algorithm, keys) {
  const file = path.join(__dirname, 'flood.js');
  const { samples, ns, limited, oneLeft, stats } = child(file, [algorithm, keys, FLOOD_SETTLED], STEADY_HEAP);
  const [first, ...later] = samples.map((/** @type {{ rss: number }} */ sample) => sample.rss);
  const growth = Math.max(...later) / first - 1;
  const mb = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `${algorithm}: ${whole(ns)} ns a key; RSS in MB from ${whole(FLOOD_SETTLED)} keys on: ${[first, ...later].map(mb).join(' ')}`,
  );
  return tell([
    [`RSS grows by ${(100 * growth).toFixed(1)} %, at most ${100 * FLOOD_GROWTH_MAX}`, growth <= FLOOD_GROWTH_MAX],
    [`${whole(stats.keys)} keys held, at most 100,000`, stats.keys <= 100_000],
    ['a limited key is limited as before', !limited.allowed && limited.reason === 'limit'],
    ['a key with one unit left has exactly one', oneLeft[0].allowed && oneLeft[1].reason === 'limit'],
  ]);
}

const args = process.argv.slice(2);
const unknown = args.find((arg) => arg !== '--quick');
if (unknown !== undefined) throw new Error(`--quick or nothing, not "${unknown}"`);
const keys = args.includes('--quick') ? FLOOD_KEYS_QUICK : FLOOD_KEYS;
console.log(`Node ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs`);
console.log(`flood: ${whole(keys)} distinct keys against maxKeys 100,000, limit 3, window 1h`);
const holds = ALGORITHMS.map((algorithm) => flood(algorithm, keys));
if (holds.includes(false)) process.exitCode = 1;
