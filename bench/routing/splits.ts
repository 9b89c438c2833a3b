import { createHash } from 'node:crypto';
import type { Dataset } from './data.ts';

/** Row numbers: what is learned from, what the trade-off is chosen on, what is judged. */
export type Split = {
  train: readonly number[];
  dev: readonly number[];
  test: readonly number[];
  /** Whether the dev part is learned from, too, once the trade-off has been chosen. */
  relearns: boolean;
};

const TRAIN_PERCENT = 60;
const DEV_PERCENT = 20;

/** 0..99, the same for the same text: a prompt that occurs twice, under whatever id, is never on two sides. */
function bucketOf(salt: string, prompt: string): number {
  const digest = createHash('sha256').update(salt).update(prompt).digest();
  return digest.readUIntBE(0, 6) % 100;
}

/** 60 % train, 20 % dev, 20 % test, by prompt text; where rows to be judged on were given, 80 % and 20 % of the others. */
export function splitOf({ rows, judgedFrom }: Pick<Dataset, 'rows' | 'judgedFrom'>, salt: string): Split {
  const relearns = judgedFrom < rows.length;
  const train: number[] = [];
  const dev: number[] = [];
  const test: number[] = [];
  rows.forEach(({ prompt }, row) => {
    const bucket = bucketOf(salt, prompt);
    if (row >= judgedFrom) test.push(row);
    else if (bucket < TRAIN_PERCENT) train.push(row);
    else if (bucket < TRAIN_PERCENT + DEV_PERCENT) dev.push(row);
    else (relearns ? train : test).push(row);
  });
  return { train, dev, test, relearns };
}

/** The same order for the same salt. */
export function shuffled(rows: readonly number[], salt: string): number[] {
  const keys = new Map(
    rows.map((row) => [row, createHash('sha256').update(`${salt}/${row}`).digest().readUIntBE(0, 6)]),
  );
  return rows.toSorted((left, right) => (keys.get(left) ?? 0) - (keys.get(right) ?? 0));
}
