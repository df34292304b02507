/** A request, end to end: the example app under load, on redstart, on the in-memory defaults and on Redis. */

const METRICS = {
  rps: { title: 'requests a second', better: 'more', digits: 0 },
  p50: { title: 'p50, ms', better: 'less', digits: 2 },
  p99: { title: 'p99, ms', better: 'less', digits: 2 },
  errors: { title: 'errors', better: 'less', digits: 0 },
  cpuUs: { title: "app's CPU, µs a request", better: 'less', digits: 0 },
};

/** Seconds of load before any is counted, and those that are. */
const WARM_UP_S = 1;
const LOAD_S = 2;
const LOAD_FULL_S = 5;
/** To start the app, and for a thousand logins. */
const START_S = 0.7;
const LOGINS_S = 0.6;

/** @param {boolean} full */
function cases(full) {
  const loadS = full ? LOAD_FULL_S : LOAD_S;
  /** @param {string} id @param {string} title @param {number} before */
  const one = (id, title, before) => ({
    id,
    title,
    contenders: ['redstart', 'in-memory defaults', 'Redis'],
    options: { what: id, warmUpS: WARM_UP_S, seconds: loadS },
    seconds: before + WARM_UP_S + loadS,
    metrics: METRICS,
  });
  const account = one(
    'account',
    "GET /account: a member's page that counts its visits, so the session is read and written",
    START_S + LOGINS_S,
  );
  return [
    one('login', 'GET /login with a session: it is read and its time renewed', START_S + LOGINS_S),
    one('api', 'GET /api/posts with a key: one decision of the limit', START_S),
    ...(full ? [account] : []),
  ];
}

module.exports = {
  title: 'A request, end to end',
  notes: [
    'The app is examples/express-app with all its routes, in a fresh process with NODE_ENV=production; only the session store and the middleware that limits the API differ.',
    'The load is autocannon in a second process: 50 connections, one request at a time on each, as fast as they are answered, on keep-alive connections; a second of warm-up comes first.',
    '1,000 members, each with a session from a login and an API key; each connection asks for 20 of them in turn. Passwords are not hashed for these logins.',
    'On two cores the app has one and the load the other, which Redis has to share; on more each has its own. The load takes about a fifth of the CPU that the app takes for a request, so the app is what bounds the figures.',
    'As all connections always wait for an answer, p50 is 50 divided by the requests a second: it tells the length of the line at the app, not how long one request alone takes. CPU of the app (all its threads, without that of Redis) is the figure that other load on the machine disturbs least.',
    'Errors are connections that failed, time-outs, answers other than 2xx and pages without what a right one holds, each counted once.',
    'The key, the limit (300 a minute for each member, which the load does not reach) and the headers (draft 8 and X-RateLimit) are the same for all; redstart counts in a sliding window, the others in fixed ones.',
    "redstart's sessions are as the example has them, with an index by user, at most 20 sessions a user and an absolute lifetime, which the other stores do not know.",
    'The list of posts that the API answers comes from the cache of redstart with every contender.',
    'On Redis the sessions and the limit are measured one at a time, over one connection of node-redis on loopback.',
  ],
  notMeasured: [
    'A Redis on another machine, which adds the way there and back to every request, and what Redis itself takes of a CPU.',
    'Several processes of the app, which share sessions and limits on Redis alone.',
    'HTTPS, and a proxy in front.',
  ],
  contenders: {
    redstart: { durability: 'memory' },
    'in-memory defaults': {
      package: ['express-session', 'express-rate-limit'],
      durability: 'memory',
      deviations: "each one's own MemoryStore; standardHeaders: 'draft-8', identifier",
    },
    Redis: {
      package: ['connect-redis', 'rate-limit-redis', 'redis', 'express-rate-limit'],
      durability: 'server in memory',
      redis: true,
      deviations: "ttl of sessions: 2 hours; standardHeaders: 'draft-8', identifier",
    },
  },
  cases,
  bars: [],
  why: {
    'login in-memory defaults':
      "About a twentieth of the app's CPU is the session store's, whichever it is in memory, and the rest Node, Express and express-session; redstart spends most of its part on telling whether the app has changed the session, and crosses into Rust twice.",
    'account in-memory defaults': 'As for the login page, and a save makes a copy of the session to learn whose it is.',
    'in-memory defaults':
      "The limit is a few microseconds of some 300 that a request takes in the app, with either; redstart's middleware alone is the quicker one, and what is left between them is how the machine divided its two cores.",
    Redis:
      "A request waits for Redis without taking the app's CPU, and what Redis itself takes of it counts for nobody here; p50 and p99 follow from how the machine divided its two cores between the app, the load and Redis.",
  },
};
