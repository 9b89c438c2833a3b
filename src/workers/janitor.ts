import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { GatewayError } from '../domain/errors.ts';
import { type DeadLetterStore, createDeadLetterStore } from '../store/dead-letters.ts';
import type { Keys } from '../store/keys.ts';
import { createLaneList } from '../store/lanes.ts';
import type { Ledger } from '../store/ledger.ts';
import { type BatchNote, type LostRow, type LostRows, type OpenBatch, createLostRows } from '../store/lost-rows.ts';
import { type Quarantine, type Suspect, createQuarantine, readQueuedJob } from '../store/quarantine.ts';
import { type Revivals, createRevivals } from '../store/revivals.ts';
import type { Chore } from './chores.ts';
import { endForsaken, ghostOf } from './endings.ts';

export type JanitorOptions = {
  redis: Redis;
  keys: Keys;
  ledger: Pick<Ledger, 'trail' | 'settle'>;
  /** Those of the configuration; lanes that only producers elsewhere know are looked at, too. */
  lanes: readonly string[];
  /** How long results are kept. */
  resultTtlMs: number;
  logger: Logger;
  /** Epoch ms. */
  now?: () => number;
  /** How long nothing has moved in a batch before its rows are looked for. */
  quietMs?: number;
};

type Janitor = Required<JanitorOptions> & {
  letters: DeadLetterStore;
  revivals: Revivals;
  quarantine: Quarantine;
  lostRows: LostRows;
};

const EVERY_MS = 30_000;
const QUIET_MS = 300_000;
const LONGEST_PAUSE_MS = 3_600_000;
const ROWS_A_LOOK = 500;
/** Over all batches. */
const LOOKS_A_RUN = 100;
/** BullMQ ends a job that stalled too often (see `worker.ts`) when it is next started; one that stalls on, it cannot end. */
const STALLS_IN_VAIN = 6;

/**
 * Ends what would otherwise never end, and tidies up:
 *
 * - jobs that BullMQ hands out again and again, since it cannot read them, are kept aside and end as failed;
 * - rows that were taken out of the queue by hand end as failed, so that their batch ends;
 * - retries of dead letters that were cut off in the middle are finished;
 * - dead letters whose results are past their keep are dropped.
 *
 * All of it may run twice at once. A job whose call is under way is never touched.
 */
export function janitorChore(options: JanitorOptions): Chore {
  const { redis, keys, resultTtlMs: ttlMs } = options;
  const janitor: Janitor = {
    now: Date.now,
    quietMs: QUIET_MS,
    ...options,
    letters: createDeadLetterStore(redis, keys, { ttlMs }),
    revivals: createRevivals(redis, keys, { ttlMs }),
    quarantine: createQuarantine(redis, keys, { ttlMs }),
    lostRows: createLostRows(redis, keys, { ttlMs }),
  };
  return {
    name: 'janitor',
    everyMs: EVERY_MS,
    async run(signal) {
      janitor.lanes = [...new Set([...options.lanes, ...(await createLaneList(redis, keys).all())])];
      for (const work of [finishRevivals, quarantinePoison, endLostRows]) {
        if (!signal.aborted) await work(janitor, signal);
      }
      await janitor.letters.trim();
    },
  };
}

async function finishRevivals({ redis, keys, revivals, logger }: Janitor, signal: AbortSignal): Promise<void> {
  for await (const page of revivals.noted()) {
    if (signal.aborted) return;
    for (const [lane, group] of Map.groupBy(page, ({ revival }) => revival.lane)) {
      // The lane's settings are the producers' business.
      const queue = new Queue(lane, { connection: redis, prefix: keys.queues, skipMetasUpdate: true });
      queue.on('error', () => {});
      await queue.addBulk(group.map(({ revival: { name, data, opts } }) => ({ name, data, opts })));
      await queue.close();
    }
    await revivals.forget(page);
    logger.info({ jobs: page.length }, 'retries finished that were cut off');
  }
}

