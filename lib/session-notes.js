'use strict';
/**
 * What somebody notes of objects of others: does as a WeakMap does, at a third of the cost where objects are many and short-lived.
 * (A table of theirs has to be looked through at each collection of garbage.)
 *
 * A note is a private field that a constructor adds to whatever its super constructor returns. No key, symbol, copy or JSON text
 * shows it. An object has room for one such note: where a second one notes something too, or no field can be added, that goes
 * into a WeakMap.
 */

class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: what comes back is what the class that extends this one adds to.
    return object;
  }
}

/** @template T */
class Note extends Given {
  /** Whose. */
  #by;
  /** @type {T} */
  #note;

  /** @param {object} object @param {object} by @param {T} note */
  constructor(object, by, note) {
    super(object);
    this.#by = by;
    this.#note = note;
  }

  /** @param {object} object @returns {object is Note<any>} */
  static isOn(object) {
    return #note in object;
  }

  /** @param {Note<any>} noted @param {object} by */
  static isOf(noted, by) {
    return noted.#by === by;
  }

  /** @template T @param {Note<T>} noted */
  static read(noted) {
    return noted.#note;
  }

  /** @template T @param {Note<T>} noted @param {T} note */
  static write(noted, note) {
    noted.#note = note;
  }
}

/** @template T */
class Notes {
  /** @type {WeakMap<object, T> | undefined} */
  #others;

  /** @param {any} object @returns {T | undefined} */
  get(object) {
    if (typeof object !== 'object' || object === null) return undefined;
    if (Note.isOn(object) && Note.isOf(object, this)) return Note.read(object);
    return this.#others?.get(object);
  }

  /** @param {object} object @param {T} note */
  set(object, note) {
    if (Note.isOn(object)) {
      if (Note.isOf(object, this)) return Note.write(object, note);
    } else if (Object.isExtensible(object)) {
      new Note(object, this, note);
      return;
    }
    this.#others ??= new WeakMap();
    this.#others.set(object, note);
  }
}

module.exports = { Notes };
