import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Decision, fitDecision, LONGEST_DECISION, MOST_CONSIDERED } from '../../src/domain/decision.ts';
import { UsageRecord } from '../../src/domain/usage.ts';
import { createRouter, decisionOf } from '../../src/router/index.ts';
import { configOf, knowledgeWith, MODELS, questionWith } from './router-fixture.ts';

const router = createRouter(configOf());

function decide(changes: Parameters<typeof questionWith>[0] = {}, costPressure = 1): Decision {
  const question = questionWith(changes);
  return decisionOf(router.route(question, knowledgeWith()), question, { costPressure });
}

describe('a decision', () => {
  test('tells who was considered, with what was expected of each, and who was chosen', () => {
    const { candidates, chosen, why, strategy, task } = decide({ strategy: 'task' });
    expect({ chosen, why, strategy, task }).toEqual({ chosen: 'big', why: 'best', strategy: 'task', task: 'coding' });
    expect(candidates.map(([alias]) => alias)).toEqual(['big', 'mid', 'nano']);
    const [[, score, deviation, costUsd, latencyMs] = []] = candidates;
    expect(score).toBeCloseTo(0.9, 1);
    expect(deviation).toBeGreaterThanOrEqual(0);
    expect(costUsd).toBeGreaterThan(0.005);
    expect(latencyMs).toBe(3_000);
  });

  test('counts who was left out by reason, with some of their names', () => {
    const { filters, candidates } = decide({ needs: ['vision'] });
    expect(candidates.map(([alias]) => alias)).toEqual(['mid']);
    expect(filters).toEqual({ capability: [2, 'big', 'nano'] });
  });

  test('says why it is this one', () => {
    expect(decide().why).toBe('best');
    expect(decide({ needs: ['vision'] }).why).toBe('only');
    expect(decide({ tried: ['big'] }).why).toBe('fallback');
  });

  test('tells a pressure on cost only where there is one', () => {
    expect(decide()).not.toHaveProperty('pressure');
    expect(decide({}, 2.34567).pressure).toBe(2.346);
  });

  test('is what its shape says', () => {
    expect(Decision.parse(decide())).toEqual(decide());
  });
});

const longName = fc.stringMatching(/^[a-z][a-z0-9.:/@-]{0,120}$/);

test('is never longer than it may be, however many models there are and whatever they are called', () => {
  const names = fc.uniqueArray(longName, { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(names, longName, fc.integer({ min: 0, max: 59 }), (aliases, task, tried) => {
      const models = Object.fromEntries(
        aliases.map((alias) => [alias, { ...MODELS['mid'], provider: 'east', id: alias }]),
      );
      const many = createRouter(configOf({ models, tasks: { coding: {}, [task]: {} } }));
      const question = questionWith({ task, tried: aliases.slice(0, Math.min(tried, aliases.length - 1)) });
      const decision = decisionOf(many.route(question, knowledgeWith()), question, { costPressure: 1 / 3 });
      expect(JSON.stringify(decision).length).toBeLessThanOrEqual(LONGEST_DECISION);
      expect(decision.candidates.length).toBeGreaterThan(0);
      expect(decision.candidates.length).toBeLessThanOrEqual(MOST_CONSIDERED);
    }),
    { numRuns: 100 },
  );
});

const name = (letter: string): string => letter.repeat(48);

test('with everything there is to tell at its longest, the last candidates are left out, and never the first', () => {
  const reasons = ['not-allowed', 'unpriced', 'tried', 'provider-avoided', 'capability', 'untranslatable', 'tier'];
  const others = ['context-not-larger', 'context', 'cost', 'latency', 'benched'];
  const fitted = fitDecision({
    task: name('t'),
    guess: [name('g'), 0.123],
    strategy: 'round-robin',
    candidates: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => [
      name(letter),
      0.123,
      0.456,
      999.123456789,
      3_600_000,
    ]),
    filters: Object.fromEntries([...reasons, ...others].map((reason) => [reason, [9_999, name('x'), name('y')]])),
    chosen: name('a'),
    why: 'explored',
    floor: [0.123, name('b')],
    relaxed: 'relax-latency',
    tier: 'medium',
    variant: name('v'),
    pressure: 15.999,
  });
  expect(JSON.stringify(fitted).length).toBeLessThanOrEqual(LONGEST_DECISION);
  expect(fitted.candidates[0]?.[0]).toBe(name('a'));
  expect(fitted.filters?.['benched']).toEqual([9_999]);
});

describe('a usage record', () => {
  const record = {
    v: 1,
    attempt_id: 'j:1',
    job_id: 'j',
    outcome: 'completed',
    task: null,
    lane: 'batch',
    account: 'default',
    model: 'mid',
    provider: 'west',
    model_id: 'vendor/mid',
    input_tokens: 1,
    output_tokens: 1,
    cost_nanos: 1,
    price_source: 'config',
    latency_ms: 1,
    queue_ms: 1,
    at: 1,
  };

  test('keeps the decision', () => {
    expect(UsageRecord.parse({ ...record, decision: decide() }).decision).toEqual(decide());
  });
  test('counts although its decision is of a version that nobody knows', () => {
    expect(UsageRecord.parse({ ...record, decision: { candidates: 'other' } })).toMatchObject({ cost_nanos: 1 });
    expect(UsageRecord.parse(record).decision).toBeUndefined();
  });
});
