import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../src/domain/errors.ts';
import { failureOfThrown } from '../../src/providers/failures.ts';
import { AddressRefused, DeadlinePassed } from '../../src/providers/transport/http.ts';
import { SECRETS } from '../support/fixtures/failures/row.ts';
import { expectSound } from '../support/sound-failure.ts';

const withCode = (code: string, more: object = {}): Error => Object.assign(new Error(SECRETS.prompt), { code }, more);

function fail(): never {
  throw new Error('getter');
}

describe('no connection', () => {
  test.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_INVALID_ARG',
    'EADDRNOTAVAIL',
    'EMFILE',
    'EPROTO',
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('%s means that nothing was sent and nothing can be billed', (code) => {
    const error = failureOfThrown('upstream', withCode(code));
    expectSound(error);
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', message: `upstream cannot be reached (${code})` });
    expect(error.details).toEqual({ provider: 'upstream' });
    const wrapped = new Error('fetch failed', { cause: new Error('wrapped', { cause: withCode(code) }) });
    expect(failureOfThrown('upstream', wrapped).message).toBe(error.message);
  });

  test.each(['ETIMEDOUT', 'ECONNRESET', 'EACCES'])('%s while connecting is the same', (code) => {
    const error = failureOfThrown('upstream', withCode(code, { syscall: 'connect' }));
    expect(error.details).toEqual({ provider: 'upstream' });
    expect(failureOfThrown('upstream', withCode(code, { syscall: 'read' })).details.billUnknown).toBe(true);
  });
});

describe('a connection that broke', () => {
  test.each(['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'EPIPE', 'ETIMEDOUT'])(
    '%s leaves the bill unknown',
    (code) => {
      const error = failureOfThrown('upstream', withCode(code));
      expectSound(error);
      expect(error).toMatchObject({
        code: 'PROVIDER_UNREACHABLE',
        details: { provider: 'upstream', billUnknown: true },
      });
      expect(error.message).toBe(`upstream: the connection broke before the answer was complete (${code})`);
    },
  );
});

describe('an answer that nobody can read', () => {
  test.each([
    ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'upstream answered 200 with more than max_response_bytes'],
    ['UND_ERR_HEADERS_OVERFLOW', 'upstream answered with something that is no HTTP (UND_ERR_HEADERS_OVERFLOW)'],
    ['HPE_INVALID_CONSTANT', 'upstream answered with something that is no HTTP (HPE_INVALID_CONSTANT)'],
  ])('%s', (code, message) => {
    const error = failureOfThrown('upstream', withCode(code));
    expectSound(error);
    expect(error).toMatchObject({ code: 'PROVIDER_BAD_RESPONSE', message, details: { billUnknown: true } });
  });
});

describe('our own signals', () => {
  test('keep their meaning', () => {
    const own = new GatewayError('CANCELLED', 'upstream: cancelled');
    expect(failureOfThrown('upstream', own)).toBe(own);
  });

  test('a deadline leaves the bill unknown, unless nothing had been sent', () => {
    expect(failureOfThrown('upstream', new DeadlinePassed(50))).toMatchObject({
      code: 'PROVIDER_TIMEOUT',
      message: 'upstream: no complete answer within 50 ms',
      details: { billUnknown: true },
    });
    const unsent = failureOfThrown('upstream', new DeadlinePassed(50, false));
    expect(unsent.code).toBe('PROVIDER_TIMEOUT');
    expect(unsent.details).toEqual({ provider: 'upstream' });
  });

  test('a refused address was never called, and its name does not fill the screen', () => {
    const refused = failureOfThrown('upstream', new AddressRefused('evil.test', 'a private address'));
    expect(refused).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { provider: 'upstream' } });
    expect(refused.message).toBe('upstream: evil.test resolves to a private address');
    expectSound(failureOfThrown('upstream', new AddressRefused(`${'a'.repeat(400)}.test`, 'a private address')));
  });
});

test('the cause is kept for --debug', () => {
  const thrown = withCode('ECONNRESET');
  expect(failureOfThrown('upstream', thrown).cause).toBe(thrown);
});

test('what cannot even be looked at is still one error', () => {
  const circular = new Error('x');
  circular.cause = circular;
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const hostile: unknown[] = [
    undefined,
    null,
    'text',
    0,
    10n,
    Symbol('x'),
    () => SECRETS.key,
    circular,
    { code: SECRETS.key },
    { code: 429 },
    { code: ['ECONNRESET\n'] },
    Object.defineProperty({}, 'code', { get: fail }),
    Object.defineProperty(new Error('x'), 'cause', { get: fail }),
    new Proxy({}, { get: fail, has: fail, getPrototypeOf: fail, ownKeys: fail, getOwnPropertyDescriptor: fail }),
    revoked.proxy,
    Object.create(null),
  ];
  for (const thrown of hostile) {
    const error = failureOfThrown('upstream', thrown);
    expectSound(error);
    expect(error).toMatchObject({ code: 'PROVIDER_UNREACHABLE', details: { billUnknown: true } });
  }
});
