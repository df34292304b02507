'use strict';
const assert = require('node:assert/strict');
const { createHmac } = require('node:crypto');
const path = require('node:path');
const { describe, it } = require('node:test');
const { APP_DIR, member, startApp, startReceiver, until } = require('../support/example-app/start.js');

const { requirePublic } = require(path.join(APP_DIR, 'public-address.js'));

/** Registers a receiver and returns its secret. */
async function register(visitor, url) {
  const answer = await visitor.post('/account/webhooks', { url });
  assert.equal(answer.status, 303, answer.text);
  const { text } = await visitor.get('/account/webhooks');
  return text.match(new RegExp(`<td>${url}</td>\\s*<td><code>whsec_([^<]*)<`))[1];
}

const write = (visitor, title) => visitor.post('/write', { title, body: 'Hello.' });
const answering = (statuses, headers) => (_request, response) =>
  response.writeHead(statuses.length > 1 ? statuses.shift() : statuses[0], headers).end();
const finished = (app, count) =>
  until(`${count} finished webhooks`, async () => {
    const { completed, failed } = await app.state.webhooks.getJobCounts();
    return completed + failed === count;
  });

describe('the webhooks of the example app', () => {
  it('tell of a new post, signed so that its receiver knows whom they are from', async (t) => {
    const app = await startApp(t);
    const receiver = await startReceiver(t, answering([200]));
    const ada = await member(app);
    const secret = await register(ada, receiver.url);
    await write(ada, 'On forgetting');
    await finished(app, 1);
    const [{ headers, body }] = receiver.requests;
    assert.deepEqual(JSON.parse(body), {
      type: 'post.published',
      data: { slug: 'on-forgetting', title: 'On forgetting', by: 'ada' },
    });
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', Buffer.from(secret, 'base64')).update(signed).digest('base64');
    assert.equal(headers['webhook-signature'], `v1,${signature}`);
  });

  for (const status of [429, 503]) {
    it(`wait as long as the receiver asks for with ${status} and Retry-After`, async (t) => {
      const app = await startApp(t);
      const receiver = await startReceiver(t, answering([status, 200], { 'retry-after': '120' }));
      const ada = await member(app);
      await register(ada, receiver.url);
      await write(ada, 'On patience');
      await until('the first try', async () => (await app.state.webhooks.getJobCounts()).delayed === 1);
      await app.clock.advanceAsync(119_999);
      assert.equal(receiver.requests.length, 1);
      await app.clock.advanceAsync(1);
      await finished(app, 1);
      const ids = receiver.requests.map(({ headers }) => headers['webhook-id']);
      assert.equal(ids.length, 2);
      assert.equal(ids[0], ids[1]);
    });
  }

  it('are tried again after twice as long each time where the receiver does not say', async (t) => {
    const app = await startApp(t);
    const receiver = await startReceiver(t, answering([500, 500, 200]));
    const ada = await member(app);
    await register(ada, receiver.url);
    await write(ada, 'On growth');
    const waits = [];
    app.state.webhooks.on('retrying', ({ nextAttemptAt }) => waits.push(nextAttemptAt - app.clock.nowMs));
    await until('the first failure', async () => (await app.state.webhooks.getJobCounts()).delayed === 1);
    await app.clock.advanceAsync('1s');
    await until('the second failure', async () => (await app.state.webhooks.getJobCounts()).delayed === 1);
    await app.clock.advanceAsync('2s');
    await finished(app, 1);
    assert.equal(receiver.requests.length, 3);
    assert.ok(waits.at(-1) > 1_000 && waits.at(-1) <= 2_000, waits.join());
  });

  it('are not tried again where the receiver does not want them, and end with 410', async (t) => {
    const app = await startApp(t);
    const refusing = await startReceiver(t, answering([404]));
    const gone = await startReceiver(t, answering([410]));
    const ada = await member(app);
    await register(ada, refusing.url);
    await register(ada, gone.url);
    await write(ada, 'On refusal');
    await finished(app, 2);
    const { text } = await ada.get('/account/webhooks');
    assert.ok(text.includes(refusing.url) && !text.includes(gone.url), text);
    await write(ada, 'On silence');
    await finished(app, 3);
    assert.equal(refusing.requests.length, 2);
    assert.equal(gone.requests.length, 1);
  });

  it('come one at a time to each receiver, and who is slow holds up nobody else', async (t) => {
    const app = await startApp(t);
    const slow = await startReceiver(t, () => {});
    const quick = await startReceiver(t, answering([200]));
    const ada = await member(app);
    await register(ada, slow.url);
    await register(ada, quick.url);
    await write(ada, 'On haste');
    await write(ada, 'On leisure');
    await finished(app, 2);
    assert.equal(quick.requests.length, 2);
    assert.equal(slow.requests.length, 1);
    slow.requests[0].response.end();
    await until('the second one', () => slow.requests.length === 2);
    slow.requests[1].response.end();
    await finished(app, 4);
  });

  it('hang up on a receiver that does not answer within 5 s', async (t) => {
    const app = await startApp(t);
    const silent = await startReceiver(t, () => {});
    const ada = await member(app);
    await register(ada, silent.url);
    await write(ada, 'On silence');
    const { response } = await until('the webhook', () => silent.requests[0]);
    app.clock.advance('5s');
    await until('the app to hang up', () => response.closed);
    await until('another try to follow', async () => (await app.state.webhooks.getJobCounts()).delayed === 1);
  });

  it('follow no redirect', async (t) => {
    const app = await startApp(t);
    const inside = await startReceiver(t, answering([200]));
    const outside = await startReceiver(t, answering([302], { location: inside.url }));
    const ada = await member(app);
    await register(ada, outside.url);
    await write(ada, 'On detours');
    await finished(app, 1);
    assert.equal(inside.requests.length, 0);
  });

  it('are removed by their member and by nobody else', async (t) => {
    const app = await startApp(t);
    const receiver = await startReceiver(t, answering([200]));
    const [ada, joan] = [await member(app, 'ada'), await member(app, 'joan')];
    await register(ada, receiver.url);
    const [, id] = /name="id" value="([^"]+)"/.exec((await ada.get('/account/webhooks')).text);
    assert.doesNotMatch((await joan.get('/account/webhooks')).text, /whsec_/);
    await joan.post('/account/webhooks/remove', { id });
    await write(ada, 'On property');
    await finished(app, 1);
    assert.equal(receiver.requests.length, 1);
    await ada.post('/account/webhooks/remove', { id });
    await write(ada, 'On parting');
    assert.deepEqual(await app.state.webhooks.getJobs(['waiting', 'delayed', 'active']), []);
    assert.equal(receiver.requests.length, 1);
  });

  it('do not go to this machine unless a setting allows it', async (t) => {
    const app = await startApp(t, { WEBHOOKS_TO_LOOPBACK: '' });
    const ada = await member(app);
    const answer = await ada.post('/account/webhooks', { url: 'http://localhost:1/' });
    assert.equal(answer.status, 422);
    assert.match(answer.text, /goes to a public address/);
  });
});

