import session = require('express-session');
import { SessionStore } from '../../lib/express-session.js';
import { open } from '../../index.js';
import { same } from './expect.js';

const sessions = open('memory:').sessions('web', { ttl: '2h' });
const store = new SessionStore({ sessions });

session({ store, secret: 'a secret of the test', resave: false, saveUninitialized: false });

// @ts-expect-error: sessions live somewhere
new SessionStore({});
// @ts-expect-error: a sessions object, not its options
new SessionStore({ sessions: { ttl: '2h' } });

export async function promises() {
  const found = await store.get('id');
  same<typeof found, session.SessionData | undefined>();
  const count = await store.length();
  same<typeof count, number>();
  const all = await store.all();
  same<typeof all, Record<string, session.SessionData>>();
  same<ReturnType<typeof store.clear>, Promise<void>>();
  same<ReturnType<typeof store.touch>, Promise<void>>();
}
store.get('id', (_error, data) => {
  same<typeof data, session.SessionData | null | undefined>();
});
store.all((_error, all) => {
  same<typeof all, Record<string, session.SessionData> | null | undefined>();
});
store.clear(() => {});
