/** The ids of rows: `<batch>-<row>`, so that a row submitted again is the same job. */

export function rowJobId(batchId: string, row: number): string {
  return `${batchId}-${row}`;
}

/** Those of other jobs are random, and end in more characters than a row has digits. */
const ROW_ID = /^([a-z0-9][a-z0-9-]{0,63})-(\d{1,9})$/i;

/** The place in a batch that a job's id stands for: for jobs whose data cannot be read. */
export function placeOf(jobId: string): { id: string; row: number } | undefined {
  const [, id, row] = ROW_ID.exec(jobId) ?? [];
  return id === undefined ? undefined : { id, row: Number(row) };
}
