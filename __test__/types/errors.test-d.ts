import type { ErrorCode, FinishKind } from '../../index.js';
import { RedstartError, UnrecoverableError } from '../../index.js';
import { same } from './expect.js';

export function tells(error: unknown) {
  if (RedstartError.is(error, 'ERR_STORE_FULL')) {
    same<typeof error.code, ErrorCode>();
    same<typeof error.retryable, boolean>();
    same<typeof error.finishKind, FinishKind | undefined>();
    // @ts-expect-error: an error says what it is for good
    error.code = 'ERR_CLOSED';
    return error.message;
  }
  // @ts-expect-error: a code there is not
  return RedstartError.is(error, 'ERR_FULL');
}

const unrecoverable: Error = new UnrecoverableError('no such address', { cause: new Error('550') });
unrecoverable.message.toUpperCase();
