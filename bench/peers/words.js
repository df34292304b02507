/** How figures and facts are told, in the terminal and in the document alike. */
const { baseOf, ratioOf, spreadOf } = require('./ratios.js');

/** @import { Contender, Metric } from './features.js' */
/** @import { MeasuredCase, Result, Spread } from './ratios.js' */

/** At least three digits that count, unless the metric says otherwise. @param {number} value @param {number} [digits] */
function number(value, digits) {
  if (digits !== undefined || value === 0 || Math.abs(value) >= 100) {
    const fraction = digits ?? 0;
    return value.toLocaleString('en', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
  }
  return value.toLocaleString('en', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

/** @param {Spread} spread @param {number} [digits] */
const range = (spread, digits) =>
  `${number(spread.median, digits)} (${number(spread.least, digits)} to ${number(spread.most, digits)})`;

/** @param {Result | undefined} result @param {string} name @param {Metric} metric */
function figureCell(result, name, metric) {
  const spread = spreadOf(result, name);
  if (spread !== undefined) {
    const failed = result?.rounds.filter((round) => round === null).length ?? 0;
    return range(spread, metric.digits) + (failed > 0 ? `, ${failed} failed` : '');
  }
  if (result?.notMeasured !== undefined) return 'not measured';
  return result?.failed === undefined ? '' : 'failed';
}

/** The cells of a case's table, a row a contender. @param {MeasuredCase} one @param {Record<string, Contender>} facts */
function rows(one, facts) {
  const base = baseOf(one);
  return one.contenders.map((contender) => {
    const result = one.results[contender];
    const cells = Object.entries(one.metrics).flatMap(([name, metric]) => {
      const ratio = base === undefined ? undefined : ratioOf(result, one.results[base], name);
      return [figureCell(result, name, metric), ratio === undefined ? '' : number(ratio.median)];
    });
    return [contender, ...cells, facts[contender].durability];
  });
}

/** What stands above them. @param {MeasuredCase} one */
const heads = (one) => [
  ...Object.values(one.metrics).flatMap(({ title }) => [title, `× ${baseOf(one) ?? 'ours'}`]),
  'durability',
];

/** Bars as rows. @param {ReturnType<typeof import('./ratios.js').stand>[]} bars */
const barRows = (bars) =>
  bars.map((bar) => {
    const wanted = bar.atLeast === undefined ? `at most ${bar.atMost}` : `at least ${bar.atLeast}`;
    const ratio = 'ratio' in bar ? bar.ratio : undefined;
    const interval = ratio === undefined ? '' : `${number(ratio.least)} to ${number(ratio.most)}`;
    return [bar.text, wanted, ratio === undefined ? '' : number(ratio.median), interval, bar.verdict];
  });

const BAR_HEADS = ['work, and against what', 'wanted', 'ratio', 'least to most', 'verdict'];

/** Packages of these contenders with their versions. @param {Record<string, Contender>} contenders */
const packagesOf = (contenders) =>
  [...new Set(Object.values(contenders).flatMap((facts) => facts.package ?? []))].sort();

/**
 * @param {Record<string, Contender>} contenders @param {Record<string, string>} versions @param {string} [redis]
 */
function versionsLine(contenders, versions, redis) {
  const used = packagesOf(contenders).map((name) => `${name} ${versions[name] ?? 'not installed'}`);
  if (Object.values(contenders).some((facts) => facts.redis)) {
    used.push(redis === undefined ? 'no Redis server' : `Redis server ${redis}`);
  }
  return used.join(', ');
}

/** @param {Record<string, Contender>} contenders */
const deviations = (contenders) =>
  Object.entries(contenders).flatMap(([name, facts]) =>
    facts.deviations === undefined ? [] : [`${name}: ${facts.deviations}`],
  );

/** Why rows say "not measured" or "failed", each once. @param {MeasuredCase[]} cases */
function troubles(cases) {
  const said = cases.flatMap((one) =>
    Object.entries(one.results).flatMap(([contender, { failed, notMeasured }]) => {
      if (notMeasured !== undefined) return [`not measured: ${contender}: ${notMeasured}`];
      return failed === undefined ? [] : [`failed: ${contender}, ${one.title}: ${failed}`];
    }),
  );
  return [...new Set(said)];
}

module.exports = { BAR_HEADS, barRows, deviations, heads, number, packagesOf, range, rows, troubles, versionsLine };
