'use strict';
// The storage for better-auth, called as better-auth calls it: its keys, values and times, and many threads at one key.
const assert = require('node:assert/strict');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { RedstartError, manualClock, open } = require('..');
const { secondaryStorage } = require('redstart/better-auth');
const { Barrier } = require('./support/barrier.js');
const { crew } = require('./support/crew.js');

const SECOND = 1_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) => store.sessions(`auth-${names++}`, { ttl: '1h', ...options });
const newStorage = (options) => secondaryStorage({ sessions: newSessions(options) });
const sessionOf = (userId, token, more) =>
  JSON.stringify({ session: { userId, token, ...more }, user: { id: userId } });
const refused = (code, message) => (error) => RedstartError.is(error, code) && message.test(error.message);

describe('a key', () => {
  const surrogate = '\ud800';
  const keys = [
    '',
    ' ',
    '__proto__',
    'constructor',
    'a'.repeat(256),
    'a'.repeat(257),
    'a'.repeat(100_000),
    'é',
    'ключ',
    '💚',
  ].concat([
    surrogate,
    '\udc00',
    `${surrogate}a`,
    '\ufffd',
    'a\0',
    'a',
    'a\n',
    'sha256:',
    'sha256:a',
    'Sha256:a',
    'a\u0308',
    'ä',
  ]);

  it('may be any string, and each is one of its own', async () => {
    const { get, set, getAndDelete, delete: remove } = newStorage();
    for (const [n, key] of keys.entries()) await set(key, `value ${n}`);
    for (const [n, key] of keys.entries()) assert.equal(await get(key), `value ${n}`);
    assert.equal(await getAndDelete(keys[0]), 'value 0');
    await remove(keys[1]);
    for (const [n, key] of keys.entries()) assert.equal(await get(key), n < 2 ? null : `value ${n}`);
  });

  it('may look like the hash of another', async () => {
    const sessions = newSessions();
    const { get, set } = secondaryStorage({ sessions });
    await set('é', 'of é');
    // printf é | iconv -t utf-16le | openssl dgst -sha256 -binary | basenc --base64url
    const hash = 'sha256:Y-PIB_k_ZpomJfN-5nNybDbvPpm2t9sCyRC-JQh-D5w';
    assert.deepEqual(await sessions.get(hash), { value: 'of é' }, 'kept as the types say');
    assert.equal(await get(hash), null);
    await set(hash, 'of the hash');
    assert.equal(await get('é'), 'of é');
  });

  it('that is a session id is the id of the entry', async () => {
    const sessions = newSessions();
    await secondaryStorage({ sessions }).set('token', 'a value');
    assert.deepEqual(await sessions.get('token'), { value: 'a value' });
  });

  it('is a string', async () => {
    const storage = newStorage();
    for (const call of ['get', 'getAndDelete', 'increment', 'set', 'delete']) {
      for (const key of [undefined, null, 7, {}]) {
        await assert.rejects(storage[call](key, 'x', 1), refused('ERR_INVALID_ARG', /a key is a string; got/));
      }
    }
  });
});

describe('a value', () => {
  it('may be any string', async () => {
    const { get, set } = newStorage();
    for (const value of [
      '',
      '{',
      '{}',
      '{"session":1}',
      '{"session":null,"user":7}',
      '{"user":{"id":""}}',
      '{"user":{"id":{}}}',
      '[',
      'null',
      '\ud800',
      '\udc00x',
      'a\0b',
      '💚',
      '\u2028',
      '"\\',
    ]) {
      await set('key', value);
      assert.equal(await get('key'), value);
    }
  });

  it('that is none is refused', async () => {
    const { get, set } = newStorage();
    for (const value of [undefined, null, 7, { session: {} }]) {
      await assert.rejects(set('key', value), refused('ERR_INVALID_ARG', /a value is a string; got/));
    }
    assert.equal(await get('key'), null);
  });

  it('over maxSessionSize is refused, and what to raise is told', async () => {
    const { get, set } = newStorage();
    await set('key', 'small');
    await assert.rejects(set('key', 'x'.repeat(100_000)), refused('ERR_TOO_LARGE', /maxSessionSize/));
    assert.equal(await get('key'), 'small');
    const roomy = newStorage({ maxSessionSize: '200kb' });
    await roomy.set('key', 'x'.repeat(100_000));
    assert.equal((await roomy.get('key')).length, 100_000);
  });

  it('is null where there is none', async () => {
    const { get, getAndDelete, delete: remove } = newStorage();
    assert.equal(await get('key'), null);
    assert.equal(await getAndDelete('key'), null);
    assert.equal(await remove('key'), undefined);
  });
});

