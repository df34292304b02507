import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Limiter, LimitResult, RedstartError } from '../index.js';

export interface RateLimitInfo extends LimitResult {
  key: string;
}
/** What a handler is told of a denied request: how it would have been answered. */
export interface RateLimitDenial {
  statusCode: number;
  message: unknown;
}
export interface RateLimitOptions<Req = any, Res = any> {
  /** Required: `store.limiter('api', { limit: 100, window: '1m' })`. */
  limiter: Limiter;
  /**
   * Whose request it is. Default: ipKey(req.ip), or of the socket's address outside Express. A request without an
   * address is ERR_INVALID_STATE.
   */
  key?: (req: Req, res: Res) => string | Promise<string>;
  /** true: this request is not counted. */
  skip?: (req: Req, res: Res) => boolean | Promise<boolean>;
  /**
   * RateLimit and RateLimit-Policy as in the IETF draft 8, appended to those of other limiters. Default 'draft-8'. `t` is
   * the seconds until the key is as new or, on a denial, until this request would pass, as Retry-After says too.
   */
  standardHeaders?: 'draft-8' | false;
  /** X-RateLimit-Limit, -Remaining and -Reset (seconds since the epoch, of the same moment as `t`). Default true. */
  legacyHeaders?: boolean;
  /** The policy's name in the draft-8 headers, printable ASCII. Default: the limiter's name. */
  identifier?: string;
  /** 200 to 599, default 429. */
  statusCode?: number;
  /**
   * The body of a denial, or what returns it or a promise of it: text, bytes or anything JSON. Default 'Too many
   * requests, please try again later.'
   */
  message?: unknown | ((req: Req, res: Res) => unknown);
  /** Answers a denied request itself; headers are set already. */
  handler?: (req: Req, res: Res, next: (error?: unknown) => void, denial: RateLimitDenial) => void | Promise<void>;
  /** Where the request keeps what was decided. Default 'rateLimit'. */
  requestPropertyName?: string;
}
/**
 * Express middleware: counts the request, sets the headers, answers 429 with Retry-After when it is over the limit.
 * Throws ERR_INVALID_ARG for options it does not know. Errors of `key`, `skip`, `message`, `handler` and of the limiter go
 * to next(error). Works with whatever has (req, res, next) of node:http: Connect, or a plain server.
 */
export function rateLimit<Req extends IncomingMessage = any, Res extends ServerResponse = any>(
  options: RateLimitOptions<Req, Res>,
): (req: Req, res: Res, next: (error?: unknown) => void) => void;
export type { RedstartError };
