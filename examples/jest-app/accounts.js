'use strict';

const { scrypt, timingSafeEqual } = require('node:crypto');
const { promisify } = require('node:util');

const hash = promisify(scrypt);

/** As a database keeps them: the password of ada is 'analytical engine', that of grace 'first actual bug'. */
const ACCOUNTS = new Map([
  [
    'ada@example.com',
    {
      salt: '3dbecb1b7f3f0f8b770ebf11f5746898',
      hash: '6124624dda807358e1b1c16b7e02f24052a16f4fc9d7c0de1f2ae4fb76928827',
    },
  ],
  [
    'grace@example.com',
    {
      salt: '8e6134cf211ce40fbe37b0a0cc53bcc2',
      hash: '5c5944409241bad012e2eb345f5684d59c34718aedf565afae127171ad0c4915',
    },
  ],
]);

/** An unknown email takes as long as a wrong password, so that neither tells which it was. */
const NOBODY = { salt: '', hash: '00'.repeat(32) };

async function verify(email, password) {
  const account = ACCOUNTS.get(email) ?? NOBODY;
  const given = await hash(String(password), account.salt, 32);
  return timingSafeEqual(given, Buffer.from(account.hash, 'hex'));
}

module.exports = { verify };
