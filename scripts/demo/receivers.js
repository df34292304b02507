'use strict';

const http = require('node:http');
const { createRequire } = require('node:module');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

// What the first webhook gets: a receiver that stumbles, then one that asks for time, then one that is well.
const FIRST_ANSWERS = [{ status: 500 }, { status: 503, headers: { 'retry-after': '3' } }, { status: 200 }];

/**
 * A real SMTP server on loopback that keeps what it gets: `letters` is a list of { to, subject, at }. `refusals` is a Map from
 * an address to the status codes with which its next letters are refused.
 */
async function startMailServer(appDir, onLetter) {
  const { SMTPServer } = createRequire(path.join(appDir, 'package.json'))('smtp-server');
  const letters = [];
  const refusals = new Map();
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    size: 1024 * 1024,
    onRcptTo({ address }, _session, done) {
      const responseCode = refusals.get(address)?.shift();
      done(responseCode && Object.assign(new Error('not this one'), { responseCode }));
    },
    onData(stream, session, done) {
      const chunks = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.on('end', () => {
        const headers = parseHeaders(Buffer.concat(chunks).toString('utf8'));
        const to = session.envelope.rcptTo.map((recipient) => recipient.address).join(', ');
        const letter = { to, subject: headers.get('subject') ?? '', at: performance.now() };
        letters.push(letter);
        done();
        onLetter(letter);
      });
    },
  });
  // A client that hangs up in the middle is its own trouble.
  server.on('error', () => {});
  await listen(server);
  return {
    letters,
    refusals,
    url: `smtp://127.0.0.1:${server.server.address().port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** Receives webhooks. `tries` is what came to /hooks, and when; /gone answers 410. */
async function startWebhookReceiver(onTry) {
  const tries = [];
  const server = http.createServer((request, response) => {
    const at = performance.now();
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/gone') {
        response.writeHead(410).end();
        return;
      }
      const { headers } = request;
      const id = headers['webhook-id'];
      const before = tries.filter((one) => one.id === id).length;
      const answer = (id === (tries[0]?.id ?? id) && FIRST_ANSWERS[before]) || { status: 200 };
      const body = Buffer.concat(chunks).toString('utf8');
      const delivery = { at, id, body, headers, status: answer.status };
      tries.push(delivery);
      response.writeHead(answer.status, answer.headers).end();
      onTry(delivery);
    });
  });
  await listen(server);
  return {
    tries,
    url: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

/** The headers of a letter by lower-case name; a line that starts with a blank goes on with the one before. */
function parseHeaders(letter) {
  const [head] = letter.split(/\r?\n\r?\n/, 1);
  const lines = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

module.exports = { startMailServer, startWebhookReceiver };
