import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Bytes, Cache, Duration, Limiter, LimitResult, ManualClock, RedstartError } from '../index.js';

/** What the request keeps: the decision and the key it was made for. */
export interface RateLimitInfo extends LimitResult {
  key: string;
}
/** What one of several limiters said. */
export interface RateLimitPartInfo extends RateLimitInfo {
  /** The limiter's. */
  name: string;
}
/**
 * What the request keeps with `limiters`: `allowed` and `retryAfterMs` are those of all together; limit, remaining,
 * resetAfterMs, reason and key those of the denial that lasts longest or, of none, of the limiter that fewest further
 * requests fit under.
 */
export interface RateLimitAllInfo extends RateLimitInfo {
  /**
   * Each limiter's own answer in order, without those that this request cost nothing. On a denial `allowed` tells which had
   * room, and nothing was taken from them.
   */
  results: RateLimitPartInfo[];
  /** Indexes in `results` of those that had none. */
  deniedBy: number[];
}
/** What a handler is told of a denied request: how it would have been answered. */
export interface RateLimitDenial {
  statusCode: number;
  message: unknown;
}
/** A value for all requests, or what returns it for each; undefined from there is the default. */
export type PerRequest<Value, Req, Res> =
  | Value
  | ((req: Req, res: Res) => Value | undefined | Promise<Value | undefined>);

/** One of several `limiters`. */
export interface RateLimitPartOptions<Req = any, Res = any> {
  /** Required. */
  limiter: Limiter;
  /** Default: the middleware's key. */
  key?: (req: Req, res: Res) => string | Promise<string>;
  /** Units. 0: this limiter does not count the request and its policy is in no header. Default: the middleware's cost. */
  cost?: PerRequest<number, Req, Res>;
  /** Units a window, 1 to 2^32 - 1. Default: the limiter's. */
  limit?: PerRequest<number, Req, Res>;
  /** Default: the limiter's. */
  window?: PerRequest<Duration, Req, Res>;
  /** Default: the limiter's name. */
  identifier?: string | ((req: Req, res: Res) => string | Promise<string>);
}
/**
 * One of `limiter` and `limiters` is required. The words are mostly express-rate-limit's. Functions may return
 * promises. What they throw, and what is not allowed where they return it (ERR_INVALID_ARG), goes to next(error). Options
 * that are kept in a variable are `RateLimitOptions & RateLimitSource`.
 */
