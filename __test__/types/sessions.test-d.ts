import type { SessionEvent, SessionInfo, Sessions } from '../../index.js';
import { open } from '../../index.js';
import { same } from './expect.js';

interface Login {
  userId: string;
  cart?: string[];
}

const store = open('memory:');
const sessions = store.sessions<Login>('web', { ttl: '2h', maxSessionSize: '64kb' });
same<typeof sessions, Sessions<Login>>();

// @ts-expect-error: a session that never ends is asked for by name, not by leaving the ttl out
store.sessions('web', {});
// @ts-expect-error: a session ends
store.sessions('web', { ttl: null });
// @ts-expect-error: a session is an object
store.sessions<string>('web', { ttl: '2h' });

store.sessions<Login>('web', {
  ttl: '2h',
  absoluteTtl: '30d',
  touchAfter: 0,
  userId: ({ userId }) => userId,
  maxPerUser: 5,
  onMaxPerUser: 'reject',
  maxAnonymous: 1_000,
  conflict: 'error',
});
// @ts-expect-error: there are three ways to meet
store.sessions('web', { ttl: '2h', conflict: 'ignore' });
// @ts-expect-error: a user is told by a string or a number
store.sessions<Login>('web', { ttl: '2h', userId: () => true });

export async function meets() {
  const entry = await sessions.getEntry('id');
  same<typeof entry, { data: Login; version: number; expiresAt: Date; handle: string } | undefined>();
  await sessions.set('id', { userId: 'u1' }, { version: entry?.version });
  const changed = await sessions.update('id', (data) => {
    data.cart = [];
  });
  same<typeof changed, Login | undefined>();
  await sessions.update('id', ({ userId }) => ({ userId, cart: [] }));
  // @ts-expect-error: a change is made at once
  await sessions.update('id', async (data) => data);
  // @ts-expect-error: a change gives a login
  await sessions.update('id', () => ({ cart: [] }));
}

export async function belongs() {
  same<ReturnType<typeof sessions.listUser>, Promise<SessionInfo<Login>[]>>();
  same<ReturnType<typeof sessions.destroyHandle>, Promise<boolean>>();
  const ended = await sessions.destroyUser(7, { except: 'id' });
  same<typeof ended, number>();
  for await (const info of sessions.iterate()) {
    same<typeof info, SessionInfo<Login>>();
    same<typeof info.userId, string | undefined>();
  }
  same<ReturnType<typeof sessions.clear>, Promise<void>>();
}

sessions
  .on('expired', (batch) => same<typeof batch, SessionEvent[]>())
  .once('conflict', (batch) => same<typeof batch, SessionEvent[]>())
  .on('error', (error) => same<typeof error, Error>());
// @ts-expect-error: nothing is told of a session that begins
sessions.on('created', () => {});

export async function lives() {
  const created = await sessions.create({ userId: 'u1' });
  same<typeof created, { id: string; data: Login }>();
  same<ReturnType<typeof sessions.get>, Promise<Login | undefined>>();
  same<ReturnType<typeof sessions.set>, Promise<boolean>>();
  same<ReturnType<typeof sessions.touch>, Promise<boolean>>();
  same<ReturnType<typeof sessions.destroy>, Promise<boolean>>();
  same<ReturnType<typeof sessions.regenerate>, Promise<string | undefined>>();
  same<ReturnType<typeof sessions.count>, Promise<number>>();
  await sessions.set(created.id, { userId: 'u1', cart: ['book'] }, { ttl: '1h' });

  // @ts-expect-error: a login has a user
  await sessions.create({ cart: [] });
  // @ts-expect-error: touch leaves the data alone
  await sessions.touch(created.id, { userId: 'u2' });

  const untyped = await store.sessions('other', { ttl: '1h' }).get(created.id);
  same<typeof untyped, Record<string, unknown> | undefined>();
}
