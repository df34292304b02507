import session = require('express-session');
import type { Sessions } from '../index.js';

export interface SessionStoreOptions {
  /** `store.sessions('web', { ttl: '2h' })`: its ttl is used for sessions whose cookie has no expiry. */
  sessions: Sessions<any>;
}
/**
 * A session store for express-session 1.19: `session({ store: new SessionStore({ sessions }), … })`.
 * Callbacks are optional; without one a method returns a promise.
 */
export class SessionStore extends session.Store {
  constructor(options: SessionStoreOptions);
  get(sid: string, callback: (error: unknown, session?: session.SessionData | null) => void): void;
  get(sid: string): Promise<session.SessionData | undefined>;
  set(sid: string, session: session.SessionData, callback?: (error?: unknown) => void): Promise<void>;
  touch(sid: string, session: session.SessionData, callback?: (error?: unknown) => void): Promise<void>;
  destroy(sid: string, callback?: (error?: unknown) => void): Promise<void>;
  length(callback: (error: unknown, length?: number) => void): void;
  length(): Promise<number>;
}
