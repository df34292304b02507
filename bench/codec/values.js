'use strict';
/**
 * What caches hold: rows, documents, lists, and now and then something that JSON cannot carry. Of each shape there are
 * many values, alike in shape and different in content, as a cache sees them.
 */

const COUNT = 64;

/** @param {number} at */
function small(at) {
  return {
    id: 10_000 + at,
    email: `someone.${at}@example.com`,
    name: `Someone Number ${at}`,
    roles: ['editor', 'author'],
    verified: at % 3 === 0,
    plan: 'team',
    createdAt: '2024-05-06T07:08:09.000Z',
    score: at * 1.25,
    manager: null,
  };
}

const SENTENCE = 'A product that many people look at and few of them buy, which is why its page is cached. ';

/** @param {number} at */
function large(at) {
  return {
    ...small(at),
    title: `Product ${at}`,
    description: SENTENCE.repeat(4) + at,
    price: { amount: 1999 + at, currency: 'EUR', net: 16.8 + at },
    stock: { here: at, elsewhere: 100 - at, ordered: 0 },
    images: ['front', 'back', 'side'].map((view) => ({ url: `/images/${at}/${view}.jpg`, width: 1200, height: 800 })),
    tags: ['new', 'sale', 'garden', 'summer'],
  };
}

/** @param {number} at */
function row(at) {
  return { id: at, title: `Article ${at}`, views: at * 17, published: true };
}

/** @type {Record<string, (at: number) => any>} */
const SHAPES = {
  'object of 200 B': small,
  'object of 1 KB': large,
  'array of 50 objects': (at) => Array.from({ length: 50 }, (_, index) => row(at * 50 + index)),
  'object with two Dates': (at) => ({
    ...small(at),
    createdAt: new Date(1_690_000_000_000 + at),
    seenAt: new Date(1_700_000_000_000 + at),
  }),
  'object with Date and Map': (at) => ({
    ...small(at),
    seenAt: new Date(1_700_000_000_000 + at),
    settings: new Map([
      ['theme', 'dark'],
      ['language', `de-${at}`],
      ['digest', 'weekly'],
    ]),
  }),
  'object with a Buffer of 1 KB': (at) => ({ type: 'image/png', etag: `"${at}"`, body: Buffer.alloc(1024, at) }),
};

/** @param {string} shape */
function valuesOf(shape) {
  return Array.from({ length: COUNT }, (_, at) => SHAPES[shape](at));
}

module.exports = { COUNT, SHAPES: Object.keys(SHAPES), valuesOf };
