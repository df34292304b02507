'use strict';
/**
 * What getEntry() has read, so that a change made on it can be told from what others have changed since: the last entries of
 * this handle, by version. Versions are of one session each.
 *
 * In two halves: when the young one is full it becomes the old one, and the old one is forgotten. To forget the oldest entry at
 * each new one would be slow, as a Map walks over what was deleted at its front.
 */

/** Of a half: what was read last is in the young one and at least so much in the old one. */
const READS_MAX = 1_000;
const CHARACTERS_MAX = 4 * 1024 * 1024;

class SessionReads {
  /** @type {Map<number, { id: string, text: string }>} */
  #young = new Map();
  #old = this.#young;
  #characters = 0;

  /** @param {number} version @param {string} id @param {string} text */
  remember(version, id, text) {
    if (!this.#young.has(version)) this.#characters += text.length;
    this.#young.set(version, { id, text });
    if (this.#young.size < READS_MAX && this.#characters < CHARACTERS_MAX) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#characters = 0;
  }

  /** The text of session `id` as that version, if it is remembered. @param {number} version @param {string} id */
  textOf(version, id) {
    const read = this.#young.get(version) ?? this.#old.get(version);
    return read?.id === id ? read.text : undefined;
  }
}

module.exports = { SessionReads };
