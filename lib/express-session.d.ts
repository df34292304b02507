import session = require('express-session');
import type { Sessions } from '../index.js';

export interface SessionStoreOptions {
  /** `store.sessions('web', { ttl: '2h' })`: its ttl is used for sessions whose cookie has no expiry. */
  sessions: Sessions<any>;
}
/**
 * A session store for express-session 1.19: `session({ store: new SessionStore({ sessions }), … })`.
 *
 * Callbacks are optional; without one a method returns a promise. A session lives as long as its cookie says, or else
 * as long as the sessions' ttl; a touch renews that and writes no data. A session that was destroyed stays so: a slow
 * request that loaded it before cannot save it back. What a request changes of the cookie is kept, too where it changes
 * nothing else.
 *
 * Requests that run at once keep what each of them changed, by top-level key, as the sessions' `conflict` says. Errors reach
 * the callback, or reject. express-session saves as it ends a response and sends the response all the same: who has to answer
 * such an error (ERR_STORE_FULL, a conflict that is an error) awaits `req.session.save()` before answering.
 *
 * `cookie` is a part of the data: a `sessions.set()` or `update()` by other code keeps it, or requests with that session fail.
 */
export class SessionStore extends session.Store {
  constructor(options: SessionStoreOptions);
  get(sid: string, callback: (error: unknown, session?: session.SessionData | null) => void): void;
  get(sid: string): Promise<session.SessionData | undefined>;
  /**
   * A Session made from stored data is replaced where it still exists; any other is stored under its id, which is 1 to 256
   * printable ASCII characters (ERR_INVALID_ARG otherwise). A cookie that is over ends the session.
   */
  set(sid: string, session: session.SessionData, callback: (error?: unknown) => void): void;
  set(sid: string, session: session.SessionData): Promise<void>;
  touch(sid: string, session: session.SessionData, callback: (error?: unknown) => void): void;
  touch(sid: string, session: session.SessionData): Promise<void>;
  /** No error when there is no such session. */
  destroy(sid: string, callback: (error?: unknown) => void): void;
  destroy(sid: string): Promise<void>;
  /** Data by handle, as ids are not kept: for `sessions.destroyHandle()`. All of it at once; iterate() does not need to. */
  all(callback: (error: unknown, sessions?: Record<string, session.SessionData> | null) => void): void;
  all(): Promise<Record<string, session.SessionData>>;
  clear(callback: (error?: unknown) => void): void;
  clear(): Promise<void>;
  length(callback: (error: unknown, length?: number) => void): void;
  length(): Promise<number>;
}
