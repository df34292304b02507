'use strict';
// Real better-auth behind node:http, its database in memory, its sessions where a test says; and as much of a browser as it needs.
const http = require('node:http');

/** It keeps its cookies, and remembers the last response. */
class Browser {
  #cookies = new Map();

  /** @param {string} url @param {string} address What a proxy says of who it is. */
  constructor(url, address = '192.0.2.1') {
    this.url = url;
    this.address = address;
  }

  /** The body. @param {string} path @param {object} [body] With one it is a POST. */
  async ask(path, body) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(`${this.url}/api/auth${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', 'x-forwarded-for': this.address, origin: this.url, cookie },
      body: body && JSON.stringify(body),
    });
    this.status = response.status;
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === '' || /; Max-Age=0(;|$)/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  signUp(name) {
    return this.ask('/sign-up/email', { name, email: `${name}@example.com`, password: `password of ${name}` });
  }

  signIn(name) {
    return this.ask('/sign-in/email', { email: `${name}@example.com`, password: `password of ${name}` });
  }

  session() {
    return this.ask('/get-session');
  }

  /** Another one with its cookies. */
  copy() {
    const copy = new Browser(this.url, this.address);
    copy.#cookies = new Map(this.#cookies);
    return copy;
  }

  get cookieNames() {
    return [...this.#cookies.keys()];
  }
}

/** Serves an app of a database of its own for the length of `visit`. @param {object} options Of better-auth. */
async function serving({ emailAndPassword, ...options }, visit) {
  const [{ betterAuth }, { memoryAdapter }, { toNodeHandler }] = await Promise.all([
    import('better-auth'),
    import('better-auth/adapters/memory'),
    import('better-auth/node'),
  ]);
  const server = http.createServer((req, res) => handler(req, res));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    baseURL: url,
    secret: 'a secret of the tests, of 32 characters and more',
    database: memoryAdapter({ user: [], account: [], session: [], verification: [] }),
    emailAndPassword: { enabled: true, password: quick, ...emailAndPassword },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    ...options,
  });
  const handler = toNodeHandler(auth);
  try {
    return await visit({ browser: (address) => new Browser(url, address), auth });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Hashing that takes its time is not what is looked at. */
const quick = {
  hash: async (password) => `hash of ${password}`,
  verify: async ({ hash, password }) => hash === `hash of ${password}`,
};

module.exports = { serving };