describe('the time', () => {
  it('of an entry is what set says, in seconds, and reading does not renew it', async () => {
    const { get, set } = newStorage();
    await set('key', 'value', 10);
    await set('fraction', 'value', 0.0015);
    clock.advance(1);
    assert.equal(await get('fraction'), 'value');
    clock.advance(1);
    assert.equal(await get('fraction'), null);
    clock.advance(9 * SECOND);
    assert.equal(await get('key'), 'value');
    clock.advance(1 * SECOND);
    assert.equal(await get('key'), null);
  });

  it('is that of the sessions where set says none, also over a longer one', async () => {
    const { get, set } = newStorage();
    await set('key', 'value', 86_400);
    await set('key', 'value');
    clock.advance(3_599 * SECOND);
    assert.equal(await get('key'), 'value');
    clock.advance(1 * SECOND);
    assert.equal(await get('key'), null);
  });

  it('that is over leaves nothing stored', async () => {
    const { get, set } = newStorage();
    for (const ttl of [0, -1, -Infinity]) {
      await set('key', 'value', 60);
      await set('key', 'another', ttl);
      assert.equal(await get('key'), null);
    }
  });

  it('may be as long as one likes, and ends within 100 years', async () => {
    const { get, set } = newStorage();
    for (const ttl of [1e12, Number.MAX_VALUE, Infinity]) {
      await set('key', 'value', ttl);
      assert.equal(await get('key'), 'value');
    }
  });

  it('is a number', async () => {
    const { get, set, increment } = newStorage();
    for (const ttl of [Number.NaN, '60', null, {}]) {
      const refusal = refused('ERR_INVALID_ARG', /a time to live is a number of seconds; got .*leave it out/);
      await assert.rejects(set('key', 'value', ttl), refusal);
      await assert.rejects(increment('key', ttl), refusal);
    }
    assert.equal(await get('key'), null);
  });
});

describe('a counter', () => {
  it('is over at its first time, whatever later increments say', async () => {
    const { get, increment } = newStorage();
    assert.equal(await increment('ip|/path', 10), 1);
    clock.advance(6 * SECOND);
    assert.equal(await increment('ip|/path', 10), 2);
    clock.advance(3_999);
    assert.equal(await increment('ip|/path', 1_000), 3);
    assert.equal(await get('ip|/path'), '3');
    clock.advance(1);
    assert.equal(await get('ip|/path'), null);
    assert.equal(await increment('ip|/path', 10), 1);
  });

  it('of no time at all counts 1 each time', async () => {
    const { get, increment } = newStorage();
    assert.equal(await increment('key', 0), 1);
    assert.equal(await increment('key', -5), 1);
    assert.equal(await get('key'), null);
    assert.equal(await increment('key', 10), 1);
    assert.equal(await increment('key', 0), 2);
  });

  it('counts on from what was set, up to 2^53 - 1', async () => {
    const { get, set, increment } = newStorage();
    for (const [value, next] of [
      ['0', 1],
      ['-1', 0],
      ['41', 42],
      ['9007199254740990', Number.MAX_SAFE_INTEGER],
    ]) {
      await set('key', value, 60);
      assert.equal(await increment('key', 60), next);
    }
    await assert.rejects(
      increment('key', 60),
      refused('ERR_INVALID_STATE', /is at 9007199254740991 and counts no further/),
    );
    assert.equal(await get('key'), '9007199254740991');
  });

  it('is refused where something else is stored', async () => {
    const { get, set, increment } = newStorage();
    for (const value of ['', ' 1', '1.5', '1e3', '0x10', '01', '-0', 'NaN', '{"count":1}']) {
      await set('key', value, 60);
      await assert.rejects(increment('key', 60), refused('ERR_INVALID_STATE', /'key' is no whole number to increment/));
      assert.equal(await get('key'), value);
    }
  });
});

