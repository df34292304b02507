'use strict';

const path = require('node:path');
const express = require('express');
const session = require('express-session');
const { ipKey } = require('redstart');
const { rateLimit } = require('redstart/express');
const { SessionStore } = require('redstart/express-session');
const { accountRoutes } = require('./routes/account.js');
const { apiRoutes, knowMember } = require('./routes/api.js');
const { blogRoutes } = require('./routes/blog.js');
const { deadLetterRoutes } = require('./routes/dead-letters.js');
const { deviceRoutes } = require('./routes/devices.js');
const { pictureRoutes } = require('./routes/pictures.js');
const { statsRoutes } = require('./routes/stats.js');
const { webhookRoutes } = require('./routes/webhooks.js');
const { sameOriginOnly, securityHeaders } = require('./security.js');
const { PLANS } = require('./state.js');
const { messagePage } = require('./views/layout.js');

/**
 * The app, without a port and without a process: what it needs is handed in, so a test can hand in its own.
 *
 * deps: { background, config, content, pictures, posts, receivers, renderer, state, users }; see boot.js for where each
 * comes from. `sessionStore` and `limitApi` may be handed in as well, in place of redstart's below: so the same app can be
 * measured on others (bench/peers).
 */
function createApp(deps) {
  const { config, state, users } = deps;
  const { sessionStore = new SessionStore({ sessions: state.sessions }), limitApi = limitApiWith(state) } = deps;
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', config.trustProxy);

  app.use(securityHeaders);
  app.get('/healthz', (_req, res) => res.type('text').send('ok\n'));
  app.use(express.static(path.join(__dirname, 'public'), { maxAge: '1h' }));

  // Before the sessions: the API knows no cookies, and a request over the limit should cost next to nothing.
  app.use('/api', knowMember(deps), limitApi, apiRoutes(deps));

  app.use(sameOriginOnly);
  app.use(
    session({
      store: sessionStore,
      name: 'sid',
      secret: config.sessionSecret,
      // Unchanged sessions are touched, not written, and visitors who have none get none.
      resave: false,
      saveUninitialized: false,
      // No maxAge: the cookie ends with the browser, the session when state.js says.
      // 'auto': secure whenever the visitor came over HTTPS.
      cookie: { httpOnly: true, sameSite: 'lax', secure: 'auto', path: '/' },
    }),
  );
  app.use((req, res, next) => {
    req.user = users.get(req.session.userId);
    // From here on pages show who is logged in: no proxy may keep them, and the back button asks again.
    res.set('Cache-Control', 'private, no-cache');
    next();
  });
  app.use(express.urlencoded({ extended: false, limit: '256kb' }));

  app.use(blogRoutes(deps));
  app.use(accountRoutes(deps));
  app.use(deviceRoutes(deps));
  app.use(pictureRoutes(deps));
  app.use(webhookRoutes(deps));
  app.use(deadLetterRoutes(deps));
  app.use(statsRoutes(deps));

  app.use((req, res) => {
    res
      .status(404)
      .send(messagePage({ title: 'Not found', user: req.user, text: 'There is nothing at this address.' }));
  });
  app.use(failed);
  return app;
}

function limitApiWith({ apiLimit }) {
  return rateLimit({
    limiter: apiLimit,
    // Wherever a member calls from; all others share the limit of their address.
    key: (req) => req.member?.id ?? ipKey(req.ip),
    limit: (req) => (req.member ? PLANS.member : PLANS.visitor),
    message: { error: 'Too many requests, please slow down.' },
  });
}

/** The last stop for errors. Their text is for the log: a visitor learns the status and nothing of the inside. */
function failed(error, req, res, next) {
  const status = error.status >= 400 && error.status < 500 ? error.status : 500;
  if (status === 500) {
    console.error(`${req.method} ${req.path}:`, error);
  }
  if (res.headersSent) {
    next(error);
    return;
  }
  const title = status === 500 ? 'Something went wrong' : 'That request was not understood';
  res.status(status).send(messagePage({ title, user: req.user, text: 'Please try again.' }));
}

module.exports = { createApp };
