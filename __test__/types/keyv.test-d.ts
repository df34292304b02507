import type { KeyvStorageAdapter } from 'keyv-6';
import type { KeyvStoreAdapter } from 'keyv';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv-6';
import { open } from '../../index.js';
import { KeyvStore } from '../../lib/keyv.js';
import { same } from './expect.js';

const cache = open('memory:').cache<{ id: string }>('users', { ttl: '5m' });
const store = new KeyvStore({ cache, namespace: 'users' });

// What each Keyv asks of a storage adapter.
export const asKeyv5Asks: KeyvStoreAdapter = store;
export const asKeyv6Asks: KeyvStorageAdapter = store;
export const keyvs = [new Keyv({ store }), new Keyv(store, { ttl: 1000 }), new Keyv6({ store }), new Keyv6(store)];

// @ts-expect-error: entries live somewhere
new KeyvStore({});
// @ts-expect-error: a cache, not a Map
new KeyvStore({ cache: new Map() });
// @ts-expect-error: a cache, not its options
new KeyvStore({ cache: { ttl: '5m' } });
// @ts-expect-error: no such option
new KeyvStore({ cache, namspace: 'users' });

export async function answers() {
  const stored = await store.set('k', 'v', 1000);
  same<typeof stored, boolean>();
  const there = await store.hasMany(['k']);
  same<typeof there, boolean[]>();
  for await (const [key] of store.iterator()) same<typeof key, string>();
}
store.on('error', (error) => console.error(error));
