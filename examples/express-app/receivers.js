'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs/promises');
const path = require('node:path');
const { writeWhole } = require('./files.js');

/** Where members want their webhooks. They must outlive a restart, so like accounts they are a file. */
class Receivers {
  static async open(dataDir) {
    const file = path.join(dataDir, 'receivers.json');
    const text = await fs.readFile(file, 'utf8').catch((error) => {
      if (error.code === 'ENOENT') {
        return '[]';
      }
      throw error;
    });
    return new Receivers(file, JSON.parse(text));
  }

  constructor(file, receivers) {
    this.file = file;
    this.byId = new Map(receivers.map((receiver) => [receiver.id, receiver]));
    this.saved = Promise.resolve();
  }

  get(id) {
    return this.byId.get(id);
  }

  all() {
    return [...this.byId.values()];
  }

  of(userId) {
    return this.all().filter((receiver) => receiver.userId === userId);
  }

  /** The secret is made here: one that a person thinks up is guessed. */
  async add({ userId, url }) {
    const receiver = { id: crypto.randomUUID(), userId, url, secret: crypto.randomBytes(32).toString('base64') };
    this.byId.set(receiver.id, receiver);
    await this.save();
    return receiver;
  }

  async remove(id) {
    this.byId.delete(id);
    await this.save();
  }

  /** One write after the other: each holds all receivers, and the last one wins. */
  save() {
    this.saved = this.saved.catch(() => {}).then(() => writeWhole(this.file, JSON.stringify(this.all(), null, 2)));
    return this.saved;
  }
}

/**
 * The headers by which a receiver knows whom a webhook is from, as standardwebhooks.com has them: an HMAC over id, time and
 * body. The id is the same for every try, so a second delivery is no second event; the time shows that nobody replays an old one.
 */
function sign(secret, id, body) {
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(secret, 'base64');
  const signature = crypto.createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` };
}

module.exports = { Receivers, sign };
