'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');
const { writeWhole } = require('./files.js');

const SLUG = /^[a-z0-9-]{1,80}$/;

/**
 * Posts as Markdown files with a few lines of front matter:
 *
 *   ---
 *   title: On forgetting
 *   date: 2025-03-14
 *   ---
 *   The text.
 *
 * The app edits copies in its data directory, never the files it came with.
 */
class Posts {
  static async open(dataDir) {
    const dir = path.join(dataDir, 'posts');
    await fs.mkdir(dataDir, { recursive: true });
    try {
      await fs.access(dir);
    } catch {
      await fs.cp(path.join(__dirname, 'posts'), dir, { recursive: true });
    }
    return new Posts(dir);
  }

  constructor(dir) {
    this.dir = dir;
  }

  /** All posts, newest first. */
  async list() {
    const files = (await fs.readdir(this.dir)).filter((file) => file.endsWith('.md'));
    const posts = await Promise.all(files.map((file) => this.get(path.basename(file, '.md'))));
    return posts.filter(Boolean).sort((a, b) => b.date.localeCompare(a.date));
  }

  /** The post, or undefined: also for names that are no slug, so that no name leaves the directory. */
  async get(slug) {
    if (!SLUG.test(slug)) {
      return undefined;
    }
    try {
      return parse(slug, await fs.readFile(this.file(slug), 'utf8'));
    } catch (error) {
      if (error.code === 'ENOENT') {
        return undefined;
      }
      throw error;
    }
  }

  async save({ slug, title, date, body }) {
    await writeWhole(this.file(slug), `---\ntitle: ${title}\ndate: ${date}\n---\n${body.trim()}\n`);
  }

  file(slug) {
    return path.join(this.dir, `${slug}.md`);
  }
}

function parse(slug, text) {
  const [, head = '', body = text] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/.exec(text) ?? [];
  const fields = new Map(
    head.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
  return { slug, title: fields.get('title') || slug, date: fields.get('date') || '', body: body.trim() };
}

module.exports = { Posts };
