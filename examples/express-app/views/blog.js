'use strict';

const { html, raw } = require('./html.js');
const { page } = require('./layout.js');

function listPage({ posts, facts, user }) {
  return page({
    title: 'Notes on temporary state',
    user,
    content: html`
<h1>Notes on temporary state</h1>
${facts && html`<p class="quiet">${facts.posts} posts, ${facts.words} words, ${facts.minutes} minutes of reading.</p>`}
${posts.map(
  (post) => html`
<article class="teaser">
  <h2><a href="/posts/${post.slug}">${post.title}</a></h2>
  <time datetime="${post.date}">${post.date}</time>
  ${raw(post.summary)}
</article>`,
)}`,
  });
}

function postPage({ post, user }) {
  return page({
    title: post.title,
    user,
    content: html`
<article>
  <h1>${post.title}</h1>
  <p class="quiet"><time datetime="${post.date}">${post.date}</time>
    · <a href="/posts/${post.slug}/edit">Edit</a></p>
  ${raw(post.html)}
</article>`,
  });
}

function editPage({ post, user, problem }) {
  const { slug, title, body } = post;
  const content = postForm({
    heading: 'Edit',
    action: `/posts/${slug}/edit`,
    back: `/posts/${slug}`,
    title,
    body,
    problem,
  });
  return page({ title: `Edit ${title}`, user, content });
}

function writePage({ title = '', body = '', user, problem }) {
  const content = postForm({ heading: 'Write a post', action: '/write', back: '/', title, body, problem });
  return page({ title: 'Write a post', user, content });
}

function postForm({ heading, action, back, title, body, problem }) {
  return html`
<h1>${heading}</h1>
${problem && html`<p class="problem" role="alert">${problem}</p>`}
<form method="post" action="${action}" class="stack">
  <label>Title <input name="title" value="${title}" required maxlength="120"></label>
  <label>Text, in Markdown <textarea name="body" rows="24" required>
${body}</textarea></label>
  <div><button class="button">Save</button> <a href="${back}">Cancel</a></div>
</form>`;
}

module.exports = { listPage, postPage, editPage, writePage };
