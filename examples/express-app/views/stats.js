'use strict';

const { html } = require('./html.js');
const { deadLetterTable } = require('./dead-letters.js');
const { page } = require('./layout.js');

/**
 * Every figure carries the path of its value in /stats.json; public/stats.js writes the new value there once a second.
 * The page is complete without that script.
 */
function statsPage({ stats, user }) {
  const figure = (path) => html`<td data-path="${path}">${lookUp(stats, path)}</td>`;
  const row = (label, ...paths) => html`<tr><th scope="row">${label}</th>${paths.map(figure)}</tr>`;
  const { caches, limiters, queues, sessions } = stats.store;
  const { schedulers } = stats.nights;

  return page({
    title: 'Stats',
    user,
    scripts: ['/stats.js'],
    content: html`
<h1>Stats</h1>
<p class="quiet" id="freshness">As of now.</p>

<h2>Store</h2>
<table>
  ${row('Up for, seconds', 'uptimeSeconds')}
  ${row('Markdown rendered, times', 'renders')}
  ${row('Bytes held', 'store.bytes')}
  ${row('Bytes that may not be evicted', 'store.budget.used')}
  ${row('… of at most', 'store.budget.limit')}
</table>

<h2>Caches</h2>
<table>
  <tr><th></th><th>Hits</th><th>Misses</th><th>Entries</th><th>Bytes</th><th>Evicted</th><th>Expired</th></tr>
  ${Object.keys(caches).map((name) =>
    row(name, ...paths(`store.caches.${name}`, 'hits', 'misses', 'entries', 'bytes', 'evictions', 'expirations')),
  )}
</table>

<h2>Sessions</h2>
<table>
  <tr><th></th><th>Live</th><th>Bytes</th></tr>
  ${Object.keys(sessions).map((name) => row(name, ...paths(`store.sessions.${name}`, 'live', 'bytes')))}
</table>

<h2>Rate limits</h2>
<table>
  <tr><th></th><th>Allowed</th><th>Denied</th><th>Keys</th><th>Bytes</th></tr>
  ${Object.keys(limiters).map((name) =>
    row(name, ...paths(`store.limiters.${name}`, 'allowed', 'denied', 'keys', 'bytes')),
  )}
</table>

<h2>Queues</h2>
<table>
  <tr><th></th><th>Waiting</th><th>Delayed</th><th>Active</th><th>Completed</th><th>Failed</th></tr>
  ${Object.keys(queues).map((name) =>
    row(name, ...paths(`store.queues.${name}.counts`, 'waiting', 'delayed', 'active', 'completed', 'failed')),
  )}
</table>
<table>
  <tr><th></th><th>Completed a minute</th><th>Failed a minute</th><th>Wait, ms (p95)</th><th>Run, ms (p95)</th></tr>
  ${Object.keys(stats.queues).map((name) =>
    row(name, ...paths(`queues.${name}`, 'completedAMinute', 'failedAMinute', 'waitMsP95', 'runMsP95')),
  )}
</table>
${stats.deadLetters && deadLetterTable(stats.deadLetters)}

<h2>At night</h2>
<table>
  <tr><th></th><th>Pattern</th><th>Time zone</th><th>Next</th></tr>
  ${schedulers.map(({ id }, index) => row(id, ...paths(`nights.schedulers.${index}`, 'pattern', 'tz', 'next')))}
</table>
<table>
  ${row('Last sweep', 'nights.last.at')}
  ${row('Files it removed', 'nights.last.removed')}
</table>
${user && html`<form method="post" action="/stats/sweep"><button class="button">Sweep now</button></form>`}

<h2>The same, seen from two threads</h2>
<p>Both have opened the same store. Nothing of this is sent from one to the other.</p>
<table>
  <tr><th></th><th>Main thread</th><th>Second thread</th></tr>
  ${row('API calls you have left', 'apiCallsLeft', 'thread.apiCallsLeft')}
  ${row('Hits of the cache “content”', 'store.caches.content.hits', 'thread.content.hits')}
  ${row('Entries of the cache “content”', 'store.caches.content.entries', 'thread.content.entries')}
</table>
<p>Written into that cache by thread <b data-path="facts.countedByThread">${lookUp(stats, 'facts.countedByThread')}</b>
  and read by the main one: <b data-path="facts.posts">${lookUp(stats, 'facts.posts')}</b> posts with
  <b data-path="facts.words">${lookUp(stats, 'facts.words')}</b> words.</p>`,
  });
}

function paths(prefix, ...names) {
  return names.map((name) => `${prefix}.${name}`);
}

function lookUp(stats, path) {
  const value = path.split('.').reduce((object, name) => object?.[name], stats);
  return value ?? '–';
}

module.exports = { statsPage };
