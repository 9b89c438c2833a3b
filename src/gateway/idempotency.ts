import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ApiError, badRequest } from './api-error.ts';

/** OpenAI's and Stripe's limit. */
const MOST_IDEMPOTENCY_KEY = 255;

/**
 * What an `Idempotency-Key` of this account stands for, in hexadecimal: never the same as that of another account.
 * Undefined without one; throws an ApiError 400 for one of a length that it may not have.
 */
export function digestOfKey({ headers, caller }: Pick<FastifyRequest, 'headers' | 'caller'>): string | undefined {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string') return undefined;
  if (key === '' || key.length > MOST_IDEMPOTENCY_KEY) {
    throw badRequest(`idempotency-key: must be 1 to ${MOST_IDEMPOTENCY_KEY} characters`, 'headers');
  }
  // A digest, since names of accounts may hold whatever would keep the two apart.
  return createHash('sha256')
    .update(JSON.stringify([caller.account, key]))
    .digest('hex');
}

export function keyTaken(): ApiError {
  const message = 'this Idempotency-Key was used for another request; give this one another key';
  return new ApiError(409, 'invalid_request_error', message, { code: 'idempotency_key_used', param: 'headers' });
}
