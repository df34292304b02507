'use strict';

// A reporter for node --test: one line of JSON for every test that ran, under the name it was given.
module.exports = async function* reporter(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.skip !== undefined || data.details?.type === 'suite') continue;
    yield `${JSON.stringify({ name: data.name, passed: type === 'test:pass' })}\n`;
  }
};
