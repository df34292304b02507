'use strict';
/** Whose request it is where the app does not say: its address. */
const { setImmediate: turn } = require('node:timers/promises');
const { RedstartError } = require('../errors.js');
const { ipKey } = require('../ip.js');
const { askFor, isThenable } = require('./per-request.js');
const { SUBNET } = require('./settings.js');

/** @typedef {import('./settings.js').Settings} Settings */

/** 'IPv4:port' and '[IPv6]:port' or '[IPv6]', as some proxies write them into X-Forwarded-For. */
const WITH_PORT = /^(?:([\d.]+):\d{1,5}|\[([^\]]*)\](?::\d{1,5})?)$/;

/** @param {any} address */
function withoutPort(address) {
  const match = typeof address === 'string' ? WITH_PORT.exec(address) : null;
  return match === null ? address : (match[1] ?? match[2]);
}

/**
 * Undefined where nobody can tell any more, as the client has left.
 * @param {Settings} settings
 * @param {any} req
 * @param {any} res
 * @returns {string | Promise<string | undefined>}
 */
function addressKey(settings, req, res) {
  if (settings.validates) warnOfProxies(settings, req);
  // Express's req.ip heeds 'trust proxy'; a plain request has only its socket.
  const address = withoutPort('ip' in req ? req.ip : req.socket?.remoteAddress);
  if (address === undefined) return noKey(req);
  const key = ipKey(address);
  // By the key, as most servers see IPv4 clients as ::ffff:a.b.c.d.
  if (settings.ipv6Subnet === undefined || !key.includes(':')) return key;
  const bits = askFor('ipv6Subnet', settings.ipv6Subnet, SUBNET, req, res);
  return isThenable(bits) ? bits.then((later) => ipKey(address, later)) : ipKey(address, bits);
}

/** @param {any} req @returns {Promise<undefined>} */
async function noKey(req) {
  if (await hasLeft(req)) return undefined;
  throw new RedstartError(
    'rateLimit() cannot tell whose request this is: it has no address, as with a local socket; ' +
      "set Express's 'trust proxy' or give rateLimit() a key function",
    { code: 'ERR_INVALID_STATE' },
  );
}

/**
 * A client that resets its connection takes the address away at once; the socket is told within a turn of the event loop.
 * @param {any} req
 */
async function hasLeft(req) {
  await turn();
  return req.socket?.destroyed === true;
}

/**
 * What express-rate-limit warns of too: an address that clients choose, or that is a proxy's.
 * @param {Settings} settings
 * @param {any} req
 */
function warnOfProxies({ warn }, req) {
  const trust = trustOf(req);
  if (trust === true) {
    warn(
      'REDSTART_TRUST_PROXY_ALL',
      "rateLimit() counts by address, and Express's 'trust proxy' is true: anybody can send an address of his choice in " +
        "X-Forwarded-For; set 'trust proxy' to the number or the addresses of your proxies, or give rateLimit() a key",
    );
  }
  if (trust === false && req.headers['x-forwarded-for'] !== undefined) {
    warn(
      'REDSTART_TRUST_PROXY_UNSET',
      'rateLimit() counts by address, and a request came with X-Forwarded-For, which is not trusted: behind a proxy all ' +
        "clients count as one; in Express set 'trust proxy', elsewhere give rateLimit() a key",
    );
  }
  if (req.headers.forwarded !== undefined && (!('ip' in req) || req.ip === req.socket?.remoteAddress)) {
    warn(
      'REDSTART_TRUST_PROXY_FORWARDED',
      'rateLimit() counts by address, and a request came with the header Forwarded, which is ignored: behind a proxy ' +
        'all clients count as one; let the proxy send X-Forwarded-For, or give rateLimit() a key that reads Forwarded',
    );
  }
}

/** Express's setting; a plain request trusts nobody. @param {any} req @returns {unknown} */
function trustOf(req) {
  if (typeof req.app?.get === 'function') return req.app.get('trust proxy');
  return 'ip' in req ? undefined : false;
}

module.exports = { addressKey };