describe('requirePublic()', () => {
  const refused = [
    ...['http://10.1.2.3', 'http://127.0.0.1', 'http://2130706433', 'http://0x7f.1', 'http://169.254.169.254'],
    ...['http://172.31.0.1', 'http://192.168.0.1', 'http://100.64.0.1', 'http://0.0.0.0', 'http://255.255.255.255'],
    ...['http://[::1]', 'http://[::]', 'http://[fd00::1]', 'http://[fe80::1]', 'http://[::ffff:10.0.0.1]'],
    ...['http://[64:ff9b::a00:1]', 'http://[2002:a00:1::]', 'ftp://93.184.215.14', 'file:///etc/passwd'],
  ];
  for (const url of refused) {
    it(`refuses ${url}`, async () => {
      await assert.rejects(
        requirePublic(new URL(url), { allowLoopback: false }),
        /^UnrecoverableError: a webhook goes to/,
      );
    });
  }

  it('lets public addresses pass, and loopback where that is allowed', async () => {
    for (const url of ['https://93.184.215.14', 'https://[2606:2800:21f::1]']) {
      await requirePublic(new URL(url), { allowLoopback: false });
    }
    for (const url of ['http://127.0.0.1', 'http://[::1]']) {
      await requirePublic(new URL(url), { allowLoopback: true });
    }
    await assert.rejects(requirePublic(new URL('http://10.0.0.1'), { allowLoopback: true }));
  });
});