export interface RateLimitOptions<Req = any, Res = any> {
  /** `store.limiter('api', { limit: 100, window: '1m' })`. */
  limiter?: Limiter;
  /**
   * Several of one store, 1 to 64, that all have room for the request or nothing is taken from any: `[burst, { limiter: daily,
   * key: (req) => req.user.id }]`. Every policy is in the headers of draft 8; the others have room for one, the denial that
   * lasts longest or, of none, the limiter that fewest further requests fit under. Retry-After is when all have room. Not
   * with `limiter`, `limit`, `window` or `identifier`.
   */
  limiters?: readonly (Limiter | RateLimitPartOptions<Req, Res>)[];
  /**
   * Whose request it is. Default: ipKey(req.ip, ipv6Subnet), or of the socket's address outside Express. A request without
   * an address is ERR_INVALID_STATE, or goes no further where it has none because its connection is closed. Where the limit is for each address of yours, use ipKey() here too: an IPv6 client has
   * more addresses than there are keys.
   */
  key?: (req: Req, res: Res) => string | Promise<string>;
  /**
   * Units that this request takes, 0 to its limit (or burst); 0: not counted, as with `skip`. More from a function, as of a
   * body too long, is ERR_INVALID_ARG with `status` and `statusCode` 413, which Express and others answer. Default 1.
   */
  cost?: PerRequest<number, Req, Res>;
  /**
   * Units a window for this request, 1 to 2^32 - 1: of its plan, say. What the key has taken under another limit counts.
   * Default: the limiter's.
   */
  limit?: PerRequest<number, Req, Res>;
  /** The window for this request. Each window of a key is a counter of its own. Default: the limiter's. */
  window?: PerRequest<Duration, Req, Res>;
  /** true: this request is not counted, and has no headers of it. */
  skip?: (req: Req, res: Res) => boolean | Promise<boolean>;
  /**
   * true: a request that was successful gives its units back when its response has ended. Until then it counts. Units that
   * no longer count by then are not given back. Default false.
   */
  skipSuccessfulRequests?: boolean;
  /**
   * true: a request that has failed gives its units back when its response has ended, also when the connection closed before
   * that, so a client that hangs up in time is not counted. Denied requests take nothing either way. Default false.
   */
  skipFailedRequests?: boolean;
  /**
   * For these two, asked when the response has ended. Default: whether its status is below 400. When it throws, or the units
   * cannot be given back, they stay taken: one process warning (code REDSTART_RATE_LIMIT_REFUND).
   */
  requestWasSuccessful?: (req: Req, res: Res) => boolean | Promise<boolean>;
  /**
   * Bits by which the default key tells IPv6 clients apart, 32 to 64; a function is asked for IPv6 alone, not for
   * ::ffff:a.b.c.d. Default 56. Not with `key`.
   */
  ipv6Subnet?: PerRequest<number, Req, Res>;
  /**
   * 'draft-8' (default): RateLimit and RateLimit-Policy of the IETF draft, appended to those of other limiters. 'draft-7':
   * both in their older form. 'draft-6': RateLimit-Limit, -Remaining, -Reset and -Policy. `q`, or limit, is the limit or a
   * burst above it, and `w` the seconds in which so many units come: the window, or burst * window / limit. `t`, or reset, is
   * the seconds until the key is as new or, on a denial, until this request would pass, rounded up. Retry-After is never
   * earlier, and is there whatever headers are chosen.
   */
  standardHeaders?: 'draft-8' | 'draft-7' | 'draft-6' | false;
  /** X-RateLimit-Limit (as `q`), -Remaining and -Reset (seconds since the epoch, of the same moment as `t`). Default true. */
  legacyHeaders?: boolean;
  /**
   * The policy's name in the headers of draft 8, printable ASCII of 1 to 256 characters. What a function returns is cut and
   * percent-encoded to that; it is asked after the request was counted. Default: the limiter's name.
   */
  identifier?: string | ((req: Req, res: Res) => string | Promise<string>);
  /** 200 to 599, default 429. */
  statusCode?: number;
  /**
   * The body of a denial, or what returns it or a promise of it: text, bytes or anything JSON. Default 'Too many
   * requests, please try again later.'
   */
  message?: string | number | boolean | object | null | ((req: Req, res: Res) => unknown);
  /**
   * Answers a denied request itself, or calls next(); headers are set already. What it throws after next() is a process
   * warning (code REDSTART_RATE_LIMIT_HANDLER).
   */
  handler?: (req: Req, res: Res, next: (error?: unknown) => void, denial: RateLimitDenial) => void | Promise<void>;
  /**
   * Where the request keeps what was decided: RateLimitInfo, or RateLimitAllInfo with `limiters`. A name that Node's own
   * requests leave free. Default 'rateLimit'.
   */
  requestPropertyName?: string;
  /**
   * When the limiter itself fails (ERR_CLOSED, ERR_UNAVAILABLE, ERR_INTERNAL …). 'closed' (default): next(error). 'open': the
   * request passes, not counted and without headers, and there is one process warning (code REDSTART_RATE_LIMIT_OPEN). Errors of
   * your own functions, and ERR_INVALID_ARG, go to next(error) in either case.
   */
  onError?: 'closed' | 'open';
  /**
   * Whether the default key warns, once a middleware each, of a 'trust proxy' that cannot be right: true
   * (REDSTART_TRUST_PROXY_ALL), false although requests come with X-Forwarded-For (REDSTART_TRUST_PROXY_UNSET), and of requests
   * with the header Forwarded, which is ignored (REDSTART_TRUST_PROXY_FORWARDED). Default true.
   */
  validate?: boolean;
}
/** What counts: one limiter or several. */
export type RateLimitSource<Req = any, Res = any> =
  | { limiter: Limiter; limiters?: undefined }
  | { limiter?: undefined; limiters: readonly (Limiter | RateLimitPartOptions<Req, Res>)[] };
