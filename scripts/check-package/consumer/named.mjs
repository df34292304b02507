import assert from 'node:assert/strict';
import redstart, { open, RedstartError } from 'redstart';

assert.equal(redstart.open, open);
assert.equal(typeof RedstartError.is, 'function');
const store = open('memory:');
assert.equal(store.engine, 'memory');
await store.close();
