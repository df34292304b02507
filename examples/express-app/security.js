'use strict';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What every answer says to the browser: no scripts but ours, no frames, no guessing of types. */
function securityHeaders(_req, res, next) {
  res.set({
    'Content-Security-Policy': "default-src 'self'; img-src 'self' https:; frame-ancestors 'none'; form-action 'self'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'same-origin',
  });
  next();
}

/**
 * Against forged requests: every browser says in Origin where a POST comes from, and it must be here. Together with the
 * cookie's sameSite this needs no token in each form. A client that is no browser has to send the header itself.
 */
function sameOriginOnly(req, res, next) {
  const origin = req.get('origin');
  const ours = `${req.protocol}://${req.host}`;
  if (SAFE_METHODS.has(req.method) || origin === ours) {
    next();
    return;
  }
  res
    .status(403)
    .type('text')
    .send(`This request must come from ${ours}, not from ${origin ?? 'nowhere'}.\n`);
}

module.exports = { securityHeaders, sameOriginOnly };
