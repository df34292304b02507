'use strict';
// When a process ends by itself, and when it does not. Each story runs in a process of its own.
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { endsByItself, report, run, told } = require('./support/child.js');

const ENDS_WITHIN_MS = 20_000;

/** A story after which nothing is left to keep its process alive. */
function ends(name, story) {
  it(name, async () => {
    const lines = await endsByItself(told(story), { timeoutMs: ENDS_WITHIN_MS });
    assert.equal(lines.at(-1), 'told');
  });
}

/**
 * A story in which something keeps its process alive until it calls `stop`. What shows it is a timer that does not: in
 * a process with nothing else to wait for, it never fires.
 */
function staysAlive(name, story) {
  it(name, async () => {
    const lines = await endsByItself(told(story), { timeoutMs: ENDS_WITHIN_MS });
    assert.deepEqual(lines, ['waits', 'still alive', 'over']);
  });
}

describe('a process ends by itself', () => {
  ends('with stores open whose features were all used', async ({ open }) => {
    for (const url of ['memory:app', 'memory:', undefined]) {
      const store = open(url);
      const cache = store.cache('pages', { ttl: 60_000 });
      await cache.set('home', 1);
      await cache.getOrSet('away', async () => 2);
      const sessions = store.sessions('logins', { ttl: '1h' });
      await sessions.touch((await sessions.create({})).id);
      await store.limiter('calls', { limit: 1, window: '1h' }).consume('ada');
      await store.queue('mail').add('welcome', {});
      await store.stats();
    }
    console.log('told');
  });

  ends('after a manual clock was moved', async ({ open, manualClock }) => {
    const clock = manualClock();
    const store = open('memory:', { clock });
    await store.queue('mail').add('welcome', {}, { delay: '1m' });
    clock.advance('1h');
    await clock.advanceAsync('1h');
    console.log('told');
  });

  ends('while a job is delayed', async ({ open }) => {
    await open().queue('mail').add('welcome', {}, { delay: '1h' });
    console.log('told');
  });

  ends('while someone listens to events', async ({ open }) => {
    const queue = open().queue('mail');
    queue.on('added', () => {});
    queue.once('failed', () => {});
    await queue.add('welcome', {}, { delay: '1h' });
    console.log('told');
  });

  ends('when the last result has come', async ({ open }) => {
    const queue = open().queue('mail');
    const worker = queue.process(() => 'sent').unref();
    console.log(await (await queue.add('welcome', {})).result());
    // A worker that is alive and does not count, beside one that no longer is.
    await queue.process(() => null).close();
    console.log(worker.running ? 'told' : 'not running');
  });

  ends('when its worker is closed', async ({ open }) => {
    const worker = open()
      .queue('mail')
      .process(() => null);
    await worker.close();
    console.log('told');
  });

  ends('when its store is closed, workers and all', async ({ open }) => {
    const store = open();
    const queue = store.queue('mail');
    queue.process(() => null);
    queue.process(() => null, { concurrency: 5 });
    queue.on('completed', () => {});
    await store.close();
    console.log('told');
  });

  ends('while a worker runs that was told not to matter', async ({ open }) => {
    open()
      .queue('mail')
      .process(() => null)
      .unref();
    console.log('told');
  });

  ends('when a worker that was told to matter again is closed', async ({ open }) => {
    const worker = open()
      .queue('mail')
      .process(() => null);
    worker.unref().unref().ref().ref();
    await worker.close();
    worker.ref();
    console.log('told');
  });

  ends('when the wait for a result has timed out', async ({ open }) => {
    const job = await open().queue('mail').add('welcome', {});
    const { code } = await job.result({ timeout: 50 }).catch((error) => error);
    console.log(code === 'ERR_TIMEOUT' ? 'told' : code);
  });
});

