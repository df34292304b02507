'use strict';

/**
 * The blog as readers see it: Markdown rendered once, then served from the cache. getOrSet renders on a miss, once for
 * however many readers miss together; forget() is called when a post has changed.
 *
 * HTML fragments are cached, not whole pages: the frame around them shows who is logged in.
 */
function createContent({ cache, posts, renderer }) {
  return {
    /** { slug, title, date, html }, or undefined when there is no such post. undefined is never cached. */
    post(slug) {
      return cache.getOrSet(`post:${slug}`, async () => {
        const post = await posts.get(slug);
        return post && { slug, title: post.title, date: post.date, html: renderer.render(post.body) };
      });
    },

    /** [{ slug, title, date, summary }], newest first; the summary is the first paragraph. */
    list() {
      return cache.getOrSet('list', async () => {
        const all = await posts.list();
        return all.map(({ slug, title, date, body }) => {
          return { slug, title, date, summary: renderer.render(body.split(/\r?\n\r?\n/, 1)[0]) };
        });
      });
    },

    /** What the second thread last counted, or undefined before it did. */
    facts() {
      return cache.get('facts');
    },

    /** After a change: the post is on its own page and, with its title and first paragraph, on the list. */
    async forget(slug) {
      await Promise.all([cache.delete(`post:${slug}`), cache.delete('list')]);
    },
  };
}

module.exports = { createContent };
