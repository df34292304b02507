'use strict';

const { html } = require('./html.js');

/** The frame around every page. `scripts` are files under public/. */
function page({ title, user, content, scripts = [] }) {
  return String(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Ephemera</title>
<link rel="stylesheet" href="/style.css">
${scripts.map((src) => html`<script src="${src}" defer></script>`)}
</head>
<body>
<header class="site">
  <a class="name" href="/">Ephemera</a>
  <nav>
    <a href="/stats">Stats</a>
    <a href="/api/posts">API</a>
    ${user ? memberLinks(user) : html`<a href="/login">Log in</a> <a class="button" href="/signup">Sign up</a>`}
  </nav>
</header>
<main>
${content}
</main>
<footer class="site">Notes on state that does not last, kept in the memory of one process.</footer>
</body>
</html>
`);
}

function memberLinks(user) {
  return html`<a href="/write">Write</a>
    <a href="/account">${user.name}</a>
    <form method="post" action="/logout"><button class="link">Log out</button></form>`;
}

function messagePage({ title, user, text }) {
  return page({ title, user, content: html`<h1>${title}</h1><p>${text}</p><p><a href="/">Back to the blog</a></p>` });
}

module.exports = { page, messagePage };
