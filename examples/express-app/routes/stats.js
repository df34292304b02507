'use strict';

const { Router } = require('express');
const { ipKey } = require('redstart');
const { listDeadLetters } = require('./dead-letters.js');
const { requireLogin } = require('../auth.js');
const { statsPage } = require('../views/stats.js');

/**
 * What the app holds and does, for people and as JSON. Open to everyone here, because it is what this app is meant to
 * show; yours should ask for a login.
 */
function statsRoutes({ background, content, renderer, state }) {
  const routes = Router();

  routes.get('/stats', async (req, res) => {
    res.send(statsPage({ stats: await collect(req), user: req.user }));
  });

  routes.get('/stats.json', async (req, res) => {
    res.set('Cache-Control', 'no-store').json(await collect(req));
  });

  // What the schedule does at night, now. Whoever is impatient and clicks twice gets one sweep.
  routes.post('/stats/sweep', requireLogin, async (_req, res) => {
    await state.nightly.add('sweep', {}, { deduplication: { id: 'sweep' } });
    res.redirect(303, '/stats');
  });

  async function collect(req) {
    // The key the API's rate limiter uses for this visitor.
    const visitor = ipKey(req.ip);
    // First, because reading the cache counts as a hit, and both threads are to be asked after it.
    const facts = await content.facts();
    const [store, limit, thread, queues, nights] = await Promise.all([
      state.store.stats(),
      state.apiLimit.peek(visitor),
      // The page is worth showing without the second thread too.
      background.view(visitor).catch((error) => ({ problem: error.message })),
      queueFigures(state),
      nightFigures(state.nightly),
    ]);
    return {
      uptimeSeconds: Math.floor(process.uptime()),
      renders: renderer.count,
      store,
      apiCallsLeft: limit.remaining,
      thread,
      facts,
      queues,
      nights,
      // Letters have addressees: not for everyone.
      deadLetters: req.user && (await listDeadLetters(state)),
    };
  }

  return routes;
}

/** How fast each queue works, and how long its jobs wait and run: whole milliseconds, jobs a minute. */
async function queueFigures({ mail, nightly, pictures, webhooks }) {
  const figures = [mail, webhooks, pictures, nightly].map(async (queue) => {
    const { completedRate, failedRate, wait, run } = await queue.getMetrics();
    const figure = {
      completedAMinute: Math.round(completedRate * 60),
      failedAMinute: Math.round(failedRate * 60),
      waitMsP95: Math.round(wait.p95),
      runMsP95: Math.round(run.p95),
    };
    return [queue.name, figure];
  });
  return Object.fromEntries(await Promise.all(figures));
}

/** What runs at night, when next, and what came of the last time. */
async function nightFigures(nightly) {
  const [schedulers, [last]] = await Promise.all([
    nightly.getJobSchedulers(),
    nightly.getJobs('completed', { end: 0, asc: false }),
  ]);
  return {
    schedulers: schedulers.map(({ id, repeat, next }) => {
      return { id, pattern: repeat.pattern, tz: repeat.tz, next: next && new Date(next).toISOString() };
    }),
    last: last && { at: new Date(last.finishedOn).toISOString(), ...(await last.result()) },
  };
}

module.exports = { statsRoutes };
