'use strict';
/** How workers emit: an error that a listener throws breaks neither the worker nor what the other listeners hear. */
const { emit } = require('./emit.js');
const { rethrowLater } = require('./lane.js');

/** @typedef {import('node:events').EventEmitter} EventEmitter */

/**
 * Calls the listeners; what they throw is told as 'error'.
 * @param {EventEmitter} worker
 * @param {string} event Any but 'error'.
 * @param {unknown[]} args
 */
function tell(worker, event, ...args) {
  for (const listener of worker.rawListeners(event)) {
    try {
      listener.apply(worker, args);
    } catch (error) {
      tellError(worker, error);
    }
  }
}

/**
 * An 'error' that nobody hears is thrown, as always with EventEmitter, but later: what goes on here goes on.
 * @param {EventEmitter} worker
 * @param {unknown} error
 */
function tellError(worker, error) {
  if (!emit(worker, 'error', error)) rethrowLater(error);
}

module.exports = { tell, tellError };
