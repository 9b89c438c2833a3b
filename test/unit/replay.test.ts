import { describe, expect, it } from 'vitest';
import { createReplay, createTaskReader, type RecordedRow, trainTextModel } from '../../src/router/index.ts';

const MODELS = {
  'Cheap Model (v1)': { input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4 },
  'dear/model': { input_usd_per_mtok: 10, output_usd_per_mtok: 40 },
};
const [CHEAP, DEAR] = ['Cheap Model (v1)', 'dear/model'];

/** The cheap one is as good at sums and bad at law. */
const rows: RecordedRow[] = Array.from({ length: 2_000 }, (_, index) => {
  const isSum = index % 2 === 0;
  const right = index % 7 === 0 ? 0 : 1;
  return {
    id: `row-${index}`,
    task: isSum ? 'sums' : 'law',
    prompt: isSum
      ? `What is ${index} plus ${index + 7}?`
      : `May a tenant sublet flat number ${index}? Cite the statute.`,
    outcomes: {
      [CHEAP]: {
        score: isSum ? Number(index % 20 > 0) : Number(index % 4 === 1),
        input_tokens: 20,
        output_tokens: 50,
        latency_ms: 300,
      },
      [DEAR]: { score: right, input_tokens: 20, output_tokens: 100, latency_ms: 2_000 },
    },
  };
});

const sum = { id: 'new-1', task: 'sums', prompt: 'What is 3 plus 4?' };
const law = { id: 'new-2', task: 'law', prompt: 'May a landlord enter a flat? Cite the statute.' };

const replay = createReplay(rows, MODELS);
const lawAt = (aim: { answerValueUsd: number; maxLatencyMs?: number; maxCostUsd?: number }) =>
  replay.decide(law, aim)?.model;

describe('a replay', () => {
  it('takes the cheapest model that is not worse than the best single one, task by task', () => {
    expect(replay.decide(sum, { objective: 'cost' })?.model).toBe(CHEAP);
    expect(replay.decide(law, { objective: 'cost' })?.model).toBe(DEAR);
  });

  it('tells the chain and what is expected, by the names of the recording', () => {
    const decision = replay.decide(law, { objective: 'quality' });
    expect(decision).toMatchObject({ id: 'new-2', model: DEAR, chain: [DEAR, CHEAP] });
    expect(decision?.predicted.score).toBeCloseTo(6 / 7, 1);
    // 20 prompt tokens at $10 and 100 of answer at $40 per million.
    expect(decision?.predicted.cost_usd).toBeCloseTo(0.0042, 3);
  });

  it('goes from the cheapest to the best as an answer is worth more, within limits', () => {
    expect(lawAt({ answerValueUsd: 0.000_001 })).toBe(CHEAP);
    expect(lawAt({ answerValueUsd: 1 })).toBe(DEAR);
    expect(lawAt({ answerValueUsd: 1, maxLatencyMs: 1_000 })).toBe(CHEAP);
    expect(lawAt({ answerValueUsd: 1, maxCostUsd: 0.001 })).toBe(CHEAP);
    expect(lawAt({ answerValueUsd: 1, maxCostUsd: 0.000_000_1 })).toBeUndefined();
  });

  it('reads the task from the prompt where a row tells none', () => {
    const reader = createTaskReader(trainTextModel(rows.map(({ prompt, task = '' }) => ({ text: prompt, task }))));
    const reading = createReplay(rows, MODELS, { reader });
    expect(reading.decide({ id: 'a', prompt: 'What is 51 plus 12?' }, { objective: 'cost' })?.model).toBe(CHEAP);
    expect(reading.decide({ id: 'b', prompt: law.prompt }, { objective: 'cost' })?.model).toBe(DEAR);
    expect(replay.decide({ id: 'c', prompt: 'What is 51 plus 12?' }, { objective: 'cost' })?.model).toBe(DEAR);
  });

  it('finds prices that fit what calls cost where none is listed', () => {
    const priced = rows.map((row, index) => ({
      ...row,
      prompt: `${row.prompt} ${'word '.repeat(index % 50)}`,
      outcomes: {
        [CHEAP]: { score: 1, cost_usd: 0.000_01 + (index % 50) * 0.000_000_1 },
        [DEAR]: { score: 1, cost_usd: 0.001 + (index % 50) * 0.000_01 },
      },
    }));
    const fitted = createReplay(priced, { [CHEAP]: {}, [DEAR]: {} });
    const short = fitted.decide({ ...sum, prompt: sum.prompt }, { answerValueUsd: 1_000 });
    const long = fitted.decide({ ...sum, prompt: `${sum.prompt} ${'word '.repeat(50)}` }, { answerValueUsd: 1_000 });
    expect(long?.predicted.cost_usd).toBeGreaterThan((short?.predicted.cost_usd ?? 0) * 1.2);
    expect(fitted.decide(sum, { objective: 'cost' })?.model).toBe(CHEAP);
  });

  it('takes costs that are always the same, or nothing, as they are', () => {
    for (const costUsd of [0.1 + 0.2, 1e-6, 0]) {
      const flat = rows.map((row, index) => ({
        ...row,
        prompt: `${row.prompt} ${'word '.repeat(index % 50)}`,
        outcomes: { [CHEAP]: { score: 1, cost_usd: costUsd }, [DEAR]: { score: 1, cost_usd: 2 * costUsd } },
      }));
      const decision = createReplay(flat, { [CHEAP]: {}, [DEAR]: {} }).decide(sum, { objective: 'cost' });
      expect(decision?.model).toBe(CHEAP);
      expect(decision?.predicted.cost_usd).toBeLessThanOrEqual(costUsd * 1.5);
    }
  });

  it('does not rely on a model that has a handful of rows', () => {
    const thin = rows.map((row, index) =>
      index < 6 ? row : { ...row, outcomes: { [DEAR]: row.outcomes[DEAR] as RecordedRow['outcomes'][string] } },
    );
    expect(createReplay(thin, MODELS).decide(sum, { objective: 'cost' })?.model).toBe(DEAR);
  });
});
