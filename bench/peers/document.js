/**
 * node bench/peers/document.js [FILE]: makes docs/benchmarks.md with its charts, and docs/benchmarks/run.json, of the figures
 * that a run left in FILE, by default in .cache/bench-peers.json.
 */
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, main } = require('../../scripts/run.js');
const { picturesOf } = require('./pictures.js');
const { baseOf, losses } = require('./ratios.js');
const { BAR_HEADS, barRows, deviations, heads, number, rows, troubles, versionsLine } = require('./words.js');

/** @import { MeasuredCase } from './ratios.js' */

const PAGE = 'docs/benchmarks.md';
const FOLDER = 'docs/benchmarks';

/** Columns of figures stand to the right. @param {string[]} head @param {string[][]} lines */
function markdownTable(head, lines) {
  const cells = (/** @type {string[]} */ all) => `| ${all.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const figures = head.map((_, column) =>
    lines.every((line) => line[column] === '' || /^[\d.,]+( |$)/.test(line[column])),
  );
  return [
    cells(head),
    cells(head.map((_, column) => (column > 0 && figures[column] ? '---:' : '---'))),
    ...lines.map(cells),
  ];
}

const items = (/** @type {string[]} */ all) => all.map((one) => `- ${one.replaceAll('\n', ' ')}`);

/** @param {string} title @param {string[]} all */
const part = (title, all) => (all.length === 0 ? [] : ['', `${title}:`, '', ...items(all)]);

/** Cases with the same columns share a table. @param {any} feature */
function tables(feature) {
  /** @type {Map<string, MeasuredCase[]>} */
  const alike = new Map();
  for (const one of /** @type {MeasuredCase[]} */ (feature.cases)) {
    const key = heads(one).join('|');
    alike.set(key, [...(alike.get(key) ?? []), one]);
  }
  return [...alike.values()].flatMap((cases) => {
    const lines = cases.flatMap((one) =>
      rows(one, feature.contenders).map((cells, index) => [index === 0 ? `**${one.title}**` : '', ...cells]),
    );
    return ['', ...markdownTable(['case', 'contender', ...heads(cases[0])], lines)];
  });
}

/** The sentence that goes with a loss. @param {any} feature @param {MeasuredCase} one @param {ReturnType<typeof losses>[0]} loss */
function reason({ why }, one, { ours, peer }) {
  const names = [`${one.id} ${ours} ${peer}`, `${one.id} ${peer}`, one.id, `${ours}/${peer}`, peer];
  return names.map((name) => why[name]).find((sentence) => sentence !== undefined);
}

/** What redstart loses, those with the same reason together. @param {any} feature */
function lossList(feature) {
  /** @type {Map<string, string[]>} */
  const byReason = new Map();
  for (const one of /** @type {MeasuredCase[]} */ (feature.cases)) {
    /** By reason, then by metric. @type {Map<string, Map<string, string[]>>} */
    const here = new Map();
    for (const loss of losses(one, feature.bars)) {
      const why = reason(feature, one, loss) ?? 'Nobody has looked into this yet.';
      const metrics = here.get(why) ?? new Map();
      const what = `${loss.ours === baseOf(one) ? '' : `${loss.ours} to `}${loss.peer} ${number(loss.times)} times`;
      here.set(why, metrics.set(loss.metric.title, [...(metrics.get(loss.metric.title) ?? []), what]));
    }
    for (const [why, metrics] of here) {
      const what = [...metrics].map(([title, peers]) => `${title}: ${peers.join(', ')}`);
      byReason.set(why, [...(byReason.get(why) ?? []), `${one.title}; ${what.join('; ')}`]);
    }
  }
  if (byReason.size === 0) return [];
  const lines = [...byReason].flatMap(([why, what]) => [...items([why]), ...items(what).map((line) => `  ${line}`)]);
  return ['', 'Where redstart loses in every round, why, and how many times better the other is:', '', ...lines];
}

/** @param {any} feature @param {any} run */
function section(feature, run) {
  const pictures = picturesOf(feature);
  const lines = [
    `## ${feature.title}`,
    '',
    `Beside redstart: ${versionsLine(feature.contenders, run.versions, run.redis)}.`,
    ...pictures.flatMap(({ file, title }) => ['', `![${title}](benchmarks/${file})`]),
    ...tables(feature),
    ...lossList(feature),
    ...part('Not as by default', deviations(feature.contenders)),
    ...part('To know when reading this', feature.notes),
    ...part('Not measured', feature.notMeasured),
    ...part('Without a figure', troubles(feature.cases)),
  ];
  return { pictures, lines };
}

