// By its own file: the package's door leads to modules that CommonJS cannot import as types.
import type { ThrottlerStorage as StorageOfNest } from '@nestjs/throttler/dist/throttler-storage.interface.js';
import { open } from '../../index.js';
import { ThrottlerStorage } from '../../lib/nest-throttler.js';
import { same } from './expect.js';

const store = open('memory:');
const storage = new ThrottlerStorage({ store, prefix: 'api', algorithm: 'gcra', maxKeys: 1000 });

// What Nest asks of a storage.
export const asNestAsks: StorageOfNest = storage;

// @ts-expect-error: counters live somewhere
new ThrottlerStorage({ prefix: 'api' });
// @ts-expect-error: counters have a name
new ThrottlerStorage({ store });
// @ts-expect-error: no such algorithm
new ThrottlerStorage({ store, prefix: 'api', algorithm: 'leaky' });

export async function answers() {
  const { isBlocked, timeToBlockExpire } = await storage.increment('k', 1000, 5, 0, 'default');
  same<typeof isBlocked, boolean>();
  same<typeof timeToBlockExpire, number>();
}
