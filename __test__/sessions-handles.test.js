'use strict';
// What a handle of sessions is of: its function userId, which tells whose they are, and how long it is held.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { endsByItself, told } = require('./support/child.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

const TTL = { ttl: '1h' };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The codes of what was warned of while `act` ran. */
async function warningsOf(act) {
  const codes = [];
  const listen = ({ code, message }) => codes.push({ code, message });
  process.on('warning', listen);
  await act();
  await turn();
  process.off('warning', listen);
  return codes;
}

describe('without options, sessions are those of the name', () => {
  it('that tell their user, where some do, whichever came first', async () => {
    const userId = ({ user }) => user;
    for (const order of [
      ['plain', 'telling'],
      ['telling', 'plain'],
    ]) {
      const name = order.join('-');
      const made = {};
      for (const which of order) made[which] = store.sessions(name, which === 'plain' ? TTL : { ...TTL, userId });
      assert.notEqual(made.plain, made.telling);
      assert.equal(store.sessions(name), made.telling);
      await store.sessions(name).create({ user: 'ada' });
      assert.equal((await made.plain.listUser('ada')).length, 1);
    }
  });

  it('that were the first to tell it, where several do', async () => {
    const first = store.sessions('several', { ...TTL, userId: ({ user }) => user });
    store.sessions('several', { ...TTL, userId: ({ user }) => user });
    assert.equal(store.sessions('several'), first);
  });

  it('which are one to whoever gives the same function, and each its own to others', () => {
    const userId = ({ user }) => user;
    const one = store.sessions('same', { ...TTL, userId });
    assert.equal(store.sessions('same', { ...TTL, userId }), one);
    assert.equal(store.sessions('same', TTL), store.sessions('same', TTL));
    assert.notEqual(store.sessions('same', { ...TTL, userId: ({ user }) => user }), one);
    assert.notEqual(store.sessions('other', { ...TTL, userId }), one, 'another name');
  });
});

describe('different functions userId', () => {
  it('warn, and those of one text do not', async () => {
    const ask = (userId) => store.sessions('warned', { ...TTL, userId });
    const same = await warningsOf(() => {
      for (let n = 0; n < 3; n++) ask(({ user }) => user);
      store.sessions('warned', TTL);
      store.sessions('warned');
    });
    assert.deepEqual(same, []);
    const another = ({ account }) => account;
    const different = await warningsOf(() => {
      ask(another);
      ask(another);
    });
    assert.equal(different.length, 1);
    assert.equal(different[0].code, 'REDSTART_SESSIONS_USER_ID');
    assert.match(different[0].message, /'warned'/);
    const elsewhere = await warningsOf(() => store.sessions('elsewhere', { ...TTL, userId: another }));
    assert.deepEqual(elsewhere, [], 'another name is another matter');
  });

  it('warn once for a name, however often they are written inline', async () => {
    const ask = (userId) => store.sessions('often', { ...TTL, userId });
    const warned = await warningsOf(() => {
      for (let n = 0; n < 20; n++) {
        ask(({ user }) => user);
        ask(({ account }) => account);
      }
    });
    assert.equal(warned.length, 1);
  });

  it('each tell by themselves what their handle stores', async () => {
    const byUser = store.sessions('each', { ...TTL, userId: ({ user }) => user });
    const byAccount = store.sessions('each', { ...TTL, userId: ({ account }) => account });
    await byUser.create({ user: 'ada', account: 7 });
    await byAccount.create({ user: 'ada', account: 7 });
    assert.deepEqual([(await byUser.listUser('ada')).length, (await byUser.listUser(7)).length], [1, 1]);
  });
});

