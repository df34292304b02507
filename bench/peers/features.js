/** The features that are compared, one folder each, and the arguments of a run. */
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Stop } = require('../../scripts/run.js');

/**
 * @typedef {{ title: string, better: 'less' | 'more', digits?: number }} Metric
 * @typedef {{ package?: string | string[], durability: string, deviations?: string, redis?: boolean }} Contender
 * @typedef {object} Case
 * @property {string} id
 * @property {string} title
 * @property {string[]} contenders In the order of even rounds.
 * @property {object} options For the child.
 * @property {number | Record<string, number>} seconds One process of one contender, estimated.
 * @property {string[]} [node] Flags of Node.
 * @property {Record<string, Metric>} metrics
 * @typedef {object} Bar
 * @property {string} text
 * @property {string} case
 * @property {string} metric
 * @property {string} ours
 * @property {string} peer
 * @property {string} [peerCase] Where the peer's figure is not of the same case.
 * @property {number} [atLeast] Times as good as the peer.
 * @property {number} [atMost] Times the peer's figure.
 * @typedef {object} Feature
 * @property {string} name
 * @property {string} title
 * @property {string[]} notes
 * @property {string[]} notMeasured
 * @property {Record<string, Contender>} contenders
 * @property {(full: boolean) => Case[]} cases
 * @property {Bar[]} bars
 * @property {Record<string, string>} why
 */

const NAMES = ['cache', 'memory', 'threads', 'limiter', 'sessions', 'queue', 'requests'];
const DEFAULT_ROUNDS = 5;
const DEFAULT_FILE = path.join(__dirname, '..', '..', '.cache', 'bench-peers.json');

/** @param {string[]} args */
function readArguments(args) {
  const options = /** @type {const} */ ({
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
    rounds: { type: 'string', default: String(DEFAULT_ROUNDS) },
    json: { type: 'string', default: DEFAULT_FILE },
  });
  let values;
  try {
    values = parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new Stop(`${error.message}\nKnown: --only ${NAMES.join(',')}  --full  --rounds N  --json FILE`);
  }
  const only = values.only?.split(',') ?? NAMES;
  const unknown = only.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) throw new Stop(`--only takes some of ${NAMES.join(',')}, not "${unknown}"`);
  if (!/^[1-9]\d{0,2}$/.test(values.rounds)) throw new Stop(`--rounds takes 1 to 999, not "${values.rounds}"`);
  return {
    names: NAMES.filter((name) => only.includes(name)),
    full: values.full,
    rounds: Number(values.rounds),
    file: path.resolve(values.json),
  };
}

/** @param {string} name @returns {Feature} */
function loadFeature(name) {
  const file = path.join(__dirname, name, 'index.js');
  if (!fs.existsSync(file)) throw new Stop(`bench/peers/${name}/index.js is missing`);
  return { name, ...require(file) };
}

module.exports = { NAMES, loadFeature, readArguments };
