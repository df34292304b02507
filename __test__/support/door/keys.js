'use strict';
// Strings that a careless door confuses with each other.

/** The most that a key takes as stored, in bytes. */
const KEY_BYTES_MAX = 64 * 1024;

const awkward = [
  '',
  ' ',
  '\0',
  '\0\0',
  'a',
  'a\0',
  'a\0b',
  'ab',
  'AB',
  // Byte for byte the same as the strings of one-byte characters beside them.
  '\u6261',
  '\u6162',
  '\u0100',
  '\u0001',
  '\0\u0001',
  '\u0001\0',
  // Cut to one byte, 'é'; as UTF-8, two characters of Latin-1.
  '\u01e9',
  '\u00e9',
  'e\u0301',
  '\u00c3\u00a9',
  '\u007f',
  '\u0080',
  '\u00ff',
  '😀',
  '😁',
  // Lone surrogates, which UTF-8 turns into one and the same replacement character.
  '\ud83d',
  '\ude00',
  '\ude00\ud83d',
  '\ud800',
  '\udfff',
  '\ufffd',
  '\ufffd\ufffd',
  '\ufeff',
  'x\ud800',
  '\ud800x',
  '__proto__',
  'constructor',
  'toString',
  'undefined',
  'null',
  '0',
  '-0',
  '1',
  '1.0',
];

/** Around the size of the buffer on the stack and around the longest, in both widths. */
function long() {
  const keys = [];
  for (const units of [127, 128, 253, 254, 255, 256, 257, 511, 512, 513]) {
    keys.push('n'.repeat(units), 'é'.repeat(units), '\u0416'.repeat(units));
    // The same up to the last character; narrow up to the last character.
    keys.push(`${'n'.repeat(units - 1)}m`, `${'n'.repeat(units - 1)}\u0416`);
  }
  keys.push('n'.repeat(KEY_BYTES_MAX), `${'n'.repeat(KEY_BYTES_MAX - 1)}m`, '\u0416'.repeat(KEY_BYTES_MAX / 2));
  return keys;
}

const KEYS = [...awkward, ...long()];
const TOO_LONG = [
  'n'.repeat(KEY_BYTES_MAX + 1),
  '\u0416'.repeat(KEY_BYTES_MAX / 2 + 1),
  `${'n'.repeat(KEY_BYTES_MAX / 2)}\u0416`,
];
/** Values that are no string, though some look like one. */
const NO_STRINGS = [
  undefined,
  null,
  0,
  1,
  NaN,
  true,
  1n,
  Symbol('key'),
  {},
  [],
  ['a'],
  new String('a'),
  () => 'a',
  Buffer.from('a'),
];

module.exports = { KEYS, TOO_LONG, NO_STRINGS, KEY_BYTES_MAX };
