import redstart = require('redstart');
import express = require('redstart/express');
import adapter = require('redstart/express-session');

const store: redstart.Store = redstart.open('memory:');
export const limit = express.rateLimit({ limiter: store.limiter('api', { limit: 100, window: '1m' }) });
export const sessions = new adapter.SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) });
