import { type Evidence, NO_TASK, type Moments, withFigure } from '../../src/domain/evidence.ts';
import { EXPECT_SOURCE, type Feedback } from '../../src/domain/feedback.ts';
import type { JobResult } from '../../src/domain/result.ts';
import { type EvidenceFold, createEvidenceFold } from '../../src/store/evidence/fold.ts';
import type { Stores } from './harness.ts';
import { completedResult } from './ledger-steps.ts';

/** Scores as they are given, and what is to be learned from them, worked out apart from the product. */

export const DECAY = 0.99;

/** Deployments of one model: what is learned of each holds for it. */
const FAMILIES = new Map([
  ['large-eu', 'large'],
  ['large-us', 'large'],
]);

function familyOf(alias: string): string {
  return FAMILIES.get(alias) ?? alias;
}

export function openFold({ redis, keys }: Pick<Stores, 'redis' | 'keys'>, decay = DECAY): EvidenceFold {
  return createEvidenceFold(redis, keys, { familyOf, decay });
}

/** As a worker leaves it: a job that has completed. */
export async function endJob(
  { redis, keys }: Stores,
  jobId: string,
  more: { model?: string; task?: string | null; cached?: boolean; variant?: string; user?: string } = {},
): Promise<JobResult> {
  const result = { ...completedResult(jobId, 5, 'four'), ...more };
  await redis.set(keys.result(jobId), JSON.stringify(result));
  return result;
}

export function feedbackOf(jobId: string, score: number, more: Partial<Feedback> = {}): Omit<Feedback, 'at'> {
  return { job_id: jobId, model: 'small', task: 'simple', score, source: 'feedback', ...more };
}

type Given = { jobId: string; model: string; task: string | null; source: string; score: number };

/** Every score that stands, in the order in which the sources first gave one: a correction takes its place. */
export class PlainTable {
  readonly #figures = new Map<string, Given>();

  give(given: Given): void {
    const name = `${given.jobId} ${given.source}`;
    this.#figures.set(name, { ...(this.#figures.get(name) ?? given), score: given.score });
  }

  /** Scores alone; `decay` is what one counts for after the next. */
  moments(decay: number): Record<string, Moments> {
    const cells: Record<string, Moments> = {};
    for (const { model, task, score } of this.#figures.values()) {
      const name = `${familyOf(model)} ${task ?? NO_TASK}`;
      cells[name] = withFigure(cells[name], score, decay);
    }
    return cells;
  }

  /** Scored jobs by task: each once, and for 0.9999 of what it did after the next one. */
  tasks(): Record<string, number> {
    const jobs = new Map([...this.#figures.values()].map((given) => [given.jobId, given.task ?? NO_TASK]));
    const tasks: Record<string, number> = {};
    for (const [index, task] of [...jobs.values()].entries()) {
      tasks[task] = (tasks[task] ?? 0) + 0.9999 ** (jobs.size - 1 - index);
    }
    return tasks;
  }
}

/** As SETTLE writes it: the score of a job that met its expectation, or did not. */
export async function meetExpectation(
  { redis, keys }: Stores,
  jobId: string,
  score: number,
  more: Partial<Feedback> = {},
): Promise<void> {
  await redis.set(keys.result(jobId), 'its result', 'PX', 60_000);
  const feedback = feedbackOf(jobId, score, { ...more, source: EXPECT_SOURCE });
  await redis.xadd(keys.feedback, '*', 'record', JSON.stringify(feedback));
}

/** The scores of the evidence, in the same form. */
export function scoresIn({ models }: Evidence): Record<string, Moments> {
  const cells = Object.entries(models).flatMap(([model, tasks]) =>
    Object.entries(tasks).flatMap(([task, { score }]) => (score ? [[`${model} ${task}`, score] as const] : [])),
  );
  return Object.fromEntries(cells);
}
