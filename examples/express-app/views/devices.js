'use strict';

const { html } = require('./html.js');
const { page } = require('./layout.js');

function devicesPage({ user, devices }) {
  return page({
    title: 'Your devices',
    user,
    content: html`
<h1>Your devices</h1>
<p>You are logged in here. What you do not know, log out.</p>
<table class="devices">
  <tr><th>Device</th><th>Since</th><th>Last seen</th><th></th></tr>
  ${devices.map(
    (device) => html`
  <tr>
    <td>${device.name}</td>
    <td>${time(device.since)}</td>
    <td>${time(device.lastSeen)}</td>
    <td>${device.isThis ? 'this one' : logOutForm(device)}</td>
  </tr>`,
  )}
</table>
${
  devices.length > 1 &&
  html`<form method="post" action="/account/devices/log-out-others"><button class="button">Log out everywhere else</button></form>`
}`,
  });
}

function logOutForm({ handle }) {
  return html`<form method="post" action="/account/devices/log-out">
      <input type="hidden" name="handle" value="${handle}"><button class="link">Log out</button></form>`;
}

function time(date) {
  const iso = date.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

module.exports = { devicesPage };
