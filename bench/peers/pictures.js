/** Which figures of a run are drawn: one or two charts a feature. */
const { chart } = require('./charts.js');
const { isOurs, spreadOf } = require('./ratios.js');

/** @import { MeasuredCase } from './ratios.js' */
/** @typedef {{ title: string, metric: string, cases: string[] }} Picture */

const CASES_MOST = 4;

/** Of the features whose first cases do not say the most. @type {Record<string, Picture[]>} */
const PICTURES = {
  cache: [
    {
      title: 'Reading a string of 100 B',
      metric: 'ns',
      cases: ['get-string100-1k-uniform-stable', 'get-string100-100k-zipf-fresh', 'get-string100-1m-zipf-stable'],
    },
    {
      title: 'Reading a copy of an object, and writing',
      metric: 'ns',
      cases: ['get-object200-1k-uniform-stable', 'set-string100-1k-uniform-stable', 'set-string100-1m-uniform-stable'],
    },
  ],
  memory: [
    { title: 'Memory of an entry', metric: 'bytes', cases: ['bytes-1m'] },
    { title: 'How long the event loop is busy under random writes', metric: 'p99', cases: ['delay-1m'] },
  ],
  limiter: [
    { title: 'A decision', metric: 'ns', cases: ['fresh-10k', 'fresh-1m'] },
    { title: 'Memory of a key', metric: 'bytes', cases: ['fresh-1m'] },
  ],
  sessions: [
    { title: 'Reading, changing and writing a session', metric: 'ns', cases: ['1k', '100k'] },
    { title: 'Memory of a session', metric: 'bytes', cases: ['100k'] },
  ],
  queue: [
    { title: 'Adding and running jobs', metric: 'jobs', cases: ['add', 'addBulk', 'process-1', 'process-50'] },
    { title: 'From add to the begin of the handler, 1,000 jobs a second', metric: 'p99', cases: ['pickup'] },
  ],
  requests: [
    { title: 'Requests to the example app', metric: 'rps', cases: ['login', 'api'] },
    { title: 'Time of a request, p99', metric: 'p99', cases: ['login', 'api'] },
  ],
};

/** @param {{ title: string, cases: MeasuredCase[] }} feature @returns {Picture[]} */
function byDefault({ title, cases }) {
  const metric = Object.keys(cases[0]?.metrics ?? {})[0];
  const like = cases.filter((one) => one.metrics[metric]?.title === cases[0].metrics[metric].title);
  return like.length === 0 ? [] : [{ title, metric, cases: like.slice(0, CASES_MOST).map(({ id }) => id) }];
}

/** The bars of one case. @param {MeasuredCase} one @param {string} metric */
function groupOf(one, metric) {
  const bars = one.contenders.flatMap((name) => {
    const spread = spreadOf(one.results[name], metric);
    return spread === undefined ? [] : [{ name, ours: isOurs(name), ...spread }];
  });
  return { title: one.title, bars };
}

/**
 * The charts of a feature, those without a figure left out.
 * @param {{ name: string, title: string, cases: MeasuredCase[] }} feature
 * @returns {{ file: string, title: string, svg: string }[]}
 */
function picturesOf(feature) {
  return (PICTURES[feature.name] ?? byDefault(feature)).flatMap(({ title, metric, cases }, index) => {
    const drawn = cases.flatMap((id) => feature.cases.find((one) => one.id === id && metric in one.metrics) ?? []);
    const groups = drawn.map((one) => groupOf(one, metric)).filter(({ bars }) => bars.length > 0);
    if (groups.length === 0) return [];
    const svg = chart(title, drawn[0].metrics[metric], groups);
    return [{ file: `${feature.name}-${index + 1}.svg`, title, svg }];
  });
}

module.exports = { PICTURES, picturesOf };
