import { createSession } from 'koa-session';
import { open } from '../../index.js';
import { SessionStore } from '../../lib/koa-session.js';
import { same } from './expect.js';

const sessions = open('memory:').sessions('web', { ttl: '2h' });
const store = new SessionStore({ sessions });

// What koa-session asks of a store.
const app = { use: (_middleware: unknown) => app };
app.use(createSession({ store, maxAge: 60_000 }, app));
app.use(createSession({ store, maxAge: 'session' }, app));

// @ts-expect-error: sessions live somewhere
new SessionStore({});
// @ts-expect-error: a sessions object, not its options
new SessionStore({ sessions: { ttl: '2h' } });
// @ts-expect-error: there is no such option
new SessionStore({ sessions, ttl: '2h' });

same<ReturnType<typeof store.set>, Promise<void>>();
same<ReturnType<typeof store.destroy>, Promise<void>>();
store.get('key', 'session', { rolling: true, ctx: {} }).then(({ user }) => user);
// @ts-expect-error: no duration as text
store.set('key', {}, '2h');
