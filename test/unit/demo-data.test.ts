import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { Expectation, scoreAnswer } from '../../src/domain/expectation.ts';
import { parseAnswers } from '../../src/sim/answers.ts';
import { countTokens } from '../../src/sim/wire.ts';
import { parseProfiles, type SimProfile } from '../../src/sim/profiles.ts';

const Row = z.strictObject({
  id: z.string().regex(/^[a-z]+-\d{3}$/),
  task: z.string(),
  prompt: z.string().optional(),
  messages: z
    .array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }))
    .min(2)
    .optional(),
  max_tokens: z.int(),
  expect: Expectation.optional(),
  max_cost_usd: z.number().positive().optional(),
  max_latency_ms: z.int().positive().optional(),
  user: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
type Row = z.infer<typeof Row>;

function readExample(name: string): string {
  return readFileSync(new URL(`../../examples/demo/${name}`, import.meta.url), 'utf8');
}

function promptOf(row: Row): string {
  return (row.prompt ?? row.messages?.at(-1)?.content ?? '').trim();
}

const rows = readExample('batch.jsonl')
  .trimEnd()
  .split('\n')
  .map((line) => Row.parse(JSON.parse(line)));
const answers = parseAnswers(readExample('answers.jsonl').split('\n'));
const profiles = parseProfiles(parse(readExample('models.yaml')));

/** Model ids, the smallest value first. */
function modelsBy(valueOf: (profile: SimProfile) => number): string[] {
  const values = Object.entries(profiles).map(([model, profile]) => ({ model, value: valueOf(profile) }));
  return values.sort((a, b) => a.value - b.value).map(({ model }) => model);
}

describe('the demo batch', () => {
  test('has enough rows of enough kinds, each with its own id and one way to ask', () => {
    expect(rows.length).toBeGreaterThanOrEqual(160);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(new Set(rows.map(({ task }) => task)).size).toBeGreaterThanOrEqual(7);
    expect(rows.filter((row) => row.expect !== undefined).length).toBeGreaterThanOrEqual(130);
    for (const row of rows) {
      expect(row.id, row.id).toMatch(new RegExp(`^${row.task}-`));
      expect((row.prompt === undefined) !== (row.messages === undefined), row.id).toBe(true);
    }
  });

  test('has one pair of answers for each prompt, and no other', () => {
    expect(new Set(rows.map(promptOf)).size).toBe(rows.length);
    expect(new Set(rows.map(promptOf))).toEqual(new Set(answers.keys()));
    for (const row of rows) expect(answers.get(promptOf(row))?.task, row.id).toBe(row.task);
  });

  test('has answers that fit what is expected, wrong ones that do not, and room for both', () => {
    const bad = rows.filter((row) => {
      const pair = answers.get(promptOf(row));
      if (pair === undefined || pair.answer === pair.wrong) return true;
      if ([pair.answer, pair.wrong].some((text) => countTokens(text.length) > row.max_tokens)) return true;
      if (row.expect === undefined) return false;
      return scoreAnswer(row.expect, pair.answer) !== 1 || scoreAnswer(row.expect, pair.wrong) !== 0;
    });
    expect(bad.map(({ id }) => id)).toEqual([]);
  });
});

describe('the demo models', () => {
  test('have skills for tasks of the batch only', () => {
    const tasks = new Set(['default', ...rows.map(({ task }) => task)]);
    for (const [model, { skill }] of Object.entries(profiles)) {
      for (const task of Object.keys(skill)) expect(tasks, `${model}: ${task}`).toContain(task);
    }
  });

  test('a dearer one is slower, the dearest reasons best, and the coder is the cheapest that codes well', () => {
    const cheapestFirst = modelsBy(({ price }) => price.output);
    expect(modelsBy(({ latency }) => latency.p50_ms)).toEqual(cheapestFirst);
    expect(modelsBy(({ skill }) => skill['reasoning'] ?? 0).at(-1)).toBe(cheapestFirst.at(-1));
    expect(cheapestFirst.find((model) => (profiles[model]?.skill['coding'] ?? 0) >= 0.9)).toBe('sim/coder-1');
  });
});
