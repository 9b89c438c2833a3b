import type { Config } from '../../domain/config.ts';
import { type Evidence, type EvidenceCell, type Moments, NO_TASK } from '../../domain/evidence.ts';
import { intervalOfScores } from '../../domain/score-interval.ts';

/** What is known of one model at one task. */
export type EvidenceRow = {
  model: string;
  /** '' for jobs without one. */
  task: string;
  /** Scores, those of long ago for less. */
  scores: number;
  mean?: number;
  low?: number;
  high?: number;
  /** What the configuration says. */
  configured?: number;
  input_tokens?: number;
  output_tokens?: number;
};

/** By task, the best models first; those that only the configuration knows a score of come last. */
export function evidenceRows(evidence: Evidence, models: Config['models']): EvidenceRow[] {
  const byFamily = new Map(Object.entries(models).map(([alias, model]) => [model.deployment_of ?? alias, model]));
  const names = [...new Set([...Object.keys(evidence.models), ...byFamily.keys()])];
  const rows = names.flatMap((model) => {
    const cells = new Map(Object.hasOwn(evidence.models, model) ? Object.entries(evidence.models[model] ?? {}) : []);
    const scores = new Map(Object.entries(byFamily.get(model)?.scores ?? {}));
    const configuredTasks = [...scores.keys()].filter((task) => task !== 'default');
    const tasks = new Set([...cells.keys(), ...configuredTasks]);
    return [...tasks].map((task) =>
      toRow(model, task, cells.get(task), (task === NO_TASK ? undefined : scores.get(task)) ?? scores.get('default')),
    );
  });
  return rows.toSorted(
    (a, b) => compare(a.task, b.task) || (b.mean ?? -1) - (a.mean ?? -1) || compare(a.model, b.model),
  );
}

function toRow(
  model: string,
  task: string,
  cell: EvidenceCell | undefined,
  configured: number | undefined,
): EvidenceRow {
  const [input, output] = [meanOf(cell?.input_tokens), meanOf(cell?.output_tokens)];
  return {
    model,
    task,
    scores: cell?.score?.n ?? 0,
    ...intervalOfScores(cell?.score),
    ...(configured === undefined ? {} : { configured }),
    ...(input === undefined ? {} : { input_tokens: input }),
    ...(output === undefined ? {} : { output_tokens: output }),
  };
}

function meanOf(moments: Moments | undefined): number | undefined {
  return moments === undefined || moments.n <= 0 ? undefined : moments.sum / moments.n;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
