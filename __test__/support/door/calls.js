'use strict';
// Every method that a user can call, once with arguments that are right and in all the ways that are wrong.

// Not undefined: without options, closing closes.
const nonsense = [null, 7, NaN, 'nonsense', true, Symbol('nonsense'), [], { nonsense: 1 }, () => {}];

/** Calls that take a key or an id: what is not a string, they refuse. */
function keyed({ cache, sessions, limiter, queue }) {
  return {
    'cache.get': (key) => cache.get(key),
    'cache.set': (key) => cache.set(key, 1),
    'cache.has': (key) => cache.has(key),
    'cache.delete': (key) => cache.delete(key),
    'cache.getOrSet': (key) => cache.getOrSet(key, () => 1),
    'limiter.consume': (key) => limiter.consume(key),
    'limiter.peek': (key) => limiter.peek(key),
    'limiter.reset': (key) => limiter.reset(key),
    'sessions.get': (id) => sessions.get(id),
    'sessions.set': (id) => sessions.set(id, {}),
    'sessions.touch': (id) => sessions.touch(id),
    'sessions.regenerate': (id) => sessions.regenerate(id),
    'sessions.destroy': (id) => sessions.destroy(id),
    'queue.getJob': (id) => queue.getJob(id),
    'queue.add': (name) => queue.add(name, {}),
  };
}

function keyedSync({ cache, limiter }) {
  return {
    'cache.getSync': (key) => cache.getSync(key),
    'cache.setSync': (key) => cache.setSync(key, 1),
    'cache.hasSync': (key) => cache.hasSync(key),
    'cache.deleteSync': (key) => cache.deleteSync(key),
    'limiter.consumeSync': (key) => limiter.consumeSync(key),
  };
}

/** Async methods with one wrong argument beside right ones. */
function wrong({ store, clock, cache, sessions, limiter, queue, worker, job }) {
  return {
    'store.close': (given) => store.close(given),
    'clock.advanceAsync': (by) => clock.advanceAsync(by),
    'cache.set, options': (given) => cache.set('key', 1, given),
    'cache.getOrSet, loader': (loader) => cache.getOrSet('key', loader),
    'cache.getOrSet, options': (given) => cache.getOrSet('key', () => 1, given),
    'limiter.consume, options': (given) => limiter.consume('key', given),
    'sessions.create, data': (data) => sessions.create(data),
    'sessions.create, options': (given) => sessions.create({}, given),
    'sessions.set, data': (data) => sessions.set('id', data),
    'sessions.set, options': (given) => sessions.set('id', {}, given),
    'sessions.touch, options': (given) => sessions.touch('id', given),
    'queue.add, options': (given) => queue.add('name', {}, given),
    'worker.close': (given) => worker.close(given),
    'job.result': (given) => job.result(given),
  };
}

/** Async methods with right arguments: what is wrong is that the handle is closed. */
function afterClose({ store, cache, sessions, limiter, queue, job }) {
  return {
    'store.stats': () => store.stats(),
    'cache.get': () => cache.get('key'),
    'cache.set': () => cache.set('key', 1),
    'cache.has': () => cache.has('key'),
    'cache.delete': () => cache.delete('key'),
    'cache.clear': () => cache.clear(),
    'cache.getOrSet': () => cache.getOrSet('key', () => 1),
    'cache.stats': () => cache.stats(),
    'sessions.create': () => sessions.create({}),
    'sessions.get': () => sessions.get('id'),
    'sessions.set': () => sessions.set('id', {}),
    'sessions.touch': () => sessions.touch('id'),
    'sessions.regenerate': () => sessions.regenerate('id'),
    'sessions.destroy': () => sessions.destroy('id'),
    'sessions.count': () => sessions.count(),
    'limiter.consume': () => limiter.consume('key'),
    'limiter.peek': () => limiter.peek('key'),
    'limiter.reset': () => limiter.reset('key'),
    'limiter.stats': () => limiter.stats(),
    'queue.add': () => queue.add('name', {}),
    'queue.getJob': () => queue.getJob('id'),
    'queue.getJobCounts': () => queue.getJobCounts(),
    'job.getState': () => job.getState(),
    'job.result': () => job.result(),
  };
}

function afterCloseSync({ store, cache, limiter, queue }) {
  return {
    'store.cache': () => store.cache('cache'),
    'store.sessions': () => store.sessions('sessions'),
    'store.limiter': () => store.limiter('limiter'),
    'store.queue': () => store.queue('queue'),
    'cache.getSync': () => cache.getSync('key'),
    'cache.setSync': () => cache.setSync('key', 1),
    'cache.hasSync': () => cache.hasSync('key'),
    'cache.deleteSync': () => cache.deleteSync('key'),
    'limiter.consumeSync': () => limiter.consumeSync('key'),
    'queue.process': () => queue.process(() => {}),
    'queue.on': () => queue.on('completed', () => {}),
    'queue.once': () => queue.once('completed', () => {}),
  };
}

module.exports = { nonsense, keyed, keyedSync, wrong, afterClose, afterCloseSync };
