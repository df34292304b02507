'use strict';

const { html } = require('./html.js');

function deadLetterTable(letters) {
  return html`
<h2>Letters that could not be sent</h2>
<table class="devices">
  <tr><th>To</th><th>Why</th><th>Since</th><th></th></tr>
  ${letters.map(
    ({ id, to, reason, at, log }) => html`
  <tr>
    <td>${to}</td>
    <td><details><summary>${reason}</summary>${log.map((line) => html`<p>${line}</p>`)}</details></td>
    <td><time datetime="${at}">${at.slice(0, 16).replace('T', ' ')} UTC</time></td>
    <td><form method="post" action="/stats/dead-letters/retry">
      <input type="hidden" name="id" value="${id}"><button class="link">Send again</button></form></td>
  </tr>`,
  )}
</table>
${letters.length === 0 && html`<p>None.</p>`}`;
}

module.exports = { deadLetterTable };
