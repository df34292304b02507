'use strict';

// What the types promise: every property of every interface or type whose name ends in Options, by the name that tests
// claim it under, 'CacheOptions.near.max'. Read with the TypeScript compiler, so that what is inherited, imported or
// nested counts and what is only mentioned in a comment does not. TypeScript 7 has no such API, hence the alias.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript-5');
const { ROOT } = require('../run.js');

/**
 * @typedef {object} Declared
 * @property {string} name
 * @property {string} file Where it is declared, from the root of the repo.
 * @property {number} line From 1.
 * @property {string[]} path From the options object to the option: ['near', 'max'].
 * @property {string[]} siblings All properties of the interface: a schema of the same ones reads it.
 */

/** The files with public types: index.d.ts and the doors'. */
function typeFiles() {
  const doors = fs.readdirSync(path.join(ROOT, 'lib')).filter((file) => file.endsWith('.d.ts'));
  return ['index.d.ts', ...doors.sort().map((file) => `lib/${file}`)];
}

/** @param {ts.TypeChecker} checker @param {ts.Type} type */
function nestedTypes(checker, type) {
  const parts = type.isUnion() ? type.types : [type];
  // Options in options are written as literals; anything with a name of its own is a value that is handed over.
  return parts.filter(
    (part) => part.symbol?.flags & ts.SymbolFlags.TypeLiteral && checker.getSignaturesOfType(part, 0).length === 0,
  );
}

/** @returns {Declared[]} */
function declaredOptions() {
  const files = typeFiles();
  const program = ts.createProgram(
    files.map((file) => path.join(ROOT, file)),
    { strict: true, noEmit: true, module: ts.ModuleKind.Node16, types: ['node'] },
  );
  const checker = program.getTypeChecker();
  /** @type {Declared[]} */
  const found = [];
  /** @param {ts.Type} type @param {string} name @param {string[]} above @param {string[]} [siblings] */
  const collect = (type, name, above, siblings) => {
    const properties = checker.getPropertiesOfType(type);
    const names = siblings ?? properties.map((property) => property.name);
    for (const property of properties) {
      const at = [...above, property.name];
      const node = property.declarations[0];
      const source = node.getSourceFile();
      found.push({
        name: `${name}.${at.join('.')}`,
        file: path.relative(ROOT, source.fileName),
        line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
        path: at,
        siblings: names,
      });
      for (const nested of nestedTypes(checker, checker.getTypeOfSymbol(property))) collect(nested, name, at, names);
    }
  };
  for (const file of files) {
    for (const statement of program.getSourceFile(path.join(ROOT, file)).statements) {
      if (!ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)) continue;
      if (!/Options$/.test(statement.name.text)) continue;
      collect(checker.getTypeAtLocation(statement.name), statement.name.text, []);
    }
  }
  if (found.length === 0) throw new Error(`no options found in ${files.join(', ')}`);
  return found;
}

module.exports = { declaredOptions };
