import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readClosedGate, summariseGates } from '../../src/store/gates/closed.ts';
import { gateNames, partsOf } from '../../src/store/gates/names.ts';

const name = fc.stringMatching(/^[A-Za-z0-9][\w.:/@-]{0,12}$/);
const model = fc.stringMatching(/^[\w.:/@#| -]{1,20}$/);

describe('the names of gates', () => {
  test('tell what the gates stand in front of', () => {
    fc.assert(
      fc.property(name, name, model, (provider, key, model) => {
        const names = gateNames(provider, key, model);
        expect(partsOf(names.circuit)).toEqual({ provider, model });
        expect(partsOf(names.key)).toEqual({ provider, key });
        expect(partsOf(names.pair)).toEqual({ provider, key, model });
      }),
    );
  });

  test('have no line breaks or tabs', () => {
    expect(gateNames('a', 'b', 'x\ny\tz').pair).toBe('a#b|x y z');
  });
});

const gate = (untilMs: number, reason: 'circuit' | 'key' | 'throttled') => ({ untilMs, sinceMs: 1, reason });

describe('what closed gates mean for a model', () => {
  const models = [{ alias: 'small', provider: 'p', id: 'm', keys: ['a', 'b'] }];
  const summarise = (closed: Record<string, ReturnType<typeof gate>>) =>
    summariseGates(models, new Map(Object.entries(closed)), 1_000);

  test.each([
    { closed: {}, closedUntil: undefined, throttledUntil: undefined },
    { closed: { 'p|m': gate(2_000, 'circuit') }, closedUntil: 2_000, throttledUntil: undefined },
    { closed: { 'p|m': gate(999, 'circuit') }, closedUntil: undefined, throttledUntil: undefined },
    { closed: { 'p|other': gate(2_000, 'circuit') }, closedUntil: undefined, throttledUntil: undefined },
    { closed: { 'p#a': gate(2_000, 'key') }, closedUntil: undefined, throttledUntil: undefined },
    { closed: { 'p#a': gate(2_000, 'key'), 'p#b': gate(3_000, 'key') }, closedUntil: 2_000, throttledUntil: undefined },
    { closed: { 'p#a|m': gate(2_000, 'throttled') }, closedUntil: undefined, throttledUntil: undefined },
    {
      closed: { 'p#a|m': gate(3_000, 'throttled'), 'p#b|m': gate(2_000, 'throttled') },
      closedUntil: undefined,
      throttledUntil: 2_000,
    },
    {
      closed: { 'p#a': gate(2_000, 'key'), 'p#b|m': gate(3_000, 'throttled') },
      closedUntil: undefined,
      throttledUntil: 3_000,
    },
    {
      closed: { 'p|m': gate(2_000, 'circuit'), 'p#a': gate(4_000, 'key'), 'p#b': gate(5_000, 'key') },
      closedUntil: 4_000,
      throttledUntil: undefined,
    },
  ] as const)('$closed', ({ closed, closedUntil, throttledUntil }) => {
    const summary = summarise(closed);
    expect(summary.closedUntil.get('small')).toBe(closedUntil);
    expect(summary.throttledUntil.get('small')).toBe(throttledUntil);
    expect(summary.closedFor.has('small')).toBe(closedUntil !== undefined || throttledUntil !== undefined);
  });

  test('the reason is read as it was written', () => {
    expect(readClosedGate('2000:1000:key:PROVIDER_AUTH')).toEqual({
      untilMs: 2_000,
      sinceMs: 1_000,
      reason: 'key',
      code: 'PROVIDER_AUTH',
    });
    expect(readClosedGate('2000:1000:throttled:')).toEqual({ untilMs: 2_000, sinceMs: 1_000, reason: 'throttled' });
  });
});
