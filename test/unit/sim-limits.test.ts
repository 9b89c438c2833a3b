import { describe, expect, test } from 'vitest';
import { createLimiter } from '../../src/sim/limits.ts';
import { parseProfiles } from '../../src/sim/profiles.ts';

const MODEL = { price: { input: 1, output: 1 }, latency: { p50_ms: 0, p95_ms: 0 } };

function limiterOf(limits: object) {
  return createLimiter(parseProfiles({ m: { ...MODEL, limits } }));
}

describe('the limits of a simulated model', () => {
  test('let in what the limit allows and not more, however hard it is pressed', () => {
    const limiter = limiterOf({ requests_per_minute: 600, burst_seconds: 1 });
    let entered = 0;
    for (let now = 0; now < 10_000; now += 5) {
      if (limiter.enter('m', 'key', 1, now).retryAfterSeconds === undefined) entered += 1;
    }
    // Ten a second for ten seconds, and the ten that may come at once at the start.
    expect(entered).toBeGreaterThanOrEqual(108);
    expect(entered).toBeLessThanOrEqual(110);
  });

  test('say when to come back, and mean it', () => {
    const limiter = limiterOf({ requests_per_minute: 60, burst_seconds: 1 });
    expect(limiter.enter('m', 'key', 1, 0).retryAfterSeconds).toBeUndefined();
    const refused = limiter.enter('m', 'key', 1, 250);
    expect(refused.retryAfterSeconds).toBeCloseTo(0.75);
    expect(limiter.enter('m', 'key', 1, 1_000).retryAfterSeconds).toBeUndefined();
  });

  test('count tokens as well, and each key by itself', () => {
    const limiter = limiterOf({ tokens_per_minute: 6_000, burst_seconds: 1 });
    expect(limiter.enter('m', 'one', 100, 0).retryAfterSeconds).toBeUndefined();
    expect(limiter.enter('m', 'one', 50, 0).retryAfterSeconds).toBeCloseTo(0.5);
    expect(limiter.enter('m', 'two', 50, 0).retryAfterSeconds).toBeUndefined();
  });

  test('tell the limit, what is left and when all is there again, as OpenAI does', () => {
    const limiter = limiterOf({ requests_per_minute: 60, burst_seconds: 1 });
    expect(limiter.enter('m', 'key', 1, 0).headers).toEqual({
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-reset-requests': '1000ms',
    });
  });

  test('bound the calls at a time until one has ended', () => {
    const limiter = limiterOf({ concurrency: 1 });
    const first = limiter.enter('m', 'key', 1, 0);
    expect(limiter.enter('m', 'key', 1, 0).retryAfterSeconds).toBe(1);
    first.leave();
    first.leave();
    expect(limiter.enter('m', 'key', 1, 0).retryAfterSeconds).toBeUndefined();
    expect(limiter.enter('m', 'key', 1, 0).retryAfterSeconds).toBe(1);
  });

  test('are none for a model without any', () => {
    const limiter = createLimiter(parseProfiles({ m: MODEL }));
    expect(limiter.enter('m', 'key', 1_000_000, 0)).toMatchObject({ headers: {} });
  });
});
