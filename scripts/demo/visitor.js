'use strict';

const { performance } = require('node:perf_hooks');
const { StepError } = require('./expect.js');

const ANSWER_TIMEOUT_MS = 10_000;

/** A browser of few words: speaks HTTP, keeps the session cookie, follows nothing by itself. */
class Visitor {
  /** `headers` go with every request: those of a proxy in front, or an API key. */
  constructor(base, cookie, headers = {}) {
    this.base = base;
    this.headers = headers;
    this.cookie = cookie;
    this.cookieFlags = '';
  }

  get(path) {
    return this.request(path, {});
  }

  /** Sends a form as a browser does, Origin included. */
  post(path, form, origin = this.base) {
    return this.request(path, { method: 'POST', body: new URLSearchParams(form), headers: { origin } });
  }

  /** Sends a form with a file in its field "picture". */
  upload(path, bytes, type) {
    const body = new FormData();
    body.set('picture', new Blob([bytes], { type }), 'picture');
    return this.request(path, { method: 'POST', body, headers: { origin: this.base } });
  }

  async request(path, { headers, ...init }) {
    const cookie = this.cookie && { cookie: `sid=${this.cookie}` };
    const startedAt = performance.now();
    let response;
    let bytes;
    try {
      response = await fetch(this.base + path, {
        ...init,
        headers: { ...this.headers, ...headers, ...cookie },
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      bytes = Buffer.from(await response.arrayBuffer());
    } catch (error) {
      const reason = error.cause?.message || error.message;
      throw new StepError(`expected an answer from ${init.method ?? 'GET'} ${path}, saw: ${reason}`);
    }
    const ms = performance.now() - startedAt;
    this.keepCookie(response.headers.getSetCookie());
    const { status, headers: answered } = response;
    return { status, headers: answered, location: answered.get('location'), bytes, text: bytes.toString('utf8'), ms };
  }

  keepCookie(lines) {
    for (const line of lines) {
      const [, value, flags] = /^sid=([^;]*);?(.*)$/.exec(line) ?? [];
      if (value !== undefined) {
        this.cookie = value || undefined;
        this.cookieFlags = flags.trim();
      }
    }
  }
}

module.exports = { Visitor };
