/**
 * npm run bench:queue [-- --quick]: what a waiting job takes, and what it costs to add a job and to run one while so many
 * wait: 1,000, 1,000,000 and 2,000,000; below, what must hold. Each figure is the median of fresh processes, which take
 * turns, forwards and backwards, so that a machine that slows down slows all of them. --quick looks once, with a tenth.
 */
const os = require('node:os');
const path = require('node:path');
const { STEADY_HEAP, child, median, range, table, tell, whole } = require('../figures.js');

const KINDS = ['plain', 'prioritized', 'grouped'];
const FEW = 1_000;
const MILLION = 1_000_000;
/** Against few waiting. */
const RATIO_MAX = 4;
/** Twice a million against a million. */
const GROWTH_MAX = 1.2;
const PROCESSES = 5;

/** @param {number} share @param {number} processes */
function measure(share, processes) {
  const sizes = [FEW, MILLION / share, (2 * MILLION) / share];
  /** @type {Map<string, { add: number, take: number, rss: number, said: number }[]>} */
  const looks = new Map();
  const lines = KINDS.flatMap((kind) => sizes.map((size) => ({ kind, size })));
  for (let round = 0; round < processes; round++) {
    process.stderr.write(`round ${round + 1} of ${processes}\n`);
    for (const { kind, size } of round % 2 === 0 ? lines : [...lines].reverse()) {
      const at = `${kind}@${size}`;
      const look = child(path.join(__dirname, 'waiting.js'), [size, kind], STEADY_HEAP);
      looks.set(at, [...(looks.get(at) ?? []), look]);
    }
  }
  const row = table(28, 26);
  row('jobs waiting', ...sizes.map(whole));
  /** @type {[string, boolean][]} */
  const checks = [];
  for (const kind of KINDS) {
    const of = (/** @type {'add' | 'take' | 'rss' | 'said'} */ what) =>
      sizes.map((size) => (looks.get(`${kind}@${size}`) ?? []).map((look) => look[what]));
    for (const what of /** @type {const} */ (['add', 'take'])) {
      const figures = of(what);
      row(`${kind}: ns a job, ${what === 'add' ? 'added' : 'run'}`, ...figures.map(range));
      const [few, million, twice] = figures.map(median);
      const [ratio, growth] = [million / few, twice / million];
      checks.push([
        `${kind}, ${what}: ${ratio.toFixed(2)} times as much with ${whole(sizes[1])} waiting, at most ${RATIO_MAX}`,
        ratio <= RATIO_MAX,
      ]);
      checks.push([
        `${kind}, ${what}: ${growth.toFixed(2)} times that with twice as many, at most ${GROWTH_MAX}`,
        growth <= GROWTH_MAX,
      ]);
    }
    const [, ...large] = of('rss');
    row(`${kind}: bytes a job, RSS`, '', ...large.map(range));
    row(`${kind}: bytes a job, stats()`, '', ...of('said').slice(1).map(range));
  }
  console.log();
  return tell(checks);
}

function main() {
  const args = process.argv.slice(2);
  const unknown = args.find((arg) => arg !== '--quick');
  if (unknown !== undefined) throw new Error(`--quick, not "${unknown}"`);
  const quick = args.includes('--quick');
  const processes = quick ? 1 : PROCESSES;
  console.log(`Node ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs`);
  console.log(`median (least, most) of ${processes} fresh processes; data of some 40 B; one thread; add() is awaited`);
  console.log('not as by default: maxMemory 8gb, removeOnComplete true\n');
  if (!measure(quick ? 10 : 1, processes)) process.exitCode = 1;
}

main();
