'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { promisify } = require('node:util');
const { writeWhole } = require('./files.js');

const scrypt = promisify(crypto.scrypt);
const HASH_BYTES = 32;
// 32 MiB and some 80 ms for every guess: as much as Node allows unless `maxmem` says otherwise.
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/** Accounts, kept in one JSON file: they must outlive a restart, so they are no business of a memory store. */
class Users {
  static async open(dataDir) {
    const file = path.join(dataDir, 'users.json');
    await fs.mkdir(dataDir, { recursive: true });
    try {
      return new Users(file, JSON.parse(await fs.readFile(file, 'utf8')));
    } catch (error) {
      if (error.code === 'ENOENT') {
        return new Users(file, []);
      }
      throw error;
    }
  }

  constructor(file, users) {
    this.file = file;
    this.byId = new Map(users.map((user) => [user.id, user]));
    this.byEmail = new Map(users.map((user) => [user.email, user]));
    this.byApiKey = new Map(users.filter((user) => user.apiKey).map((user) => [user.apiKey, user]));
    this.saved = Promise.resolve();
  }

  get(id) {
    return this.byId.get(id);
  }

  /** The new user, or undefined when the address has an account already. */
  async create({ name, email, password }) {
    const key = email.toLowerCase();
    const user = { id: crypto.randomUUID(), name, email: key, password: await hashPassword(password) };
    // Asked after the slow hash and in one step with the insertion: two sign-ups cannot both pass.
    if (this.byEmail.has(key)) {
      return undefined;
    }
    this.byId.set(user.id, user);
    this.byEmail.set(key, user);
    await this.save();
    return user;
  }

  /** The user whose password this is, or undefined. */
  async authenticate(email, password) {
    const user = this.byEmail.get(email.toLowerCase());
    // An unknown address costs a hash too, so that the time does not tell which addresses exist.
    const matches = await verifyPassword(password, user?.password ?? (await decoy()));
    return matches ? user : undefined;
  }

  /** A new key for the API, in place of an old one. Only its digest is kept: who reads the file cannot use it. */
  async renewApiKey(user) {
    const key = crypto.randomBytes(32).toString('base64url');
    this.byApiKey.delete(user.apiKey);
    user.apiKey = digest(key);
    this.byApiKey.set(user.apiKey, user);
    await this.save();
    return key;
  }

  /** Fast, where a password is slow to check: nobody guesses 32 random bytes. */
  withApiKey(key) {
    return this.byApiKey.get(digest(key));
  }

  /** One write after the other: each holds all users, and the last one wins. */
  save() {
    this.saved = this.saved
      .catch(() => {})
      .then(() => writeWhole(this.file, JSON.stringify([...this.byId.values()], null, 2)));
    return this.saved;
  }
}

async function hashPassword(password) {
  const salt = crypto.randomBytes(16);
  const hash = await scrypt(password, salt, HASH_BYTES, COST);
  return `${salt.toString('base64url')}.${hash.toString('base64url')}`;
}

async function verifyPassword(password, stored) {
  const [salt, hash] = stored.split('.').map((part) => Buffer.from(part, 'base64url'));
  return crypto.timingSafeEqual(hash, await scrypt(password, salt, HASH_BYTES, COST));
}

function digest(key) {
  return crypto.createHash('sha256').update(key).digest('base64url');
}

let decoyHash;
function decoy() {
  decoyHash ??= hashPassword(crypto.randomUUID());
  return decoyHash;
}

module.exports = { Users };
