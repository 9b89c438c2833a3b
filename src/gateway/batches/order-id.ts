import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type BatchOrder, orderIdOf } from '../../store/batch-orders.ts';
import { digestOfKey } from '../idempotency.ts';

/** The digest is there with an `Idempotency-Key` only. */
export type Identity = Pick<BatchOrder, 'id' | 'askedDigest'>;

/** Which order a request is for: the same each time with the same `Idempotency-Key`, else like no other. */
export function identityOf(request: FastifyRequest): Identity {
  const digest = digestOfKey(request);
  return digest === undefined ? { id: orderIdOf() } : { id: orderIdOf(digest), askedDigest: digestOf(request) };
}

/** Of all that says what is asked for; how clients name themselves, or log in, may change from try to try. */
function digestOf({ body, headers }: FastifyRequest): string {
  const wishes = Object.entries(headers).filter(([name]) => name.startsWith('x-sluice-'));
  const asked = [body, wishes.toSorted(([one], [other]) => (one < other ? -1 : 1))];
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex');
}
