'use strict';

const crypto = require('node:crypto');
const path = require('node:path');

/**
 * Everything the app takes from its environment, read once. A wrong value ends the start with a sentence that names the
 * variable: better than an app that listens on NaN.
 */
function readConfig(env = process.env) {
  return {
    host: env.HOST || '127.0.0.1',
    port: whole('PORT', env.PORT || '3000', 65535),
    // Where the state lives. "memory:app" is shared by every thread of this process that opens the same name.
    storeUrl: env.STORE_URL || 'memory:app',
    // Posts and accounts are permanent, so they are files. What may be forgotten is in redstart.
    dataDir: path.resolve(env.DATA_DIR || path.join(__dirname, 'data')),
    smtpUrl: url('SMTP_URL', env.SMTP_URL || 'smtp://127.0.0.1:1025', ['smtp:', 'smtps:']),
    // Whether members may have webhooks sent to this machine itself. For a demo or a test: in production it would let
    // them reach what listens there and was never meant for them.
    webhooksToLoopback: env.WEBHOOKS_TO_LOOPBACK === '1',
    // Signs the session cookie. Random by default: fine for development, but cookies do not outlive a restart then.
    sessionSecret: env.SESSION_SECRET || crypto.randomBytes(32).toString('base64url'),
    // How many proxies stand in front. Without it, every visitor behind a proxy would share one rate limit.
    trustProxy: whole('TRUST_PROXY', env.TRUST_PROXY || '0', 10),
  };
}

function whole(name, text, max) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new Error(`${name} must be a whole number from 0 to ${max}, not "${text}".`);
  }
  return value;
}

function url(name, text, protocols) {
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw new Error(`${name} must be a URL starting with ${protocols.join(' or ')}, not "${text}".`);
  }
  return text;
}

module.exports = { readConfig };
