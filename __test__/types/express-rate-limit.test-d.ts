import { type Options, type Store, rateLimit } from 'express-rate-limit';
import { open } from '../../index.js';
import { RateLimitStore } from '../../lib/express-rate-limit.js';
import { same } from './expect.js';

const store = open('memory:');
const counters = new RateLimitStore({ store, prefix: 'api', algorithm: 'sliding-window', maxKeys: 1000 });

// What express-rate-limit asks of a store, and what it hands over.
export const asItAsks: Store = counters;
export const middleware = rateLimit({ windowMs: 1000, limit: async () => 5, store: counters });
export const begin = (options: Options) => counters.init(options);

// @ts-expect-error: counters live somewhere
new RateLimitStore({ prefix: 'api' });
// @ts-expect-error: counters have a name
new RateLimitStore({ store });
// @ts-expect-error: an algorithm that express-rate-limit cannot have
new RateLimitStore({ store, prefix: 'api', algorithm: 'gcra' });
// @ts-expect-error: no such option
new RateLimitStore({ store, prefix: 'api', limit: 5 });

export async function answers() {
  const hit = await counters.increment('k');
  same<typeof hit.totalHits, number>();
  same<typeof hit.resetTime, Date | undefined>();
  const known = await counters.get('k');
  same<typeof known, typeof hit | undefined>();
}
