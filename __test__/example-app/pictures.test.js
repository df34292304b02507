'use strict';
const assert = require('node:assert/strict');
const { readdirSync } = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { Visitor, member, sharp, startApp, until } = require('../support/example-app/start.js');

const picture = ({ width = 300, height = 200, background = 'orange' } = {}) =>
  sharp({ create: { width, height, channels: 3, background } });
const upload = (visitor, bytes) => visitor.upload('/account/picture', bytes, 'image/png');

async function look(visitor) {
  return JSON.parse((await visitor.get('/account/picture.json')).text);
}

async function outcome(visitor) {
  return until('the picture', async () => {
    const last = await look(visitor);
    return ['completed', 'failed'].includes(last.state) ? last : undefined;
  });
}

async function fetched(visitor, size) {
  const { sizes } = await look(visitor);
  const answer = await visitor.get(sizes.find((url) => url.endsWith(`-${size}.webp`)));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'image/webp');
  return answer.bytes;
}

describe('the pictures of the example app', () => {
  for (const format of ['png', 'jpeg', 'webp']) {
    it(`are made square in two sizes from ${format}, and the upload goes`, async (t) => {
      const app = await startApp(t);
      const ada = await member(app);
      assert.doesNotMatch((await ada.get('/account')).text, /<img/);
      assert.equal((await upload(ada, await picture().toFormat(format).toBuffer())).location, '/account');
      const last = await outcome(ada);
      assert.equal(last.state, 'completed');
      assert.equal(last.progress, 100);
      for (const size of [256, 64]) {
        const { width, height } = await sharp(await fetched(ada, size)).metadata();
        assert.deepEqual([width, height], [size, size]);
      }
      assert.match((await ada.get('/account')).text, /<img src="\/pictures\/.*Your last upload: completed, 100 %/s);
      assert.deepEqual(readdirSync(path.join(app.dataDir, 'uploads')), []);
    });
  }

  it('stand upright and keep nothing else of what the camera noted', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    // Red above blue, taken with the camera on its side: in the file blue lies left, and orientation 8 says how to turn it.
    const blue = await picture({ width: 100, height: 200, background: 'blue' }).png().toBuffer();
    const lying = picture({ width: 200, height: 200, background: 'red' }).composite([{ input: blue, left: 0, top: 0 }]);
    const exif = { IFD0: { Copyright: 'a secret place' } };
    const photograph = await lying.withMetadata({ orientation: 8, exif }).jpeg().toBuffer();
    assert.ok(photograph.includes('a secret place'), 'the test has lost its secret');
    await upload(ada, photograph);
    await outcome(ada);
    const made = await fetched(ada, 64);
    assert.ok(!made.includes('a secret place'));
    const { data, info } = await sharp(made).raw().toBuffer({ resolveWithObject: true });
    const [above, below] = [8, 56].map((y) => data.subarray(y * info.width * info.channels).subarray(0, 3));
    assert.ok(above[0] > above[2] && below[2] > below[0], `${[...above]} above, ${[...below]} below`);
  });

  it('are refused where they are too large, or none whatever they are called', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    assert.equal((await upload(ada, Buffer.alloc(5 * 1024 * 1024))).status, 413);
    assert.equal((await upload(ada, Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).status, 415);
    assert.equal((await upload(ada, Buffer.alloc(0))).status, 415);
    assert.equal((await ada.post('/account/picture', { picture: 'x' })).status, 415);
    const png = await picture().png().toBuffer();
    assert.equal((await upload(new Visitor(app.base), png)).location, '/login');
    assert.deepEqual(readdirSync(path.join(app.dataDir, 'uploads')), []);
    assert.equal((await look(ada)).state, undefined);
  });

  it('fail for good where they cannot be read, and where they would unfold into too many pixels', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    const whole = await picture().png().toBuffer();
    const huge = await picture({ width: 10_000, height: 5_001 }).png({ compressionLevel: 9 }).toBuffer();
    for (const bytes of [whole.subarray(0, 50), huge]) {
      await upload(ada, bytes);
      const last = await outcome(ada);
      assert.deepEqual([last.state, last.problem], ['failed', 'this file is no picture that could be read']);
    }
    assert.equal((await ada.get((await look(ada)).sizes[0])).status, 404);
  });

  it('are those of the upload that came last', async (t) => {
    const app = await startApp(t);
    const ada = await member(app);
    const large = await picture({ width: 3_000, height: 3_000, background: 'red' }).png().toBuffer();
    const small = await picture({ background: 'blue' }).png().toBuffer();
    // Both threads are free, and the later one would be made sooner.
    await app.state.pictures.pause();
    await upload(ada, large);
    await upload(ada, small);
    await app.state.pictures.resume();
    await until('both', async () => (await app.state.pictures.getJobCounts()).completed === 2);
    const { dominant } = await sharp(await fetched(ada, 256)).stats();
    assert.ok(dominant.b > dominant.r, JSON.stringify(dominant));
  });

  it('are nothing but pictures: no other file is served', async (t) => {
    const app = await startApp(t);
    for (const name of ['..%2Fusers.json', '..%2F..%2Fusers', `${'0'.repeat(36)}-256`, `${'0'.repeat(36)}-1`]) {
      assert.equal((await new Visitor(app.base).get(`/pictures/${name}.webp`)).status, 404, name);
    }
  });
});
