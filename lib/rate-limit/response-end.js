'use strict';
/**
 * Who is to hear that a response has ended: one set of listeners a response, however many limits it stands behind. Node
 * warns of a leak at the eleventh listener.
 */
const { errorMonitor } = require('node:events');

/** @typedef {(hasAnswer: boolean) => void} Hear Told whether the app has answered in full; must not throw. */

/** @type {WeakMap<object, Hear[]>} */
const hearers = new WeakMap();

/** @param {any} res @param {Hear} hear Called once. */
function onEnd(res, hear) {
  // The events of a response that ended while the limiter was asked have been.
  if (res.writableFinished || res.closed || res.destroyed) {
    hear(res.writableEnded);
    return;
  }
  const hearing = hearers.get(res);
  if (hearing !== undefined) {
    hearing.push(hear);
    return;
  }
  hearers.set(res, [hear]);
  // By the monitor, so that an error that nobody listens to stays one.
  res.once(errorMonitor, () => tell(res, false));
  res.once('finish', () => tell(res, true));
  res.once('close', () => tell(res, res.writableEnded));
}

/** @param {object} res @param {boolean} hasAnswer */
function tell(res, hasAnswer) {
  const hearing = hearers.get(res) ?? [];
  hearers.delete(res);
  for (const hear of hearing) hear(hasAnswer);
}

module.exports = { onEnd };
