'use strict';
/**
 * A store for koa-session: its contract in its words, over the public methods of Sessions.
 *
 * koa-session saves with one method, set(), whether a session is new or was loaded. It names its context with every call, so
 * what a request has loaded is remembered by that: saving brings what the request changed together with what others have
 * changed meanwhile, and does nothing when the session is gone. Any other id is a new session's and is adopted.
 *
 * Whether data has changed is looked up here: `changed` of koa-session is false as well for session.save() and for a new
 * maxAge, whatever else was changed. What has not changed is not written back; its time is renewed.
 *
 * koa-session keeps books in the data: how long it lives (_maxAge, or _session: as long as the browser) and until when
 * (_expire), by which it calls a session over that it loads. With `rolling` every response renews, so get() dates it as of
 * now and renewing writes nothing. Without, a response renews it now and then (`renew`), told by the stored _expire, which
 * is then written, and nothing else.
 */
const { DURATION_MS_MAX } = require('./duration.js');
const check = require('./options.js');
const { sessionsOption, textWithout } = require('./session-store.js');
const { kPut, kRead, kSave, kTtlMs } = require('./sessions.js');

/** @typedef {{ ctx?: any, rolling?: boolean, changed?: boolean }} How */
/**
 * What a session was read or saved as (see kSave), and how long it was to live. `kept`: the keys of it that koa-session does not
 * give back.
 * @typedef {{ key: string, base: string, stored?: string, version: number, kept: string[], lifetime: unknown }} Made
 */

const OPTIONS = { sessions: sessionsOption };

/** What koa-session writes by itself. */
const BOOKS = new Set(['_expire', '_maxAge', '_session']);

/**
 * koa-session assigns each key to the session it makes. This one would replace its prototype; the next two would shadow what
 * it calls and tests itself; the others have accessors that keep nothing or change something else.
 */
const WITHHELD = new Set([
  ...['__proto__', 'toJSON', '_requireSave'],
  ...['isNew', 'length', 'populated', 'externalKey', 'maxAge'],
]);

class SessionStore {
  #sessions;
  /** By context. Without one, by the data. @type {WeakMap<object, Made>} */
  #made = new WeakMap();
  /** Contexts whose last save was told 'session', under whichever key. @type {WeakSet<object>} */
  #asBrowser = new WeakSet();

  /** @param {unknown} options See koa-session.d.ts. */
  constructor(options) {
    this.#sessions = check.checkOptions('SessionStore', options, OPTIONS, SessionStore).sessions;
  }

  /** @param {string} key @param {unknown} [_maxAge] @param {How} [how] */
  async get(key, _maxAge, how) {
    const found = this.#sessions[kRead](key);
    if (found === undefined) return undefined;
    const data = JSON.parse(found.text);
    const kept = Object.keys(data).filter(isKept);
    for (const name of kept) if (WITHHELD.has(name)) delete data[name];
    const lifetime = lifetimeOf(data);
    this.#made.set(how?.ctx ?? data, { key, base: found.text, version: found.version, kept, lifetime });
    if (how?.rolling && typeof lifetime === 'number') data._expire = Date.now() + lifetime;
    return data;
  }

  /** @param {string} key @param {any} data @param {unknown} [age] @param {How} [how] */
  async set(key, data, age, how) {
    const by = how?.ctx ?? data;
    const { sess, maxAge } = this.#asTold(data, age, how?.ctx);
    const known = this.#made.get(by);
    // Under another id it is another session.
    const made = known?.key === key ? known : undefined;
    const lifetime = lifetimeOf(sess);
    const kept = made?.kept ?? [];
    const isAsLong = made !== undefined && made.lifetime === lifetime;
    if (isAsLong && appText(sess) === appText(JSON.parse(made.base))) {
      await this.#renew(made, sess, how?.rolling === true);
      return;
    }
    const ttlMs = isAsLong ? undefined : this.#ttlOf(maxAge);
    if (ttlMs !== undefined && ttlMs <= 0) {
      await this.#sessions.destroy(key);
      return;
    }
    await this.#sessions[kSave](key, sess, {
      ttlMs,
      adopt: made === undefined,
      version: made?.version,
      base: made?.base,
      stored: made?.stored,
      // The date belongs to a time that another request has given it meanwhile.
      unchanged: isAsLong && this.#livesOtherwise(made) ? ['_expire', ...kept] : kept,
      // At once, for another save in the same tick.
      saved: (/** @type {{ text: string, stored?: string, version: number }} */ { text, stored, version }) => {
        this.#made.set(by, { key, base: text, stored, version, kept, lifetime });
      },
    });
  }

  /** @param {string} key */
  async destroy(key) {
    await this.#sessions.destroy(key);
  }

  /**
   * koa-session forgets 'session' as it saves, and gives a further save of that context a day.
   * @param {any} data
   * @param {unknown} maxAge
   * @param {any} ctx
   */
  #asTold(data, maxAge, ctx) {
    const options = ctx?.sessionOptions;
    if (options === undefined) return { sess: data, maxAge };
    if (maxAge === 'session') {
      this.#asBrowser.add(ctx);
    } else if (options.maxAge === undefined && this.#asBrowser.has(ctx)) {
      const { _expire, _maxAge, ...sess } = data;
      return { sess: { ...sess, _session: true }, maxAge: 'session' };
    } else {
      this.#asBrowser.delete(ctx);
    }
    return { sess: data, maxAge };
  }

  /** @param {Made} made @param {any} sess @param {boolean} rolling */
  async #renew(made, sess, rolling) {
    const found = rolling || typeof made.lifetime !== 'number' ? undefined : this.#sessions[kRead](made.key);
    const data = found && JSON.parse(found.text);
    if (found === undefined || lifetimeOf(data) !== made.lifetime) {
      await this.#sessions.touch(made.key);
      return;
    }
    const text = JSON.stringify({ ...data, _expire: sess._expire });
    // Where another request was quicker, that one has renewed it.
    const version = await this.#sessions[kPut](made.key, text, { on: found.version });
    // Its base stays: the texts differ in the date alone, which every save writes anew.
    if (version > 0 && made.version === found.version) made.version = version;
  }

  /** Another request has changed how long it lives. @param {Made} made */
  #livesOtherwise(made) {
    const found = this.#sessions[kRead](made.key);
    if (found === undefined || found.version === made.version) return false;
    return lifetimeOf(JSON.parse(found.text)) !== made.lifetime;
  }

  /** 'session': as long as the browser, so nobody says how long. @param {unknown} maxAge @returns {number} */
  #ttlOf(maxAge) {
    if (typeof maxAge !== 'number' || Number.isNaN(maxAge)) return this.#sessions[kTtlMs];
    return Math.min(Math.ceil(maxAge), DURATION_MS_MAX);
  }
}

/** Milliseconds, or undefined: as long as the browser. @param {any} data @returns {unknown} */
function lifetimeOf(data) {
  return data?._maxAge;
}

/** What koa-session does not give back: it takes names that begin with _ for private ones. @param {string} name */
function isKept(name) {
  return WITHHELD.has(name) || (name.startsWith('_') && !BOOKS.has(name));
}

/** @param {object} data */
function appText(data) {
  return textWithout(data, (name) => BOOKS.has(name) || isKept(name));
}

module.exports = { SessionStore };
