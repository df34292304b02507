'use strict';
/**
 * Who is to hear of a signal: one listener a signal, however many callers it stands for. A request's signal may be given
 * to hundreds of reads, and Node warns of a leak at the eleventh listener.
 */

/** @type {WeakMap<AbortSignal, Set<() => void>>} */
const hearers = new WeakMap();

/** @this {AbortSignal} */
function tell() {
  const hearing = hearers.get(this) ?? [];
  hearers.delete(this);
  for (const hear of [...hearing]) hear();
}

/**
 * @param {AbortSignal} signal Not aborted yet.
 * @param {() => void} hear Called once; must not throw.
 */
function onAbort(signal, hear) {
  const hearing = hearers.get(signal);
  if (hearing !== undefined) {
    hearing.add(hear);
    return;
  }
  // First, as one that throws has nobody who hears of it.
  signal.addEventListener('abort', tell, { once: true });
  hearers.set(signal, new Set([hear]));
}

/**
 * Whether it had not been called yet. Never throws: who leaves has his answer, or the units, already.
 * @param {AbortSignal} signal
 * @param {() => void} hear
 */
function offAbort(signal, hear) {
  const hearing = hearers.get(signal);
  if (hearing === undefined || !hearing.delete(hear)) return false;
  if (hearing.size === 0) {
    hearers.delete(signal);
    try {
      signal.removeEventListener('abort', tell);
    } catch {
      // It stays on that signal, and finds nobody to tell.
    }
  }
  return true;
}

module.exports = { onAbort, offAbort };
