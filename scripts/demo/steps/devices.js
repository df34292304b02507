'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { isLoggedIn, logIn } = require('./accounts.js');

const LAPTOP = 'Firefox on a laptop';
// What a client calls itself is text like any other: nobody's page may run it.
const PHONE = 'Safari on a <b>phone</b>';
const TABLET = 'Chrome on a tablet';
const STRANGER = { name: 'Joan', email: 'joan@reader.example', password: 'one more long password' };

const ROW = /<tr>\s*<td>([^<]*)<\/td>\s*<td><time datetime="(.*?)".*?<td><time datetime="(.*?)".*?<td>(.*?)<\/td>/gs;

/** One member, two browsers: each sees both, since when, and which of them it is itself. */
async function devicesAreListed(demo) {
  const startedAtMs = Date.now();
  const [laptop, phone] = [LAPTOP, PHONE].map((name) => using(demo, name));
  await logIn(laptop, demo.account);
  await logIn(phone, demo.account);
  demo.devices = { laptop, phone };

  for (const [visitor, here, there] of [
    [laptop, LAPTOP, PHONE],
    [phone, PHONE, LAPTOP],
  ]) {
    const listed = await list(visitor);
    const [self, other] = [here, there].map((name) => listed.filter((device) => device.name === escaped(name)));
    const names = listed.map(({ name }) => name).join('; ');
    expect(self.length === 1 && other.length === 1, `"${here}" and "${there}" on the list, once each`, names);
    expect(self[0].isThis && !other[0].isThis, `"${here}" to be "this one" alone`, names);
    const [since, seen] = [self[0].since, self[0].lastSeen];
    const plausible = since >= startedAtMs - 1000 && seen >= since && seen <= Date.now() + 1000;
    expect(plausible, 'a login and a last request of just now', `${new Date(since)}, ${new Date(seen)}`);
  }
  return `"${LAPTOP}" and "${PHONE}" are on the list of both, each as "this one" on its own`;
}

/** One is logged out by its handle; a handle of another member's is of no use to anybody but him. */
async function deviceIsLoggedOut(demo) {
  const { laptop } = demo.devices;
  const tablet = using(demo, TABLET);
  await logIn(tablet, demo.account);
  const { handle } = (await list(laptop)).find(({ name }) => name === TABLET) ?? {};
  expect(handle, 'a button to log the tablet out', 'none');

  const stranger = new Visitor(demo.app.base);
  const signedUp = await stranger.post('/signup', STRANGER);
  expect(signedUp.status === 303, 'a redirect after the sign-up', `status ${signedUp.status}`);
  const foreign = await stranger.post('/account/devices/log-out', { handle });
  expect(foreign.status === 404, "status 404 for another member's handle", `status ${foreign.status}`);
  const forged = await laptop.post('/account/devices/log-out', { handle }, 'http://elsewhere.example');
  expect(forged.status === 403, 'status 403 for a POST from another site', `status ${forged.status}`);
  expect(await isLoggedIn(tablet), 'the tablet to be logged in after both', 'the login page');

  const answer = await laptop.post('/account/devices/log-out', { handle });
  expect(answer.status === 303, 'a redirect after logging the tablet out', `status ${answer.status}`);
  expect(!(await isLoggedIn(tablet)), 'the tablet to be logged out with its next request', 'the account page');
  return 'the tablet is logged out from the laptop; another member with the same handle got 404, another site 403';
}

/** Everything else ends, whatever it was doing; this one stays. */
async function othersAreLoggedOut(demo) {
  const { laptop, phone } = demo.devices;
  expect(await isLoggedIn(phone), 'the phone to be logged in before', 'the login page');
  const before = await list(laptop);
  const answer = await laptop.post('/account/devices/log-out-others', {});
  expect(answer.status === 303, 'a redirect after logging out the others', `status ${answer.status}`);
  expect(!(await isLoggedIn(phone)), 'the phone to be logged out with its next request', 'the account page');
  expect(await isLoggedIn(laptop), 'the laptop to stay logged in', 'the login page');
  const after = await list(laptop);
  const alone = after.length === 1 && after[0].isThis;
  expect(alone, 'the laptop alone on the list', after.map(({ name }) => name).join('; '));
  return `${before.length} devices, then ${after.length}; the phone's next request is sent to the login, the laptop's is not`;
}

function using({ app }, name) {
  return new Visitor(app.base, undefined, { 'user-agent': name });
}

/** The rows of "your devices" as a member sees them. */
async function list(visitor) {
  const { status, text } = await visitor.get('/account/devices');
  expect(status === 200, 'the page "your devices"', `status ${status}`);
  return Array.from(text.matchAll(ROW), ([, name, since, lastSeen, action]) => ({
    name,
    since: Date.parse(since),
    lastSeen: Date.parse(lastSeen),
    isThis: action === 'this one',
    handle: /name="handle" value="(\w+)"/.exec(action)?.[1],
  }));
}

function escaped(text) {
  return text.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

module.exports = { deviceIsLoggedOut, devicesAreListed, othersAreLoggedOut };
