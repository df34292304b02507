import redstart = require('redstart');
import express = require('redstart/express');
import adapter = require('redstart/express-session');
import keyv = require('redstart/keyv');

const store: redstart.Store = redstart.open('memory:');
export const limit = express.rateLimit({ limiter: store.limiter('api', { limit: 100, window: '1m' }) });
export const sessions = new adapter.SessionStore({ sessions: store.sessions('web', { ttl: '2h' }) });
export const keyvStore = new keyv.KeyvStore({ cache: store.cache('keyv', { ttl: '5m' }) });
