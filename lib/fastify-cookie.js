'use strict';
/**
 * What the cookie of a session of @fastify/session may hold. The plugin sends it from within the callback of a store, where
 * nobody catches: a setting that no cookie can say would end the process.
 */
const { types } = require('node:util');
const { invalidArg, show } = require('./errors.js');

// A cookie header says no other years.
const DATE_MS_MIN = Date.UTC(1601, 0);
const DATE_MS_MAX = Date.UTC(10_000, 0) - 1;
const PATH = /^[\u0020-\u003A\u003D-\u007E]*$/;
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const SAME_SITE = /^(strict|lax|none)?$/i;

/** @typedef {(value: any) => boolean} Rule */

/** @type {Rule} */
const isFlag = (value) => typeof value === 'boolean';
/** @type {Rule} */
const isDate = (value) => {
  const ms = new Date(value).getTime();
  return ms >= DATE_MS_MIN && ms <= DATE_MS_MAX;
};
/** @type {Rule} */
const isMaxAge = (value) => Number.isFinite(value) && isDate(Date.now() + value);

/** Of a cookie that is to be sent. @type {Record<string, Rule>} */
const SENT = {
  path: (value) => typeof value === 'string' && PATH.test(value),
  domain: (value) => value === '' || (typeof value === 'string' && DOMAIN.test(value)),
  sameSite: (value) => isFlag(value) || (typeof value === 'string' && SAME_SITE.test(value)),
  originalMaxAge: isMaxAge,
  expires: (value) => value === false || ((types.isDate(value) || Number.isInteger(value)) && isDate(value)),
};

/** Of a cookie as it is stored. @type {Record<string, Rule>} */
const STORED = {
  ...SENT,
  expires: (value) => (['string', 'number'].includes(typeof value) || types.isDate(value)) && isDate(value),
  maxAge: isMaxAge,
  secure: (value) => isFlag(value) || value === 'auto',
  httpOnly: isFlag,
  partitioned: isFlag,
};

/** @param {any} cookie @param {Record<string, Rule>} rules */
function wrongOf(cookie, rules) {
  return Object.keys(rules).filter((name) => (cookie[name] ?? null) !== null && !rules[name](cookie[name]));
}

/** Throws ERR_INVALID_ARG for what cannot be sent. @param {any} cookie A live one, or one as it is stored. */
function checkCookie(cookie) {
  const [wrong] = wrongOf(cookie, typeof cookie?.toJSON === 'function' ? SENT : STORED);
  if (wrong === undefined) return;
  const setting = wrong === 'originalMaxAge' ? 'maxAge' : wrong;
  const remedy =
    setting === 'maxAge' || setting === 'expires'
      ? 'maxAge is a number of milliseconds and expires a Date, until the year 9999 at most; check what it was made of'
      : 'see the options of a cookie in @fastify/session';
  throw invalidArg(
    `the session's cookie has a '${setting}' that no cookie can have: ${show(cookie[wrong])}; ${remedy}`,
  );
}

/** Leaves out of a stored cookie what cannot be sent: the plugin then takes its own options. @param {any} cookie */
function dropWrong(cookie) {
  for (const name of wrongOf(cookie, STORED)) delete cookie[name];
}

module.exports = { checkCookie, dropWrong };
