'use strict';

const { html } = require('./html.js');
const { page } = require('./layout.js');

function loginPage({ user, email = '', problem }) {
  return page({
    title: 'Log in',
    user,
    content: html`
<h1>Log in</h1>
${problem && html`<p class="problem" role="alert">${problem}</p>`}
<form method="post" action="/login" class="stack narrow">
  <label>E-mail <input type="email" name="email" value="${email}" required autocomplete="username"></label>
  <label>Password <input type="password" name="password" required autocomplete="current-password"></label>
  <div><button class="button">Log in</button> or <a href="/signup">sign up</a></div>
</form>`,
  });
}

function signupPage({ user, name = '', email = '', problem }) {
  return page({
    title: 'Sign up',
    user,
    content: html`
<h1>Sign up</h1>
${problem && html`<p class="problem" role="alert">${problem}</p>`}
<form method="post" action="/signup" class="stack narrow">
  <label>Name <input name="name" value="${name}" required maxlength="60" autocomplete="name"></label>
  <label>E-mail <input type="email" name="email" value="${email}" required autocomplete="username"></label>
  <label>Password, at least 10 characters
    <input type="password" name="password" required minlength="10" maxlength="200" autocomplete="new-password"></label>
  <div><button class="button">Sign up</button></div>
</form>`,
  });
}

function accountPage({ user, visits, apiKey, hasPicture, upload }) {
  return page({
    title: 'Account',
    user,
    content: html`
<h1>Hello, ${user.name}</h1>
<p>You are logged in as ${user.email}. This session has seen this page ${visits} ${visits === 1 ? 'time' : 'times'}.</p>
<p><a href="/account/devices">Your devices</a>: where you are logged in, and how to end it there.</p>
<p>Everyone with an account may edit the posts, and call the API more often: send <code>Authorization: Bearer</code> and your
key, or have <a href="/account/webhooks">webhooks</a> sent when a post changes.</p>
${apiKey && html`<p>Your new key, shown only now: <code id="api-key">${apiKey}</code></p>`}
<form method="post" action="/account/api-key"><button class="button">Get a new API key</button></form>
<h2>Your picture</h2>
${hasPicture && html`<p><img src="/pictures/${user.id}-64.webp" alt="Your picture" width="64" height="64"></p>`}
${upload && html`<p>Your last upload: ${upload.state}, ${upload.progress} %. ${upload.problem}</p>`}
<form method="post" action="/account/picture" enctype="multipart/form-data" class="stack narrow">
  <label>PNG, JPEG or WebP, up to 4 MB
    <input type="file" name="picture" accept="image/png,image/jpeg,image/webp" required></label>
  <div><button class="button">Upload</button></div>
</form>`,
  });
}

module.exports = { loginPage, signupPage, accountPage };
