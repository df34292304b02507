'use strict';

// The glibc a binary asks for, read from its ELF version table (.gnu.version_r), where every needed symbol version is
// named together with its library. Only 64-bit little-endian files, which is all that we build.

const fs = require('node:fs');

const SHT_GNU_VERNEED = 0x6ffffffe;

/** The section headers as { type, offset, size, link, info }. */
function sectionsOf(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error('not a 64-bit ELF file');
  const start = Number(file.readBigUInt64LE(40));
  const entrySize = file.readUInt16LE(58);
  return Array.from({ length: file.readUInt16LE(60) }, (_, index) => {
    const at = start + index * entrySize;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      link: file.readUInt32LE(at + 40),
      info: file.readUInt32LE(at + 44),
    };
  });
}

function stringAt(file, offset) {
  return file.toString('latin1', offset, file.indexOf(0, offset));
}

/** Every symbol version that the file needs, such as GLIBC_2.17 and GCC_3.0. */
function neededVersions(path) {
  const file = fs.readFileSync(path);
  const sections = sectionsOf(file);
  const versions = [];
  for (const section of sections.filter((one) => one.type === SHT_GNU_VERNEED)) {
    const strings = sections[section.link].offset;
    // Two linked lists, one in the other: libraries, and the versions wanted of each. Offsets are relative to the entry.
    for (let library = section.offset, left = section.info; left > 0; left--) {
      let version = library + file.readUInt32LE(library + 8);
      for (let count = file.readUInt16LE(library + 2); count > 0; count--) {
        versions.push(stringAt(file, strings + file.readUInt32LE(version + 8)));
        version += file.readUInt32LE(version + 12);
      }
      library += file.readUInt32LE(library + 12);
    }
  }
  return versions;
}

/** The highest GLIBC version needed, as [2, 17], or undefined when none is (musl). */
function highestGlibc(path) {
  const found = neededVersions(path).map((name) => /^GLIBC_(\d+)\.(\d+)/.exec(name));
  const pairs = found.filter(Boolean).map(([, major, minor]) => [Number(major), Number(minor)]);
  return pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1);
}

module.exports = { highestGlibc };
