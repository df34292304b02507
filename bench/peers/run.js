/**
 * npm run bench:peers [-- --only cache,queue] [--full] [--rounds N] [--json FILE]: what redstart costs and what others
 * cost on the same work in the same run. Installs what it needs, prints one table a feature and how the ratios stand,
 * and leaves the figures in .cache/bench-peers.json, of which `node bench/peers/document.js` makes docs/benchmarks.md.
 */
const fs = require('node:fs');
const path = require('node:path');
const { Stop, main } = require('../../scripts/run.js');
const { ask } = require('./child.js');
const { loadFeature, readArguments } = require('./features.js');
const { Clock, limitMs, turns } = require('./plan.js');
const { stand } = require('./ratios.js');
const { startRedis } = require('./redis.js');
const { barTable, featureTable, head } = require('./report.js');
const { circumstances, prepare, versionOf } = require('./setup.js');
const { packagesOf } = require('./words.js');

/** @import { Case, Feature } from './features.js' */
/** @import { MeasuredCase, Result } from './ratios.js' */
/** @import { Turn } from './plan.js' */

/** After so many failures in a case a contender is not asked again: each may take as long as its limit allows. */
const FAILURES_MOST = 2;

/** What is written over itself where it is looked at. */
const CLEAR = process.stderr.isTTY ? '\r\x1b[K' : '';

const tell = (/** @type {string} */ line) => process.stderr.write(`${CLEAR}${line}\n`);

/** Why a contender cannot be measured here. @param {import('./features.js').Contender} facts @param {Here} here */
function obstacle(facts, here) {
  if (facts.redis && here.redis.url === undefined) return here.redis.why;
  const name = [facts.package ?? []].flat().find((one) => here.unusable[one] ?? versionOf(one) === undefined);
  return name === undefined ? undefined : (here.unusable[name] ?? `${name} could not be installed`);
}

/** @typedef {{ redis: { url?: string, version?: string, why?: string }, unusable: Record<string, string> }} Here */

/** The cases of a feature with nothing measured yet. @param {Feature} feature @param {Case[]} cases @param {Here} here */
function blank(feature, cases, here) {
  return cases.map((one) => {
    const results = one.contenders.map((name) => {
      const notMeasured = obstacle(feature.contenders[name], here);
      /** @type {Result} */
      const result = { rounds: [], ...(notMeasured !== undefined && { notMeasured }) };
      return [name, result];
    });
    const { id, title, contenders, metrics } = one;
    return {
      id,
      title,
      contenders,
      metrics,
      results: /** @type {Record<string, Result>} */ (Object.fromEntries(results)),
    };
  });
}

/** Six digits that count: more are noise. What is no number is no figure. @param {Record<string, number>} figures */
const rounded = (figures) =>
  Object.fromEntries(
    Object.entries(figures).flatMap(([name, value]) =>
      Number.isFinite(value) ? [[name, Number(value.toPrecision(6))]] : [],
    ),
  );

/** One turn. @param {string} feature @param {Turn} turn @param {Result} result @param {Here} here @param {Clock} clock */
async function take(feature, turn, result, here, clock) {
  const failures = result.rounds.filter((round) => round === null).length;
  if (failures >= FAILURES_MOST) {
    result.rounds[turn.round] = null;
    return;
  }
  const options = { ...turn.case.options, redisUrl: here.redis.url };
  const started = performance.now();
  const answer = await ask({ feature, contender: turn.contender, options }, turn.case.node ?? [], limitMs(turn));
  clock.took(turn, (performance.now() - started) / 1_000);
  if ('failed' in answer) {
    result.rounds[turn.round] = null;
    result.failed = answer.failed;
    tell(`failed: ${feature}, ${turn.case.id}, ${turn.contender}: ${answer.failed}`);
  } else result.rounds[turn.round] = rounded(answer.figures);
}

/** Tells what runs. @param {string} line */
function progress(line) {
  const width = process.stderr.columns || 80;
  if (process.stderr.isTTY) process.stderr.write(CLEAR + line.slice(0, width - 1));
  else tell(line);
}

/** @param {ReturnType<typeof readArguments>} wanted @param {Here} here */
async function play({ names, full, rounds }, here) {
  const features = names.map((name) => {
    const feature = loadFeature(name);
    const cases = feature.cases(full);
    const measured = blank(feature, cases, here);
    const resultOf = (/** @type {Turn} */ turn) =>
      /** @type {MeasuredCase} */ (measured.find(({ id }) => id === turn.case.id)).results[turn.contender];
    const plan = turns(cases, rounds).filter((turn) => resultOf(turn).notMeasured === undefined);
    return { feature, measured, plan, resultOf };
  });
  const all = features.flatMap(({ plan }) => plan);
  /** @type {Record<string, string>} */
  const versions = {};
  const clock = new Clock();
  let done = 0;
  for (const { feature, measured, plan, resultOf } of features) {
    for (const turn of plan) {
      const minutes = clock.left(all.slice(done)) / 60;
      const place = `${++done} of ${all.length}, ${minutes.toFixed(1)} min left`;
      progress(`${place}: ${feature.name}, round ${turn.round + 1}, ${turn.case.id}, ${turn.contender}`);
      await take(feature.name, turn, resultOf(turn), here, clock);
    }
    process.stderr.write(CLEAR);
    for (const name of packagesOf(feature.contenders)) {
      const version = versionOf(name);
      if (version !== undefined) versions[name] = version;
    }
    console.log(featureTable(feature, measured, versions, here.redis.version));
  }
  return {
    versions,
    features: features.map(({ feature, measured }) => ({ ...feature, cases: measured })),
    bars: features.flatMap(({ feature, measured }) =>
      feature.bars.map((bar) => ({ feature: feature.name, ...stand(bar, measured) })),
    ),
  };
}

main(async () => {
  const started = performance.now();
  const wanted = readArguments(process.argv.slice(2));
  const features = wanted.names.map(loadFeature);
  const unusable = await prepare(features, tell);
  const needsRedis = features.some(({ contenders }) => Object.values(contenders).some((facts) => facts.redis));
  const redis = needsRedis ? await startRedis(tell) : { why: 'not needed' };
  const where = await circumstances();
  /** @type {Here} */
  const here = { redis, unusable };
  if (needsRedis && here.redis.why !== undefined) tell(here.redis.why);
  console.log(head(where, here.redis.version, wanted.rounds));
  const told = await play(wanted, here);
  console.log(barTable(told.bars));
  const run = {
    ...where,
    redis: here.redis.version,
    date: new Date().toISOString(),
    seconds: Math.round((performance.now() - started) / 1_000),
    full: wanted.full,
    rounds: wanted.rounds,
    ...told,
  };
  fs.mkdirSync(path.dirname(wanted.file), { recursive: true });
  fs.writeFileSync(wanted.file, `${JSON.stringify(run, null, 1)}\n`);
  tell(`${run.seconds} s; the figures are in ${wanted.file}`);
  if ('stop' in redis) await redis.stop();
  const failed = run.features.flatMap(({ cases }) =>
    cases.flatMap(({ results }) => Object.values(results).filter((result) => result.failed !== undefined)),
  );
  if (failed.length > 0) throw new Stop(`${failed.length} rows failed; their last words are above.`);
});
