import type { Sessions } from '../index.js';

export interface BetterAuthStorageOptions {
  /**
   * `store.sessions('auth', { ttl: '7d' })`, for better-auth alone, without `userId` and `absoluteTtl` (ERR_INVALID_ARG
   * otherwise). Whose a session is, the storage tells by itself. An absolute time would end what better-auth notes of a user,
   * such as which sessions are revoked, while sessions of that user go on: bound their age by better-auth's
   * `session.expiresIn`, with `session.disableSessionRefresh`. The ttl of the sessions holds for what better-auth stores
   * without one. What other code stores among these sessions, and has no `value` that is a string, is as if it were not there
   * until it is set; no counter begins over it (ERR_INVALID_STATE).
   */
  sessions: Sessions<any>;
}

export interface BetterAuthStorage {
  /** A counter comes as its digits. Renews no time. */
  get(key: string): Promise<string | null>;
  /** Of all that ask at once, in any thread, one gets it. */
  getAndDelete(key: string): Promise<string | null>;
  /**
   * The count with this one in it: 1 where there was none, which then lives for `ttl` seconds. Later ones leave that time as it
   * is. A `ttl` of 0 or less counts 1 and begins no counter. What is no whole number, and a counter at 2^53 - 1, is
   * ERR_INVALID_STATE.
   */
  increment(key: string, ttl: number): Promise<number>;
  /**
   * `ttl` in seconds, fractions to the millisecond, 100 years at most; none: the sessions' own; 0 or less: it is over, and
   * nothing is stored any more. NaN is ERR_INVALID_ARG, a value over the sessions' maxSessionSize ERR_TOO_LARGE.
   */
  set(key: string, value: string, ttl?: number): Promise<void>;
  delete(key: string): Promise<void>;
}

/**
 * A secondary storage for better-auth 1.7:
 * `betterAuth({ secondaryStorage: secondaryStorage({ sessions }), rateLimit: { storage: 'secondary-storage' }, … })`. Every
 * worker thread that opens the store shares what is in it.
 *
 * Sessions of better-auth are sessions of their user. `sessions.listUser(user.id)` is the user's devices, each with
 * `JSON.parse(data.value).session`; `sessions.destroyUser(user.id)` logs out everywhere, at once, and `except` takes the token of
 * the session that stays. A session that was ended stays so: what a slow request still wrote to it is dropped. For this each
 * storage remembers what its last 10,000 to 20,000 reads of sessions in this thread gave. Two settings of better-auth keep
 * sessions elsewhere, out of reach of these: `session.cookieCache` (in the browser, until it is over) and
 * `session.storeSessionInDatabase` (unless `preserveSessionInDatabase` is set).
 *
 * A value is a session where it is JSON whose `session.token` is its key, as all that better-auth stores are. Nothing else is,
 * whatever user it names: it is a visitor's, no device in listUser(), and may be set again after it was read and deleted.
 *
 * Verification values, rate-limit counters and whatever else is no session are visitors': at most `maxAnonymous` of them, the
 * one set longest ago out first (an increment is no use in this sense). No flood of them ends a user's session. better-auth
 * counts by address and path, and any path: let maxAnonymous be above the requests that come within a rate-limit window, and
 * the verifications that wait.
 *
 * `maxPerUser` counts devices. The list of a user's sessions that better-auth keeps for itself is one entry, about 80 bytes a
 * session: with a maxSessionSize of 64 KB a user's sign-ins fail beyond some 800 sessions that are not over.
 *
 * Any string is a key: one that is no session id (empty, over 256 characters, not printable ASCII) or begins with `sha256:` is
 * kept under `sha256:` and the base64url of its SHA-256, as UTF-16LE. So are users' ids over 256 characters, with a lone
 * surrogate or such a beginning: ask listUser() and destroyUser() for that text. Any string is a value.
 */
export function secondaryStorage(options: BetterAuthStorageOptions): BetterAuthStorage;
