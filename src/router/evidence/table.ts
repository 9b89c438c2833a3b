import type { Evidence, EvidenceCell } from '../../domain/evidence.ts';
import type { ModelSpec } from '../../domain/model.ts';
import type { SeenCell } from './effects.ts';

/** The evidence that concerns the configured models, as a table: by task, then by family of models. */
export type EvidenceTable = {
  tasks: readonly string[];
  families: readonly string[];
  /** For each row of the catalogue its family. */
  familyOf: Int32Array;
  /** For each family the first of its rows. */
  firstRows: readonly number[];
  cells: readonly (readonly (EvidenceCell | undefined)[])[];
  /** Whether any score was given. */
  hasScores: boolean;
};

/** A score in the configuration counts like so many that were given. */
const CONFIGURED_SCORES = 10;

export function tableOf(evidence: Evidence | undefined, models: readonly ModelSpec[]): EvidenceTable {
  const families = [...new Set(models.map(({ family }) => family))];
  const known = families.map((family) => ownValue(evidence?.models ?? {}, family) ?? {});
  const tasks = new Set(known.flatMap((byTask) => Object.keys(byTask)));
  for (const { scores } of models) for (const task of scores.keys()) tasks.add(task);
  const cells = [...tasks].map((task) => known.map((byTask) => ownValue(byTask, task)));
  return {
    tasks: [...tasks],
    families,
    familyOf: Int32Array.from(models, ({ family }) => families.indexOf(family)),
    firstRows: families.map((family) => models.findIndex((model) => model.family === family)),
    cells,
    hasScores: cells.some((row) => row.some((cell) => (cell?.score?.n ?? 0) > 0)),
  };
}

/** Whether two tables of the same models hold the very same scores: whoever reads evidence keeps what has not changed. */
export function haveSameScores(one: EvidenceTable, other: EvidenceTable): boolean {
  if (one.tasks.length !== other.tasks.length) return false;
  return other.tasks.every(
    (task, index) =>
      one.tasks[index] === task &&
      other.families.every((_, family) => one.cells[index]?.[family]?.score === other.cells[index]?.[family]?.score),
  );
}

/** Whether a task has scores of its own. */
export function isScored({ tasks, cells }: EvidenceTable, task: string): boolean {
  return cells[tasks.indexOf(task)]?.some((cell) => (cell?.score?.n ?? 0) > 0) ?? false;
}

/** The scores of each cell, with those of the configuration among them. */
export function seenCells({ tasks, cells, firstRows }: EvidenceTable, models: readonly ModelSpec[]): SeenCell[][] {
  return tasks.map((task, index) =>
    firstRows.map((row, family) => {
      const { n, sum, squares } = cells[index]?.[family]?.score ?? { n: 0, sum: 0, squares: 0 };
      const configured = configuredScore(models[row] as ModelSpec, task);
      if (configured === undefined) return { n, sum, squares };
      return {
        n: n + CONFIGURED_SCORES,
        sum: sum + CONFIGURED_SCORES * configured,
        // As if they had been 0 or 1: ten equal scores would tell that answers hardly differ.
        squares: squares + CONFIGURED_SCORES * configured,
      };
    }),
  );
}

export function configuredScore({ scores, defaultScore }: ModelSpec, task: string): number | undefined {
  return scores.get(task) ?? defaultScore;
}

/** Part of the scored jobs that each task has; by the cells, whose counts are bounded, where nobody counted the jobs. */
export function sharesOf({ tasks, cells }: EvidenceTable, counted: Evidence['tasks']): number[] {
  const counts = tasks.map((task, index) =>
    counted === undefined
      ? (cells[index] ?? []).reduce((sum, cell) => sum + (cell?.score?.n ?? 0), 0)
      : (ownValue(counted, task) ?? 0),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total > 0 ? count / total : 1 / counts.length));
}

function ownValue<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
