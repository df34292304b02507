import type { ManualClock, Store, StoreStats } from '../../index.js';
import { manualClock, open } from '../../index.js';
import { same } from './expect.js';

same<ReturnType<typeof open>, Store>();
open();
open('memory:app');
const clock: ManualClock = manualClock();
manualClock(1_700_000_000_000);
const store = open('memory:', { clock, maxMemory: '64mb', onOptionsConflict: 'keep' });

// @ts-expect-error: the name is misspelt
open('memory:', { maxmemory: '64mb' });
// @ts-expect-error: one of two words
open('memory:', { onOptionsConflict: 'merge' });
// @ts-expect-error: a clock is made by manualClock()
open('memory:', { clock: Date });

clock.advance('5m');
clock.advance(250);
same<ReturnType<typeof clock.advanceAsync>, Promise<void>>();
// @ts-expect-error: time moves by advance alone
clock.nowMs = 5;

export async function closes() {
  const { dropped } = await store.close({ timeout: '8s' });
  same<typeof dropped, Record<string, number>>();
  await using scoped = open('memory:');
  same<typeof scoped.engine, 'memory'>();
  const stats = await scoped.stats();
  same<typeof stats, StoreStats>();
  same<typeof stats.budget.used, number>();
  same<(typeof stats.queues)[string]['counts']['waiting'], number>();
  // @ts-expect-error: a state that jobs do not have
  stats.queues.mail?.counts.paused;
}
