'use strict';
const assert = require('node:assert/strict');
const { existsSync, mkdirSync, utimesSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { Visitor, APP_DIR, member, sharp, startApp, stats, until } = require('../support/example-app/start.js');

const { scheduleNights } = require(path.join(APP_DIR, 'jobs', 'nightly.js'));

const DAY_MS = 24 * 60 * 60 * 1000;

/** A file of that age in the app's data directory. */
function leave({ dataDir }, file, ageMs) {
  const at = path.join(dataDir, file);
  mkdirSync(path.dirname(at), { recursive: true });
  writeFileSync(at, '');
  const then = new Date(Date.now() - ageMs);
  utimesSync(at, then, then);
  return at;
}

describe('the nights of the example app', () => {
  it('begin at three in Berlin, once, however often they are scheduled', async (t) => {
    const app = await startApp(t);
    await scheduleNights(app.state.nightly);
    const { schedulers } = (await stats(new Visitor(app.base))).nights;
    assert.deepEqual(schedulers, [
      { id: 'sweep', pattern: '0 3 * * *', tz: 'Europe/Berlin', next: '2026-01-16T02:00:00.000Z' },
    ]);
    await app.clock.advanceAsync(Date.parse(schedulers[0].next) - app.clock.nowMs - 1);
    assert.equal((await app.state.nightly.getJobCounts()).completed, 0);
    await app.clock.advanceAsync(1);
    await until('the sweep', async () => (await app.state.nightly.getJobCounts()).completed === 1);
    const after = (await stats(new Visitor(app.base))).nights;
    assert.equal(after.schedulers[0].next, '2026-01-17T02:00:00.000Z');
    assert.deepEqual(after.last, { at: '2026-01-16T02:00:00.000Z', removed: 0 });
  });

  it('remove what was left behind for a day, at the click of a member too, and nothing else', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    const old = 2 * DAY_MS;
    const goes = ['users.json.7.0.1.draft', 'posts/a.md.7.0.1.draft', 'uploads/old'].map((name) =>
      leave(app, name, old),
    );
    const stays = [
      ...['posts/draft.md', 'pictures/old.webp'].map((name) => leave(app, name, old)),
      ...['posts/b.md.7.0.1.draft', 'uploads/young'].map((name) => leave(app, name, DAY_MS / 2)),
    ];
    assert.equal((await new Visitor(app.base).post('/stats/sweep', {})).location, '/login');
    assert.equal((await ada.post('/stats/sweep', {}, 'http://elsewhere.example')).status, 403);
    assert.equal((await ada.post('/stats/sweep', {})).location, '/stats');
    const last = await until('the sweep', async () => (await stats(ada)).nights.last);
    assert.equal(last.removed, goes.length);
    assert.deepEqual(goes.filter(existsSync), []);
    assert.deepEqual(stays.filter(existsSync), stays);
    const [job] = await app.state.nightly.getJobs('completed');
    assert.deepEqual(job.progress, { done: 5, of: 5 });
    assert.equal((await app.state.nightly.getJobLogs(job.id)).length, goes.length + 1);
  });

  it('bury letters that have been dead for a month, and none before', async (t) => {
    const app = await startApp(t);
    app.mail.refusals.set('ada@reader.example', [550]);
    const ada = await member(app);
    await until('the dead letter', async () => (await stats(ada)).deadLetters[0]);
    const left = async () => (await app.state.deadLetters.getJobCounts()).waiting;
    await app.clock.advanceAsync(30 * DAY_MS - 1);
    assert.equal(await left(), 1);
    await app.clock.advanceAsync(DAY_MS);
    await until('the burial', async () => (await left()) === 0);
  });

  it('are one sweep for many clicks while it waits', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    await app.state.nightly.pause();
    await Promise.all([1, 2, 3].map(() => ada.post('/stats/sweep', {})));
    assert.equal((await app.state.nightly.getJobCounts()).waiting, 1);
    await app.state.nightly.resume();
  });
});

describe('the figures and the end of the example app', () => {
  it('tell how many jobs a minute were done and how long they took, on the page as well', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    await member(app, 'joan');
    await until('the letters', async () => (await app.state.mail.getJobCounts()).completed === 2);
    app.clock.advance('1m');
    const { queues } = await stats(ada);
    assert.deepEqual(queues.mail, { completedAMinute: 2, failedAMinute: 0, waitMsP95: 0, runMsP95: 0 });
    assert.deepEqual(Object.keys(queues), ['mail', 'webhooks', 'pictures', 'nightly']);
    const { text } = await ada.get('/stats');
    assert.match(text, /data-path="queues.mail.completedAMinute">2</);
    assert.match(text, /data-path="nights.schedulers.0.next">2026-01-16T02:00/);
    assert.match(text, /data-path="store.queues.mail.counts.completed">2</);
  });

  it('finish the jobs that wait before the state goes', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    const png = await sharp({ create: { width: 2_000, height: 2_000, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    for (let upload = 0; upload < 5; upload += 1) {
      await ada.upload('/account/picture', png, 'image/png');
    }
    assert.ok((await app.state.pictures.getJobCounts()).waiting > 0, 'nothing waited');
    const { dropped } = await app.stop();
    assert.deepEqual(dropped, {});
  });
});
