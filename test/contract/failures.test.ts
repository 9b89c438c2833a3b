import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DISPOSITIONS, GatewayError } from '../../src/domain/errors.ts';
import { failureInBody, failureOfAnswer, failureOfThrown } from '../../src/providers/failures.ts';
import { AddressRefused, DeadlinePassed } from '../../src/providers/http.ts';
import { FAILURES, FAILURES_INSIDE_200 } from '../support/fixtures/openai-failures.ts';
import {
  CANARY,
  chatCompletion,
  complete,
  connectProvider,
  failureOf,
  startFixedUpstream,
} from '../support/upstream.ts';

/** One GatewayError with a known code, one line, and nothing in it that a body or a request said. */
function expectSound(error: GatewayError): void {
  expect(error).toBeInstanceOf(GatewayError);
  expect(Object.keys(DISPOSITIONS)).toContain(error.code);
  expect(error.message).toMatch(/^upstream[^\n]{1,200}$/);
  const told = `${error.message} ${JSON.stringify(error.details)}`;
  for (const canary of Object.values(CANARY)) expect(told).not.toContain(canary);
}

describe('a refusal', () => {
  test.each(FAILURES)('$status $name is $code', async ({ status, headers, body, code, retryAfterMs }) => {
    const upstream = await startFixedUpstream(status, body, headers);
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expectSound(error);
    expect(error.code).toBe(code);
    expect(error.details).toMatchObject({ provider: 'upstream', status });
    expect(error.details.retryAfterMs).toBe(retryAfterMs);
    expect(error.details.billUnknown).toBe(status < 300 ? true : undefined);
    expect(upstream.received).toHaveLength(1);
  });

  test.each(FAILURES_INSIDE_200)('200 with $name inside is $code', async ({ error: inside, code, status }) => {
    const upstream = await startFixedUpstream(200, chatCompletion({ error: inside }));
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expectSound(error);
    expect(error).toMatchObject({ code, details: { status } });
    expect(upstream.received).toHaveLength(1);
  });

  test('the provider’s own code is shown, its sentence is not', async () => {
    const upstream = await startFixedUpstream(429, { error: { code: 'insufficient_quota', message: CANARY.prompt } });
    const error = await failureOf(complete(connectProvider(upstream.url)));
    expect(error.message).toBe('upstream answered 429 (insufficient_quota): its credit or spend limit is used up');
  });

  test('an error field that says nothing is no error', async () => {
    for (const nothing of [null, false, '', 0]) {
      const upstream = await startFixedUpstream(200, chatCompletion({ error: nothing }));
      await expect(complete(connectProvider(upstream.url))).resolves.toMatchObject({ content: 'four' });
    }
  });
});

const withCode = (code: string, cause?: unknown): Error => Object.assign(new Error(CANARY.prompt, { cause }), { code });

test.each([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_INVALID_ARG',
  'EADDRNOTAVAIL',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])('%s means that nothing was sent and nothing can be billed', (code) => {
  const error = failureOfThrown('upstream', withCode(code));
  expectSound(error);
  expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', message: `upstream cannot be reached (${code})` });
  expect(error.details.billUnknown).toBeUndefined();
  expect(failureOfThrown('upstream', new Error('wrapped', { cause: withCode(code) })).message).toBe(error.message);
});

describe('something thrown', () => {
  test.each(['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'EPIPE'])(
    '%s leaves the bill unknown',
    (code) => {
      const error = failureOfThrown('upstream', withCode(code));
      expectSound(error);
      expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { billUnknown: true } });
    },
  );

  test('our own signals keep their meaning', () => {
    const own = new GatewayError('CANCELLED', 'upstream: cancelled');
    expect(failureOfThrown('upstream', own)).toBe(own);
    expect(failureOfThrown('upstream', new DeadlinePassed(50))).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      message: 'upstream: no complete answer within 50 ms',
      details: { billUnknown: true },
    });
    const refused = failureOfThrown('upstream', new AddressRefused('evil.test', 'a private address'));
    expect(refused).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { provider: 'upstream' } });
    expect(refused.details.billUnknown).toBeUndefined();
  });

  test('what cannot even be looked at is still one error', () => {
    const circular = new Error('x');
    circular.cause = circular;
    const hostile: unknown[] = [
      undefined,
      null,
      'text',
      0,
      Symbol('x'),
      circular,
      { code: CANARY.key },
      { code: 429 },
      Object.defineProperty({}, 'code', { get: () => fail() }),
      Object.defineProperty(new Error('x'), 'cause', { get: () => fail() }),
      new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail, getOwnPropertyDescriptor: fail }),
      Object.create(null),
    ];
    for (const thrown of hostile) {
      const error = failureOfThrown('upstream', thrown);
      expectSound(error);
      expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { billUnknown: true } });
    }
  });
});

function fail(): never {
  throw new Error('getter');
}

describe('noise', () => {
  const label = fc.oneof(
    fc.constantFrom(
      'insufficient_quota',
      'context_length_exceeded',
      'rate_limit_exceeded',
      'content_filter',
      CANARY.key,
    ),
    fc.string(),
    fc.integer(),
    fc.constant(null),
  );
  const errorObject = fc.record(
    {
      code: label,
      type: label,
      message: fc.string(),
      metadata: fc.oneof(fc.anything(), fc.record({ error_type: label })),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.json(),
    errorObject.map((error) => JSON.stringify({ error }) ?? ''),
    errorObject.map((error) => JSON.stringify([error]) ?? ''),
  );
  const headerValue = fc.option(fc.oneof(fc.string(), fc.array(fc.string(), { maxLength: 3 })), { nil: undefined });
  const headers = fc.oneof(
    fc.dictionary(fc.string(), headerValue),
    fc.record({ 'retry-after': headerValue, 'retry-after-ms': headerValue }, { requiredKeys: [] }),
  );

  test('any status, any bytes and any headers are one error', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 999 }),
        body,
        headers,
        fc.integer({ min: 0 }),
        (status, text, given, now) => {
          const error = failureOfAnswer('upstream', { status, headers: { ...given }, text }, now);
          expectSound(error);
          const { retryAfterMs } = error.details;
          expect(retryAfterMs === undefined || (Number.isInteger(retryAfterMs) && retryAfterMs >= 0)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('any error inside a 200 is one error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), errorObject), (inside) => expectSound(failureInBody('upstream', inside))),
      { numRuns: 500 },
    );
  });

  test('any thrown value is one error', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true }), (thrown) =>
        expectSound(failureOfThrown('upstream', thrown)),
      ),
      { numRuns: 500 },
    );
  });
});
