'use strict';

const { Router } = require('express');
const { ipKey } = require('redstart');
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

  async function collect(req) {
    // The key the API's rate limiter uses for this visitor.
    const visitor = ipKey(req.ip);
    // First, because reading the cache counts as a hit, and both threads are to be asked after it.
    const facts = await content.facts();
    const [store, limit, thread] = await Promise.all([
      state.store.stats(),
      state.apiLimit.peek(visitor),
      // The page is worth showing without the second thread too.
      background.view(visitor).catch((error) => ({ problem: error.message })),
    ]);
    return {
      uptimeSeconds: Math.floor(process.uptime()),
      renders: renderer.count,
      store,
      apiCallsLeft: limit.remaining,
      thread,
      facts,
    };
  }

  return routes;
}

module.exports = { statsRoutes };