/**
 * Express middleware: counts the request, sets the headers, answers 429 with Retry-After when it is over the limit. A denied
 * request whose response has ended by then is left alone; one whose headers have been sent, but that is not ended, is
 * ERR_INVALID_STATE in next(error), unless there is a `handler`: put this before what sends them.
 * Throws ERR_INVALID_ARG for options it does not know. Errors of `key`, `skip` and all other functions, and of the limiter
 * unless onError is 'open', go to next(error). Works with whatever has (req, res, next) of node:http: Connect, or a plain
 * server.
 */
export function rateLimit<Req extends IncomingMessage = any, Res extends ServerResponse = any>(
  options: RateLimitOptions<Req, Res> & RateLimitSource<Req, Res>,
): (req: Req, res: Res, next: (error?: unknown) => void) => void;

export interface CacheResponseOptions<Req = any, Res = any> {
  /**
   * Required, and best one of its own: `store.cache('pages', { ttl: '1m' })`, with the default codec. Its ttl, maxSize, max
   * and eviction bound what is kept; its staleWhileRevalidate and staleIfError are the windows in which old responses may
   * be served. A response larger than its maxEntrySize is not kept.
   */
  cache: Cache<any>;
  /**
   * How long a response is fresh that does not say so itself (s-maxage, max-age, Expires). Default: the ttl of the cache.
   * What a response says counts in full, also where it is longer.
   */
  ttl?: Duration;
  /** At most so long is a response fresh by what it says itself. Default: no cap. */
  maxTtl?: Duration;
  /**
   * The name a response is kept under, and deleted by: cache.delete(name) removes it with all its variants. Default: 'GET
   * http://host/path?query', host in lower case, parameters in the order of their names (as they stand where a name has '%'
   * or '['). Where Express trusts a proxy that forwards another host, that follows after a line feed. A request whose Host
   * header or target cannot be part of such an address passes by. Names over 1,024 characters, or that begin with NUL, are
   * kept as their hash. A client can make up as many addresses as it likes, and the bounds of the cache hold then; leave out here what the handler does not
   * look at. What the handler does look at and neither the name nor Vary has is served to the wrong people. Asked for
   * whatever the method, so that a change finds the page it is about.
   */
  key?: (req: Req) => string | Promise<string>;
  /** For cache.deleteByTag() and cache.expireByTag(): up to 63, asked for when the handler is done. Default: none. */
  tags?: readonly string[] | ((req: Req, res: Res) => readonly string[] | Promise<readonly string[]>);
  /**
   * Names of request headers by which responses differ though they do not say so: they are added to their Vary. Whoever
   * takes credentials from another header than Authorization and Cookie ('X-Api-Key') names it here, or skips such
   * requests. Headers count as they come to this middleware, whatever is made of them behind it. Default: [].
   */
  vary?: readonly string[];
  /**
   * Variants of one address at most, 1 to 1,000; beyond, the one that was made first goes. Exact where one thread serves an
   * address. Default 32.
   */
  maxVariants?: number;
  /**
   * A longer body goes to its client as it comes and is not kept. So much memory at most is held for each handler at work,
   * whose writes are taken at once until then, however slowly its client reads. Default '512kb'.
   */
  maxBodySize?: Bytes;
  /**
   * Statuses from 200 to 499 of responses that are kept without saying for how long. Others are kept only if the response says
   * so itself; 206, 304 and errors of the server never. Default [200, 203, 300, 301, 308, 410].
   */
  statusCodes?: readonly number[];
  /**
   * 'bypass' (default): a request with a Cookie header is neither answered from the cache nor kept. 'ignore': cookies make no
   * difference to what the handler answers, or `skip` tells those that do.
   */
  cookies?: 'bypass' | 'ignore';
  /** true: this request is neither answered from the cache nor kept. Methods that change things invalidate all the same. */
  skip?: (req: Req, res: Res) => boolean | Promise<boolean>;
  /**
   * Whether clients may ask past the cache with Cache-Control: no-cache and max-age (or Pragma) run the handler anew and
   * keep what it says, min-fresh likewise, no-store passes by. false: ignored, so that no client can make the handler work.
   * only-if-cached is answered either way, 504 where there is nothing. Default true.
   */
  respectCacheControl?: boolean;
  /**
   * How long requests wait for the handler that is at work on the same response, by the clock of the store; then one of them
   * runs it too. None waits longer in all, by the machine's clock: then it runs the handler for itself. Default '30s'.
   */
  timeout?: Duration;
  /**
   * Cache-Status as in RFC 9211, its cache named redstart; 'with-key' adds the key. `stored` is said where it is known in
   * time, and the cache may still refuse a response over its maxEntrySize. Default true.
   */
  standardHeaders?: boolean | 'with-key';
  /** X-Cache: HIT, MISS, STALE or BYPASS. Default true. */
  legacyHeaders?: boolean;
  /**
   * Hears of each failure of the cache, and of `tags`; the request goes on without the cache. Default: one process warning
   * (code REDSTART_RESPONSE_CACHE).
   */
  onError?: (error: unknown) => void;
  /** For tests: the manual clock of the store, so that Age and freshness follow it. Default: the machine's clock. */
  clock?: ManualClock;
}
/**
 * Express middleware: keeps responses to GET and answers GET and HEAD from them. It is a shared cache (RFC 9111) and private
 * by default. Never kept: responses with Set-Cookie, Cache-Control private, no-store or no-cache, Vary: *, status 206, event
 * streams, and bodies that were cut off; answers to requests with Authorization, unless the response says public, s-maxage or
 * must-revalidate. Requests with cookies, Range, If-Match, If-Unmodified-Since or a body pass by. What middleware in front
 * adds to the headers last of all is judged too.
 *
 * Requests that miss together share one run of the handler, whatever thread they are in. Where its response turns out not to
 * be kept, the others run the handler at once, each for itself. Conditional requests are answered here with 304; the handler
 * does not see their conditions, and has the rest of its body read to the end where it is not kept. A response without an
 * ETag gets a weak one. Headers that middleware in front has set are not kept unless the handler changed or removed them.
 * Headers in an array for res.writeHead may come in pairs, or a name twice, also where Node itself would refuse or join them.
 *
 * Within the cache's staleWhileRevalidate one request runs the handler and waits for it, and all others get the old response
 * (X-Cache: STALE); within staleIfError the old response answers where the handler fails with a status of 500 or more. The
 * response's own stale-while-revalidate and stale-if-error shorten these windows, must-revalidate, proxy-revalidate and an
 * s-maxage without them close them.
 *
 * A successful POST, PUT, PATCH, DELETE or other unsafe method (status 200 to 399) removes the response of the same address,
 * before its client hears of it, and again when the handler ends if it had begun to answer before that.
 *
 * Throws ERR_INVALID_ARG for options it does not know. Errors of `key` and `skip` go to next(error); the cache's own never do.
 * Works with whatever has (req, res, next) of node:http: Connect, or a plain server.
 */
export function cacheResponse<Req extends IncomingMessage = any, Res extends ServerResponse = any>(
  options: CacheResponseOptions<Req, Res>,
): (req: Req, res: Res, next: (error?: unknown) => void) => void;
export type { RedstartError };
