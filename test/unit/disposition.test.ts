import { describe, expect, test } from 'vitest';
import { DISPOSITIONS, type ErrorCode, GatewayError, InputError, toGatewayError } from '../../src/domain/errors.ts';

const codes = Object.keys(DISPOSITIONS) as ErrorCode[];

describe('what is done after an error', () => {
  test.each(codes)('%s has a disposition, and its error knows it', (code) => {
    const error = new GatewayError(code, 'message');
    expect(['next-model', 'other-provider', 'larger-context', 'defer', 'reject']).toContain(error.disposition);
    expect(error.disposition).toBe(DISPOSITIONS[code]);
  });

  test('what the job itself is to blame for is never tried again, and never what another model could do', () => {
    expect(codes.filter((code) => DISPOSITIONS[code] === 'reject').sort()).toEqual([
      'BUDGET_EXCEEDED',
      'CANCELLED',
      'CHAIN_EXHAUSTED',
      'DEADLINE_EXCEEDED',
      'INTERNAL',
      'JOB_INVALID',
      'NO_ELIGIBLE_MODEL',
      'REQUEST_REJECTED',
    ]);
  });

  test('a key that is refused or empty leads away from its provider', () => {
    expect(codes.filter((code) => DISPOSITIONS[code] === 'other-provider').sort()).toEqual([
      'PROVIDER_AUTH',
      'PROVIDER_QUOTA',
    ]);
  });
});

describe('a value that somebody threw', () => {
  test('keeps its cause and shows nothing of its text', () => {
    const secret = new TypeError('prompt and sk-key');
    const error = toGatewayError(secret);
    expect(error).toMatchObject({ code: 'INTERNAL', cause: secret, details: {} });
    expect(error.message).toBe('unexpected TypeError; run with --debug for the stack');
  });

  test.each<unknown>([undefined, null, 'sk-key', 7, { message: 'sk-key' }, Symbol('sk-key'), () => 'sk-key'])(
    'is one error: %o',
    (thrown) => {
      expect(toGatewayError(thrown).message).not.toContain('sk-key');
      expect(toGatewayError(thrown).code).toBe('INTERNAL');
    },
  );

  test('is left alone when it is ours', () => {
    const error = new GatewayError('CANCELLED', 'cancelled');
    expect(toGatewayError(error)).toBe(error);
  });
});

test('bad input is one line a problem', () => {
  const error = new InputError(['a: bad', 'b: worse'], 3);
  expect(error).toMatchObject({ message: 'a: bad\nb: worse', problems: ['a: bad', 'b: worse'], exitCode: 3 });
  expect(new InputError('a: bad')).toMatchObject({ problems: ['a: bad'], exitCode: 2 });
});
