'use strict';

const { Router } = require('express');

/** Who calls, by the key from the account page. In front of the limit, which depends on it. */
function knowMember({ users }) {
  return (req, _res, next) => {
    const [, key] = /^Bearer (\S+)$/i.exec(req.get('authorization') ?? '') ?? [];
    req.member = key && users.withApiKey(key);
    next();
  };
}

/** The posts as JSON, from the same cache as the pages. The limit in front of this is in app.js. */
function apiRoutes({ content, renderer }) {
  const routes = Router();

  routes.use((_req, res, next) => {
    // Anyone may read this from any page.
    res.set('Access-Control-Allow-Origin', '*');
    next();
  });

  routes.use((req, res, next) => {
    if (req.get('authorization') && !req.member) {
      res.status(401).json({ error: 'There is no such API key.' });
      return;
    }
    next();
  });

  routes.get('/posts', async (_req, res) => {
    const posts = await content.list();
    res.set('X-Render-Count', String(renderer.count)).json({ posts });
  });

  routes.get('/posts/:slug', async (req, res) => {
    const post = await content.post(req.params.slug);
    if (!post) {
      res.status(404).json({ error: 'There is no such post.' });
      return;
    }
    res.set('X-Render-Count', String(renderer.count)).json(post);
  });

  routes.use((_req, res) => res.status(404).json({ error: 'There is nothing at this address.' }));

  return routes;
}

module.exports = { apiRoutes, knowMember };
