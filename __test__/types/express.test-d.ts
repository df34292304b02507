import express = require('express');
import type { RateLimitInfo } from '../../lib/express.js';
import { rateLimit } from '../../lib/express.js';
import { open } from '../../index.js';
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

// @ts-expect-error: whose limit?
rateLimit({});
// @ts-expect-error: the limit and its window belong to the limiter
rateLimit({ limiter, windowMs: 60_000 });
// @ts-expect-error: a draft that is not offered
rateLimit({ limiter, standardHeaders: 'draft-6' });

export function seen(info: RateLimitInfo) {
  same<typeof info.key, string>();
  same<typeof info.remaining, number>();
}
