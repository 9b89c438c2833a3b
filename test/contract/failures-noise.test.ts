import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GatewayError } from '../../src/domain/errors.ts';
import { failureInBody, failureOfAnswer, failureOfThrown } from '../../src/providers/failures.ts';
import type { HttpHeaders } from '../../src/providers/provider.ts';
import { NOW, SECRETS } from '../support/fixtures/failures/row.ts';
import { expectCleanCause, expectSound } from '../support/sound-failure.ts';

const RUNS = { numRuns: 300 };
/** On a machine that others use, too. */
const AT_LEISURE = { timeout: 60_000 };
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const run = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), minLength, maxLength });

/** Keys as providers hand them out, and what people write into prompts. */
const secret = fc.oneof(
  fc.constantFrom(...Object.values(SECRETS)),
  run(`${LETTERS}0123456789`, 20, 48).map((text) => `sk-proj-${text}`),
  run(`${LETTERS}0123456789_-`, 30, 40).map((text) => `AIza${text}`),
  run('0123456789abcdef', 32, 64),
  run(`${LETTERS}0123456789+/`, 24, 80).map((text) => `${text}==`),
  fc.emailAddress(),
  run('0123456789', 10, 19),
);

/** Where servers have been seen to put words, and a few where nobody has. */
const NAMES = [
  'code',
  'type',
  'status',
  'message',
  'param',
  'reason',
  'error_type',
  'detail',
  'raw',
  'msg',
  'limit_source',
];
const KNOWN = [
  'insufficient_quota',
  'context_length_exceeded',
  'rate_limit_exceeded',
  'overloaded_error',
  'RESOURCE_EXHAUSTED',
  'You will regain access on 2026-12-01 at 00:00 UTC.',
  'Please try again in 6m0s.',
  '46s',
  '429',
];

/** A JSON error of random shape, with the secret in random places. */
function errorAround(planted: string): fc.Arbitrary<unknown> {
  const word = fc.oneof(
    fc.constantFrom(...KNOWN),
    fc.constant(planted),
    fc.constant(`Incorrect API key provided: ${planted}. You can find your API key at https://example.org.`),
    fc.constant(`${planted} tokens`),
    fc.string(),
  );
  const leaf = fc.oneof(word, fc.integer({ min: -1, max: 1_000 }), fc.double(), fc.boolean(), fc.constant(null));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(...NAMES, 'error', 'errors', 'metadata', 'details', 'availability', 'retryable', 'retry_after'),
        tie('tree'),
      ),
    ),
  }));
  return tree;
}

const headerValue = fc.option(
  fc.oneof(fc.string(), fc.array(fc.string(), { maxLength: 3 }), fc.constantFrom('7', '1.5', 'true', 'false', '0')),
  { nil: undefined },
);
const headers: fc.Arbitrary<HttpHeaders> = fc.oneof(
  fc.dictionary(fc.string(), headerValue),
  fc.record(
    {
      'retry-after': headerValue,
      'retry-after-ms': headerValue,
      'x-should-retry': headerValue,
      'x-amzn-errortype': headerValue,
      'x-ratelimit-reset': headerValue,
    },
    { requiredKeys: [] },
  ),
);

function expectSafe(error: GatewayError, planted: string): void {
  expectSound(error, [planted]);
  expectCleanCause(error, [planted]);
}

function fail(): never {
  throw new Error('touched');
}

describe('noise', AT_LEISURE, () => {
  test('any status, any bytes and any headers are one error', () => {
    const body = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.json());
    const now = fc.oneof(fc.constant(NOW), fc.integer({ min: 0 }));
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), body, headers, now, (status, text, given, at) => {
        expectSound(failureOfAnswer('upstream', { status, headers: { ...given }, text }, at));
      }),
      RUNS,
    );
  });

  test('a secret in an answer shows up nowhere, wherever it stands', () => {
    const planted = secret.chain((text) => fc.tuple(fc.constant(text), errorAround(text)));
    const cut = fc.option(fc.nat(), { nil: undefined });
    fc.assert(
      fc.property(
        planted,
        fc.constantFrom(200, 400, 401, 403, 413, 422, 429, 500, 503),
        cut,
        ([text, tree], status, at) => {
          const sent = (JSON.stringify({ error: tree }) ?? '').slice(0, at);
          expectSafe(failureOfAnswer('upstream', { status, headers: {}, text: sent }, NOW), text);
          expectSafe(failureOfAnswer('upstream', { status, headers: {}, text: `Sorry: ${text}` }, NOW), text);
          expectSafe(failureInBody('upstream', tree), text);
        },
      ),
      RUNS,
    );
  });

  test('any error inside a 200 is one error', () => {
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true });
    fc.assert(
      fc.property(anything, (inside) => expectSound(failureInBody('upstream', inside))),
      RUNS,
    );
  });

  test('any thrown value is one error', () => {
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true, withMap: true });
    fc.assert(
      fc.property(anything, (thrown) => expectSound(failureOfThrown('upstream', thrown))),
      RUNS,
    );
  });

  test('proxies that throw at every touch are one error', () => {
    const hostile = new Proxy(
      {},
      { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail, getOwnPropertyDescriptor: fail },
    );
    for (const inside of [hostile, { error: hostile }, [hostile], { metadata: hostile, details: [hostile] }]) {
      expectSound(failureInBody('upstream', inside));
    }
    const answer = { status: 429, headers: hostile as HttpHeaders, text: '{}' };
    expect(failureOfAnswer('upstream', answer, NOW).code).toBe('PROVIDER_RATE_LIMITED');
  });
});

describe('a body that is made to be slow', () => {
  const MEGABYTES_16 = 16 * 1_048_576;
  test.each([
    ['a sentence of 16 MB', JSON.stringify({ error: { message: 'max_tokens '.repeat(MEGABYTES_16 / 11) } })],
    ['16 MB of spaces', ' '.repeat(MEGABYTES_16)],
    ['16 MB of brackets', '['.repeat(MEGABYTES_16)],
    ['as many as are looked at', '['.repeat(32_000) + ']'.repeat(32_000)],
    ['objects in objects', '{"error":'.repeat(6_000) + '1' + '}'.repeat(6_000)],
    [
      'an object with everything twice',
      JSON.stringify({ error: [{ error: ['a', { detail: 'b' }] }], errors: [[[[]]]] }),
    ],
    [
      'words that nearly fit',
      JSON.stringify({ message: 'model '.repeat(700) + 'try again retry in 1 2 3 4 5 in after in' }),
    ],
    ['labels without an end', `{${'"code":"a",'.repeat(5_000)}`],
    ['letters and digits', JSON.stringify({ code: 'aA1'.repeat(20_000), message: '1a'.repeat(2_000) })],
  ])('%s is judged at once', (_name, text) => {
    const startedAt = performance.now();
    for (const status of [400, 413, 429, 503]) {
      expectSound(failureOfAnswer('upstream', { status, headers: { 'retry-after': '1'.repeat(16_000) }, text }, NOW));
    }
    // Some 5 ms; others may hold the processor meanwhile.
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
});
