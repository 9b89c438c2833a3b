import type { Face } from './face.ts';

/** The id of the answer to a job, as its API writes them; the same whenever it is asked for. */
export function answerIdOf({ idPrefix }: Pick<Face<never>, 'idPrefix'>, jobId: string): string {
  return `${idPrefix}${jobId.replace(/^j-/, '').replaceAll('-', '')}`;
}
