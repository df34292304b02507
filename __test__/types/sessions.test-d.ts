import type { Sessions } from '../../index.js';
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
