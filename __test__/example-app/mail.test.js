'use strict';
const assert = require('node:assert/strict');
const net = require('node:net');
const { describe, it } = require('node:test');
const { Visitor, member, startApp, stats, until } = require('../support/example-app/start.js');

// The app lets nodemailer wait 5 s for a word of the server; less, because that begins before the test looks.
const NODEMAILER_MS = 4_000;
const ADA = 'ada@reader.example';

describe('the letters of the example app', () => {
  it('come once, with the second try, where the server said "not now" at the first', async (t) => {
    const app = await startApp(t);
    app.mail.refusals.set(ADA, [451]);
    await member(app);
    await until('the first try', async () => (await app.state.mail.getJobCounts()).delayed === 1);
    assert.equal(app.mail.letters.length, 0);
    await app.clock.advanceAsync('2s');
    await until('the second try', async () => (await app.state.mail.getJobCounts()).completed === 1);
    assert.deepEqual(
      app.mail.letters.map(({ to, subject }) => [to, subject]),
      [[ADA, 'Welcome to Ephemera, ada']],
    );
    const [job] = await app.state.mail.getJobs('completed');
    const log = await app.state.mail.getJobLogs(job.id);
    assert.equal(log.length, 2);
    assert.match(log[0], /^attempt 1: .*451/);
    assert.match(log[1], /^attempt 2: 250/);
  });

  it('wait among the dead where the server said "never", for members to see and to send again', async (t) => {
    const app = await startApp(t);
    app.mail.refusals.set(ADA, [550]);
    const ada = await member(app);
    const letter = await until('the dead letter', async () => (await stats(ada)).deadLetters[0]);
    assert.equal(letter.to, ADA);
    assert.match(letter.reason, /550/);
    assert.match(letter.log.join(), /^attempt 1: [^,]*$/);
    assert.equal((await app.state.mail.getJobCounts()).failed, 1);

    const visitor = new Visitor(app.base);
    assert.equal((await stats(visitor)).deadLetters, undefined);
    assert.doesNotMatch((await visitor.get('/stats')).text, /ada@reader/);
    const again = '/stats/dead-letters/retry';
    assert.equal((await visitor.post(again, { id: letter.id })).location, '/login');
    assert.equal((await ada.post(again, { id: letter.id }, 'http://elsewhere.example')).status, 403);
    assert.equal((await stats(ada)).deadLetters.length, 1);

    assert.match((await ada.get('/stats')).text, new RegExp(`value="${letter.id}"`));
    const clicks = await Promise.all([1, 2].map(() => ada.post(again, { id: letter.id })));
    assert.deepEqual(
      clicks.map(({ location }) => location),
      ['/stats', '/stats'],
    );
    await until('the letter', async () => (await app.state.mail.getJobCounts()).completed === 1);
    assert.equal(app.mail.letters.length, 1);
    assert.deepEqual((await stats(ada)).deadLetters, []);
  });

  it('are sent anew from the dead where their job has been forgotten', async (t) => {
    const app = await startApp(t);
    app.mail.refusals.set(ADA, [550]);
    const ada = await member(app);
    const letter = await until('the dead letter', async () => (await stats(ada)).deadLetters[0]);
    await app.state.mail.clean('failed', { olderThan: 0 });
    await ada.post('/stats/dead-letters/retry', { id: letter.id });
    await until('the letter', () => app.mail.letters.length === 1);
    assert.deepEqual((await stats(ada)).deadLetters, []);
  });

  for (const [end, how] of [
    ['when their time is over', (app) => app.clock.advance('30s')],
    ['when they are cancelled', (_app, job) => job.cancel('nobody reads it')],
  ]) {
    it(`hang up on a server that says nothing ${end}`, async (t) => {
      const silent = await startSilence(t);
      const app = await startApp(t, { SMTP_URL: silent.url });
      await member(app);
      await silent.called;
      const [job] = await app.state.mail.getJobs('active');
      const since = performance.now();
      await how(app, job);
      await silent.hungUp;
      const ms = performance.now() - since;
      assert.ok(ms < NODEMAILER_MS, `after ${ms} ms: nodemailer gave up by itself`);
      await until('the attempt to be over', async () => (await job.getState()) !== 'active');
    });
  }
});

/** Takes calls and never says a word. */
async function startSilence(t) {
  const server = net.createServer();
  const called = new Promise((resolve) => server.once('connection', resolve));
  const hungUp = called.then((socket) => new Promise((resolve) => socket.resume().once('close', resolve)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { called, hungUp, url: `smtp://127.0.0.1:${server.address().port}` };
}