describe('whose an entry is', () => {
  const devices = async (sessions, user) =>
    (await sessions.listUser(user)).map(({ data }) => JSON.parse(data.value).session?.token);

  it('a session tells, of a user or of a user by number', async () => {
    const sessions = newSessions();
    const { set } = secondaryStorage({ sessions });
    await set('t1', sessionOf('ada', 't1'));
    await set('t2', sessionOf(7, 't2'));
    await set('t3', JSON.stringify({ session: { token: 't3' }, user: { id: 'bob' } }));
    await set('t4', JSON.stringify({ session: { userId: 'ada', token: 't4' }, user: { id: 'impersonator' } }));
    assert.deepEqual(await devices(sessions, 'ada'), ['t1', 't4']);
    assert.deepEqual(await devices(sessions, 7), ['t2']);
    assert.deepEqual(await devices(sessions, 'bob'), ['t3']);
    assert.deepEqual(await devices(sessions, 'impersonator'), []);
  });

  it('is a visitor where it is no session under its token, whatever user it names', async () => {
    const sessions = newSessions({ maxAnonymous: 1, maxPerUser: 1 });
    const { get, set } = secondaryStorage({ sessions });
    await set('token', sessionOf('ada', 'token'));
    for (const key of ['profile:1', 'profile:2']) {
      await set(key, JSON.stringify({ user: { id: 'ada' }, session: { userId: 'ada' } }));
      clock.advance(1);
    }
    assert.equal(await get('profile:1'), null, 'the one visitor is another now');
    assert.notEqual(await get('profile:2'), null);
    await set('copy', sessionOf('ada', 'token'));
    assert.equal(await get('profile:2'), null);
    assert.deepEqual(await devices(sessions, 'ada'), ['token']);
    assert.equal(await get('token'), sessionOf('ada', 'token'));
    assert.equal(await get('copy'), sessionOf('ada', 'token'));
  });

  it('is told of any user: by a hash where no session can have such a one', async () => {
    const sessions = newSessions({ maxAnonymous: 1 });
    const { get, set } = secondaryStorage({ sessions });
    const plain = ['u'.repeat(256), 'ключ', '💚'];
    const hashed = {
      // printf … | iconv -t utf-16le | openssl dgst -sha256 -binary | basenc --base64url; of the surrogate: printf '\0\330'
      ['u'.repeat(257)]: '_ok5qagrNof-zC_iyECM03-UBds3GKHqSNbS2wCdvKk',
      '\ud800': 'IFAi40KLfIJ2zyR7NuTlEttWUeXLNHLCU9nuiTqKx1A',
      'sha256:ada': 'wLIkIJYD8MVkI3kuRM3AgKyIt88s0M2KlFuvP8-Z4v0',
    };
    for (const user of [...plain, ...Object.keys(hashed)]) await set(`token ${user}`, sessionOf(user, `token ${user}`));
    for (let n = 0; n < 5; n++) await set(`verification:${n}`, '{}');
    for (const user of plain) assert.deepEqual(await devices(sessions, user), [`token ${user}`]);
    for (const [user, hash] of Object.entries(hashed)) {
      assert.deepEqual(await devices(sessions, `sha256:${hash}`), [`token ${user}`]);
      assert.equal(await sessions.destroyUser(`sha256:${hash}`), 1);
      assert.equal(await get(`token ${user}`), null);
    }
    await set('token', sessionOf('', 'token'));
    assert.equal(await get('token'), sessionOf('', 'token'));
    assert.equal(await get('verification:4'), null, 'a session of nobody is a visitor');
  });

  it('is told by what was set last', async () => {
    const sessions = newSessions();
    const { set } = secondaryStorage({ sessions });
    await set('key', sessionOf('ada', 'key'));
    await set('key', sessionOf('bob', 'key'));
    assert.deepEqual([await devices(sessions, 'ada'), await devices(sessions, 'bob')], [[], ['key']]);
    await set('key', '{}');
    assert.deepEqual(await sessions.listUser('bob'), []);
  });

  it('is no device where better-auth keeps a list of a user, and no flood pushes it out', async () => {
    const sessions = newSessions({ maxAnonymous: 3, maxPerUser: 1 });
    const { get, set, increment } = secondaryStorage({ sessions });
    const long = 'u'.repeat(300);
    const lists = ['active-sessions-ada', 'revoked-sessions-before-ada', `active-sessions-${long}`];
    for (const key of lists) await set(key, '[]');
    await set('token', sessionOf('ada', 'token'));
    for (let n = 0; n < 10; n++) await increment(`ip ${n}`, 60);
    for (const key of lists) assert.equal(await get(key), '[]');
    assert.deepEqual(await devices(sessions, 'ada'), ['token']);
    assert.equal(await sessions.destroyUser('ada'), 1);
    assert.equal(await get('active-sessions-ada'), '[]');
  });

  it('is a visitor, and 5,000 of these end no session of a user', async () => {
    const sessions = newSessions({ maxAnonymous: 1_000 });
    const { get, set, increment } = secondaryStorage({ sessions });
    for (let n = 0; n < 100; n++) await set(`token ${n}`, sessionOf(`user ${n % 10}`, `token ${n}`));
    for (let n = 0; n < 5_000; n++) {
      await increment(`ip ${n}`, 60);
      clock.advance(1);
    }
    assert.equal(await sessions.count(), 1_100);
    for (let n = 0; n < 100; n++) assert.notEqual(await get(`token ${n}`), null);
    assert.equal(await get('ip 3999'), null);
    assert.equal(await get('ip 4000'), '1');
  });

  it('of visitors the one that was set longest ago goes first; an increment is no set', async () => {
    const { get, set, increment } = newStorage({ maxAnonymous: 2 });
    await increment('counter', 60);
    clock.advance(1);
    await set('verification:1', '{}', 60);
    clock.advance(1);
    await increment('counter', 60);
    await set('verification:2', '{}', 60);
    assert.deepEqual(
      [await get('counter'), await get('verification:1'), await get('verification:2')],
      [null, '{}', '{}'],
    );
    clock.advance(1);
    await set('verification:1', '{}', 60);
    clock.advance(1);
    await increment('counter', 60);
    assert.deepEqual(
      [await get('counter'), await get('verification:1'), await get('verification:2')],
      ['1', '{}', null],
    );
  });

  it('of visitors those that are over make room before any other', async () => {
    const { get, set, increment } = newStorage({ maxAnonymous: 10 });
    await set('verification:1', '{}', 600);
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 9; n++) await increment(`ip ${round} ${n}`, 1);
      clock.advance(1 * SECOND);
    }
    assert.equal(await get('verification:1'), '{}');
  });
});

