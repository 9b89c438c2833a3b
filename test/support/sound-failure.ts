import { expect } from 'vitest';
import { DISPOSITIONS, GatewayError } from '../../src/domain/errors.ts';
import { SECRETS } from './fixtures/failures/row.ts';

/** One GatewayError with a known code, one line, sane hints, and nothing in it that a body or a request said. */
export function expectSound(error: unknown, secrets: readonly string[] = Object.values(SECRETS)): void {
  if (!(error instanceof GatewayError)) throw new Error('no GatewayError');
  expect(Object.keys(DISPOSITIONS)).toContain(error.code);
  expect(error.message).toMatch(/^upstream[^\r\n]{1,292}$/);
  const { retryAfterMs = 0, benchMs = 1 } = error.details;
  expect(Number.isInteger(retryAfterMs) && retryAfterMs >= 0 && retryAfterMs <= 86_400_000).toBe(true);
  expect(Number.isInteger(benchMs) && benchMs > 0 && benchMs <= 32 * 86_400_000).toBe(true);
  const told = `${error.message} ${JSON.stringify(error.details)} ${error.stack}`;
  for (const secret of secrets) expect(told).not.toContain(secret);
}

/** Of an answer, even what is kept for --debug holds no secret. */
export function expectCleanCause({ cause }: GatewayError, secrets: readonly string[] = Object.values(SECRETS)): void {
  if (cause === undefined) return;
  if (!(cause instanceof Error)) throw new Error('the cause is no Error');
  expect(cause.message.length).toBeLessThanOrEqual(512);
  for (const secret of secrets) expect(`${cause.message} ${cause.stack}`).not.toContain(secret);
}
