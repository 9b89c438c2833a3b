import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ModelSpec } from '../../src/domain/model.ts';
import type { AttemptSummary, JobResult } from '../../src/domain/result.ts';
import { createSummary } from '../../src/domain/summary.ts';
import { createRouter } from '../../src/router/index.ts';
import { Config } from '../../src/domain/config.ts';

const MODELS: readonly ModelSpec[] = createRouter(
  Config.parse({
    providers: { sim: { base_url: 'https://example.com/v1' } },
    models: {
      cheap: { provider: 'sim', id: 'cheap', price: { input: 1, output: 2 } },
      dear: { provider: 'sim', id: 'dear', price: { input: 10, output: 20 } },
    },
  }),
).catalog.models;

function attempt(model: string, outcome: AttemptSummary['outcome'], costNanos = 0): AttemptSummary {
  return { model, provider: 'sim', outcome, cost_nanos: costNanos, latency_ms: 1 };
}

function resultOf(
  attempts: AttemptSummary[],
  more: { task?: string; score?: 0 | 1; code?: 'CHAIN_EXHAUSTED' } = {},
): JobResult {
  const base = {
    v: 1 as const,
    job_id: 'j',
    task: more.task ?? null,
    attempts,
    cost_nanos: attempts.reduce((sum, { cost_nanos }) => sum + cost_nanos, 0),
    total_ms: 1,
    finished_at: 1,
  };
  if (more.code) return { ...base, status: 'failed', error: { code: more.code, message: '' } };
  return {
    ...base,
    status: 'completed',
    model: attempts.at(-1)?.model ?? 'cheap',
    provider: 'sim',
    model_id: 'x',
    completion: { content: 'a', finish_reason: 'stop', usage: { input_tokens: 100, output_tokens: 10 } },
    latency_ms: 1,
    cached: attempts.at(-1)?.outcome === 'cached',
    ...(more.score === undefined ? {} : { score: more.score }),
  };
}

function sum<Line>(lines: readonly Line[], of: (line: Line) => number): number {
  return lines.reduce((total, line) => total + of(line), 0);
}

it('counts rows, attempts and fallbacks, by model and by task', () => {
  const { add, summary } = createSummary(MODELS);
  add(resultOf([attempt('cheap', 'failed'), attempt('dear', 'completed', 700)], { task: 'coding', score: 1 }));
  add(resultOf([attempt('cheap', 'completed', 30)], { task: 'coding', score: 0 }));
  add(resultOf([attempt('cheap', 'cached')]));
  add(resultOf([attempt('cheap', 'unconfirmed', 50)], { code: 'CHAIN_EXHAUSTED' }));
  add(undefined);
  expect(summary()).toEqual({
    rows: 5,
    completed: 3,
    failed: 1,
    open: 1,
    cached: 1,
    attempts: 4,
    fallbacks: 1,
    costNanos: 780,
    byModel: [
      { model: 'cheap', answered: 2, attempts: 3, failedAttempts: 2, costNanos: 80, scored: 1, correct: 0 },
      { model: 'dear', answered: 1, attempts: 1, failedAttempts: 0, costNanos: 700, scored: 1, correct: 1 },
    ],
    byTask: [
      { task: '-', rows: 2, completed: 1, costNanos: 50, scored: 0, correct: 0 },
      { task: 'coding', rows: 2, completed: 2, costNanos: 730, scored: 2, correct: 1 },
    ],
    accuracy: { scored: 2, correct: 1 },
    // Three answers of 100 and 10 tokens at $10 and $20 a million.
    dearest: { model: 'dear', costNanos: 3_600_000 },
    errors: { CHAIN_EXHAUSTED: 1 },
  });
});

it('what it says of the parts adds up to what it says of the whole', () => {
  const outcome = fc.constantFrom('failed' as const, 'unconfirmed' as const);
  const cost = fc.nat(1_000);
  const model = fc.constantFrom('cheap', 'dear');
  const failures = fc.array(fc.tuple(model, outcome, cost), { maxLength: 3 });
  const row = fc.option(
    fc.record({ failures, last: fc.tuple(model, cost), task: fc.constantFrom('a', 'b'), ok: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const { add, summary } = createSummary(MODELS);
      for (const entry of rows) {
        const failed = (entry?.failures ?? []).map(([name, how, nanos]) => attempt(name, how, nanos));
        const last = entry ? attempt(entry.last[0], 'completed', entry.last[1]) : undefined;
        if (!entry || !last) add(undefined);
        else
          add(entry.ok ? resultOf([...failed, last], entry) : resultOf(failed, { ...entry, code: 'CHAIN_EXHAUSTED' }));
      }
      const { byModel, byTask, errors, ...whole } = summary();
      expect(whole.rows).toBe(rows.length);
      expect(whole.completed + whole.failed + whole.open).toBe(rows.length);
      expect(sum(byModel, (line) => line.costNanos)).toBe(whole.costNanos);
      expect(sum(byTask, (line) => line.costNanos)).toBe(whole.costNanos);
      expect(sum(byModel, (line) => line.attempts)).toBe(whole.attempts);
      expect(sum(byModel, (line) => line.answered)).toBe(whole.completed);
      expect(sum(byTask, (line) => line.rows)).toBe(whole.completed + whole.failed);
      expect(sum(Object.values(errors), (count) => count)).toBe(whole.failed);
    }),
  );
});