describe('a session that was ended', () => {
  it('stays so where it was read before, by whatever it was ended', async () => {
    const sessions = newSessions();
    const slow = secondaryStorage({ sessions });
    const other = secondaryStorage({ sessions });
    for (const end of [
      (token) => other.delete(token),
      (token) => slow.delete(token),
      (token) => other.getAndDelete(token),
      () => sessions.destroyUser('ada'),
      () => clock.advance(60 * SECOND),
    ]) {
      const token = `token ${names++}`;
      await other.set(token, sessionOf('ada', token), 60);
      assert.notEqual(await slow.get(token), null);
      await slow.set(token, sessionOf('ada', token, { seen: 1 }), 60);
      assert.equal(await slow.get(token), sessionOf('ada', token, { seen: 1 }));
      await end(token);
      await slow.set(token, sessionOf('ada', token, { seen: 2 }), 60);
      assert.equal(await slow.get(token), null);
    }
  });

  it('is remembered while 10,000 others are read, and forgotten after twice as many', async () => {
    const { get, set, delete: remove } = newStorage();
    const readOthers = async (count, value) => {
      for (let n = 0; n < count; n++) {
        const key = `other ${names++}`;
        await set(key, value(key));
        await get(key);
      }
    };
    const session = (key) => sessionOf('bob', key);
    const beginsAgain = async (token) => {
      await remove(token);
      await set(token, sessionOf('ada', token));
      return (await get(token)) !== null;
    };
    for (const token of ['first', 'second']) {
      await set(token, sessionOf('ada', token));
      await get(token);
    }
    await readOthers(15_000, () => 'what is no JSON');
    await readOthers(15_000, () => session('of another key'));
    await readOthers(9_000, session);
    await get('first');
    assert.equal(await beginsAgain('second'), false);
    await readOthers(9_999, session);
    assert.equal(await beginsAgain('first'), false);
    await readOthers(10_000, session);
    assert.equal(await beginsAgain('first'), true);
  });

  it('is one under its token: anything else may begin anew', async () => {
    const { get, set, delete: remove } = newStorage();
    const ofUser = [JSON.stringify({ user: { id: 'ada' }, plan: 'pro' }), '{"session":{"userId":"ada"}}'];
    for (const value of ['{}', '[]', '7', '{"session":1}', ...ofUser, sessionOf('ada', 'another key')]) {
      for (const end of [() => remove('key'), () => clock.advance(60 * SECOND)]) {
        await set('key', value, 60);
        await get('key');
        await end();
        await set('key', value, 60);
        assert.equal(await get('key'), value);
      }
    }
  });
});

