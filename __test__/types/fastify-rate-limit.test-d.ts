import rateLimit = require('@fastify/rate-limit');
import fastify from 'fastify';
import { open } from '../../index.js';
import { fastifyRateLimitStore } from '../../lib/fastify-rate-limit.js';

const store = open('memory:');
const Counters = fastifyRateLimitStore({ store, prefix: 'api', algorithm: 'sliding-window', maxKeys: 1000 });

// What the plugin asks of a store.
export const asItAsks: rateLimit.FastifyRateLimitStoreCtor = Counters;
export const app = fastify().register(rateLimit, { max: 5, store: Counters });

// @ts-expect-error: counters live somewhere
fastifyRateLimitStore({ prefix: 'api' });
// @ts-expect-error: counters have a name
fastifyRateLimitStore({ store });
// @ts-expect-error: an algorithm that the plugin cannot have
fastifyRateLimitStore({ store, prefix: 'api', algorithm: 'sliding-log' });
