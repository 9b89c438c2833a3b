/** A prompt whose task is known, and the scores (0..1) that models got for it; not every model need have one. */
export type ScoredText = { text: string; task: string; scores: Readonly<Record<string, number>> };

/** A task's mean counts as much as so many of its rows before it outweighs the model's mean over all. */
const PRIOR_ROWS = 5;

/** By how much a model did better at one prompt than the others that were asked, and than its table of tasks says. */
export type Advantages = (row: ScoredText) => ReadonlyMap<string, number>;

/**
 * Learns the table of mean scores from `rows`, and tells what it leaves over. What makes a prompt hard for all models
 * alike is left out: it decides nothing between them.
 */
export function learnAdvantages(rows: readonly ScoredText[]): Advantages {
  const overall = new Map<string, Mean>();
  const byTask = new Map<string, Map<string, Mean>>();
  for (const { task, scores } of rows) {
    const ofTask = meansOf(byTask, task);
    for (const [model, score] of Object.entries(scores)) {
      addTo(overall, model, score);
      addTo(ofTask, model, score);
    }
  }
  const expected = (task: string, model: string): number => {
    const all = overall.get(model) ?? { n: 0, sum: 0 };
    const here = byTask.get(task)?.get(model) ?? { n: 0, sum: 0 };
    return (here.sum + PRIOR_ROWS * (all.sum / Math.max(1, all.n))) / (here.n + PRIOR_ROWS);
  };
  return ({ task, scores }) => {
    const left = Object.entries(scores)
      .filter(([model]) => overall.has(model))
      .map(([model, score]) => [model, score - expected(task, model)] as const);
    const common = left.reduce((sum, [, rest]) => sum + rest, 0) / Math.max(1, left.length);
    return new Map(left.map(([model, rest]) => [model, rest - common]));
  };
}

type Mean = { n: number; sum: number };

function meansOf(byTask: Map<string, Map<string, Mean>>, task: string): Map<string, Mean> {
  const known = byTask.get(task) ?? new Map<string, Mean>();
  byTask.set(task, known);
  return known;
}

function addTo(means: Map<string, Mean>, model: string, score: number): void {
  const mean = means.get(model) ?? { n: 0, sum: 0 };
  means.set(model, { n: mean.n + 1, sum: mean.sum + score });
}
