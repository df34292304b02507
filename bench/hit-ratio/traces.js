/**
 * Recorded traces. They are not ours to hand out, so none is in this repo: whoever has them names the folder. Each is
 * read as it was published or renamed, gzipped or not.
 */
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');

/** ARC's traces: `start count 0 request`, the blocks start … start + count - 1. @param {string} line */
function arcBlocks(line) {
  const [start, count] = line.split(' ', 2).map(Number);
  return Array.from({ length: count }, (_, index) => start + index);
}

/** LIRS's traces: a block number a line, and lines that are something else. @param {string} line */
function lirsBlocks(line) {
  const text = line.trim();
  return /^\d+$/.test(text) ? [Number(text)] : [];
}

/** @type {Record<string, { published: string, files: string[], format: string, blocks: (line: string) => number[] }>} */
const TRACES = {
  OLTP: {
    published: 'OLTP of the ARC paper (Megiddo and Modha, FAST 2003)',
    files: ['arc-oltp', 'OLTP.lis'],
    format: "lines 'start count 0 request'",
    blocks: arcBlocks,
  },
  gli: {
    published: 'gli (glimpse) of the LIRS paper (Jiang and Zhang, SIGMETRICS 2002)',
    files: ['lirs-gli', 'gli.trc'],
    format: 'a block number a line',
    blocks: lirsBlocks,
  },
  multi3: {
    published: 'multi3 of the LIRS paper',
    files: ['lirs-multi3', 'multi3.trc'],
    format: 'a block number a line',
    blocks: lirsBlocks,
  },
};

/** The references of a trace, or undefined when `folder` does not have it. @param {string} folder @param {string} name */
function readTrace(folder, name) {
  const { files, blocks } = TRACES[name];
  const file = files
    .flatMap((base) => [`${base}.gz`, base])
    .map((base) => path.join(folder, base))
    .find((full) => fs.existsSync(full));
  if (file === undefined) return undefined;
  const bytes = fs.readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
  const references = text.split('\n').filter(Boolean).flatMap(blocks);
  if (references.length === 0) throw new Error(`${file} holds no references; expected ${TRACES[name].format}`);
  return references;
}

/** What to get and where to put it. @param {string[]} names @param {string} folder */
function howToGet(names, folder) {
  const lines = names.map((name) => {
    const { published, files, format } = TRACES[name];
    return `  ${files.map((file) => `${file}[.gz]`).join(' or ')}: ${published}; ${format}`;
  });
  return [
    `Not measured, as ${folder} does not have them: ${names.join(', ')}. Expected there:`,
    ...lines,
    'Their authors published them with the papers, and simulators of caches (libCacheSim, Caffeine) say where copies are.',
    'Name the folder: npm run bench:hit-ratio -- <folder>, or the environment variable REDSTART_TRACES.',
  ].join('\n');
}

module.exports = { TRACES, readTrace, howToGet };
