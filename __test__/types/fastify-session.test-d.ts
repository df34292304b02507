import fastifySession = require('@fastify/session');
import fastify from 'fastify';
import { open } from '../../index.js';
import { SessionStore } from '../../lib/fastify-session.js';
import { same } from './expect.js';

const sessions = open('memory:').sessions('web', { ttl: '2h' });
const store = new SessionStore({ sessions });

// What the plugin asks of a store.
export const asItAsks: fastifySession.SessionStore = store;
export const app = fastify().register(fastifySession, { secret: 'a secret of the tests, long enough', store });

// @ts-expect-error: sessions live somewhere
new SessionStore({});
// @ts-expect-error: a sessions object, not its options
new SessionStore({ sessions: { ttl: '2h' } });
// @ts-expect-error: there is no such option
new SessionStore({ sessions, ttl: '2h' });

same<ReturnType<typeof store.destroy>, Promise<void>>();
export const saved: Promise<void> = store.set('id', { cookie: {} });
store.get('id', (error, session) => error ?? session.user);
store.get('id').then(({ user }) => user);
store.destroy('id', () => {});
