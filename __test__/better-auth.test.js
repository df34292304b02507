'use strict';
// The storage under the real better-auth, asked over HTTP: what its users see, and what redstart's sessions show of them.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { RedstartError, open } = require('..');
const { secondaryStorage } = require('redstart/better-auth');
const { serving } = require('./support/better-auth/app.js');
const { Gate } = require('./support/sessions/browser.js');

const store = open('memory:');
after(() => store.close());

let names = 0;
const newSessions = (options) => store.sessions(`auth-${names++}`, { ttl: '7d', ...options });
/** Serves an app over these sessions. */
const over = (sessions, options, visit) =>
  serving({ secondaryStorage: secondaryStorage({ sessions }), ...options }, visit);
const tokensOf = (devices) => devices.map(({ data }) => JSON.parse(data.value).session.token);

describe('a user of better-auth', () => {
  it('is in after signing up and signing in, and out after signing out [BetterAuthStorageOptions.sessions]', async () => {
    const sessions = newSessions();
    await over(sessions, {}, async ({ browser }) => {
      const laptop = browser();
      const { token, user } = await laptop.signUp('ada');
      assert.equal((await laptop.session()).user.email, 'ada@example.com');
      assert.deepEqual(tokensOf(await sessions.listUser(user.id)), [token], 'it is in the sessions given');

      const phone = browser();
      assert.equal(await phone.session(), null);
      await phone.signIn('ada');
      assert.equal((await phone.session()).user.id, user.id);

      await laptop.ask('/sign-out', {});
      assert.equal(laptop.status, 200);
      assert.equal(await sessions.get(token), undefined);
      assert.equal(await laptop.session(), null);
      assert.equal((await phone.session()).user.id, user.id);
    });
  });

  it('is out after signing out, though a browser still sends the cookie', async () => {
    await over(newSessions(), {}, async ({ browser }) => {
      const laptop = browser();
      await laptop.signUp('ada');
      const copy = laptop.copy();
      assert.equal((await copy.session()).user.name, 'ada');
      await laptop.ask('/sign-out', {});
      assert.equal(await copy.session(), null);
    });
  });

  it('sees the devices that are in, and logs out one of them, or all at once', async () => {
    const sessions = newSessions();
    await over(sessions, {}, async ({ browser }) => {
      const [laptop, phone, tablet] = [browser(), browser(), browser()];
      const first = await laptop.signUp('ada');
      const second = await phone.signIn('ada');
      const third = await tablet.signIn('ada');
      const other = browser();
      await other.signUp('bob');

      const devices = await sessions.listUser(first.user.id);
      assert.deepEqual(tokensOf(devices), [first.token, second.token, third.token]);
      assert.equal(await sessions.destroyHandle(devices[1].handle), true);
      assert.equal(await phone.session(), null);
      assert.equal((await laptop.ask('/list-sessions')).length, 2);

      assert.deepEqual(laptop.cookieNames, ['better-auth.session_token'], 'no copy of the session in the browser');
      assert.equal(await sessions.destroyUser(first.user.id), 2);
      assert.equal(await laptop.session(), null);
      assert.equal(await tablet.session(), null);
      assert.deepEqual(await sessions.listUser(first.user.id), []);
      assert.equal((await other.session()).user.name, 'bob');

      await laptop.signIn('ada');
      assert.equal((await laptop.ask('/list-sessions')).length, 1);
    });
  });

  it('stays in where it is, when all other devices are logged out', async () => {
    const sessions = newSessions();
    await over(sessions, {}, async ({ browser }) => {
      const [laptop, phone] = [browser(), browser()];
      const { token, user } = await laptop.signUp('ada');
      await phone.signIn('ada');
      assert.equal(await sessions.destroyUser(user.id, { except: token }), 1);
      assert.equal(await phone.session(), null);
      assert.deepEqual(
        (await laptop.ask('/list-sessions')).map((session) => session.token),
        [token],
      );
      await laptop.ask('/revoke-sessions', {});
      assert.equal(laptop.status, 200);
      assert.equal(await laptop.session(), null);
    });
  });

  it('has as many devices as maxPerUser says, the newest', async () => {
    const sessions = newSessions({ maxPerUser: 2 });
    await over(sessions, {}, async ({ browser }) => {
      const [laptop, phone, tablet] = [browser(), browser(), browser()];
      const { user } = await laptop.signUp('ada');
      await phone.signIn('ada');
      await laptop.ask('/revoke-other-sessions', {});
      await phone.signIn('ada');
      assert.equal((await laptop.session()).user.id, user.id, 'what better-auth notes of a user counts for nothing');
      await tablet.signIn('ada');
      assert.equal(await laptop.session(), null);
      assert.equal((await phone.session()).user.id, user.id);
      assert.equal((await tablet.session()).user.id, user.id);
      assert.equal((await sessions.listUser(user.id)).length, 2);
    });
  });

  it('stays logged out, whatever a slow request still writes to the session', async () => {
    const sessions = newSessions();
    const storage = secondaryStorage({ sessions });
    const gate = new Gate();
    let slow = false;
    const set = async (key, ...rest) => {
      if (slow && !key.startsWith('active-sessions-')) await gate.pass();
      return storage.set(key, ...rest);
    };
    await serving({ secondaryStorage: { ...storage, set } }, async ({ browser }) => {
      const laptop = browser();
      const { user, token } = await laptop.signUp('ada');
      slow = true;
      const renaming = laptop.ask('/update-user', { name: 'lovelace' });
      await gate.reached;
      assert.equal(await sessions.destroyUser(user.id), 1);
      gate.open();
      await renaming;
      slow = false;
      assert.equal(await sessions.get(token), undefined);
      assert.equal(await laptop.session(), null);
    });
  });

  it('changes its name in all its sessions', async () => {
    await over(newSessions(), {}, async ({ browser }) => {
      const [laptop, phone] = [browser(), browser()];
      await laptop.signUp('ada');
      await phone.signIn('ada');
      await laptop.ask('/update-user', { name: 'lovelace' });
      assert.equal((await phone.session()).user.name, 'lovelace');
    });
  });
});

