import express = require('express');
import type { RateLimitAllInfo, RateLimitInfo, RateLimitOptions, RateLimitSource } from '../../lib/express.js';
import { cacheResponse, rateLimit } from '../../lib/express.js';
import { manualClock, open } from '../../index.js';
import { same } from './expect.js';

const limiter = open('memory:').limiter('api', { limit: 100, window: '1m' });
const app = express();

app.use(rateLimit({ limiter }));
app.use(
  '/api',
  rateLimit<express.Request, express.Response>({
    limiter,
    key: (req) => req.get('x-api-key') ?? req.ip ?? '',
    skip: async (req) => req.path === '/health',
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    message: { error: 'slow down' },
    handler: (_req, res, _next, { statusCode, message }) => {
      same<typeof statusCode, number>();
      res.status(statusCode).send(message);
    },
  }),
);

app.use(
  rateLimit<express.Request, express.Response>({
    limiters: [
      limiter,
      {
        limiter,
        key: async (req) => req.get('x-user') ?? '',
        cost: (req) => req.path.length,
        limit: async () => 5,
        window: '1h',
        identifier: 'users',
      },
    ],
    cost: 2,
    skipSuccessfulRequests: true,
    skipFailedRequests: false,
    requestWasSuccessful: async (_req, res) => res.statusCode !== 404,
    ipv6Subnet: (req) => (req.secure ? 64 : undefined),
    standardHeaders: 'draft-6',
    onError: 'open',
    validate: false,
  }),
);
app.use(
  rateLimit({ limiter, limit: () => 5, window: async () => '1m', identifier: async () => 'mine', cost: () => 0 }),
);

app.use(rateLimit<express.Request, express.Response>({ limiter, message: (req, res) => [req.path, res.locals] }));
const kept: RateLimitOptions & RateLimitSource = { limiter, statusCode: 503 };
app.use(rateLimit(kept));

// @ts-expect-error: whose limit?
rateLimit({});
// @ts-expect-error: one limiter or several
rateLimit({ limiter, limiters: [limiter] });
// @ts-expect-error: a part has a limiter
rateLimit({ limiters: [{ key: () => '' }] });
// @ts-expect-error: a limit is a number
rateLimit({ limiter, limit: () => '5' });
// @ts-expect-error: limiters that fail are closed or open
rateLimit({ limiter, onError: 'ignore' });
// @ts-expect-error: the limit and its window belong to the limiter
rateLimit({ limiter, windowMs: 60_000 });
// @ts-expect-error: a draft that is not offered
rateLimit({ limiter, standardHeaders: 'draft-5' });

export function seen(info: RateLimitInfo, all: RateLimitAllInfo) {
  same<typeof info.key, string>();
  same<typeof info.remaining, number>();
  const [part] = all.results;
  same<typeof part.name, string>();
  same<typeof all.deniedBy, number[]>();
  return [part, all] satisfies RateLimitInfo[];
}

const pages = open('memory:').cache('pages', { ttl: '1m' });
app.use(cacheResponse({ cache: pages }));
app.use(
  '/api',
  cacheResponse<express.Request, express.Response>({
    cache: pages,
    ttl: '10s',
    maxTtl: 60_000,
    key: async (req) => req.path,
    tags: (req, res) => [req.path, String(res.statusCode)],
    vary: ['Accept-Language'],
    maxVariants: 4,
    maxBodySize: '64kb',
    statusCodes: [200, 404],
    cookies: 'ignore',
    skip: (req) => req.path === '/health',
    respectCacheControl: false,
    timeout: '5s',
    standardHeaders: 'with-key',
    legacyHeaders: false,
    onError: (error) => {
      same<typeof error, unknown>();
    },
    clock: manualClock(),
  }),
);

// @ts-expect-error: kept where?
cacheResponse({});
// @ts-expect-error: a limiter keeps no responses
cacheResponse({ cache: limiter });
// @ts-expect-error: cookies are not kept
cacheResponse({ cache: pages, cookies: 'keep' });
