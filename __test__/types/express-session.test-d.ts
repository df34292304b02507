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
}
store.get('id', (_error, data) => {
  same<typeof data, session.SessionData | null | undefined>();
});
