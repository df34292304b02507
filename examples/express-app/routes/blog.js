'use strict';

const { Router } = require('express');
const { requireLogin } = require('../auth.js');
const { editPage, listPage, postPage } = require('../views/blog.js');

const TITLE_CHARACTERS_MAX = 120;

function blogRoutes({ background, config, content, posts, renderer, state }) {
  const routes = Router();

  routes.get('/', async (req, res) => {
    const [list, facts] = await Promise.all([content.list(), content.facts()]);
    sendPage(res, listPage({ posts: list, facts, user: req.user }));
  });

  routes.get('/posts/:slug', async (req, res, next) => {
    const post = await content.post(req.params.slug);
    if (!post) {
      next();
      return;
    }
    sendPage(res, postPage({ post, user: req.user }));
  });

  routes.get('/posts/:slug/edit', requireLogin, async (req, res, next) => {
    // The author edits the file, not the cached page.
    const post = await posts.get(req.params.slug);
    if (!post) {
      next();
      return;
    }
    res.send(editPage({ post, user: req.user }));
  });

  routes.post('/posts/:slug/edit', requireLogin, async (req, res, next) => {
    const post = await posts.get(req.params.slug);
    if (!post) {
      next();
      return;
    }
    // The title is one line of the front matter, whatever was sent.
    const title = String(req.body?.title ?? '')
      .replace(/\s+/g, ' ')
      .trim();
    const body = String(req.body?.body ?? '').trim();
    const edited = { ...post, title, body };
    if (!title || title.length > TITLE_CHARACTERS_MAX || !body) {
      const problem = `A post needs a title of at most ${TITLE_CHARACTERS_MAX} characters, and a text.`;
      res.status(422).send(editPage({ post: edited, user: req.user, problem }));
      return;
    }
    await posts.save(edited);
    // The file first, then the cache. A page being rendered from the old file right now is not cached either: its key
    // was deleted while it was loading.
    await content.forget(post.slug);
    if (config.webhookUrl) {
      await state.webhooks.add('post.updated', { slug: post.slug, title, by: req.user.name });
    }
    background.recount().catch((error) => console.warn('Words were not counted:', error.message));
    res.redirect(303, `/posts/${post.slug}`);
  });

  /** The count goes along with every page, so that anyone can see from outside whether the cache works. */
  function sendPage(res, page) {
    res.set('X-Render-Count', String(renderer.count)).send(page);
  }

  return routes;
}

module.exports = { blogRoutes };
