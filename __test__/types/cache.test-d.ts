import type { Cache, CacheRemoval, CacheStats, LoaderContext } from '../../index.js';
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

store.cache<User>('everything', {
  ttl: null,
  ttlJitter: 0.1,
  updateAgeOnGet: false,
  max: 1_000,
  maxSize: '64mb',
  maxEntrySize: '1mb',
  eviction: 'lru',
  staleWhileRevalidate: '1m',
  staleIfError: '1h',
  negativeTtl: '10s',
  codec: { encode: (user) => Buffer.from(user.name), decode: (bytes) => ({ id: '', name: `${bytes}` }) },
  near: { max: 100, maxSize: '1mb', objects: true },
  version: 2,
});
for (const near of [false, 500] as const) store.cache('near', { ttl: '1m', near, codec: 'json' });
// @ts-expect-error: no such policy
store.cache('users', { ttl: '5m', eviction: 'fifo' });
// @ts-expect-error: functions come in pairs
store.cache('users', { ttl: '5m', codec: { encode: () => new Uint8Array() } });
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

  same<ReturnType<typeof users.getMany>, Promise<(User | undefined)[]>>();
  same<ReturnType<typeof users.take>, Promise<User | undefined>>();
  same<ReturnType<typeof users.peek>, Promise<User | undefined>>();
  same<ReturnType<typeof users.getRemainingTTL>, Promise<number | undefined>>();
  await users.setMany(new Map([['42', { id: '42', name: 'Ada' }]]), { ttl: '1m', tags: ['users'] });
  await users.setMany([['42', { id: '42', name: 'Ada' }]]);
  // @ts-expect-error: a user has a name
  await users.setMany([['42', { id: '42' }]]);
  await users.touch('42', null);
  await users.deleteByTag('users');
  await users.expireByTag(['users', 'user:42'] as const);
  for await (const key of users.keys({ prefix: '4' })) same<typeof key, string>();
  for await (const entry of users.entries()) same<typeof entry, [string, User]>();

  const untyped = store.cache('anything', { ttl: '1m' });
  const something = await untyped.get('key');
  same<typeof something, unknown>();
}

export async function loaders() {
  const loaded = await users.getOrSet('42', async (context) => {
    same<typeof context, LoaderContext<User>>();
    same<typeof context.stale, User | undefined>();
    context.setOptions({ ttl: '1m', tags: ['users'] });
    if (context.signal.aborted) return context.skip({ id: '', name: '' });
    // @ts-expect-error: what is not stored is a user all the same
    context.skip('Ada');
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

export async function memoized() {
  const byId = users.memoize('user', async (id: string, deep?: boolean) => ({ id, name: `${deep}` }));
  same<typeof byId, (id: string, deep?: boolean) => Promise<User>>();
  users.memoize('user', (id: { n: number }) => ({ id: `${id.n}`, name: '' }), { key: ({ n }) => `${n}`, ttl: '1m' });
  // @ts-expect-error: a key is a string
  users.memoize('user', async (id: number) => ({ id: '', name: `${id}` }), { key: (id) => id });
  // @ts-expect-error: not what this cache holds
  users.memoize('user', async () => 7);
}

export function events() {
  users.on('removed', (batch) => same<typeof batch, CacheRemoval[]>()).once('error', (error) => error.message);
  const reason: CacheRemoval['reason'] = 'evict';
  users.off('removed', () => reason);
  // @ts-expect-error: no such event
  users.on('evicted', () => {});
}
