import session from 'express-session';
import Keyv from 'keyv';
import { RateLimiterUnion } from 'rate-limiter-flexible';
import { type Cache, open, RedstartError, UnrecoverableError } from 'redstart';
import { secondaryStorage } from 'redstart/better-auth';
import { cacheResponse, rateLimit } from 'redstart/express';
import { RateLimitStore } from 'redstart/express-rate-limit';
import { SessionStore } from 'redstart/express-session';
import { fastifyRateLimitStore } from 'redstart/fastify-rate-limit';
import { SessionStore as FastifySessionStore } from 'redstart/fastify-session';
import { KeyvStore } from 'redstart/keyv';
import { SessionStore as KoaSessionStore } from 'redstart/koa-session';
import { ThrottlerStorage } from 'redstart/nest-throttler';
import { RateLimiterRedstart } from 'redstart/rate-limiter-flexible';

interface User {
  id: string;
}

const store = open('memory:app', { maxMemory: '64mb' });
const users: Cache<User> = store.cache<User>('users', { ttl: '5m' });
const mails = store.queue<{ to: string }, string>('mail');

export const middleware = [
  cacheResponse({ cache: store.cache('pages', { ttl: '1m' }), cookies: 'ignore', tags: ['pages'] }),
  rateLimit({ limiter: store.limiter('api', { limit: 100, window: '1m' }) }),
  session({
    store: new SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) }),
    secret: 'of the check',
    resave: false,
    saveUninitialized: false,
  }),
];

const logins = store.sessions('auth', { ttl: '7d' });
export const sessionStores = [
  new FastifySessionStore({ sessions: logins }),
  new KoaSessionStore({ sessions: logins }),
  secondaryStorage({ sessions: logins }),
];

export const keyv = new Keyv({ store: new KeyvStore({ cache: users, namespace: 'keyv' }) });

export const limits = [
  new RateLimitStore({ store, prefix: 'express', algorithm: 'sliding-window' }),
  new (fastifyRateLimitStore({ store, prefix: 'fastify' }))({}),
  new ThrottlerStorage({ store, prefix: 'nest', algorithm: 'gcra' }),
  new RateLimiterUnion(new RateLimiterRedstart({ store, keyPrefix: 'flexible', points: 5, duration: 60 })),
];

export async function user(id: string): Promise<User> {
  return users.getOrSet(id, async () => ({ id }));
}

export async function work(): Promise<string> {
  await using worker = mails.process(async (job) => {
    if (!job.data.to) throw new UnrecoverableError('no address');
    return job.id;
  });
  worker.unref();
  const job = await mails.add('welcome', { to: 'ada@example.org' });
  return job.result({ timeout: '5s' });
}

export function isFull(error: unknown): boolean {
  return RedstartError.is(error, 'ERR_STORE_FULL') && error.retryable;
}
