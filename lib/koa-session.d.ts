import type { Sessions } from '../index.js';

export interface KoaSessionStoreOptions {
  /** `store.sessions('web', { ttl: '2h' })`: its ttl is used for sessions whose maxAge is 'session'. */
  sessions: Sessions<any>;
}
/**
 * A session store for koa-session 7: `session({ store: new SessionStore({ sessions }), … }, app)`.
 *
 * A session lives for its maxAge (and ten seconds, as koa-session asks) since it was last saved or renewed, or as long as
 * the sessions' ttl. With `rolling` every response renews it; a response that changed nothing writes no data. Where `rolling`
 * is turned off later, sessions from before end at the date that their data was last written with.
 *
 * Requests that run at once keep what each of them changed, by top-level key, as the sessions' `conflict` says. A session
 * that was destroyed stays so: a slow request that loaded it before cannot save it back. Errors reject, and are errors of
 * the request.
 *
 * A request that has loaded a session before it was ended and then calls regenerate() begins a new session with all that it
 * carries over: check first that it still exists (`await sessions.get(id)`), or use `sessions.regenerate(id)`, which answers
 * undefined then.
 *
 * Stored keys that koa-session does not carry stay in the store as they are: those that begin with `_`, and `__proto__`,
 * `toJSON`, `isNew`, `length`, `populated`, `externalKey` and `maxAge`, which are not on the session either.
 */
export class SessionStore {
  constructor(options: KoaSessionStoreOptions);
  /** `ctx` is what a later set() is known by: give both the same. */
  get(key: string, maxAge?: number | 'session', how?: { rolling?: boolean; ctx?: any }): Promise<any>;
  /**
   * What was loaded under `ctx` is saved where it still exists; any other is stored under its key, which is 1 to 256 printable
   * ASCII characters (ERR_INVALID_ARG otherwise).
   */
  set(
    key: string,
    sess: any,
    maxAge?: number | 'session',
    how?: { rolling?: boolean; changed?: boolean; ctx?: any },
  ): Promise<void>;
  /** No error when there is no such session. */
  destroy(key: string, how?: { ctx?: any }): Promise<void>;
}
