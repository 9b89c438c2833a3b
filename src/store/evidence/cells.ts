import { EvidenceCell, type Moments } from '../../domain/evidence.ts';
import { Name } from '../../domain/name.ts';

/** How cells stand in Redis: in the hash of a model (`keys.evidenceOf`), as `<measure> <task>` -> `<n> <sum> <squares> <updates>`. */

export const EVIDENCE_MEASURES = Object.keys(EvidenceCell.shape) as readonly EvidenceMeasure[];
export type EvidenceMeasure = keyof EvidenceCell;

/** Neither measures nor tasks have spaces; jobs without a task have none at the end. */
export function fieldOf(measure: EvidenceMeasure, task: string): string {
  return `${measure} ${task}`;
}

/** The cells of a model, by task. What is not understood, such as the measure of a later version, is left out. */
export function readCells(hash: Readonly<Record<string, string>>): Record<string, EvidenceCell> {
  const cells = new Map<string, EvidenceCell>();
  for (const [field, text] of Object.entries(hash)) {
    const [name, task = ''] = field.split(' ');
    const measure = EVIDENCE_MEASURES.find((known) => known === name);
    const moments = readMoments(text);
    if (measure !== undefined && moments !== undefined) cells.set(task, { ...cells.get(task), [measure]: moments });
  }
  return Object.fromEntries(cells);
}

/** The scored jobs of each task; undefined where none were counted. */
export function readTasks(hash: Readonly<Record<string, string>>): Record<string, number> | undefined {
  const tasks = Object.entries(hash).flatMap(([field, text]) => {
    const [name, task = ''] = field.split(' ');
    const jobs = Number(text);
    return name === 'task' && jobs >= 0 && Number.isFinite(jobs) ? [[task, jobs] as const] : [];
  });
  return tasks.length === 0 ? undefined : Object.fromEntries(tasks);
}

function readMoments(text: string): Moments | undefined {
  const [n = Number.NaN, sum = Number.NaN, squares = Number.NaN] = text.split(' ').map(Number);
  return Number.isFinite(n + sum + squares) ? { n, sum, squares } : undefined;
}

/** Names go into keys and fields: what is none, as in a record that somebody else wrote, is nobody's evidence. */
export function isCell(model: string, task: string): boolean {
  return Name.safeParse(model).success && (task === '' || Name.safeParse(task).success);
}