/** @param {any} run */
function head({ redstart, machine, node, redis, date, rounds, full, seconds }) {
  const commit = `${redstart.commit}${redstart.changed ? ' with uncommitted changes' : ''}`;
  const memory = (machine.memory / 2 ** 30).toFixed(1);
  return [
    '# Benchmarks',
    '',
    'What redstart costs and what others cost on the same work, side by side, where it loses included. All of this page, the',
    'charts too, is made of the figures of one run, [run.json](benchmarks/run.json), by `node bench/peers/document.js`.',
    '',
    '## How it was measured',
    '',
    `- redstart ${redstart.version}, commit ${commit}, on ${date.slice(0, 10)}: ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${full ? 'every size' : 'the default set'}, ${Math.round(seconds / 60)} minutes.`,
    `- ${machine.cpu}, ${machine.cpus} CPUs, ${memory} GiB of memory, ${machine.system}, ${machine.arch}; Node ${node}.`,
    `- ${redis === undefined ? 'There was no Redis server.' : `Redis server ${redis}, on the same machine over loopback, without persistence: it shares the CPUs with the process that asks it.`}`,
    '- Each figure is of a fresh process for that contender and that case alone: the median of the rounds, in brackets the least',
    '  and the most. In every other round the contenders run in the opposite order (A B B A).',
    "- The column after a figure says how many times redstart's figure that is: the median of the ratios of each round, because",
    '  neighbours in a round share what else the machine does.',
    '- Durability stands beside each figure. `memory` is lost with the process, `server in memory` with the server, `fsync` is',
    '  on the disk before the call returns.',
    '- Everything runs as a user would run it by default; what deviates is listed below each table.',
    '- All of it is one machine on one day: ratios carry over to another better than figures do.',
    '',
    'To repeat it, in a clone of the repo:',
    '',
    '```sh',
    'npm run bench:peers                    # within 20 minutes; installs the others, and redis-server where it is missing',
    'npm run bench:peers -- --only cache    # a part of it',
    'npm run bench:peers -- --full          # every size',
    'node bench/peers/document.js           # makes this page of it',
    '```',
    '',
  ];
}

/** @param {any} run */
function ratios({ bars }) {
  return [
    '## The ratios that were aimed at',
    '',
    '`at least` is times as good as the other, `at most` times its figure. A line holds if it does so in every round and does',
    'not if it does in none; otherwise it is undecided. With five rounds the true median of a ratio lies between the least and',
    'the most with 94 %, with fewer nothing is decided.',
    '',
    ...markdownTable(BAR_HEADS, barRows(bars)),
    '',
  ];
}

/** The files of the document by where they lie. @param {any} run @returns {Map<string, string>} */
function documentOf(run) {
  const sections = run.features.map((/** @type {any} */ feature) => section(feature, run));
  const text = [...head(run), ...ratios(run), ...sections.flatMap(({ lines }) => [...lines, ''])];
  const files = new Map([
    [PAGE, `${text.join('\n').trimEnd()}\n`],
    [`${FOLDER}/run.json`, `${JSON.stringify(run, null, 1)}\n`],
  ]);
  for (const { file, svg } of sections.flatMap(({ pictures }) => pictures)) files.set(`${FOLDER}/${file}`, svg);
  return files;
}

module.exports = { FOLDER, documentOf, reason };

if (require.main === module) {
  main(async () => {
    const run = JSON.parse(fs.readFileSync(process.argv[2] ?? path.join(ROOT, '.cache', 'bench-peers.json'), 'utf8'));
    const files = documentOf(run);
    // A chart that is no longer made would stay.
    fs.rmSync(path.join(ROOT, FOLDER), { recursive: true, force: true });
    for (const [name, text] of files) {
      fs.mkdirSync(path.dirname(path.join(ROOT, name)), { recursive: true });
      fs.writeFileSync(path.join(ROOT, name), text);
      console.log(name);
    }
  });
}
