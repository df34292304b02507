'use strict';

const { parentPort, threadId, workerData } = require('node:worker_threads');
const { Posts } = require('./posts.js');
const { openState } = require('./state.js');

/**
 * The second thread. Counting words needs no request to wait for it, so it happens here, and the result goes into the
 * cache where the main thread finds it. Nothing is sent over: this thread has opened the same store.
 */
const WORDS_A_MINUTE = 220;

const state = openState(workerData.storeUrl);

const answers = {
  /** Counts all posts and keeps the figures in the shared cache, until they are counted again. */
  async recount() {
    const posts = await new Posts(workerData.postsDir).list();
    const words = posts.reduce((sum, post) => sum + post.body.split(/\s+/).length, 0);
    const facts = { posts: posts.length, words, minutes: Math.ceil(words / WORDS_A_MINUTE), countedByThread: threadId };
    await state.content.set('facts', facts, { ttl: null });
  },

  /** What this thread sees of the limiter and the cache that the main thread uses for its requests. */
  async view({ visitor }) {
    const [{ remaining }, cache] = await Promise.all([state.apiLimit.peek(visitor), state.content.stats()]);
    return {
      threadId,
      apiCallsLeft: remaining,
      content: { hits: cache.hits, misses: cache.misses, entries: cache.entries },
    };
  },

  /** Gives the store back; with the port closed too, nothing keeps the thread, and it ends by itself. */
  async close() {
    await state.store.close();
    parentPort.close();
  },
};

parentPort.on('message', async ({ id, ask, ...details }) => {
  try {
    parentPort.postMessage({ id, answer: await answers[ask](details) });
  } catch (error) {
    parentPort.postMessage({ id, error });
  }
});
