'use strict';

const { promisify } = require('node:util');

// What a client sends may have any length, and this is kept.
const DEVICE_CHARACTERS_MAX = 200;
const RETURN_TO_CHARACTERS_MAX = 500;
const OWN_PATH = /^\/(?![/\\])/;

/**
 * A new session for a new right. The id from before the login may be known to somebody who planted it; regenerate
 * destroys that session and makes one with a fresh id.
 */
async function logIn(req, user) {
  await promisify(req.session.regenerate.bind(req.session))();
  // regenerate() has put a new object into req.session.
  req.session.userId = user.id;
  // For the page "your devices": what to call this one.
  const device = (req.get('user-agent') ?? '').slice(0, DEVICE_CHARACTERS_MAX) || 'An unknown device';
  req.session.login = { device };
  // Saved before the redirect goes out: the browser may be back sooner than the end of this response.
  await promisify(req.session.save.bind(req.session))();
}

/** The session is gone from the store: a copy of the cookie is worth nothing from here on. */
async function logOut(req, res) {
  await promisify(req.session.destroy.bind(req.session))();
  res.clearCookie('sid', { path: '/' });
}

/** Middleware: lets members pass, shows everyone else the login, and remembers where they wanted to go. */
function requireLogin(req, res, next) {
  if (req.user) {
    next();
    return;
  }
  if (req.method === 'GET' && OWN_PATH.test(req.originalUrl) && req.originalUrl.length <= RETURN_TO_CHARACTERS_MAX) {
    // Our own path, not one from the query string, nor the address of another site, which a request line may hold as well:
    // nobody can choose where the login leads.
    req.session.returnTo = req.originalUrl;
  }
  res.redirect(303, '/login');
}

module.exports = { logIn, logOut, requireLogin };