describe('each session that better-auth stores', () => {
  for (const storeSessionInDatabase of [false, true]) {
    it(`is told by its token${storeSessionInDatabase ? ', also where its database has it too' : ''}`, async () => {
      const { deviceAuthorization } = await import('better-auth/plugins');
      const sessions = newSessions();
      const storage = secondaryStorage({ sessions });
      const kinds = new Map();
      let doing;
      const set = async (key, value, ttl) => {
        await storage.set(key, value, ttl);
        if (!value.startsWith('{') || key.startsWith('verification:')) return;
        const { session } = JSON.parse(value);
        assert.equal(session.token, key);
        assert.ok(
          (await sessions.listUser(session.userId)).some(({ data }) => data.value === value),
          doing,
        );
        kinds.set(doing, (kinds.get(doing) ?? 0) + 1);
      };
      const options = {
        secondaryStorage: { ...storage, set },
        session: { updateAge: 0, storeSessionInDatabase },
        plugins: [deviceAuthorization({ verificationUri: '/device' })],
      };
      await serving(options, async ({ browser }) => {
        const [laptop, television] = [browser(), browser()];
        const step = async (name, one, path, body) => {
          doing = name;
          const answer = await one.ask(path, body);
          assert.equal(one.status, 200, `${name}: ${JSON.stringify(answer)}`);
          return answer;
        };
        doing = 'signing up';
        await laptop.signUp('ada');
        doing = 'signing in';
        await laptop.signIn('ada');
        await step('renewing', laptop, '/get-session');
        await step('a new name', laptop, '/update-user', { name: 'lovelace' });
        const asked = await step('a code', television, '/device/code', { client_id: 'television' });
        await step('looking at the code', laptop, `/device?user_code=${asked.user_code}`);
        await step('approving', laptop, '/device/approve', { userCode: asked.user_code });
        await step('a device', television, '/device/token', {
          grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
          device_code: asked.device_code,
          client_id: 'television',
        });
      });
      for (const kind of ['signing up', 'signing in', 'renewing', 'a new name', 'a device']) {
        assert.ok(kinds.get(kind) > 0, `${kind} stored a session`);
      }
    });
  }
});

