'use strict';
const http = require('node:http');

/**
 * Serves an app on a port of its own for the length of one call, which gets `visit(path, key)`: the answer to a request of
 * the client that `key` names.
 * @param {http.RequestListener} listener
 * @param {(visit: Visit) => Promise<void>} act
 */
async function serving(listener, act) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    await act(visitor(`http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** @typedef {ReturnType<typeof visitor>} Visit */

/** @param {string} url */
function visitor(url) {
  return async (path = '/', key = 'one') => {
    const response = await fetch(url + path, { headers: { 'x-key': key } });
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
}

/** @template T @param {number} count @param {(index: number) => Promise<T>} act @returns {Promise<T[]>} At once. */
function times(count, act) {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)));
}

/** How many have this status. @param {{ status: number }[]} answers @param {number} status */
function countOf(answers, status) {
  return answers.filter((answer) => answer.status === status).length;
}

/** Waits for what a server does after its response is out. @param {() => Promise<boolean>} holds */
async function until(holds) {
  while (!(await holds())) await new Promise(setImmediate);
}

module.exports = { serving, visitor, times, countOf, until };