describe('a process stays alive', () => {
  staysAlive('while a worker runs, until it is closed', ({ open }) => {
    const worker = open()
      .queue('mail')
      .process(() => null);
    setTimeout(() => {
      console.log('still alive');
      worker.close();
    }, 300).unref();
    process.on('exit', () => console.log('over'));
    console.log('waits');
  });

  staysAlive("while a worker runs that was unref'd and ref'd again, until it is unref'd", ({ open }) => {
    const worker = open()
      .queue('mail')
      .process(() => null);
    worker.unref().ref();
    setTimeout(() => {
      console.log('still alive');
      worker.unref();
    }, 300).unref();
    process.on('exit', () => console.log('over'));
    console.log('waits');
  });

  staysAlive('while the result of a job is pending', async ({ open }) => {
    const queue = open().queue('mail');
    queue.process(() => 'over').unref();
    const job = await queue.add('welcome', {}, { delay: 600 });
    setTimeout(() => console.log('still alive'), 300).unref();
    console.log('waits');
    console.log(await job.result());
  });

  staysAlive('while one of two workers runs', async ({ open }) => {
    const queue = open().queue('mail');
    const worker = queue.process(() => null);
    await queue.process(() => null).close();
    setTimeout(() => {
      console.log('still alive');
      worker.close();
    }, 300).unref();
    process.on('exit', () => console.log('over'));
    console.log('waits');
  });
});

describe('process.exit()', () => {
  it('ends a process at once, in the middle of its jobs', async () => {
    const story = async ({ open }) => {
      const queue = open().queue('mail');
      queue.on('active', () => {});
      queue.process(() => new Promise(() => {}), { concurrency: 10 });
      const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => queue.add('job', n)));
      for (const job of jobs) job.result();
      queue.process(() => process.exit(7));
    };
    const { code, signal, timedOut, stderr } = await run(told(story), { timeoutMs: ENDS_WITHIN_MS });
    assert.deepEqual({ code, signal, timedOut, stderr }, { code: 7, signal: null, timedOut: false, stderr: '' });
  });
});

describe('closing', () => {
  it('one handle of a named store leaves it open for the others', async () => {
    const story = async ({ open }) => {
      const first = open('memory:app');
      const second = open('memory:app');
      first.cache('pages', { ttl: null }).setSync('home', 'here');
      await first.queue('mail').add('welcome', {});
      process.on('warning', ({ code }) => console.log(code));
      const { dropped } = await first.close();
      await new Promise((resolve) => setImmediate(resolve));
      console.log(JSON.stringify([dropped, first.closed, second.closed, second.cache('pages').getSync('home')]));
    };
    assert.deepEqual(await endsByItself(told(story)), [[{}, true, false, 'here']]);
  });

  it('the last handle takes the state with it, and warns of the jobs that go', async () => {
    const story = async ({ open }) => {
      process.on('warning', ({ code, message }) => console.log(JSON.stringify({ code, message })));
      const store = open('memory:app');
      store.cache('pages', { ttl: null }).setSync('home', 'here');
      await store.queue('mail').add('welcome', {});
      await store.queue('mail').add('reminder', {}, { delay: '1h' });
      await store.queue('web').add('hook', {});
      store.queue('none');
      console.log(JSON.stringify(await store.close()));
      console.log(JSON.stringify(await store.close()));
      await new Promise((resolve) => setImmediate(resolve));
      const next = open('memory:app');
      console.log(JSON.stringify(next.cache('pages', { ttl: null }).hasSync('home')));
      console.log(JSON.stringify(await next.close()));
    };
    const [first, again, warning, found, last] = await endsByItself([...['--no-warnings'], ...told(story)]);
    assert.deepEqual(first, { dropped: { mail: 2, web: 1 } });
    assert.deepEqual(again, first);
    assert.equal(warning.code, 'REDSTART_JOBS_DROPPED');
    assert.match(warning.message, /memory:app.*2 of queue 'mail'.*1 of queue 'web'/);
    assert.equal(found, false);
    assert.deepEqual(last, { dropped: {} });
  });
});

describe('under node:cluster', () => {
  it('each fork is warned once that its stores are its own', async () => {
    const all = await report('exit/cluster.js', { node: ['--no-warnings'] });
    assert.deepEqual(all, [['REDSTART_MULTI_PROCESS'], ['REDSTART_MULTI_PROCESS']]);
  });
});
