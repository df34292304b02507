/** Figures of rounds, ratios of two contenders round by round, and whether a ratio is beyond its bar. */
const { median } = require('../figures.js');

/** @import { Bar, Metric } from './features.js' */
/**
 * @typedef {object} Result Of one contender in one case.
 * @property {(Record<string, number> | null)[]} rounds What each round's process answered; null where it failed.
 * @property {string} [failed] Its last words where one did.
 * @property {string} [notMeasured] Why it was not asked at all.
 * @typedef {object} MeasuredCase
 * @property {string} id
 * @property {string} title
 * @property {string[]} contenders
 * @property {Record<string, Metric>} metrics
 * @property {Record<string, Result>} results
 * @typedef {{ median: number, least: number, most: number, rounds: number }} Spread
 */

/**
 * With fewer rounds their least and most say little: with five, the true median lies outside of them once in 16 times,
 * with three once in 4.
 */
const ROUNDS_LEAST = 5;

/** @param {number[]} values @returns {Spread | undefined} */
function spread(values) {
  if (values.length === 0) return undefined;
  return { median: median(values), least: Math.min(...values), most: Math.max(...values), rounds: values.length };
}

/** What each round answered for a metric. @param {Result | undefined} result @param {string} metric */
const figures = (result, metric) => result?.rounds.map((round) => round?.[metric]) ?? [];

/** @param {Result | undefined} result @param {string} metric */
const spreadOf = (result, metric) => spread(figures(result, metric).filter((value) => value !== undefined));

/**
 * One contender's figure in parts of another's, round by round.
 * @param {Result | undefined} of @param {Result | undefined} by @param {string} metric
 */
function ratioOf(of, by, metric) {
  const below = figures(by, metric);
  const ratios = figures(of, metric).map((value, round) => {
    const other = below[round];
    return value === undefined || other === undefined ? Number.NaN : value / other;
  });
  return spread(ratios.filter(Number.isFinite));
}

/** @param {{ atLeast?: number, atMost?: number }} bar @param {Spread} ratio */
function verdict({ atLeast, atMost }, { least, most, rounds }) {
  if (rounds < ROUNDS_LEAST) return `undecided: ${rounds} of ${ROUNDS_LEAST} rounds`;
  const holds = (/** @type {number} */ value) =>
    atLeast === undefined ? value <= /** @type {number} */ (atMost) : value >= atLeast;
  if (holds(least) && holds(most)) return 'holds';
  return holds(least) || holds(most) ? 'undecided' : 'does not hold';
}

/**
 * How a bar stands. Without a ratio: not measured.
 * @param {Bar} bar @param {MeasuredCase[]} cases
 */
function stand(bar, cases) {
  const find = (/** @type {string} */ id) => cases.find((one) => one.id === id);
  const metric = find(bar.case)?.metrics[bar.metric];
  const ours = find(bar.case)?.results[bar.ours];
  const peer = find(bar.peerCase ?? bar.case)?.results[bar.peer];
  // As wanted: times as good, or times the figure.
  const inverse = bar.atLeast !== undefined && metric?.better === 'less';
  const ratio = inverse ? ratioOf(peer, ours, bar.metric) : ratioOf(ours, peer, bar.metric);
  if (ratio === undefined) return { ...bar, verdict: 'not measured' };
  return { ...bar, ratio, verdict: verdict(bar, ratio) };
}

/** @param {string} name */
const isOurs = (name) => name.startsWith('redstart');

/** Whose figures the others are told in parts of: the first of ours. @param {MeasuredCase} one */
const baseOf = (one) => one.contenders.find(isOurs);

/**
 * Who is better than redstart in every round of a case: than the first of ours, and than what a bar names.
 * @param {MeasuredCase} one @param {Bar[]} bars @returns {{ ours: string, peer: string, metric: Metric, times: number }[]}
 */
function losses(one, bars) {
  const base = baseOf(one);
  const peers = one.contenders.filter((name) => !isOurs(name));
  const pairs = Object.keys(one.metrics).flatMap((metric) =>
    base === undefined ? [] : peers.map((peer) => ({ ours: base, peer, metric })),
  );
  const named = bars.filter((bar) => bar.case === one.id && bar.peerCase === undefined);
  const others = named.filter(({ ours, peer }) => ours !== base && !isOurs(peer));
  return [...pairs, ...others].flatMap(({ ours, peer, metric: name }) => {
    const metric = one.metrics[name];
    const [of, by] = metric.better === 'more' ? [peer, ours] : [ours, peer];
    const ratio = ratioOf(one.results[of], one.results[by], name);
    return ratio !== undefined && ratio.least > 1 ? [{ ours, peer, metric, times: ratio.median }] : [];
  });
}

module.exports = { baseOf, isOurs, losses, ratioOf, spreadOf, stand, verdict };
