'use strict';
const { rethrowLater } = require('./lane.js');

/**
 * Calls every listener, whatever the others throw: an error in one neither hides the event from the rest nor breaks the
 * worker or queue that emits; it reaches the process as an uncaught exception, as always with EventEmitter.
 * @param {import('node:events').EventEmitter} emitter
 * @param {string} event
 * @param {unknown[]} args
 * @returns {boolean} Whether there was a listener.
 */
function emit(emitter, event, ...args) {
  const listeners = emitter.rawListeners(event);
  for (const listener of listeners) {
    try {
      listener.apply(emitter, args);
    } catch (error) {
      rethrowLater(error);
    }
  }
  return listeners.length > 0;
}

module.exports = { emit };
