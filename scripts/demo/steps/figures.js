'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { stats } = require('./pages.js');

const QUEUES = ['mail', 'webhooks', 'pictures', 'nightly'];

/** What the steps before have put through the queues is on /stats, in the page and as JSON. */
async function queuesAreCounted({ app }) {
  const visitor = new Visitor(app.base);
  const { queues, store } = await stats(visitor);
  const lines = QUEUES.map((name) => {
    const { completed, failed } = store.queues[name].counts;
    expect(completed > 0, `a completed job in the queue "${name}"`, completed);
    const { runMsP95, waitMsP95 } = queues[name];
    expect(runMsP95 >= 0 && waitMsP95 >= 0, `the p95 of the queue "${name}"`, JSON.stringify(queues[name]));
    return `${name}: ${completed} completed, ${failed} failed; p95 of the wait ${waitMsP95} ms, of the run ${runMsP95} ms`;
  });
  expect(queues.pictures.runMsP95 > 0, 'a picture to have taken its time', queues.pictures.runMsP95);
  const { text } = await visitor.get('/stats');
  for (const name of QUEUES) {
    expect(text.includes(`data-path="queues.${name}.runMsP95"`), `the queue "${name}" on the page /stats`, 'nothing');
  }
  return ['on /stats', ...lines];
}

module.exports = { queuesAreCounted };
