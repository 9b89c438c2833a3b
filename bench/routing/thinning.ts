import { createHash } from 'node:crypto';
import type { Training } from './baselines.ts';
import type { Dataset } from './data.ts';
import { shuffled } from './splits.ts';

/** New models: of every third one only a few training rows are known. */

const KEPT_ROWS = 50;
const EVERY = 3;

export type Thinned = { training: Training; isThin: readonly boolean[] };

/** Which third it is depends on the salt, so that the best model is among them as often as any other. */
export function thinned(dataset: Dataset, { numbers, rows, outcomes }: Training, salt: string): Thinned {
  const offset = createHash('sha256').update(salt).digest().readUInt8(0) % EVERY;
  const isThin = dataset.aliases.map((_, model) => model % EVERY === offset);
  const scores = outcomes.scores.slice();
  const costsUsd = outcomes.costsUsd.slice();
  const kept = new Map(rows.map((row, index) => [numbers[index], { ...row, outcomes: { ...row.outcomes } }]));
  dataset.aliases.forEach((alias, model) => {
    if (!isThin[model]) return;
    for (const number of shuffled(numbers, `${salt}/${alias}`).slice(KEPT_ROWS)) {
      scores[number * dataset.aliases.length + model] = Number.NaN;
      costsUsd[number * dataset.aliases.length + model] = Number.NaN;
      delete kept.get(number)?.outcomes[alias];
    }
  });
  return {
    training: {
      numbers,
      rows: numbers.map((number) => kept.get(number)).filter((row) => row !== undefined),
      outcomes: { scores, costsUsd, latenciesMs: outcomes.latenciesMs },
    },
    isThin,
  };
}
