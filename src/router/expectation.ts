import type { Exchange, Expectations, Learned } from './evidence/learned.ts';

/** What kind of work a prompt looks like. */
export type TaskGuess = {
  tasks: readonly string[];
  /** Of each task; sums to 1. */
  probabilities: Float64Array;
  /** The likeliest one, and how likely it is. */
  task: string;
  confidence: number;
};

/** Tasks less likely than this do not count: mixing many columns would take longer than all the rest of a decision. */
const LEAST_PROBABILITY = 0.02;

/** What is expected of a job's models: by its task, else by what its prompt was read as, else of the mix of all jobs. */
export function expectationsFor(learned: Learned, task: string | null, guess: TaskGuess | undefined): Expectations {
  return task === null && guess !== undefined ? mixed(learned, guess) : learned.expect(task);
}

/** Score for a dollar at a job's task, or over the tasks that its prompt may be of. */
export function rateFor(
  { ratePerUsd }: Exchange,
  task: string | null,
  guess: TaskGuess | undefined,
): number | undefined {
  if (task !== null) return ratePerUsd(task);
  if (guess === undefined) return undefined;
  let sum = 0;
  for (const [index, name] of guess.tasks.entries()) {
    const rate = ratePerUsd(name);
    if (rate === undefined) return undefined;
    sum += (guess.probabilities[index] as number) * rate;
  }
  return sum;
}

function mixed(learned: Learned, { tasks, probabilities }: TaskGuess): Expectations {
  const parts = tasks.flatMap((task, index) => {
    const probability = probabilities[index] as number;
    return probability < LEAST_PROBABILITY ? [] : [{ probability, of: learned.expect(task) }];
  });
  const total = parts.reduce((sum, { probability }) => sum + probability, 0);
  const [first] = parts;
  if (first === undefined) return learned.expect(null);
  if (parts.length === 1) return first.of;
  const mix = (column: keyof Expectations): Float64Array => {
    const sums = new Float64Array(first.of[column].length);
    for (const { probability, of } of parts) {
      const from = of[column];
      const share = probability / total;
      for (let row = 0; row < sums.length; row += 1) sums[row] = (sums[row] as number) + share * (from[row] as number);
    }
    return sums;
  };
  return {
    scores: mix('scores'),
    deviations: mix('deviations'),
    safeScores: mix('safeScores'),
    outputTokens: mix('outputTokens'),
    inputRatios: mix('inputRatios'),
  };
}
