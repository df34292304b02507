import redstart = require('redstart');
import express = require('redstart/express');
import counters = require('redstart/express-rate-limit');
import adapter = require('redstart/express-session');
import fastify = require('redstart/fastify-rate-limit');
import keyv = require('redstart/keyv');
import nest = require('redstart/nest-throttler');
import flexible = require('redstart/rate-limiter-flexible');

const store: redstart.Store = redstart.open('memory:');
export const limit = express.rateLimit({ limiter: store.limiter('api', { limit: 100, window: '1m' }) });
export const sessions = new adapter.SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) });
export const keyvStore = new keyv.KeyvStore({ cache: store.cache('keyv', { ttl: '5m' }) });
export const forExpress = new counters.RateLimitStore({ store, prefix: 'express' });
export const ForFastify = fastify.fastifyRateLimitStore({ store, prefix: 'fastify' });
export const forNest = new nest.ThrottlerStorage({ store, prefix: 'nest' });
export const limiter = new flexible.RateLimiterRedstart({ store, keyPrefix: 'flexible', points: 5, duration: 60 });
