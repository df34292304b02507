import type { Sessions } from '../index.js';

export interface FastifySessionStoreOptions {
  /** `store.sessions('web', { ttl: '2h' })`: its ttl is used for sessions whose cookie has neither maxAge nor date. */
  sessions: Sessions<any>;
}
/**
 * A session store for @fastify/session 11:
 * `fastify.register(fastifySession, { secret, store: new SessionStore({ sessions }) })`.
 *
 * Callbacks are optional; without one a method returns a promise. Errors reach the callback, or reject; under the plugin
 * they are errors of the request.
 *
 * A session lives for its cookie's maxAge since the last response, or until its cookie's date, or as long as the sessions'
 * ttl. Of a cookie with a maxAge, an earlier date that a request sets counts only where it is over: it ends the session.
 *
 * Requests that run at once keep what each of them changed, by top-level key, as the sessions' `conflict` says. A rolling
 * response that changed nothing renews the time and writes no data. A session that was destroyed stays so: a slow request
 * that loaded it before cannot save it back.
 *
 * A request that has loaded a session before it was ended and then calls regenerate() begins a new session with the keys that
 * it names: check first that it still exists (`await sessions.get(id)`), or use `sessions.regenerate(id)`, which answers
 * undefined then. A session that is begun, saved, ended and then reload()ed in one request is begun again, empty.
 *
 * Settings of a stored cookie that no cookie can have (a date that is none, a domain that is no text) are left out.
 *
 * Stored keys that the plugin cannot carry are not on the session and stay in the store as they are: `__proto__`, `sessionId`,
 * `encryptedSessionId`, and the methods that it calls itself (`save`, `isModified`, `isSaved`, `regenerate`).
 */
export class SessionStore {
  constructor(options: FastifySessionStoreOptions);
  get(sid: string, callback: (error: any, session?: any) => void): void;
  get(sid: string): Promise<any>;
  /**
   * A Session made from stored data is saved where it still exists; any other is stored under its id, which is 1 to 256
   * printable ASCII characters (ERR_INVALID_ARG otherwise). A cookie that is over ends the session. One that cannot be sent
   * (a maxAge that is NaN or ends after the year 9999) is ERR_INVALID_ARG, and nothing is stored.
   */
  set(sid: string, session: any, callback: (error?: any) => void): void;
  set(sid: string, session: any): Promise<void>;
  /** No error when there is no such session. */
  destroy(sid: string, callback: (error?: any) => void): void;
  destroy(sid: string): Promise<void>;
}
