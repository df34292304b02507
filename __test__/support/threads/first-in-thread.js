'use strict';
// The main thread never loads redstart: a thread does, ends, and the next one finds what it left.
const path = require('node:path');
const { crew } = require('../crew.js');

async function main() {
  const file = path.join(__dirname, 'first-in-thread-thread.js');
  const [left] = await crew(file, 1, { task: 'leave' });
  const [found] = await crew(file, 1, { task: 'find', id: left.id });
  const loaded = Object.keys(require.cache).filter((name) => name.endsWith('.node'));
  console.log(JSON.stringify({ found, loaded }));
}

main();
