'use strict';
// The headers of every draft, compared with what express-rate-limit sends for the same requests.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const express = require('express');
const { rateLimit: expressRateLimit } = require('express-rate-limit');
const { manualClock, open } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, appWith } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const frozen = open('memory:', { clock });
// express-rate-limit knows the machine's clock alone.
const store = open('memory:');
after(() => Promise.all([store.close(), frozen.close()]));

const OURS = /^(?:x-)?ratelimit|^retry-after$|^date$/;

/**
 * The fields of all headers about limits: 'ratelimit[0].t' -> '60'. What a draft calls names, pk included, are in them;
 * punctuation that no field is made of stays as 'ratelimit[0].form'.
 */
function fieldsOf(headers) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const [header, value] of headers) {
    if (!OURS.test(header)) continue;
    const members = header.startsWith('ratelimit') && value.startsWith('"') ? value.split(/, (?=")/) : [value];
    members.forEach((member, at) => {
      const name = `${header}[${at}]`;
      const form = member.replace(/(\w+)=(:[^:]*:|\w+)/g, (_, field, text) => {
        fields[`${name}.${field}`] = text;
        return field;
      });
      fields[`${name}.form`] = form;
    });
  }
  return fields;
}

const IS_TIME = /\.(?:t|reset)$|^(?:retry-after|x-ratelimit-reset|ratelimit-reset)\[/;

/** @param {Record<string, string>} ours @param {Record<string, string>} theirs @param {string} what */
function same(ours, theirs, what) {
  assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort(), what);
  for (const [field, text] of Object.entries(ours)) {
    const told = `${what}: ${field}: ${text} and ${theirs[field]}`;
    if (field.startsWith('date')) assert.ok(Math.abs(Date.parse(text) - Date.parse(theirs[field])) <= 1000, told);
    else if (IS_TIME.test(field)) assert.ok(Math.abs(Number(text) - Number(theirs[field])) <= 1, told);
    else if (field.endsWith('.pk'))
      for (const pk of [text, theirs[field]]) assert.match(pk, /^:[A-Za-z0-9+/]{12,16}:$/);
    else assert.equal(text, theirs[field], told);
  }
}

const DRAFTS = /** @type {const} */ (['draft-6', 'draft-7', 'draft-8', false]);
const WAYS = DRAFTS.flatMap((standardHeaders) =>
  [true, false].map((legacyHeaders) => ({ standardHeaders, legacyHeaders })),
).filter(({ standardHeaders, legacyHeaders }) => standardHeaders !== false || legacyHeaders);

/** Express's own names for what ours calls otherwise. */
const CASES = {
  'a limit a minute': { limit: 2, windowMs: 60_000, given: { identifier: 'api' } },
  'a window of no whole seconds': { limit: 3, windowMs: 90_500, given: { identifier: 'odd' } },
  'an identifier for each request': {
    limit: 2,
    windowMs: 5_000,
    given: { identifier: async (req) => `${req.method} at most ${req.rateLimit.limit}` },
  },
  'a limit for each request': { limit: 4, windowMs: 3_600_000, given: { identifier: 'plan', limit: async () => 2 } },
  'another status and body': {
    limit: 1,
    windowMs: 1_000_000,
    given: { identifier: 'x', statusCode: 420, message: { a: 1 } },
  },
};

it('are those of express-rate-limit in every draft, field by field', async () => {
  let made = 0;
  let compared = 0;
  for (const [name, { limit, windowMs, given }] of Object.entries(CASES)) {
    for (const way of WAYS) {
      const algorithm = /** @type {const} */ ('fixed-window');
      const limiter = store.limiter(`limiter-${made++}`, { limit, window: windowMs, algorithm });
      const app = express();
      app.use('/ours', rateLimit({ ...way, ...given, limiter }));
      app.use('/theirs', expressRateLimit({ limit, ...way, ...given, windowMs }));
      app.use((_req, res) => res.send('app'));
      await serving(app, async (get) => {
        for (let request = 1; request <= limit + 2; request++) {
          const [ours, theirs] = [await get('/ours'), await get('/theirs')];
          const what = `${name}, ${JSON.stringify(way)}, request ${request} of ${limit}`;
          assert.deepEqual([ours.status, ours.text], [theirs.status, theirs.text], what);
          const fields = fieldsOf(ours.headers);
          same(fields, fieldsOf(theirs.headers), what);
          assert.equal('retry-after[0].form' in fields, ours.text !== 'app', what);
          compared += Object.keys(fields).length;
        }
      });
    }
  }
  // So many fields there are at least: the comparison is not one of nothing with nothing.
  assert.ok(compared > 700, String(compared));
});

it('of two limits on one route are those of express-rate-limit too', async () => {
  for (const standardHeaders of DRAFTS) {
    const app = express();
    for (const [limit, windowMs] of [
      [2, 10_000],
      [5, 3_600_000],
    ]) {
      const way = { standardHeaders, identifier: `${limit}` };
      const options = { limit, window: windowMs, algorithm: /** @type {const} */ ('fixed-window') };
      app.use('/ours', rateLimit({ ...way, limiter: store.limiter(`${standardHeaders} ${limit}`, options) }));
      app.use('/theirs', expressRateLimit({ ...way, limit, windowMs }));
    }
    app.use((_req, res) => res.send('app'));
    await serving(app, async (get) => {
      for (let request = 1; request <= 3; request++) {
        const [ours, theirs] = [await get('/ours'), await get('/theirs')];
        assert.equal(ours.status, theirs.status);
        same(fieldsOf(ours.headers), fieldsOf(theirs.headers), `${standardHeaders}, request ${request}`);
      }
    });
  }
});

describe('the headers of a limited app', () => {
  let names = 0;
  const limited = (options, more = {}) =>
    appWith(rateLimit({ limiter: frozen.limiter(`l${names++}`, { limit: 1, window: '1m', ...options }), ...more }));

  it('are those of the draft that was asked for [RateLimitOptions.standardHeaders]', async () => {
    const namesOf = (standardHeaders) =>
      serving(limited({}, { legacyHeaders: false, standardHeaders }), async (get) =>
        Object.keys(fieldsOf((await get()).headers)).filter((field) => !field.startsWith('date')),
      );
    assert.deepEqual(await namesOf(false), []);
    assert.ok((await namesOf(undefined)).includes('ratelimit-policy[0].pk'));
    assert.ok((await namesOf('draft-7')).includes('ratelimit[0].remaining'));
    assert.ok((await namesOf('draft-6')).includes('ratelimit-remaining[0].form'));
  });

  it('say of a denial when this request passes, which a sliding window admits before its key is as new', () =>
    serving(limited({ limit: 2, window: '16s' }), async (get) => {
      await get();
      clock.advance('8s');
      await get();
      const { status, headers, json } = await get();
      assert.equal(status, 429);
      assert.equal(json, undefined);
      const seconds = Number(headers.get('retry-after'));
      assert.ok(seconds >= 8 && seconds <= 9, String(seconds));
      assert.equal(fieldsOf(headers)['ratelimit[0].t'], String(seconds));
      clock.advance((seconds - 2) * 1000);
      assert.equal((await get()).status, 429);
      clock.advance('2s');
      assert.equal((await get()).status, 200);
    }));

  it('never tell a client to come back too early', async () => {
    for (const standardHeaders of DRAFTS) {
      for (const algorithm of ['sliding-window', 'sliding-log', 'fixed-window', 'token-bucket', 'gcra']) {
        const app = limited({ algorithm, limit: 3, window: '10500ms' }, { standardHeaders });
        await serving(app, async (get) => {
          for (let request = 0; request < 3; request++) await get();
          clock.advance(1234);
          const { status, headers } = await get();
          if (status === 200) return;
          const fields = fieldsOf(headers);
          const wait = Number(fields['retry-after[0].form']);
          for (const field of ['ratelimit[0].t', 'ratelimit[0].reset', 'ratelimit-reset[0].form']) {
            if (field in fields) assert.ok(wait >= Number(fields[field]) && Number(fields[field]) >= 1, field);
          }
          clock.advance(wait * 1000);
          assert.equal((await get()).status, 200, `${algorithm} after ${wait} s`);
        });
      }
    }
  });

  it('count a burst above the limit as the quota, and as its window the time in which so much comes back', async () => {
    for (const algorithm of /** @type {const} */ (['token-bucket', 'gcra'])) {
      for (const [burst, limit, quota, window] of [
        [25, 10, 25, 151],
        [5, 10, 10, 61],
        [undefined, 10, 10, 61],
        [25, 30, 30, 61],
      ]) {
        for (const standardHeaders of DRAFTS) {
          const app = limited(
            { algorithm, limit: 10, burst, window: '60100ms' },
            { standardHeaders, limit: () => limit },
          );
          await serving(app, async (get) => {
            const fields = fieldsOf((await get()).headers);
            const found = (...names) => names.map((name) => fields[name]).filter((text) => text !== undefined);
            const quotas = found('ratelimit-policy[0].q', 'ratelimit[0].limit', 'ratelimit-limit[0].form');
            const lefts = found('ratelimit[0].r', 'ratelimit[0].remaining', 'ratelimit-remaining[0].form');
            const windows = found('ratelimit-policy[0].w');
            const [most, left] = [fields['x-ratelimit-limit[0].form'], fields['x-ratelimit-remaining[0].form']];
            const what = `${algorithm} ${standardHeaders} ${burst} ${limit}`;
            for (const text of [...quotas, most]) assert.equal(text, String(quota), what);
            for (const text of [...lefts, left]) assert.equal(text, String((burst ?? limit) - 1), what);
            for (const text of windows) assert.equal(text, String(window), what);
            assert.equal(windows.length, standardHeaders === false ? 0 : 1, what);
          });
        }
      }
    }
  });

  it('have the Date that X-RateLimit-Reset is read by, also where Node was told to send none', () => {
    const silent = (_req, res, next) => {
      res.sendDate = false;
      next();
    };
    const limiter = frozen.limiter('silent', { limit: 1, window: '1m' });
    return serving(appWith(silent, rateLimit({ limiter })), async (get) => {
      assert.ok(Math.abs(Date.parse((await get()).headers.get('date')) - Date.now()) < 2000);
    });
  });
});

const keeper = open('memory:partition');
after(() => keeper.close());

describe('the partition key', () => {
  /** A server in a thread of its own, limited by one limiter of one store; posts the header of its own request. */
  async function inThread() {
    const http = require('node:http');
    const { parentPort } = require('node:worker_threads');
    const { open } = require('redstart');
    const { rateLimit } = require('redstart/express');
    const limiter = open('memory:partition').limiter('l', { limit: 9, window: '1h' });
    const limit = rateLimit({ limiter, key: () => 'somebody' });
    const server = http.createServer((req, res) => limit(req, res, () => res.end()));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { headers } = await fetch(`http://127.0.0.1:${server.address().port}/`);
    parentPort.postMessage([headers.get('ratelimit-policy'), headers.get('ratelimit')]);
    await new Promise((resolve) => server.close(resolve));
  }

  it('is one for all threads that count one key together', async () => {
    const told = [];
    for (let thread = 0; thread < 2; thread++) {
      const worker = new Worker(`(${inThread})()`, { eval: true });
      worker.once('message', (headers) => told.push(headers));
      await once(worker, 'exit');
    }
    const [[policy, first], [samePolicy, second]] = told;
    assert.match(policy, /pk=:[A-Za-z0-9+/]{12,16}:/);
    assert.equal(samePolicy, policy);
    assert.deepEqual(
      [first, second].map((text) => /r=(\d+)/.exec(text)[1]),
      ['8', '7'],
    );
  });
});
