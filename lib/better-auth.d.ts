import type { Sessions } from '../index.js';

export interface BetterAuthStorageOptions {
  /**
   * `store.sessions('auth', { ttl: '7d' })`, for better-auth alone and without `userId`: whose a session is, the storage tells
   * by itself (ERR_INVALID_ARG otherwise). Their ttl holds for what better-auth stores without one.
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
 * the session that stays. A session that was ended stays so: what a slow request still wrote to it is dropped. Two settings of
 * better-auth keep sessions elsewhere, out of reach of these: `session.cookieCache` (in the browser, until it is over) and
 * `session.storeSessionInDatabase` (unless `preserveSessionInDatabase` is set).
 *
 * Verification values, rate-limit counters and whatever else has no user are visitors': at most `maxAnonymous` of them, the one
 * set longest ago out first (an increment is no use in this sense). No flood of them ends a user's session. better-auth counts by
 * address and path, and any path: let maxAnonymous be above the requests that come within a rate-limit window, and the
 * verifications that wait.
 *
 * `maxPerUser` counts devices. The list of a user's sessions that better-auth keeps for itself is one entry, about 80 bytes a
 * session: with a maxSessionSize of 64 KB a user's sign-ins fail beyond some 800 sessions that are not over.
 *
 * Any string is a key: one that is no session id (empty, over 256 characters, not printable ASCII) or begins with `sha256:` is
 * kept under `sha256:` and the base64url of its SHA-256, as UTF-16LE. Any string is a value.
 */
export function secondaryStorage(options: BetterAuthStorageOptions): BetterAuthStorage;
