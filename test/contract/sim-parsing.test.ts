import { describe, expect, test } from 'vitest';
import { parseAnswers } from '../../src/sim/answers.ts';
import { parseFaultRule } from '../../src/sim/faults.ts';
import { drawNormal, drawUnit, hashText } from '../../src/sim/hash.ts';
import { costNanosOf } from '../../src/sim/ledger.ts';
import { createPlanner } from '../../src/sim/model.ts';
import { parseProfiles } from '../../src/sim/profiles.ts';

describe('fault rules', () => {
  test.each([
    ['sim/small-1=503:0.2', { model: 'sim/small-1', kind: 503, rate: 0.2 }],
    ['*=429:0.05,retry_after=1', { model: '*', kind: 429, rate: 0.05, retryAfterSeconds: 1 }],
    ['sim/large=reset:1,first=10', { model: 'sim/large', kind: 'reset', rate: 1, first: 10 }],
    ['sim/*=timeout', { model: 'sim/*', kind: 'timeout', rate: 1 }],
    ['*=slow:0.1,delay_ms=200', { model: '*', kind: 'slow', rate: 0.1, delayMs: 200 }],
    ['*=drip,delay_ms=20', { model: '*', kind: 'drip', rate: 1, delayMs: 20 }],
    ['*=stall:0.5', { model: '*', kind: 'stall', rate: 0.5 }],
  ])('%s is read', (text, rule) => {
    expect(parseFaultRule(text)).toEqual(rule);
  });

  test.each([
    ['', 'no model'],
    ['=503', 'no model'],
    ['sim/a=nonsense', 'unknown kind "nonsense"'],
    ['sim/a=200', 'unknown kind "200"'],
    ['sim/a=503:1.5', 'rate "1.5"'],
    ['sim/a=503:x', 'rate "x"'],
    ['sim/a=503:0.1:0.2', 'rate "0.1:0.2"'],
    ['sim/a=503,first=1.5', 'setting "first=1.5"'],
    ['sim/a=reset,retry_after=1', 'setting "retry_after=1"'],
    ['sim/a=503,delay_ms=1', 'setting "delay_ms=1"'],
    ['sim/a=stall,delay_ms=1', 'setting "delay_ms=1"'],
    ['sim/a=503,', 'setting ""'],
  ])('"%s" is refused with one line that names the forms', (text, reason) => {
    expect(() => parseFaultRule(text)).toThrow(`fault "${text}": ${reason}; write MODEL=KIND[:RATE]`);
  });
});

describe('answers', () => {
  test('are found by the trimmed prompt', () => {
    const line = JSON.stringify({ prompt: ' 1+1? ', task: 'simple', answer: '2', wrong: '3' });
    expect(parseAnswers([line, '']).get('1+1?')).toEqual({ task: 'simple', answer: '2', wrong: '3' });
  });

  const good = JSON.stringify({ prompt: 'x', task: 'simple', answer: '2', wrong: '3' });
  test.each([
    ['not JSON', [good, '{'], 'answers line 2: not JSON'],
    ['a missing field', ['{"prompt":"x","task":"t","answer":"a"}'], 'answers line 1: wrong: '],
    ['a prompt twice', [good, '', good], 'answers line 3: this prompt has an answer already'],
  ])('%s is told with its line', (_name, lines, message) => {
    expect(() => parseAnswers(lines)).toThrow(message);
  });
});

describe('profiles', () => {
  const latency = { p50_ms: 100, p95_ms: 300 };
  const price = { input: 1, output: 2 };

  test.each([
    ['nothing', {}, 'model profiles: names no model'],
    [
      'p95 below p50',
      { m: { price, latency: { p50_ms: 2, p95_ms: 1 } } },
      'model profiles["m"]["latency"]["p95_ms"]: ',
    ],
    ['an unknown key', { m: { price, latency, speed: 1 } }, 'model profiles["m"]: '],
    [
      'a skill above 1',
      { m: { price, latency, skill: { default: 1, coding: 2 } } },
      'model profiles["m"]["skill"]["coding"]: ',
    ],
  ])('%s is refused with its path', (_name, input, message) => {
    expect(() => parseProfiles(input)).toThrow(message);
  });

  test('latencies run through their two points', () => {
    const profiles = parseProfiles({ m: { price, latency } });
    const plan = createPlanner({ seed: 1, profiles, answers: new Map(), pickFault: () => undefined });
    const latencies = Array.from({ length: 4_000 }, (_, index) => {
      const found = plan({ model: 'm', messages: [{ role: 'user', content: `q${index}` }] });
      return found?.latencyMs ?? Number.NaN;
    }).sort((a, b) => a - b);
    expect(latencies[2_000]).toBeGreaterThan(94);
    expect(latencies[2_000]).toBeLessThan(106);
    expect(latencies[3_800]).toBeGreaterThan(275);
    expect(latencies[3_800]).toBeLessThan(325);
  });
});

test('a bill is exact for prices below a nano-dollar a token', () => {
  expect(costNanosOf({ input: 0.0375, output: 0.15 }, 2, 1)).toBe(225);
  expect(costNanosOf({ input: 0.0375, output: 0 }, 1, 0)).toBe(38);
  expect(costNanosOf({ input: 0.1, output: 0.2 }, 3, 3)).toBe(900);
});

test('draws are even and hashes do not collide', () => {
  const hashes = Array.from({ length: 20_000 }, (_, index) => hashText(`prompt ${index}`, 42));
  expect(new Set(hashes).size).toBe(hashes.length);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const hash of hashes) {
    const tenth = Math.floor(drawUnit(hash, 'fault') * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
  const mean = hashes.reduce((sum, hash) => sum + drawNormal(hash, 'latency'), 0) / hashes.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
});
