import { SHARED_FIELDS } from '../ledger-fields.ts';
import { BATCH_COUNTS } from './batch-counts.ts';
import { CLOCK } from './clock.ts';
import { OPEN_ATTEMPTS } from './open-attempts.ts';
import { PURSES } from './purses.ts';

/**
 * The ledger's scripts. Each takes many jobs at once (see `script-batcher.ts`): ARGV begins with what all share, then
 * holds a fixed number of fields a job. All key names are built from the prefix, which carries the cluster's hash tag.
 * What many jobs of a call change (purses, gates, batches) is changed in memory and written by WRITE_ALL at the end.
 */
export const FIRST_JOB = SHARED_FIELDS.length + 1;

/** What every script begins with. `gates` is GATES_TO_LEAVE or GATES_TO_PASS. */
export function sharedBy(gates: string): string {
  return `
local ${SHARED_FIELDS.join(', ')} = unpack(ARGV, 1, ${SHARED_FIELDS.length})
${CLOCK}${gates}${PURSES}${BATCH_COUNTS}${OPEN_ATTEMPTS}`;
}

export const WRITE_ALL = `
write_purses()
write_batches()
write_gates()
`;
