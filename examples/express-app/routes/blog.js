'use strict';

const { Router } = require('express');
const { requireLogin } = require('../auth.js');
const { announce } = require('../announce.js');
const { editPage, listPage, postPage, writePage } = require('../views/blog.js');

const TITLE_CHARACTERS_MAX = 120;
const SLUG_CHARACTERS_MAX = 80;

function blogRoutes({ background, content, posts, receivers, renderer, state }) {
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
    const { title, body, problem } = fields(req);
    const edited = { ...post, title, body };
    if (problem) {
      res.status(422).send(editPage({ post: edited, user: req.user, problem }));
      return;
    }
    await save('post.updated', edited, req.user);
    res.redirect(303, `/posts/${post.slug}`);
  });

  routes.get('/write', requireLogin, (req, res) => res.send(writePage({ user: req.user })));

  routes.post('/write', requireLogin, async (req, res) => {
    const { title, body, problem } = fields(req);
    if (problem) {
      res.status(422).send(writePage({ title, body, user: req.user, problem }));
      return;
    }
    const slug = slugOf(title);
    if (!slug || (await posts.get(slug))) {
      const taken = 'There is a post of this name already: please choose another title.';
      res.status(409).send(writePage({ title, body, user: req.user, problem: taken }));
      return;
    }
    await save('post.published', { slug, title, body, date: new Date().toISOString().slice(0, 10) }, req.user);
    res.redirect(303, `/posts/${slug}`);
  });

  async function save(event, post, user) {
    await posts.save(post);
    // The file first, then the cache. A page being rendered from the old file right now is not cached either: its key
    // was deleted while it was loading.
    await content.forget(post.slug);
    await announce({ receivers, state }, event, { slug: post.slug, title: post.title, by: user.name });
    background.recount().catch((error) => console.warn('Words were not counted:', error.message));
  }

  /** The count goes along with every page, so that anyone can see from outside whether the cache works. */
  function sendPage(res, page) {
    res.set('X-Render-Count', String(renderer.count)).send(page);
  }

  return routes;
}

function fields(req) {
  // The title is one line of the front matter, whatever was sent.
  const title = String(req.body?.title ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  const body = String(req.body?.body ?? '').trim();
  const isWhole = title && title.length <= TITLE_CHARACTERS_MAX && body;
  const problem = isWhole
    ? undefined
    : `A post needs a title of at most ${TITLE_CHARACTERS_MAX} characters, and a text.`;
  return { title, body, problem };
}

/** "Über the cloakroom!" is at /posts/uber-the-cloakroom. */
function slugOf(title) {
  const words =
    title
      .normalize('NFKD')
      .replace(/\p{M}/gu, '')
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  return words.join('-').slice(0, SLUG_CHARACTERS_MAX);
}

module.exports = { blogRoutes };
