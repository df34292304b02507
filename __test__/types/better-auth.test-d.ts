import { type BetterAuthStorage, secondaryStorage } from '../../lib/better-auth.js';
import { open } from '../../index.js';
import { same } from './expect.js';

const sessions = open('memory:').sessions('auth', { ttl: '7d' });
const storage = secondaryStorage({ sessions });
same<typeof storage, BetterAuthStorage>();

// @ts-expect-error: sessions live somewhere
secondaryStorage({});
// @ts-expect-error: a sessions object, not its options
secondaryStorage({ sessions: { ttl: '7d' } });

export async function promises() {
  const found = await storage.get('token');
  same<typeof found, string | null>();
  const taken = await storage.getAndDelete('verification:1');
  same<typeof taken, string | null>();
  const count = await storage.increment('192.0.2.1|/sign-in/email', 10);
  same<typeof count, number>();
  same<ReturnType<typeof storage.set>, Promise<void>>();
  same<ReturnType<typeof storage.delete>, Promise<void>>();
}
storage.set('token', 'value');
storage.set('token', 'value', 60);
// @ts-expect-error: a counter has a time to live
storage.increment('key');
// @ts-expect-error: a value is a string
storage.set('token', { session: {} });
