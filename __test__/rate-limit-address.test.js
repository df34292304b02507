'use strict';
// The key of rateLimit() where the app gives none: the client's address, and what makes that one worthless.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, appWith, warningsDuring } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = () => store.limiter(`address-${names++}`, { limit: 1000, window: '1m' });

/** The keys that requests from these addresses have behind one proxy. */
async function keysOf(addresses, options) {
  const app = appWith(rateLimit({ limiter: newLimiter(), ...options }));
  app.set('trust proxy', 1);
  const keys = [];
  await serving(app, async (get) => {
    for (const address of addresses) {
      const { json } = await get('/', { headers: { 'x-forwarded-for': address } });
      keys.push(json.seen?.key ?? json.code);
    }
  });
  return keys;
}

describe('IPv6 clients', () => {
  const ADDRESS = '2001:db8:1234:56ff:1:2:3:4';

  it('are told apart by so many bits [RateLimitOptions.ipv6Subnet]', async () => {
    assert.deepEqual(await keysOf([ADDRESS], {}), ['2001:db8:1234:5600::/56']);
    assert.deepEqual(await keysOf([ADDRESS], { ipv6Subnet: 64 }), ['2001:db8:1234:56ff::/64']);
    assert.deepEqual(await keysOf([ADDRESS], { ipv6Subnet: 32 }), ['2001:db8::/32']);
  });

  it('may be told apart by bits for each, and IPv4 is not asked about', async () => {
    const asked = [];
    const ipv6Subnet = async (req) => {
      asked.push(req.ip);
      return req.ip === '2001:db8::1' ? undefined : 48;
    };
    assert.deepEqual(await keysOf([ADDRESS, '203.0.113.9', '::ffff:203.0.113.9', '2001:db8::1'], { ipv6Subnet }), [
      '2001:db8:1234::/48',
      '203.0.113.9',
      '203.0.113.9',
      '2001:db8::/56',
    ]);
    assert.deepEqual(asked, [ADDRESS, '2001:db8::1']);
  });

  it('are an error where the app says what no subnet is', async () => {
    for (const bits of [31, 65, 56.5, '56', null, false]) {
      assert.deepEqual(await keysOf([ADDRESS], { ipv6Subnet: () => bits }), ['ERR_INVALID_ARG'], String(bits));
    }
  });

  it('with an IPv4 address in their own are IPv4 by their bits, however it is written', async () => {
    const written = ['::ffff:1.2.3.4', '::ffff:102:304', '::FFFF:0102:0304', '0:0:0:0:0:ffff:102:304', '1.2.3.4'];
    assert.deepEqual(await keysOf(written, {}), Array(written.length).fill('1.2.3.4'));
    // Four numbers with dots at the end do not make it one.
    assert.deepEqual(await keysOf(['2001:db8::1.2.3.4'], {}), ['2001:db8::/56']);
  });
});

describe('a warning, once a middleware,', () => {
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  /** The codes of what is warned of when two such requests come. */
  async function codesOf({ trust = undefined, sent = {}, options = {}, listener = undefined }) {
    const limit = rateLimit({ limiter: newLimiter(), ...options });
    const app = appWith(limit);
    if (trust !== undefined) app.set('trust proxy', trust);
    const plain = (req, res) => limit(req, res, () => res.end());
    const seen = await warningsDuring(() =>
      serving(listener === 'plain' ? plain : app, async (get) => {
        for (let request = 0; request < 2; request++) assert.equal((await get('/', { headers: sent })).status, 200);
      }),
    );
    return seen.map(({ code }) => code);
  }

  it('tells that anybody can choose an address', async () => {
    assert.deepEqual(await codesOf({ trust: true }), ['REDSTART_TRUST_PROXY_ALL']);
    assert.deepEqual(await codesOf({ trust: 1, sent: headers }), []);
    assert.deepEqual(await codesOf({ trust: 'loopback', sent: headers }), []);
  });

  it('tells of a proxy that is not trusted', async () => {
    assert.deepEqual(await codesOf({ sent: headers }), ['REDSTART_TRUST_PROXY_UNSET']);
    assert.deepEqual(await codesOf({}), []);
    assert.deepEqual(await codesOf({ sent: headers, listener: 'plain' }), ['REDSTART_TRUST_PROXY_UNSET']);
  });

  it('tells what is to be done about it in Express and outside', async () => {
    const limit = rateLimit({ limiter: newLimiter() });
    const [{ message }] = await warningsDuring(() =>
      serving(
        (req, res) => limit(req, res, () => res.end()),
        (get) => get('/', { headers }),
      ),
    );
    assert.match(
      message,
      /behind a proxy all clients count as one; in Express set 'trust proxy', elsewhere give .* a key/,
    );
  });

  it('tells of a header that is ignored', async () => {
    const sent = { forwarded: 'for=203.0.113.9' };
    assert.deepEqual(await codesOf({ sent }), ['REDSTART_TRUST_PROXY_FORWARDED']);
    assert.deepEqual(await codesOf({ sent, listener: 'plain' }), ['REDSTART_TRUST_PROXY_FORWARDED']);
    assert.deepEqual(await codesOf({ trust: 1, sent: { ...sent, ...headers } }), []);
  });

  it('comes from the default key alone, and from no middleware that was told not to [RateLimitOptions.validate]', async () => {
    const sent = { ...headers, forwarded: 'for=203.0.113.9' };
    assert.equal((await codesOf({ sent })).length, 2);
    assert.deepEqual(await codesOf({ sent, options: { key: (req) => req.ip } }), []);
    assert.deepEqual(await codesOf({ sent, options: { validate: false } }), []);
    assert.deepEqual(await codesOf({ trust: true, sent, options: { validate: false } }), []);
    assert.equal((await codesOf({ sent, options: { validate: true } })).length, 2);
  });

  it('comes where one of several limiters has the default key', async () => {
    const [limiter, other] = [newLimiter(), newLimiter()];
    const of = (limiters) => codesOf({ sent: headers, options: { limiter: undefined, limiters } });
    assert.equal((await of([{ limiter, key: () => 'k' }, other])).length, 1);
    assert.equal((await of([{ limiter, key: () => 'k' }])).length, 0);
  });
});
