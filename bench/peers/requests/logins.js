/** Members who log in through the form, as browsers do, each for a session of its own. */
const { once } = require('node:events');
const http = require('node:http');
const { members } = require('./members.js');

/** Fewer at once than the app has guesses for one address. */
const LOGINS_AT_ONCE = 20;

/** @param {string} url @param {http.Agent} agent @param {{ email: string }} member */
async function logIn(url, agent, { email }) {
  const headers = { origin: url, 'content-type': 'application/x-www-form-urlencoded' };
  const request = http.request(`${url}/login`, { method: 'POST', agent, headers });
  request.end(String(new URLSearchParams({ email, password: 'nobody looks at this' })));
  const [response] = await once(request, 'response');
  response.resume();
  const { location, 'set-cookie': [cookie] = [] } = response.headers;
  if (response.statusCode !== 303 || location !== '/account' || cookie === undefined) {
    throw new Error(`a login was answered ${response.statusCode}, ${location}, ${cookie}`);
  }
  return cookie.slice(0, cookie.indexOf(';'));
}

/** The cookies of all members. @param {string} url */
async function logAllIn(url) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: LOGINS_AT_ONCE });
  const cookies = await Promise.all(members().map((member) => logIn(url, agent, member)));
  agent.destroy();
  const headers = { cookie: cookies[0] };
  const page = await (await fetch(`${url}/login`, { headers })).text();
  if (!page.includes(members()[0].name)) throw new Error('a session was not found again');
  return cookies;
}

module.exports = { logAllIn };