describe('a handle whose function is written inline', () => {
  it('is held no longer than somebody holds it, but while somebody listens', async () => {
    const [kept] = await endsByItself([
      '--expose-gc',
      ...told(async ({ open }) => {
        const store = open('memory:');
        const ask = () => store.sessions('web', { ttl: '1h', userId: ({ user }) => user });
        const first = new WeakRef(ask());
        const refs = [];
        for (let n = 0; n < 2_000; n++) refs.push(new WeakRef(ask()));
        let told = 0;
        const listening = (() => {
          const sessions = ask();
          sessions.on('destroyed', (batch) => {
            told += batch.length;
          });
          return new WeakRef(sessions);
        })();
        const turns = () => new Promise((resolve) => setTimeout(resolve, 10));
        for (let n = 0; n < 3; n++) {
          await turns();
          global.gc();
        }
        const alive = refs.filter((ref) => ref.deref() !== undefined).length;
        const { id } = await store.sessions('web').create({ user: 'ada' });
        await store.sessions('web').destroy(id);
        while (told === 0) await turns();
        const isHeld = listening.deref() !== undefined;
        // A further call finds the places of what is gone and no facade in them.
        const again = ask();
        await store.close();
        const { id: late } = await require('redstart').open('memory:').sessions('web', { ttl: '1h' }).create({});
        console.log(
          JSON.stringify({
            alive,
            isHeld,
            told,
            bare: first.deref() !== undefined,
            late: typeof late,
            name: again.name,
          }),
        );
      }),
    ]);
    assert.deepEqual(kept, { alive: 0, isHeld: true, told: 1, bare: true, late: 'string', name: 'web' });
  });

  it('tells nothing more once the store is closed', async () => {
    const url = 'memory:sessions-handles';
    const [own, other] = [open(url, { clock }), open(url, { clock })];
    const ask = (from) => from.sessions('web', { ...TTL, userId: ({ user }) => user });
    const heard = [];
    // Nobody but its listener holds the first.
    ask(own).on('destroyed', (batch) => heard.push(...batch));
    const witness = [];
    const sessions = ask(other);
    let tellWitness;
    sessions.on('destroyed', (batch) => {
      witness.push(...batch);
      tellWitness();
    });
    const endOne = async () => {
      const heardOf = new Promise((resolve) => {
        tellWitness = resolve;
      });
      const { id } = await sessions.create({ user: 'ada' });
      await sessions.destroy(id);
      await heardOf;
      await turn();
    };
    const awake = setInterval(() => {}, 1_000);
    await endOne();
    assert.deepEqual([heard.length, witness.length], [1, 1]);
    await own.close();
    await endOne();
    assert.deepEqual([heard.length, witness.length], [1, 2]);
    clearInterval(awake);
    await other.close();
  });
});

describe('a cache whose codec is an object of the app', () => {
  it('is one for one pair and another for another, however often they are asked for', () => {
    const pair = () => ({
      encode: (value) => Buffer.from(JSON.stringify(value)),
      decode: (bytes) => JSON.parse(bytes),
    });
    const [one, two] = [pair(), pair()];
    const ask = (codec) => store.cache('coded', { ttl: '1h', codec });
    const first = ask(one);
    assert.equal(ask(one), first);
    assert.notEqual(ask(two), first);
    assert.equal(ask(two), ask(two));
    assert.equal(store.cache('coded'), first, 'the first one is that of the name');
    ask(one).setSync('key', { n: 1 });
    assert.deepEqual(ask(two).getSync('key'), { n: 1 });
  });
});

describe('an option', () => {
  it('is read once, were it a getter [SessionsOptions.ttl]', async () => {
    const reads = {};
    const read = (name, value) => ({
      enumerable: true,
      get() {
        reads[name] = (reads[name] ?? 0) + 1;
        // Read a second time it would be another.
        return reads[name] === 1 ? value : 'nonsense';
      },
    });
    const options = Object.defineProperties(
      {},
      {
        ttl: read('ttl', 2 * 3_600_000),
        userId: read('userId', ({ user }) => user),
        maxSessionSize: read('maxSessionSize', '1kb'),
        conflict: read('conflict', 'error'),
      },
    );
    const sessions = store.sessions('getters', options);
    assert.deepEqual(reads, { ttl: 1, userId: 1, maxSessionSize: 1, conflict: 1 });
    const { id } = await sessions.create({ user: 'ada' });
    assert.equal((await sessions.getEntry(id)).expiresAt - clock.nowMs, 2 * 3_600_000);
    assert.equal((await sessions.listUser('ada')).length, 1);
  });

  it('maxSessionSize is 64 MB at the most [SessionsOptions.maxSessionSize]', async () => {
    for (const maxSessionSize of ['65mb', 2 ** 26 + 1, 63, 0, -1, Infinity]) {
      assert.throws(() => store.sessions('too-large', { ...TTL, maxSessionSize }), {
        code: 'ERR_INVALID_ARG',
        message: /maxSessionSize/,
      });
    }
    const large = store.sessions('large', { ...TTL, maxSessionSize: '64mb' });
    const text = 'x'.repeat(2 ** 26 - 20);
    const { id } = await large.create({ text });
    assert.equal((await large.get(id)).text.length, text.length);
    await assert.rejects(large.create({ text: `${text}${text}` }), { code: 'ERR_TOO_LARGE' });
    await large.clear();
  });
});
