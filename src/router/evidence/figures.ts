import type { Moments } from '../../domain/evidence.ts';

/** A table of figures by task, then by model: what is known of each cell, if anything. */
export type FigureTable = readonly (readonly (Moments | undefined)[])[];

/** The prior counts as much as so many figures that were seen. */
const PRIOR_FIGURES = 5;

/**
 * The expected figure for each cell: its own mean, drawn towards the model's mean over all tasks times what the task
 * usually adds to or takes from a model's mean. NaN for a model that nothing is known of.
 */
export function expectedFigures(table: FigureTable, models: number): Float64Array[] {
  const ofModel = new Float64Array(models);
  for (let model = 0; model < models; model += 1) ofModel[model] = meanOf(table.map((row) => row[model]));
  return table.map((row) => {
    const factor = taskFactor(row, ofModel);
    return Float64Array.from({ length: models }, (_, model) => {
      const prior = (ofModel[model] as number) * factor;
      const { n, sum } = row[model] ?? { n: 0, sum: 0 };
      return Number.isNaN(prior) ? Number.NaN : (sum + PRIOR_FIGURES * prior) / (n + PRIOR_FIGURES);
    });
  });
}

/** How the figures of a task compare with what the means of its models would give. */
function taskFactor(row: readonly (Moments | undefined)[], ofModel: Float64Array): number {
  let seen = 0;
  let usual = 0;
  for (const [model, moments] of row.entries()) {
    if (moments === undefined || !((ofModel[model] as number) > 0)) continue;
    seen += moments.sum;
    usual += moments.n * (ofModel[model] as number);
  }
  return usual > 0 ? seen / usual : 1;
}

function meanOf(all: readonly (Moments | undefined)[]): number {
  let n = 0;
  let sum = 0;
  for (const moments of all) {
    n += moments?.n ?? 0;
    sum += moments?.sum ?? 0;
  }
  return sum / n;
}