describe('what other code stores among the sessions', () => {
  it('is no value where it is no string, and no counter begins over it', async () => {
    const sessions = newSessions();
    const { get, set, getAndDelete, increment } = secondaryStorage({ sessions });
    for (const data of [{}, { value: 5 }, { value: null }, { value: { session: {} } }, { value: ['{'] }]) {
      const { id } = await sessions.create(data);
      assert.equal(await get(id), null);
      assert.equal(await getAndDelete(id), null);
      await assert.rejects(increment(id, 60), refused('ERR_INVALID_STATE', /is no whole number to increment/));
      assert.deepEqual(await sessions.get(id), data, 'it stays as it was');
      await set(id, 'value');
      assert.equal(await get(id), 'value');
    }
  });
});

describe('eight threads', () => {
  const THREADS = 8;
  const options = { ttl: '1h' };
  const url = 'memory:better-auth-threads';
  const shared = open(url);
  after(() => shared.close());
  const storage = secondaryStorage({ sessions: shared.sessions('auth', options) });
  const file = path.join(__dirname, 'support', 'better-auth', 'thread.js');
  const all = (work) =>
    crew(file, THREADS, { url, options, args: [], times: 1, ...work, barrier: new SharedArrayBuffer(Barrier.BYTES) });
  /** Half of them increment a key while the others take it. */
  const halves = (key, times) => {
    const work = { url, options, keys: [key], times, barrier: new SharedArrayBuffer(Barrier.BYTES), waiting: THREADS };
    const counters = crew(file, THREADS / 2, { ...work, call: 'increment', args: [60] });
    return [counters, crew(file, THREADS / 2, { ...work, call: 'getAndDelete', args: [] })];
  };

  it('lose no increment, and each gets a count of its own', async () => {
    const times = 1_000;
    const got = await all({ call: 'increment', keys: ['ip|/path'], times, args: [60] });
    const counts = got.flat().sort((a, b) => a - b);
    assert.deepEqual(
      counts,
      Array.from({ length: THREADS * times }, (_, n) => n + 1),
    );
    assert.equal(await storage.get('ip|/path'), String(THREADS * times));
  });

  it('begin each counter once', async () => {
    const keys = Array.from({ length: 20_000 }, (_, n) => `ip ${n}|/path`);
    await all({ call: 'increment', keys, args: [60] });
    const counts = await Promise.all(keys.map(storage.get));
    assert.deepEqual(new Set(counts), new Set([String(THREADS)]));
  });

  it('that take one value once get it once in all', async () => {
    const keys = Array.from({ length: 1_000 }, (_, n) => `verification:${n}`);
    for (const key of keys) await storage.set(key, key, 60);
    const got = await all({ call: 'getAndDelete', keys });
    for (const [n, key] of keys.entries()) {
      assert.deepEqual(
        got.map((values) => values[n]).filter((value) => value !== null),
        [key],
      );
    }
  });

  it('lose no count between those that count and those that take what was counted', async () => {
    const times = 3_000;
    const [counters, takers] = await Promise.all(halves('taken', times));
    const taken = takers.flat().filter((value) => value !== null);
    const sum = taken.reduce((total, value) => total + Number(value), 0);
    assert.equal(sum + Number(await storage.get('taken')), (THREADS / 2) * times);
    assert.equal(counters.flat().length, (THREADS / 2) * times);
    assert.ok(taken.length > 1, 'they met');
  });
});
