/**
 * npm run bench:sessions [-- --quick] [memory] [speed] [flood]: what a session takes and what a request to it costs, beside
 * the stores of express-session in common use, and what floods of forged cookies and of visitors without cookies do to an app.
 * Each figure is the median of fresh processes; in `speed` these take turns, forwards and backwards, so that a machine that
 * slows down slows all of them. Below the floods: what must hold. --quick looks once, with a tenth of the sessions in
 * `memory` and of the requests in `flood`.
 */
const os = require('node:os');
const path = require('node:path');
const { installModules } = require('../../scripts/setup/node-modules.js');
const { CONTENDERS, DATA_BYTES, DEVIATIONS, OWN, RIVALS, versions } = require('./contenders.js');
const { STEADY_HEAP, child, range, table, tell, whole } = require('../figures.js');

const MEMORY_SESSIONS = 1_000_000;
const SPEED_SESSIONS = [1_000, 100_000];
const FORGED_REQUESTS = 20_000;
const VISITOR_REQUESTS = 200_000;
const MAX_ANONYMOUS = 10_000;
/** Users' sessions come on top of the visitors' that fill their room. */
const FLOOD_GROWTH_MAX = 0.1;

const row = table(34, 26);
/** @param {string} file @param {unknown[]} args @param {string[]} [options] */
const fresh = (file, args, options) => child(path.join(__dirname, file), args, options);

/** @param {number} sessions @param {number} processes */
function memory(sessions, processes) {
  console.log(`memory: bytes a session, ${whole(sessions)} sessions of ${DATA_BYTES} B of JSON each, one a user`);
  row('', 'growth of RSS', 'by its own stats()');
  for (const contender of [...OWN, ...RIVALS]) {
    process.stderr.write(`memory, ${contender}\n`);
    const looks = Array.from({ length: processes }, () => fresh('memory.js', [contender, sessions], STEADY_HEAP));
    row(contender, range(looks.map((look) => look.perSession)), looks[0].said?.toFixed(1) ?? '');
  }
  console.log();
}

/** @param {number} processes */
function speed(processes) {
  /** @type {Map<string, number[]>} */
  const times = new Map();
  const lines = SPEED_SESSIONS.flatMap((sessions) =>
    Object.keys(CONTENDERS).map((contender) => ({ contender, sessions })),
  );
  for (let round = 0; round < processes; round++) {
    process.stderr.write(`speed, round ${round + 1} of ${processes}\n`);
    for (const { contender, sessions } of round % 2 === 0 ? lines : [...lines].reverse()) {
      const at = `${contender}@${sessions}`;
      times.set(at, [...(times.get(at) ?? []), fresh('speed.js', [contender, sessions]).ns]);
    }
  }
  console.log(`speed: ns for get, a change and set of ${DATA_BYTES} B, each awaited, sessions in random order`);
  row('', ...SPEED_SESSIONS.map((sessions) => `${whole(sessions)} sessions`));
  for (const contender of Object.keys(CONTENDERS)) {
    row(contender, ...SPEED_SESSIONS.map((sessions) => range(times.get(`${contender}@${sessions}`) ?? [])));
  }
  console.log(
    'Stores of express-session make a Session of what they got, as its middleware has them do. The rivals call',
  );
  console.log('back by setImmediate: a turn of the event loop a call, which many requests at once would share.\n');
}

/** @param {number} requests @returns {boolean} Whether everything holds. */
function floodOfForged(requests) {
  const { seconds, opened, opening, before, after } = fresh('flood.js', ['forged', requests]);
  console.log(`flood: ${whole(requests)} requests with well-signed cookies of made-up ids, against Express`);
  console.log(`  ${seconds.toFixed(1)} s, ${whole(requests / seconds)} requests a second`);
  return tell([
    [`what signs them opens the session of a user whose id it knows: ${opened}`, opened === '"7"'],
    [`${whole(opening)} of them open a session or are given one`, opening === 0],
    [`the store holds ${whole(after.bytes)} B, before ${whole(before.bytes)}`, after.bytes === before.bytes],
    [`${whole(after.count)} sessions, before ${whole(before.count)}`, after.count === before.count],
  ]);
}

/** @param {number} requests @param {number} maxAnonymous @returns {boolean} Whether everything holds. */
function floodOfVisitors(requests, maxAnonymous) {
  const told = fresh('flood.js', ['visitors', requests, maxAnonymous]);
  const { seconds, failures, returnsToNothing, logins, alive, after } = told;
  const { anonymous, bytes, bytesFull, looks } = after.seen;
  const growth = bytes / bytesFull - 1;
  const mb = (/** @type {number} */ value) => (value / 2 ** 20).toFixed(2);
  console.log(
    `flood: ${whole(requests)} requests, all but one visitor's without cookies, saveUninitialized: true, maxAnonymous ${whole(maxAnonymous)}`,
  );
  console.log(
    `  ${seconds.toFixed(1)} s, ${whole(requests / seconds)} requests a second; ${whole(after.of.evicted)} evicted`,
  );
  console.log(`  RSS of the app at the end ${mb(after.rss)} MB`);
  return tell([
    [`${whole(failures)} requests fail`, failures === 0],
    [
      `at most ${whole(anonymous)} visitors' sessions in ${whole(looks)} looks; their room was filled`,
      anonymous === maxAnonymous,
    ],
    [
      `at most ${mb(bytes)} MB held, ${(100 * growth).toFixed(1)} % above ${mb(bytesFull)} MB as the room was first full`,
      growth <= FLOOD_GROWTH_MAX,
    ],
    [`${whole(alive)} of ${whole(logins)} users are logged in at the end`, logins > 0 && alive === logins],
    [`${whole(after.of.users)} users have sessions`, after.of.users === logins],
    [`a visitor who came back time and again found nothing ${whole(returnsToNothing)} times`, returnsToNothing === 0],
  ]);
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
  console.log(`median (least, most) of fresh processes: memory ${quick ? 1 : 3}, speed ${quick ? 1 : 5}`);
  const { maxMemory, maxAnonymous } = DEVIATIONS;
  console.log(
    `not as by default in memory and speed: redstart's maxMemory ${maxMemory}, maxAnonymous ${whole(maxAnonymous)};`,
  );
  console.log('memorystore with the checkPeriod of its README, no max\n');
  const share = quick ? 10 : 1;
  if (wants('memory')) memory(MEMORY_SESSIONS / share, quick ? 1 : 3);
  if (wants('speed')) speed(quick ? 1 : 5);
  if (!wants('flood')) return;
  const holds = [
    floodOfForged(FORGED_REQUESTS / share),
    floodOfVisitors(VISITOR_REQUESTS / share, MAX_ANONYMOUS / share),
  ];
  if (holds.includes(false)) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
