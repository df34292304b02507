'use strict';
// The examples of the docs are programs: each ```js block runs by itself, in a process of its own, must end by itself and
// gives what its comments say: `expression; // => value`.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { open } = require('redstart');
const { ROOT, endsByItself } = require('./support/child.js');

/** Within the repo, so that `require('redstart')` finds it, and a file, so that `new Worker(__filename)` works. */
const folder = path.join(ROOT, '.cache', `docs-test-${process.pid}`);
fs.mkdirSync(folder, { recursive: true });
after(() => fs.rmSync(folder, { recursive: true }));

/**
 * The ```js blocks of a page, each under the heading above it.
 * @param {string} file
 */
function examples(file) {
  const found = [];
  let heading = path.basename(file);
  /** @type {{ heading: string, line: number, lines: string[] } | undefined} */
  let block;
  fs.readFileSync(path.join(ROOT, file), 'utf8')
    .split('\n')
    .forEach((text, index) => {
      if (block !== undefined) {
        if (text.startsWith('```')) block = undefined;
        else block.lines.push(text);
      } else if (text.startsWith('```js')) {
        block = { heading, line: index + 2, lines: [] };
        found.push(block);
      } else if (/^#+ /.test(text)) {
        heading = text.replace(/^#+ /, '');
      }
    });
  return found;
}

/** What the headings of a page are called in links. @param {string} file */
function anchorsOf(file) {
  const headings = fs.readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  const name = (/** @type {string} */ heading) => heading.toLowerCase().replace(/[^\w\- ]/g, '');
  return Array.from(headings, ([, heading]) => name(heading).replaceAll(' ', '-'));
}

/** `expression; // => value` becomes a check of it; any other line stays. @param {string} text */
function checked(text) {
  const [code, value] = text.split(/\s*\/\/ => /);
  if (value === undefined) return text;
  assert.match(code, /;$/, `'// =>' stands behind a whole expression and its semicolon: ${text}`);
  return `__assert.deepStrictEqual(${code.trim().slice(0, -1)}, ${value});`;
}

/**
 * Runs a block as a script; its own line numbers stay right in what a failure says.
 * @param {string} name @param {string[]} lines @param {{ before?: string, afterwards?: string }} [around]
 */
async function runs(name, lines, { before = '', afterwards = '' } = {}) {
  const file = path.join(folder, `${name}.js`);
  const head = `'use strict'; const __assert = require('node:assert'); (async () => { ${before}`;
  // A promise that never settles ends a process quietly: only who comes to the last line has run.
  const tail = `${afterwards}; if (require('node:worker_threads').isMainThread) console.log('to its end'); })();`;
  fs.writeFileSync(file, [head, ...lines.map(checked), tail].join('\n'));
  const said = await endsByItself(['--no-warnings', file]);
  assert.equal(said.at(-1), 'to its end', `${name} waits for something that never comes`);
}

for (const page of fs.readdirSync(path.join(ROOT, 'docs')).filter((file) => file.endsWith('.md'))) {
  describe(`docs/${page}`, () => {
    const found = examples(path.join('docs', page));
    for (const { heading, line, lines } of found) {
      it(`${heading}, line ${line}`, () => runs(`${page}-${line}`, lines));
    }

    it('has an example under every heading', () => {
      // Made of a bench's figures: tables and charts, no programs.
      if (page === 'benchmarks.md') return;
      const text = fs.readFileSync(path.join(ROOT, 'docs', page), 'utf8');
      const headings = [...text.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
      const without = headings.filter((heading) => !found.some((example) => example.heading === heading));
      assert.deepEqual(without, []);
    });

    it('has links that lead somewhere', () => {
      const text = fs.readFileSync(path.join(ROOT, 'docs', page), 'utf8');
      for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
        if (target.startsWith('http')) continue;
        const [file, anchor] = target.split('#');
        const there = path.join(ROOT, 'docs', file || page);
        assert.ok(fs.existsSync(there), target);
        if (anchor !== undefined) assert.ok(anchorsOf(there).includes(anchor), target);
      }
    });
  });
}

const ALGORITHMS = ['fixed-window', 'gcra', 'sliding-counter', 'sliding-log', 'sliding-window', 'token-bucket'];

describe('the table of algorithms in docs/limits.md', () => {
  const rows = fs
    .readFileSync(path.join(ROOT, 'docs', 'limits.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| `[a-z-]+` /.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const bytesOf = (/** @type {string} */ algorithm) =>
    rows
      .find((row) => row[1] === `\`${algorithm}\``)?.[4]
      .match(/[\d,]+/g)
      ?.map((text) => Number(text.replace(',', ''))) ?? [];
  const limiter = (/** @type {object} */ options) =>
    open('memory:').limiter('l', { limit: 9, window: '1h', ...options });

  it('has all of them, with the bytes that stats() says', async () => {
    const algorithms = rows.map(([, name]) => name.slice(1, -1));
    assert.deepEqual([...algorithms].sort(), ALGORITHMS);
    for (const algorithm of algorithms) {
      assert.equal((await limiter({ algorithm }).stats()).bytesPerKey, bytesOf(algorithm)[0], algorithm);
    }
  });

  it('has those of a large limit, of a logged call, of another window and of a block', async () => {
    const [, wide, limit] = bytesOf('sliding-window');
    assert.equal((await limiter({ limit }).stats()).bytesPerKey, 73);
    assert.equal((await limiter({ limit: limit + 1 }).stats()).bytesPerKey, wide);

    const [empty, perCall] = bytesOf('sliding-log');
    const log = limiter({ algorithm: 'sliding-log' });
    log.consumeSync('k');
    assert.equal((await log.stats()).bytes, empty + 4 * perCall, 'at least four calls');

    const counter = limiter({ algorithm: 'gcra' });
    counter.consumeSync('k', { window: '2h' });
    assert.equal((await counter.stats()).bytes, 41 + 8);
    await counter.block('k', '1h');
    assert.equal((await counter.stats()).bytes, 41 + 8 + 33);
  });
});

describe('the table of options in docs/sessions.md', () => {
  const cells = fs
    .readFileSync(path.join(ROOT, 'docs', 'sessions.md'), 'utf8')
    .split('## All options')[1]
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const defaults = cells.map((row) => ({ name: row[1].replaceAll('`', ''), text: row[3] }));

  it('has all of them, and no other', () => {
    const types = fs.readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');
    const [, members] = /interface SessionsOptions<[^{]*\{(.*?)^\}/ms.exec(types) ?? assert.fail('no SessionsOptions');
    const names = Array.from(members.matchAll(/^ {2}(\w+)\??:/gm), ([, name]) => name);
    assert.deepEqual(defaults.map(({ name }) => name).sort(), names.sort());
  });

  it('has the defaults that hold: to ask for one again is to ask for nothing else', () => {
    const another = {
      touchAfter: '1s',
      onMaxPerUser: 'reject',
      maxAnonymous: 7,
      conflict: 'error',
      maxSessionSize: '1kb',
    };
    const given = defaults.filter(({ text }) => /^`.*`$/.test(text));
    assert.deepEqual(given.map(({ name }) => name).sort(), Object.keys(another).sort());
    for (const { name, text } of given) {
      const store = open('memory:');
      store.sessions('s', { ttl: '1h' });
      const value = text.slice(1, -1);
      const said = value.startsWith("'") ? value.slice(1, -1) : Number(value.replace('_', ''));
      store.sessions('s', { ttl: '1h', [name]: said });
      const other = another[/** @type {keyof typeof another} */ (name)];
      assert.throws(() => store.sessions('s', { ttl: '1h', [name]: other }), { code: 'ERR_OPTIONS_CONFLICT' }, name);
    }
  });
});

describe('README.md', () => {
  // Its first screen names things of the reader's app; here they are, and the two blocks are one program. Those under
  // later headings run by themselves.
  const before = [
    "const renderPost = async (id) => '<p>' + id; const user = 'ada'; const secret = 'a secret of 32 characters'",
    "const sent = []; const sendMail = async (data) => { sent.push(data.to); }; const app = require('express')();",
  ].join(';');
  const afterwards = [
    "__assert.strictEqual(await pages.get('/blog/1'), '<p>1')",
    'const { setTimeout: wait } = require("node:timers/promises")',
    'for (let tries = 0; sent.length === 0 && tries < 200; tries++) await wait(10)',
    "__assert.deepStrictEqual(sent, ['ada@example.com'])",
    'await store.close()',
  ].join(';');

  const blocks = examples('README.md');
  const first = blocks.filter(({ heading }) => heading === blocks[0].heading);

  it('begins with a program that runs', () => {
    assert.ok(first.length >= 2);
    return runs(
      'README',
      first.flatMap(({ lines }) => lines),
      { before, afterwards },
    );
  });

  for (const { heading, line, lines } of blocks.slice(first.length)) {
    it(`${heading}, line ${line}`, () => runs(`README-${line}`, lines));
  }
});
