import type { Limiter, LimiterStats, LimitResult } from '../../index.js';
import { ipKey, open } from '../../index.js';
import { same } from './expect.js';

const store = open('memory:');
const limiter = store.limiter('api', { limit: 100, window: '1m', algorithm: 'fixed-window', maxKeys: 1_000 });
same<typeof limiter, Limiter>();

// @ts-expect-error: a limit has a window
store.limiter('api', { limit: 100 });
// @ts-expect-error: 'token-bucket' is not among the algorithms
store.limiter('api', { limit: 100, window: '1m', algorithm: 'token-bucket' });
// @ts-expect-error: a limit is a number
store.limiter('api', { limit: '100', window: '1m' });

export async function consumes() {
  const result = await limiter.consume('k', { cost: 2 });
  same<typeof result, LimitResult>();
  same<ReturnType<typeof limiter.consumeSync>, LimitResult>();
  same<typeof result.reason, 'limit' | 'overflow' | undefined>();
  same<ReturnType<typeof limiter.peek>, Promise<LimitResult>>();
  same<ReturnType<typeof limiter.reset>, Promise<boolean>>();
  same<ReturnType<typeof limiter.stats>, Promise<LimiterStats>>();
  // @ts-expect-error: cost is a number
  await limiter.consume('k', { cost: '2' });
  // @ts-expect-error: a peek takes nothing, so it has no cost
  await limiter.peek('k', { cost: 2 });
}

same<ReturnType<typeof ipKey>, string>();
ipKey('2001:db8::1', 64);
// @ts-expect-error: a request's ip may be undefined, and then there is no key
ipKey(undefined);
