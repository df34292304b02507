/** The tables in the terminal. */
const { BAR_HEADS, barRows, deviations, heads, rows, troubles, versionsLine } = require('./words.js');

/** @import { Feature } from './features.js' */
/** @import { MeasuredCase } from './ratios.js' */

/** Lines of cells, the first column to the left, figures to the right. @param {string[][]} lines */
function grid(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** @param {Awaited<ReturnType<typeof import('./setup.js').circumstances>>} where @param {string | undefined} redis @param {number} rounds */
function head({ redstart, machine, node }, redis, rounds) {
  return [
    `redstart ${redstart.version}, commit ${redstart.commit || 'unknown'}${redstart.changed ? ' with changes' : ''}`,
    `${machine.cpu}, ${machine.cpus} CPUs, ${(machine.memory / 2 ** 30).toFixed(1)} GiB, ${machine.system}, ${machine.arch}`,
    `Node ${node}, ${redis === undefined ? 'no Redis server' : `Redis server ${redis}`}, ${new Date().toISOString()}`,
    `Each figure: the median of ${rounds} fresh processes, in brackets the least and the most. Beside it: how many times`,
    "redstart's figure, the median of the rounds' ratios.",
    '',
  ].join('\n');
}

/** @param {string} title @param {string[]} lines */
const list = (title, lines) => (lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)]);

/**
 * @param {Feature} feature @param {MeasuredCase[]} cases @param {Record<string, string>} versions
 * @param {string} [redis]
 */
function featureTable(feature, cases, versions, redis) {
  const { title, contenders, notes, notMeasured } = feature;
  return [
    `== ${title} ==`,
    versionsLine(contenders, versions, redis),
    '',
    ...cases.flatMap((one) => [...grid([[one.title, ...heads(one)], ...rows(one, contenders)]), '']),
    ...list('Not as by default', deviations(contenders)),
    ...list('Notes', notes),
    ...list('Not measured', notMeasured),
    ...troubles(cases),
    '',
  ].join('\n');
}

/** @param {Parameters<typeof barRows>[0]} bars */
const barTable = (bars) => ['== Ratios ==', ...grid([BAR_HEADS, ...barRows(bars)]), ''].join('\n');

module.exports = { barTable, featureTable, head };
