'use strict';
// Many visitors at once over kept connections: what a flood of requests is made of.
const http = require('node:http');
const path = require('node:path');

/** Requests under way at most. */
const AT_ONCE = 32;

/** @param {string} url */
function crowd(url) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });

  /**
   * One request: its status, its body and the cookie that it was given, if any.
   * @param {string} path
   * @param {string} [cookie]
   * @returns {Promise<{ status: number | undefined, body: string, given: string | undefined }>}
   */
  const visit = (path, cookie) =>
    new Promise((resolve, reject) => {
      const headers = cookie === undefined ? {} : { cookie };
      const request = http.get(url + path, { agent, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text) => {
          body += text;
        });
        response.on('error', reject);
        response.on('end', () => {
          const given = response.headers['set-cookie']?.[0].split(';')[0];
          resolve({ status: response.statusCode, body, given });
        });
      });
      request.on('error', reject);
    });

  /** Calls `one` for 0 to count - 1, AT_ONCE of them at once. @param {number} count @param {(number: number) => Promise<void>} one */
  const each = async (count, one) => {
    let next = 0;
    const visitor = async () => {
      while (next < count) await one(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  };

  return { visit, each, leave: () => agent.destroy() };
}

/** A cookie that an app with this secret takes for its own, signed with what express-session signs with. */
function signedCookie(/** @type {string} */ sid, /** @type {string} */ secret) {
  const from = path.dirname(require.resolve('express-session'));
  const { sign } = require(require.resolve('cookie-signature', { paths: [from] }));
  return `connect.sid=${encodeURIComponent(`s:${sign(sid, secret)}`)}`;
}

module.exports = { crowd, signedCookie };
