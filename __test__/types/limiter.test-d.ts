import type { ConsumeAllResult, Limiter, LimiterStats, LimitResult } from '../../index.js';
import { consumeAll, ipKey, open } from '../../index.js';
import { same } from './expect.js';

const store = open('memory:');
const limiter = store.limiter('api', { limit: 100, window: '1m', algorithm: 'fixed-window', maxKeys: 1_000 });
same<typeof limiter, Limiter>();
store.limiter('refill', { limit: 100, window: '1m', algorithm: 'token-bucket', burst: 10, block: '1h' });

// @ts-expect-error: a limit has a window
store.limiter('api', { limit: 100 });
// @ts-expect-error: 'leaky-bucket' is not among the algorithms
store.limiter('api', { limit: 100, window: '1m', algorithm: 'leaky-bucket' });
// @ts-expect-error: a limit is a number
store.limiter('api', { limit: '100', window: '1m' });

export async function consumes() {
  const result = await limiter.consume('k', { cost: 2, limit: 1_000, window: '1h' });
  same<typeof result, LimitResult>();
  same<ReturnType<typeof limiter.consumeSync>, LimitResult>();
  same<typeof result.reason, 'limit' | 'blocked' | 'overflow' | undefined>();
  same<ReturnType<typeof limiter.peek>, Promise<LimitResult>>();
  same<ReturnType<typeof limiter.refund>, Promise<void>>();
  same<ReturnType<typeof limiter.penalty>, Promise<LimitResult>>();
  same<ReturnType<typeof limiter.block>, Promise<void>>();
  same<ReturnType<typeof limiter.reset>, Promise<boolean>>();
  same<ReturnType<typeof limiter.resetAll>, Promise<void>>();
  same<ReturnType<typeof limiter.wait>, Promise<LimitResult>>();
  same<ReturnType<typeof limiter.stats>, Promise<LimiterStats>>();
  await limiter.refund('k', 2, { window: '1h' });
  await limiter.wait('k', { timeout: '1s', signal: AbortSignal.timeout(1_000) });
  same<ReturnType<typeof consumeAll>, Promise<ConsumeAllResult>>();
  await consumeAll([
    { limiter, key: 'a', cost: 2 },
    { limiter, key: 'b' },
  ]);
  // @ts-expect-error: a part has a key
  await consumeAll([{ limiter }]);
  // @ts-expect-error: cost is a number
  await limiter.consume('k', { cost: '2' });
  // @ts-expect-error: a block has an end
  await limiter.block('k');
  // @ts-expect-error: units to give back are not options
  await limiter.refund('k', { cost: 2 });
}

same<ReturnType<typeof ipKey>, string>();
ipKey('2001:db8::1', 64);
// @ts-expect-error: a request's ip may be undefined, and then there is no key
ipKey(undefined);
