'use strict';
// Two forks of a cluster open stores; each tells which warnings it was given.
const cluster = require('node:cluster');
const { open } = require('redstart');

async function fork() {
  const codes = [];
  process.on('warning', ({ code }) => codes.push(code));
  for (const url of ['memory:', 'memory:a', 'memory:a', 'memory:b', undefined]) open(url);
  // Warnings come with the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  process.send(codes, () => process.disconnect());
}

function primary() {
  const all = [];
  process.on('warning', ({ code }) => all.push(code));
  open('memory:a');
  for (let n = 0; n < 2; n++) cluster.fork().on('message', (codes) => all.push(codes));
  let left = 2;
  cluster.on('exit', () => {
    left -= 1;
    if (left === 0) console.log(JSON.stringify(all));
  });
}

if (cluster.isPrimary) primary();
else fork();
