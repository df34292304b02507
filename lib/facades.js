'use strict';
/**
 * The facades of a store's handle. A name has one for each way in which its handle may be used: how a cache encodes, how sessions
 * tell their user. The latter is a function, and an app may well write it inline, where every call makes another: such a
 * facade is held no longer than its function is, or somebody holds it.
 */

class Facades {
  /** What each name is for who gives no options. @type {Map<string, { facade: any, hasFunction: boolean }>} */
  #bare = new Map();
  /** By name and options. @type {Map<string, any>} */
  #held = new Map();
  /** By function, then the same. @type {WeakMap<Function, Map<string, any>>} */
  #ofFunctions = new WeakMap();
  /** All of the latter that there still are. @type {Set<WeakRef<object>>} */
  #weak = new Set();
  #prunedAt = 16;

  /** @param {string} name */
  bare(name) {
    return this.#bare.get(name)?.facade;
  }

  /**
   * @param {string} name
   * @param {string} handle What else tells it from others of the name.
   * @param {Function | undefined} func The function that belongs to it.
   * @param {() => any} make
   */
  get(name, handle, func, make) {
    const facades = func === undefined ? this.#held : this.#of(func);
    const at = `${name}:${handle}`;
    const known = facades.get(at);
    if (known !== undefined) return known;
    const facade = make();
    facades.set(at, facade);
    if (func !== undefined) this.#watch(facade);
    const bare = this.#bare.get(name);
    // One that has a function knows more than one that has none.
    if (bare === undefined || (func !== undefined && !bare.hasFunction)) {
      this.#bare.set(name, { facade, hasFunction: func !== undefined });
    }
    return facade;
  }

  /** All there are. */
  *[Symbol.iterator]() {
    yield* this.#held.values();
    for (const weak of this.#weak) {
      const facade = weak.deref();
      if (facade !== undefined) yield facade;
    }
  }

  /** @param {Function} func */
  #of(func) {
    const known = this.#ofFunctions.get(func);
    if (known !== undefined) return known;
    const none = new Map();
    this.#ofFunctions.set(func, none);
    return none;
  }

  /** @param {object} facade */
  #watch(facade) {
    this.#weak.add(new WeakRef(facade));
    if (this.#weak.size < this.#prunedAt) return;
    for (const weak of this.#weak) if (weak.deref() === undefined) this.#weak.delete(weak);
    this.#prunedAt = 2 * this.#weak.size + 16;
  }
}

module.exports = { Facades };