async function quarantinePoison(janitor: Janitor, signal: AbortSignal): Promise<void> {
  for (const lane of janitor.lanes) {
    for await (const suspect of janitor.quarantine.suspects(lane)) {
      if (signal.aborted) return;
      if (!suspect.isReadable || suspect.stalls >= STALLS_IN_VAIN) await quarantineJob(suspect, lane, janitor);
    }
  }
}

/** It ends before it is taken out: killed between the two, the next run finds it again. */
async function quarantineJob(suspect: Suspect, lane: string, janitor: Janitor): Promise<void> {
  const { jobId, stalls, isReadable, job = ghostOf(jobId, lane, janitor.now()) } = suspect;
  const error = isReadable
    ? new GatewayError('INTERNAL', `it was started ${stalls} times in vain, and is kept in quarantine`)
    : new GatewayError('JOB_INVALID', 'its entry in the queue is damaged, and is kept in quarantine');
  if (!(await endForsaken(jobId, job, error, janitor))) return;
  await janitor.quarantine.put(jobId, lane, error.message);
  janitor.logger.warn({ job_id: jobId, lane, code: error.code, stalls }, 'job quarantined');
}

/**
 * Rows of batches in which nothing moves. Two looks have to find some, with nothing having moved between them; a batch
 * that only waits is looked at ever more rarely.
 */
async function endLostRows(janitor: Janitor, signal: AbortSignal): Promise<void> {
  const { lostRows, quietMs, now } = janitor;
  const [batches, before] = [await lostRows.openBatches(), await lostRows.notes()];
  const after: Record<string, BatchNote> = {};
  let looks = LOOKS_A_RUN;
  for (const batch of batches) {
    const note = before[batch.id];
    const hasMoved = note?.mark !== batch.mark;
    if (hasMoved) after[batch.id] = quietNote(batch.mark, now() + quietMs, quietMs);
    else after[batch.id] = note;
    if (hasMoved || now() < note.lookAt) continue;
    const look = { ...note };
    for (let goesOn = true; goesOn && looks > 0 && !signal.aborted; looks -= 1) {
      goesOn = await lookOnce(batch, look, janitor);
    }
    after[batch.id] = look;
  }
  await lostRows.keepNotes(after);
}

function quietNote(mark: string, lookAt: number, pause: number): BatchNote {
  return { mark, lookAt, pause, row: 0, isSuspect: false };
}

/** At some rows, from where the note says; writes into the note where to go on. False when that is for a later run. */
async function lookOnce(batch: OpenBatch, note: BatchNote, janitor: Janitor): Promise<boolean> {
  const { lostRows, lanes, now } = janitor;
  const end = Math.min(note.row + ROWS_A_LOOK, batch.enqueued);
  const lost = await lostRows.lostAmong(batch.id, note.row, end, lanes);
  if (lost.length > 0 && !note.isSuspect) {
    note.isSuspect = true;
    return false;
  }
  if (lost.length > 0) {
    await Promise.all(lost.map((row) => endLostRow(row, janitor)));
    note.mark = (await lostRows.openBatch(batch.id))?.mark ?? note.mark;
  }
  note.row = end;
  if (end < batch.enqueued) return true;
  const pause = Math.min(2 * note.pause, LONGEST_PAUSE_MS);
  Object.assign(note, quietNote(note.mark, now() + pause, pause));
  return false;
}

async function endLostRow({ jobId, data }: LostRow, janitor: Janitor): Promise<void> {
  const message =
    data === undefined
      ? 'it was taken out of the queue before it had ended'
      : 'it ended in the queue without a word of how; its worker may have died';
  const error = new GatewayError('INTERNAL', message);
  const job = readQueuedJob(data) ?? ghostOf(jobId, '-', janitor.now());
  if (await endForsaken(jobId, job, error, janitor)) {
    janitor.logger.warn({ job_id: jobId, code: error.code, reason: message }, 'lost row ended');
  }
}
