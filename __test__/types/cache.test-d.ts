import type { Cache, CacheStats, LoaderContext } from '../../index.js';
import { open } from '../../index.js';
import { same } from './expect.js';

interface User {
  id: string;
  name: string;
}

const store = open('memory:');
const users = store.cache<User>('users', { ttl: '5m', maxSize: '64mb', maxEntrySize: 65_536 });
same<typeof users, Cache<User>>();
store.cache('forever', { ttl: null });
store.cache('again');

// @ts-expect-error: how long an entry may live is never forgotten by accident
store.cache('users', {});
// @ts-expect-error: the name is misspelt
store.cache('users', { ttl: '5m', maxsize: '64mb' });

export async function values() {
  same<ReturnType<typeof users.get>, Promise<User | undefined>>();
  same<ReturnType<typeof users.getSync>, User | undefined>();
  same<ReturnType<typeof users.has>, Promise<boolean>>();
  same<ReturnType<typeof users.deleteSync>, boolean>();
  same<ReturnType<typeof users.stats>, Promise<CacheStats>>();
  await users.set('42', { id: '42', name: 'Ada' }, { ttl: null });
  users.setSync('42', { id: '42', name: 'Ada' }, { ttl: '1s' });

  // @ts-expect-error: a user has an id
  await users.set('42', { name: 'Ada' });
  // @ts-expect-error: keys are strings
  await users.get(42);
  // @ts-expect-error: the whole cache's maxSize is no option of an entry
  await users.set('42', { id: '42', name: 'Ada' }, { maxSize: 1 });

  const untyped = store.cache('anything', { ttl: '1m' });
  const something = await untyped.get('key');
  same<typeof something, unknown>();
}

export async function loaders() {
  const loaded = await users.getOrSet('42', async (context) => {
    same<typeof context, LoaderContext>();
    return { id: context.key, name: 'Ada' };
  });
  same<typeof loaded, User>();

  // null is a value and is cached, undefined is returned and is not: both may come out of a loader.
  const maybe = await users.getOrSet<User | undefined>('42', () => undefined);
  same<typeof maybe, User | undefined>();
  const none = await users.getOrSet<User | null>('42', () => null);
  same<typeof none, User | null>();

  // @ts-expect-error: not what this cache holds
  await users.getOrSet('42', () => 'Ada');
  // @ts-expect-error: a value is no loader
  await users.getOrSet('42', { id: '42', name: 'Ada' });
}
