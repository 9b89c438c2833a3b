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
const LEAST_PROBABILITY = 0.05;
const MOST_TASKS = 4;

/** What is expected of a job's models: by its task, else by what its prompt was read as, else of the mix of all jobs. */
export function expectationsFor(learned: Learned, task: string | null, guess: TaskGuess | undefined): Expectations {
  return task === null && guess !== undefined ? mixed(learned, guess) : learned.expect(task);
}

/** Score for a dollar at a job's task, or at the most careful of the tasks that its prompt may well be of. */
export function rateFor(
  { ratePerUsd }: Exchange,
  task: string | null,
  guess: TaskGuess | undefined,
): number | undefined {
  if (task !== null) return ratePerUsd(task);
  if (guess === undefined) return undefined;
  let least = Infinity;
  for (const [index, name] of guess.tasks.entries()) {
    if ((guess.probabilities[index] as number) < LEAST_PROBABILITY) continue;
    const rate = ratePerUsd(name);
    if (rate === undefined) return undefined;
    least = Math.min(least, rate);
  }
  return least === Infinity ? 0 : least;
}

function mixed(learned: Learned, { tasks, probabilities }: TaskGuess): Expectations {
  const parts = tasks
    .flatMap((task, index) => {
      const probability = probabilities[index] as number;
      return probability < LEAST_PROBABILITY ? [] : [{ probability, of: learned.expect(task) }];
    })
    .toSorted((left, right) => right.probability - left.probability)
    .slice(0, MOST_TASKS);
  const total = parts.reduce((sum, { probability }) => sum + probability, 0);
  const [first] = parts;
  if (first === undefined) return learned.expect(null);
  if (parts.length === 1) return first.of;
  const rows = first.of.scores.length;
  const made: Expectations = {
    scores: new Float64Array(rows),
    deviations: new Float64Array(rows),
    safeScores: new Float64Array(rows),
    outputTokens: new Float64Array(rows),
    inputRatios: new Float64Array(rows),
  };
  for (const { probability, of } of parts) {
    for (const column of COLUMNS) addShare(made[column], of[column], probability / total);
  }
  return made;
}

const COLUMNS = ['scores', 'deviations', 'safeScores', 'outputTokens', 'inputRatios'] as const;

function addShare(sums: Float64Array, from: Float64Array, share: number): void {
  for (let row = 0; row < sums.length; row += 1) sums[row] = (sums[row] as number) + share * (from[row] as number);
}
