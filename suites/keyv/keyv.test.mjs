// Keyv's own suite for storage adapters: all of it that is about a store, over one cache of redstart. It depends on sqlite3,
// which it never loads and which would bring a hundred packages to compile it; package.json puts another of its dependencies
// in that place.
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv } from 'keyv';
import { open } from 'redstart';
import { KeyvStore } from 'redstart/keyv';
import * as vitest from 'vitest';

const store = open('memory:');
const cache = store.cache('keyv', { ttl: null });

vitest.afterAll(() => store.close());

const keyvStore = () => new KeyvStore({ cache });

vitest.describe('api, values and namespaces', () => keyvTestSuite(vitest, Keyv, keyvStore));
vitest.describe('iterator', () => keyvIteratorTests(vitest, Keyv, keyvStore));
