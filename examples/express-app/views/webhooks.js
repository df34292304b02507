'use strict';

const { html } = require('./html.js');
const { page } = require('./layout.js');

function webhooksPage({ user, receivers, url = '', problem }) {
  return page({
    title: 'Your webhooks',
    user,
    content: html`
<h1>Your webhooks</h1>
<p>A <code>POST</code> goes to these addresses whenever a post is published or edited. It is signed with the secret, as
<a href="https://www.standardwebhooks.com">Standard Webhooks</a> describe. Answer 410 to get no more of them.</p>
<table class="devices">
  <tr><th>Address</th><th>Secret</th><th></th></tr>
  ${receivers.map(
    (receiver) => html`
  <tr>
    <td>${receiver.url}</td>
    <td><code>whsec_${receiver.secret}</code></td>
    <td><form method="post" action="/account/webhooks/remove">
      <input type="hidden" name="id" value="${receiver.id}"><button class="link">Remove</button></form></td>
  </tr>`,
  )}
</table>
${problem && html`<p class="problem" role="alert">${problem}</p>`}
<form method="post" action="/account/webhooks" class="stack narrow">
  <label>Address <input type="url" name="url" value="${url}" required maxlength="500"></label>
  <div><button class="button">Register</button></div>
</form>`,
  });
}

module.exports = { webhooksPage };
