import { show } from '../domain/issues.ts';
import { rowJobId } from '../domain/row-id.ts';
import type { BatchStore } from '../store/batches.ts';
import type { Ledger } from '../store/ledger.ts';
import { SeenIds } from './seen-ids.ts';

/** The job of a batch's row, by the row's own id; or why there is none, in one sentence. */
export type FindRow = (batchId: string, rowId: string) => Promise<{ jobId: string } | { refused: string }>;

const PAGE = 200;

/** The ids of a batch's rows that are known so far, with their places counted from 1. */
type KnownRows = { ids: SeenIds; read: number; total: number };

/**
 * Reads the results of a batch in their order, and only as far as it must: ids that are asked for in the order of the
 * batch are found on the way. What is kept of a row are a few bytes.
 */
export function createRowFinder({
  batches,
  ledger,
}: {
  batches: BatchStore;
  ledger: Pick<Ledger, 'results'>;
}): FindRow {
  const known = new Map<string, KnownRows | undefined>();

  async function rowsOf(batchId: string): Promise<KnownRows | undefined> {
    if (!known.has(batchId)) {
      const status = await batches.status(batchId);
      known.set(batchId, status && { ids: new SeenIds(), read: 0, total: status.total });
    }
    return known.get(batchId);
  }

  async function readOn(batchId: string, rows: KnownRows): Promise<void> {
    const page = Array.from({ length: Math.min(PAGE, rows.total - rows.read) }, (_, index) => rows.read + index);
    const results = await ledger.results(page.map((row) => rowJobId(batchId, row)));
    for (const result of results) {
      rows.read += 1;
      if (result?.row_id !== undefined) rows.ids.note(result.row_id, rows.read);
    }
  }

  return async (batchId, rowId) => {
    const rows = await rowsOf(batchId);
    if (rows === undefined) {
      return { refused: `no batch ${show(batchId)} here; sluice batch list shows those that there are` };
    }
    for (;;) {
      const row = rows.ids.lineOf(rowId);
      if (row !== undefined) return { jobId: rowJobId(batchId, row - 1) };
      if (rows.read >= rows.total) {
        return { refused: `batch ${show(batchId)} has no row ${show(rowId)}, or it has not ended yet` };
      }
      await readOn(batchId, rows);
    }
  };
}