describe('a rate limit of better-auth', () => {
  const limited = { rateLimit: { enabled: true, storage: 'secondary-storage', window: 60, max: 7 } };
  const countOf = (statuses, status) => statuses.filter((each) => each === status).length;
  const flood = (browser, address, times) =>
    Promise.all(
      Array.from({ length: times }, async () => {
        const one = browser(address);
        await one.session();
        return one.status;
      }),
    );

  it('lets exactly as many requests through as it says, of fifty that come at once', () =>
    over(newSessions(), limited, async ({ browser }) => {
      const statuses = await flood(browser, '192.0.2.1', 50);
      assert.deepEqual([countOf(statuses, 200), countOf(statuses, 429)], [7, 43]);
      const others = await flood(browser, '192.0.2.2', 50);
      assert.deepEqual([countOf(others, 200), countOf(others, 429)], [7, 43]);
    }));

  it('fills up with visitors and logs nobody out', async () => {
    const sessions = newSessions({ maxAnonymous: 20 });
    await over(sessions, limited, async ({ browser }) => {
      const laptop = browser();
      await laptop.signUp('ada');
      for (let host = 1; host <= 60; host++) await flood(browser, `198.51.100.${host}`, 1);
      assert.equal((await laptop.session()).user.name, 'ada');
      assert.equal((await laptop.ask('/list-sessions')).length, 1);
      assert.ok((await sessions.count()) <= 20 + 2, 'visitors, a session and the list of it');
    });
  });
});

describe('a verification of better-auth', () => {
  it('is good for one use, of ten that come at once', async () => {
    const sent = [];
    const emailAndPassword = { sendResetPassword: async ({ token }) => sent.push(token) };
    await over(newSessions(), { emailAndPassword }, async ({ browser }) => {
      const laptop = browser();
      await laptop.signUp('ada');
      await laptop.ask('/request-password-reset', { email: 'ada@example.com', redirectTo: '/' });
      assert.equal(sent.length, 1);
      const uses = Array.from({ length: 10 }, async (_, use) => {
        const one = browser();
        await one.ask('/reset-password', { newPassword: `the new one of ${use}`, token: sent[0] });
        return one.status;
      });
      assert.deepEqual((await Promise.all(uses)).sort(), [200, ...Array(9).fill(400)]);
    });
  });
});

describe('the storage', () => {
  it('refuses what are no sessions, and sessions that tell by themselves whose they are or age', () => {
    const sessions = newSessions({ userId: ({ user }) => user });
    assert.throws(
      () => secondaryStorage({ sessions }),
      (error) => RedstartError.is(error, 'ERR_INVALID_ARG') && /without the option 'userId'/.test(error.message),
    );
    const aged = newSessions({ absoluteTtl: '30d' });
    assert.throws(
      () => secondaryStorage({ sessions: aged }),
      (error) =>
        RedstartError.is(error, 'ERR_INVALID_ARG') &&
        /without the option 'absoluteTtl': .* by session\.expiresIn/.test(error.message),
    );
    for (const [given, message] of [
      [{}, /secondaryStorage\(\) needs the option 'sessions': sessions of a store/],
      [undefined, /needs the option 'sessions'/],
      [{ sessions: store }, /must be sessions of a store/],
      [{ sessions: newSessions(), prefix: 'auth' }, /unknown option 'prefix'/],
    ]) {
      assert.throws(
        () => secondaryStorage(given),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG') && message.test(error.message),
      );
    }
  });

  it('has the types that better-auth takes', () => {
    const tsc = path.join(__dirname, '..', 'node_modules', 'typescript', 'bin', 'tsc');
    const file = path.join(__dirname, 'support', 'better-auth', 'assignable.mts');
    const options = '--noEmit --ignoreConfig --strict --skipLibCheck --target es2022 --module node16 --types node';
    assert.equal(execFileSync(process.execPath, [tsc, ...options.split(' '), file], { encoding: 'utf8' }), '');
  });
});
