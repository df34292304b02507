'use strict';

const { createRequire } = require('node:module');
const path = require('node:path');
const { expect, waitFor } = require('../expect.js');
const { Visitor } = require('../visitor.js');

const PICTURE_TIMEOUT_MS = 10_000;
const [WIDTH, HEIGHT] = [900, 600];
const SIZES = [256, 64];
const TOO_MANY_BYTES = 5 * 1024 * 1024;

/** A member uploads a picture over HTTP; two threads make small ones of it, and the page can tell how far they are. */
async function pictureIsResized(demo) {
  const { member } = demo;
  const png = await solid(demo, 'orange');
  const startedAt = Date.now();
  await uploadPicture(demo, png);
  const last = await outcome(member);
  expect(last.state === 'completed' && last.progress === 100, 'a completed job at 100 %', JSON.stringify(last));
  const ms = Date.now() - startedAt;
  for (const { file, size } of await picturesOf(member)) {
    const { format, width, height } = await sharpOf(demo)(file).metadata();
    const seen = `${format} of ${width} × ${height}`;
    expect(seen === `webp of ${size} × ${size}`, `webp of ${size} × ${size}`, seen);
  }
  return `PNG of ${WIDTH} × ${HEIGHT} → WebP of ${SIZES.map((size) => `${size} × ${size}`).join(' and ')}, ${ms} ms after the upload`;
}

/** What is too large, or no picture whatever it says it is, is refused; what only begins like one fails as a job. */
async function uploadIsBounded(demo) {
  const { app, member } = demo;
  const visitor = await new Visitor(app.base).upload('/account/picture', Buffer.from('x'), 'image/png');
  expect(visitor.location === '/login', 'a visitor to be sent to the login', `status ${visitor.status}`);
  const large = await member.upload('/account/picture', Buffer.alloc(TOO_MANY_BYTES), 'image/png');
  expect(large.status === 413, 'status 413 for 5 MB', `status ${large.status}`);
  const disguised = await member.upload('/account/picture', Buffer.from('<svg onload="alert(1)"/>'), 'image/png');
  expect(disguised.status === 415, 'status 415 for a script that says it is a PNG', `status ${disguised.status}`);
  await uploadPicture(demo, Buffer.from('89504e470d0a1a0a0000', 'hex'));
  const last = await outcome(member);
  expect(last.state === 'failed', 'the job of half a PNG to have failed', last.state);
  return `visitors 303, 5 MB 413, no picture 415; half a PNG: "${last.problem}"`;
}

async function uploadPicture({ member }, bytes) {
  const { status } = await member.upload('/account/picture', bytes, 'image/png');
  expect(status === 303, 'a redirect after the upload', `status ${status}`);
}

/** What became of the last upload, once it is over. */
async function outcome(member) {
  let last;
  return waitFor(
    async () => {
      last = JSON.parse((await member.get('/account/picture.json')).text);
      return ['completed', 'failed'].includes(last.state) ? last : undefined;
    },
    { timeoutMs: PICTURE_TIMEOUT_MS, expected: 'the picture to be made', seen: () => JSON.stringify(last) },
  );
}

/** [{ size, file }], fetched. */
async function picturesOf(member) {
  const { sizes } = JSON.parse((await member.get('/account/picture.json')).text);
  return Promise.all(
    sizes.map(async (url, index) => {
      const { status, bytes, headers } = await member.get(url);
      const seen = `status ${status}, ${headers.get('content-type')}`;
      expect(seen === 'status 200, image/webp', `a picture at ${url}`, seen);
      return { size: SIZES[index], file: bytes };
    }),
  );
}

function solid(demo, background) {
  return sharpOf(demo)({ create: { width: WIDTH, height: HEIGHT, channels: 3, background } })
    .png()
    .toBuffer();
}

async function dominantColour(demo, file) {
  const { dominant } = await sharpOf(demo)(file).stats();
  return dominant.b > dominant.r ? 'blue' : 'red';
}

/** The app's own library: the repo itself has none for pictures. */
function sharpOf({ app }) {
  return createRequire(path.join(app.dir, 'package.json'))('sharp');
}

module.exports = { dominantColour, pictureIsResized, picturesOf, solid, uploadIsBounded, uploadPicture };
