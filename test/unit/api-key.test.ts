import { timingSafeEqual } from 'node:crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type ApiKey,
  ApiKeyTerms,
  type StoredApiKey,
  createApiKeyId,
  createSecret,
  digestOfSecret,
  idOfSecret,
  isSecretOf,
  stateOfKey,
} from '../../src/domain/api-key.ts';

vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>();
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) };
});

const NOW = Date.parse('2026-11-22T12:00:00Z');
const id = createApiKeyId();
const secret = createSecret(id);
const key: ApiKey = { id, terms: ApiKeyTerms.parse({ name: 'shop' }), created_at: NOW };
const stored: StoredApiKey = { key, digest: digestOfSecret(secret) };

describe('a secret', () => {
  test('tells its id, and has 256 random bits besides', () => {
    expect(secret).toMatch(/^sk-sluice-[0-9a-f]{12}-[\w-]{43}$/);
    expect(idOfSecret(secret)).toBe(id);
    expect(createSecret(id)).not.toBe(secret);
    expect(createApiKeyId()).not.toBe(id);
  });

  test.each([
    ['nothing', ''],
    ['a key of somebody else', 'sk-proj-abc'],
    ['no random part', `sk-sluice-${id}`],
    ['a character too few', secret.slice(0, -1)],
    ['a character too many', `${secret}A`],
    ['a line break behind it', `${secret}\n`],
    ['an id in capitals', `sk-sluice-${'A'.repeat(12)}-${'a'.repeat(43)}`],
    ['an id that is a pattern', `sk-sluice-${'*'.repeat(12)}-${'a'.repeat(43)}`],
  ])('is not %s', (_, text) => {
    expect(idOfSecret(text)).toBeUndefined();
  });
});

describe('recognising a secret', () => {
  beforeEach(() => {
    vi.mocked(timingSafeEqual).mockClear();
  });

  const other = createSecret(id);
  const rotated = (until: number): StoredApiKey => ({
    key: { ...key, rotated: { at: NOW, previous_until: until } },
    digest: digestOfSecret(other),
    previousDigest: digestOfSecret(secret),
  });

  test.each<[string, StoredApiKey | undefined, string, boolean]>([
    ['the right one', stored, secret, true],
    ['a wrong one', stored, other, false],
    ['one of an unknown key', undefined, secret, false],
    ['what is no secret', stored, '', false],
    ['the new one after a rotation', rotated(NOW + 1), other, true],
    ['the old one in its grace', rotated(NOW + 1), secret, true],
    ['the old one after its grace', rotated(NOW), secret, false],
  ])('takes the same two comparisons: %s', (_, found, given, isRight) => {
    expect(isSecretOf(given, found, NOW)).toBe(isRight);
    expect(timingSafeEqual).toHaveBeenCalledTimes(2);
  });
});

test('a key ends when it is revoked, and at its time', () => {
  const until = (expires_at: number): ApiKey => ({ ...key, terms: { ...key.terms, expires_at } });
  expect(stateOfKey(key, NOW)).toBe('active');
  expect(stateOfKey(until(NOW + 1), NOW)).toBe('active');
  expect(stateOfKey(until(NOW), NOW)).toBe('expired');
  expect(stateOfKey({ ...until(NOW), revoked_at: NOW }, NOW)).toBe('revoked');
});
