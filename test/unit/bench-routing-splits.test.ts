import { describe, expect, it } from 'vitest';
import type { Training } from '../../bench/routing/baselines.ts';
import { type Dataset, datasetOf } from '../../bench/routing/data.ts';
import { neighboursOf } from '../../bench/routing/neighbours.ts';
import { answerValuesFor, askedOf, routerOf } from '../../bench/routing/policies.ts';
import { splitOf } from '../../bench/routing/splits.ts';
import { thinned } from '../../bench/routing/thinning.ts';

/** Every prompt stands twice, under different ids. */
function twins(texts: number): Dataset {
  const rows = Array.from({ length: 2 * texts }, (_, index) => {
    const text = index % texts;
    const score = (model: number): number => Number((text * 7 + model * 3) % 10 < 4 + model);
    return {
      id: `row-${index}`,
      task: text % 3 === 0 ? 'sums' : 'verse',
      prompt: `prompt ${text} ${'word '.repeat(text % 5)}`,
      outcomes: {
        small: { score: score(0), input_tokens: 20 + text, output_tokens: 30 },
        medium: { score: score(2), input_tokens: 20 + text, output_tokens: 40 },
        large: { score: score(4), input_tokens: 20 + text, output_tokens: 50 },
      },
    };
  });
  return datasetOf('twins', { small: price(0.1), medium: price(1), large: price(5) }, rows);
}

function price(usd: number): { input_usd_per_mtok: number; output_usd_per_mtok: number } {
  return { input_usd_per_mtok: usd, output_usd_per_mtok: 4 * usd };
}

function trainingOf({ rows, outcomes }: Dataset, numbers: readonly number[]): Training {
  return { numbers, rows: numbers.flatMap((number) => rows[number] ?? []), outcomes };
}

describe('a split', () => {
  const dataset = twins(2_000);
  const textsOf = (part: readonly number[]): Set<string> => new Set(part.map((row) => dataset.rows[row]?.prompt ?? ''));

  it('has no text on two sides, and every row on one', () => {
    for (const salt of ['a', 'b', 'c']) {
      const { train, dev, test } = splitOf(dataset, salt);
      const [learnt, tuned, judged] = [textsOf(train), textsOf(dev), textsOf(test)];
      expect(new Set([...learnt, ...tuned, ...judged]).size).toBe(learnt.size + tuned.size + judged.size);
      expect([...train, ...dev, ...test].toSorted((a, b) => a - b)).toEqual([...dataset.rows.keys()]);
    }
  });

  it('has about 60, 20 and 20 of a hundred rows', () => {
    const { train, dev, test } = splitOf(dataset, 'a');
    const shares = [train, dev, test].map((part) => part.length / dataset.rows.length);
    [0.6, 0.2, 0.2].forEach((share, index) => expect(Math.abs((shares[index] ?? 0) - share)).toBeLessThan(0.03));
  });

  it('is the same for the same salt, and another for another', () => {
    expect(splitOf(dataset, 'a')).toEqual(splitOf(dataset, 'a'));
    expect(splitOf(dataset, 'a').test).not.toEqual(splitOf(dataset, 'b').test);
  });

  it('judges on the rows that were given for it, and on no other', () => {
    const { train, dev, test, relearns } = splitOf({ ...dataset, judgedFrom: 3_000 }, 'a');
    expect(test).toEqual(Array.from({ length: 1_000 }, (_, index) => 3_000 + index));
    expect(train.length + dev.length).toBe(3_000);
    expect(relearns).toBe(true);
  });
});

it('keeps fifty rows of every third model, and all of the others', () => {
  const dataset = twins(200);
  const full = trainingOf(dataset, [...dataset.rows.keys()]);
  const { training, isThin } = thinned(dataset, full, 'salt');
  const known = dataset.aliases.map(
    (alias) => training.rows.filter(({ outcomes }) => Object.hasOwn(outcomes, alias)).length,
  );
  expect(known).toEqual(isThin.map((thin) => (thin ? 50 : 400)));
  expect(training.outcomes.scores.filter((score) => Number.isNaN(score))).toHaveLength(350);
  expect(full.outcomes.scores.some((score) => Number.isNaN(score))).toBe(false);
});

it('finds by halves what the router chooses at every value of an answer', () => {
  const dataset = twins(100);
  const values = answerValuesFor([0.00001, 0.0001, 0.001]);
  const options = { answerValuesUsd: values, readsTasks: false };
  const router = routerOf(dataset, trainingOf(dataset, [...dataset.rows.keys()]), askedOf(dataset, true), options);
  const part = [0, 1, 2, 50, 99];
  const asked = values.map((answerValueUsd) => part.map((row) => router.choose(row, { answerValueUsd })));
  const swept = router.policy.sweep(part).map((choices) => [...choices]);
  expect(swept).toEqual(asked);
  expect(new Set(swept.flat()).size).toBeGreaterThan(1);
});

it('finds the texts that have the same rare words, and never the text itself', () => {
  const texts = ['red fox', 'blue whale sings', 'the red fox runs', 'whale songs', 'nothing alike'];
  const nearest = neighboursOf(texts);
  expect([...nearest(0)]).toEqual([2]);
  expect([...nearest(1)]).toEqual([3]);
  expect([...nearest(4)]).toEqual([]);
  expect([...neighboursOf(texts, 2)(2)]).toEqual([0]);
});
