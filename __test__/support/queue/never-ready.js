'use strict';
// A module whose import never ends, with timers a hundred times as fast; prints what is told, and ends by itself.
const path = require('node:path');
const timers = require('node:timers');

const { setTimeout } = timers;
timers.setTimeout = (callback, ms) => setTimeout(callback, ms / 100);
const { open } = require('redstart');

const worker = open('memory:').queue('mail').process(path.join(__dirname, 'never-ready.mjs'));
const told = [];
worker.on('error', ({ message, cause }) => {
  told.push([cause.code, cause.message]);
  if (!worker.running) console.log(JSON.stringify({ told, message }));
});
