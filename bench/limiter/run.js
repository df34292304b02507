/**
 * npm run bench:limiter [-- --quick] [memory] [speed] [flood]: what a key of a limiter takes and what a decision costs,
 * beside the limiters in common use, and what a flood of made-up keys does. Each figure is the median of fresh processes; in
 * `speed` these take turns, forwards and backwards, so that a machine that slows down slows all of them. Below the
 * flood: what must hold. --quick looks once at everything.
 */
const os = require('node:os');
const path = require('node:path');
const { installModules } = require('../../scripts/setup/node-modules.js');
const { ALGORITHMS, RIVALS, versions } = require('./contenders.js');
const { STEADY_HEAP, child, range, table, whole } = require('../figures.js');

const SPEED_OF = ['sliding-window', 'sliding-window, awaited', 'gcra', 'gcra, awaited', ...RIVALS];
const SPEED_KEYS = [10_000, 1_000_000];
const FLOOD_KEYS = 10_000_000;
const FLOOD_KEYS_QUICK = 1_000_000;
/** maxKeys are reached at half of this. */
const FLOOD_SETTLED = 200_000;
const FLOOD_GROWTH_MAX = 0.1;

const row = table(44, 22);
/** @param {string} file @param {unknown[]} args @param {string[]} [options] */
const fresh = (file, args, options) => child(path.join(__dirname, file), args, options);

/** @param {number} processes */
function memory(processes) {
  console.log('memory: bytes a key, 1,000,000 keys such as user:1234567, one hit each, window 1h');
  row('', 'growth of RSS', 'by its own stats()');
  for (const contender of [...ALGORITHMS, ...RIVALS]) {
    const looks = Array.from({ length: processes }, () => fresh('memory.js', [contender], STEADY_HEAP));
    row(contender, range(looks.map((look) => look.perKey)), looks[0].said?.toFixed(1) ?? '');
  }
  console.log('A sliding log holds one call a key here, in room for four; each further one takes 8 bytes.\n');
}

/** @param {number} processes */
function speed(processes) {
  /** @type {Map<string, number[]>} */
  const times = new Map();
  const lines = SPEED_KEYS.flatMap((keys) => SPEED_OF.map((contender) => ({ contender, keys })));
  for (let round = 0; round < processes; round++) {
    process.stderr.write(`speed, round ${round + 1} of ${processes}\n`);
    for (const { contender, keys } of round % 2 === 0 ? lines : [...lines].reverse()) {
      const at = `${contender}@${keys}`;
      times.set(at, [...(times.get(at) ?? []), fresh('speed.js', [contender, keys]).ns]);
    }
  }
  console.log('speed: ns a decision, all allowed, keys in random order, answer included');
  row('', ...SPEED_KEYS.map((keys) => `${whole(keys)} keys`));
  for (const contender of SPEED_OF) {
    row(contender, ...SPEED_KEYS.map((keys) => range(times.get(`${contender}@${keys}`) ?? [])));
  }
  console.log('The keys are strings that V8 has hashed before, which spares that to whoever keeps a Map.\n');
}

/** @param {number} keys @returns {boolean} Whether everything holds. */
function flood(keys) {
  console.log(`flood: ${whole(keys)} distinct keys against maxKeys 100,000, limit 3, window 1h`);
  let all = true;
  for (const algorithm of ALGORITHMS) {
    const { samples, ns, limited, oneLeft, stats } = fresh('flood.js', [algorithm, keys, FLOOD_SETTLED], STEADY_HEAP);
    const [first, ...later] = samples.map((sample) => sample.rss);
    const growth = Math.max(...later) / first - 1;
    const mb = (/** @type {number} */ bytes) => (bytes / 2 ** 20).toFixed(1);
    console.log(
      `${algorithm}: ${whole(ns)} ns a key; RSS in MB from ${whole(FLOOD_SETTLED)} keys on: ${[first, ...later].map(mb).join(' ')}`,
    );
    const checks = [
      [`RSS grows by ${(100 * growth).toFixed(1)} %, at most ${100 * FLOOD_GROWTH_MAX}`, growth <= FLOOD_GROWTH_MAX],
      [`${whole(stats.keys)} keys held, at most 100,000`, stats.keys <= 100_000],
      ['a limited key is limited as before', !limited.allowed && limited.reason === 'limit'],
      ['a key with one unit left has exactly one', oneLeft[0].allowed && oneLeft[1].reason === 'limit'],
    ];
    for (const [what, holds] of checks) {
      console.log(`  ${holds ? 'holds' : 'BROKEN'}: ${what}`);
      all = all && Boolean(holds);
    }
  }
  return all;
}

async function main() {
  const args = process.argv.slice(2);
  const quick = args.includes('--quick');
  const parts = args.filter((arg) => arg !== '--quick');
  const unknown = parts.find((part) => !['memory', 'speed', 'flood'].includes(part));
  if (unknown !== undefined) throw new Error(`memory, speed, flood or --quick, not "${unknown}"`);
  const wants = (/** @type {string} */ part) => parts.length === 0 || parts.includes(part);
  await installModules(__dirname, console.log);
  console.log(
    `Node ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs; ${versions().join(', ')}`,
  );
  console.log(`median (least, most) of fresh processes: memory ${quick ? 1 : 3}, speed ${quick ? 1 : 5}\n`);
  if (wants('memory')) memory(quick ? 1 : 3);
  if (wants('speed')) speed(quick ? 1 : 5);
  if (wants('flood') && !flood(quick ? FLOOD_KEYS_QUICK : FLOOD_KEYS)) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
