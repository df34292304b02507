import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Limiter, LimitResult, RedstartError } from '../index.js';

export interface RateLimitInfo extends LimitResult {
  key: string;
}
/** What a handler is told of a denied request. */
export interface RateLimitDenial {
  statusCode: number;
  message: unknown;
}
export interface RateLimitOptions<Req = any, Res = any> {
  /** Required: `store.limiter('api', { limit: 100, window: '1m' })`. */
  limiter: Limiter;
  /** Whose request it is. Default: ipKey(req.ip). */
  key?: (req: Req, res: Res) => string | Promise<string>;
  /** true: this request is not counted. */
  skip?: (req: Req, res: Res) => boolean | Promise<boolean>;
  /** RateLimit and RateLimit-Policy as in the IETF draft 8. Default 'draft-8'. */
  standardHeaders?: 'draft-8' | false;
  /** X-RateLimit-Limit, -Remaining and -Reset (seconds since the epoch). Default true, as express-rate-limit. */
  legacyHeaders?: boolean;
  /** The policy's name in the draft-8 headers. Default: the limiter's name. */
  identifier?: string;
  /** Default 429. */
  statusCode?: number;
  /** The body of a denial, or what returns it. Default 'Too many requests, please try again later.' */
  message?: unknown | ((req: Req, res: Res) => unknown);
  /** Answers a denied request itself; headers are set already. */
  handler?: (req: Req, res: Res, next: (error?: unknown) => void, denial: RateLimitDenial) => void;
  /** Where the request keeps what was decided. Default 'rateLimit'. */
  requestPropertyName?: string;
}
/**
 * Express middleware: counts the request, sets the headers, answers 429 with Retry-After when it is over the limit.
 * Throws ERR_INVALID_ARG for options it does not know. Errors of `key`, `skip` and of the limiter go to next(error).
 */
export function rateLimit<Req extends IncomingMessage = any, Res extends ServerResponse = any>(
  options: RateLimitOptions<Req, Res>,
): (req: Req, res: Res, next: (error?: unknown) => void) => void;
export type { RedstartError };
