'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');

const CACHED_READS = 20;
const POST = '/posts/what-a-cache-owes-you';

/** The page is rendered for its first reader and for no other, by the app's own count of renderings. */
async function pageIsCached(demo) {
  const reader = new Visitor(demo.app.base);
  const before = await renders(reader);
  const first = await page(reader, POST);
  expect(
    first.count === before + 1,
    `one rendering for the first reader (${before + 1})`,
    `the count at ${first.count}`,
  );
  const ms = await readAgain(reader, POST, first);
  return `first ${first.ms.toFixed(1)} ms (render count ${before} → ${first.count}), then ${ms} (count stays ${first.count})`;
}

/** The list renders a summary of every post, once. */
async function listIsCached(demo) {
  const reader = new Visitor(demo.app.base);
  const before = await renders(reader);
  const first = await page(reader, '/');
  const posts = first.text.match(/class="teaser"/g)?.length ?? 0;
  expect(posts > 1, 'several posts on the list', `${posts}`);
  const summaries = first.count - before;
  expect(summaries === posts, `${posts} renderings for ${posts} summaries`, `${summaries}`);
  const ms = await readAgain(reader, '/', first);
  return `first ${first.ms.toFixed(1)} ms (${posts} summaries, count ${before} → ${first.count}), then ${ms}`;
}

/** A member edits through the form; page and list show it at once, and it cost one more rendering of each. */
async function editInvalidates(demo) {
  const { member } = demo;
  const [before, listBefore] = [await page(member, POST), await page(member, '/')];
  const form = await member.get(`${POST}/edit`);
  expect(form.status === 200, 'the edit form for a member', `status ${form.status}`);

  const sentence = `Edited by the demo at ${new Date().toISOString()}.`;
  const title = `${field(form.text, /name="title" value="([^"]*)"/)} (edited)`;
  const body = `${sentence} ${field(form.text, /<textarea[^>]*>\n?([\s\S]*?)<\/textarea>/)}`;
  const saved = await member.post(`${POST}/edit`, { title, body });
  expect(saved.status === 303, 'a redirect after saving', `status ${saved.status}`);

  const after = await page(member, POST);
  const fresh = after.text.includes(sentence) && after.text.includes(title);
  expect(fresh, 'the edited text on the page', `the old text, render count ${before.count} → ${after.count}`);
  expect(
    after.count === listBefore.count + 1,
    `one more rendering (${listBefore.count + 1})`,
    `the count at ${after.count}`,
  );

  const listAfter = await page(member, '/');
  expect(listAfter.text.includes(title), 'the edited title on the list', 'the old title');
  expect(listAfter.count > after.count, 'the list rendered anew', `the count still at ${listAfter.count}`);
  return `page shows the edit (count ${listBefore.count} → ${after.count}), so does the list (→ ${listAfter.count})`;
}

async function page(visitor, path) {
  const response = await visitor.get(path);
  expect(response.status === 200, `status 200 from GET ${path}`, `status ${response.status}`);
  const count = Number(response.headers.get('x-render-count') ?? Number.NaN);
  expect(Number.isInteger(count), `a whole number in X-Render-Count of GET ${path}`, `"${count}"`);
  return { ...response, count };
}

async function readAgain(visitor, path, first) {
  const times = [];
  for (let read = 0; read < CACHED_READS; read += 1) {
    const again = await page(visitor, path);
    expect(again.count === first.count, `no rendering for read ${read + 2} of ${path}`, `the count at ${again.count}`);
    expect(again.text === first.text, `the same page for read ${read + 2} of ${path}`, 'another one');
    times.push(again.ms);
  }
  times.sort((a, b) => a - b);
  return `${times[CACHED_READS / 2].toFixed(1)} ms (median of ${CACHED_READS})`;
}

async function renders(visitor) {
  return (await stats(visitor)).renders;
}

async function stats(visitor) {
  const response = await visitor.get('/stats.json');
  expect(response.status === 200, 'status 200 from GET /stats.json', `status ${response.status}`);
  return JSON.parse(response.text);
}

const CHARACTERS = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

function field(html, pattern) {
  const [, value] = pattern.exec(html) ?? [];
  expect(value !== undefined, 'the fields of the edit form', 'none that match');
  return value.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => CHARACTERS[entity]);
}

module.exports = { editInvalidates, listIsCached, page, pageIsCached, POST, renders, stats };
