/**
 * npm run bench:sessions [-- --quick]: what floods of forged cookies and of visitors without cookies do to an app; below each:
 * what must hold. --quick sends a tenth. What a session takes and costs, beside other stores, is in bench/peers.
 */
const os = require('node:os');
const path = require('node:path');
const { child, tell, whole } = require('../figures.js');

const FORGED_REQUESTS = 20_000;
const VISITOR_REQUESTS = 200_000;
const MAX_ANONYMOUS = 10_000;
/** Users' sessions come on top of the visitors' that fill their room. */
const FLOOD_GROWTH_MAX = 0.1;

/** @param {unknown[]} args */
const fresh = (...args) => child(path.join(__dirname, 'flood.js'), args);

/** @param {number} requests @returns {boolean} Whether everything holds. */
function floodOfForged(requests) {
  const { seconds, opened, opening, before, after } = fresh('forged', requests);
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
  const told = fresh('visitors', requests, maxAnonymous);
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

const args = process.argv.slice(2);
const unknown = args.find((arg) => arg !== '--quick');
if (unknown !== undefined) throw new Error(`--quick or nothing, not "${unknown}"`);
const share = args.includes('--quick') ? 10 : 1;
console.log(`Node ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs`);
const holds = [
  floodOfForged(FORGED_REQUESTS / share),
  floodOfVisitors(VISITOR_REQUESTS / share, MAX_ANONYMOUS / share),
];
if (holds.includes(false)) process.exitCode = 1;
