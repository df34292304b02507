'use strict';
const { readSetOptions } = require('./cache-options.js');

/**
 * What a loader is given, and what it said about the entry. Its functions may be taken off it, as in
 * `({ skip }) => skip(value)`.
 */
class LoaderContext {
  #old;
  /** @type {{ value: any } | undefined} */
  #stale;
  /** @type {AbortController | undefined} Made when a loader asks for the signal: most never do, and it is dear. */
  #controller;
  /** @type {{ reason: unknown } | undefined} */
  #aborted;
  /** @type {{ ttlMs: number | undefined, tags: readonly string[] | undefined, skipped: boolean }} */
  #said = { ttlMs: undefined, tags: undefined, skipped: false };

  /**
   * @param {string} key
   * @param {(key: string) => any} old Finds the value that the loader is to replace.
   * @param {(tags: readonly string[]) => void} tagged Hears of tags as soon as they are said.
   */
  constructor(key, old, tagged) {
    /** @readonly */
    this.key = key;
    this.#old = old;
    /** @param {unknown} given */
    this.setOptions = (given) => {
      const { ttlMs, tags } = readSetOptions('setOptions()', given);
      if (ttlMs !== undefined) this.#said.ttlMs = ttlMs;
      if (tags === undefined) return;
      tagged(tags);
      this.#said.tags = tags;
    };
    /** @param {any} value */
    this.skip = (value) => {
      this.#said.skipped = true;
      return value;
    };
  }

  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  get stale() {
    this.#stale ??= { value: this.#old(this.key) };
    return this.#stale.value;
  }

  /**
   * For the load.
   * @param {LoaderContext} context
   */
  static said(context) {
    return context.#said;
  }

  /**
   * For the load.
   * @param {LoaderContext} context
   * @param {unknown} reason
   */
  static abort(context, reason) {
    context.#aborted = { reason };
    context.#controller?.abort(reason);
  }
}

module.exports = { LoaderContext };
