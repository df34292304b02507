// Compiled by better-auth.test.js, apart from the other types: the declarations of better-auth need those of browsers and of Bun.
import type { SecondaryStorage } from '@better-auth/core/db';
import type { BetterAuthOptions } from 'better-auth';
import { open } from '../../../index.js';
import { secondaryStorage } from '../../../lib/better-auth.js';

const storage = secondaryStorage({ sessions: open('memory:').sessions('auth', { ttl: '7d' }) });

export const asItsInterface: SecondaryStorage = storage;
export const asItsOption: BetterAuthOptions = { secondaryStorage: storage };
// @ts-expect-error: the declarations are read, and are no `any`
export const asAnother: SecondaryStorage = { get: storage.get };
