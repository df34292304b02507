import { type RateLimiterRes, RateLimiterMemory, RateLimiterQueue, RateLimiterUnion } from 'rate-limiter-flexible';
import { open } from '../../index.js';
import { RateLimiterRedstart } from '../../lib/rate-limiter-flexible.js';
import { same } from './expect.js';

const store = open('memory:');
const limiter = new RateLimiterRedstart({ store, keyPrefix: 'api', points: 5, duration: 60, blockDuration: 10 });

// Wherever the library takes a limiter.
export const union = new RateLimiterUnion(limiter, new RateLimiterMemory({ points: 1, duration: 1 }));
export const queue = new RateLimiterQueue(limiter);

// @ts-expect-error: points live somewhere
new RateLimiterRedstart({ keyPrefix: 'api', points: 5, duration: 60 });
// @ts-expect-error: points have a name
new RateLimiterRedstart({ store, points: 5, duration: 60 });
// @ts-expect-error: seconds, as everywhere in the library
new RateLimiterRedstart({ store, keyPrefix: 'api', points: 5, duration: '1m' });

export async function answers() {
  const taken = await limiter.consume('k', 2);
  same<typeof taken, RateLimiterRes>();
  const known = await limiter.get('k');
  same<typeof known, RateLimiterRes | null>();
}
