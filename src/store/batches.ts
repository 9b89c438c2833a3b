import type { Redis } from 'ioredis';
import { batchBudget } from '../domain/budget.ts';
import { InputError } from '../domain/errors.ts';
import { type Keys, descriptionTtlMs } from './keys.ts';

/** What a batch is, as it was submitted. */
export type BatchManifest = {
  id: string;
  /** Digest of the rows and of the options that shape them: the same id with another digest is another batch. */
  digest: string;
  total: number;
  lane: string;
  name?: string;
  maxTotalNanos?: number;
  submittedAt: number;
};

export type BatchState = 'enqueueing' | 'running' | 'paused' | 'cancelled' | 'finished';

/** Why a batch is paused: a purse had too little left for a call that may have cost `boundNanos`. */
export type BatchPause = { purse: string; spentNanos: number; limitNanos: number; boundNanos: number; at: number };

/** Where a batch stands. The counters are exact: each moves in the same step as the result or the bill it counts. */
export type BatchStatus = BatchManifest & {
  state: BatchState;
  /** Also of a batch that was cancelled since, or whose last rows ended. */
  pause?: BatchPause;
  /** Rows that the queue has acknowledged. */
  enqueued: number;
  completed: number;
  failed: number;
  cached: number;
  /** Rows with a failed attempt behind them that have not ended. */
  retrying: number;
  attempts: number;
  fallbacks: number;
  costNanos: number;
};

/**
 * What was set by hand as the cap of an earlier batch of the same id is not meant for this one.
 * KEYS: the batch, the limits set by hand. ARGV: the manifest, the purse of the batch's cap. Reply: 1 when it was created.
 */
const CREATE = `
local created = redis.call('HSETNX', KEYS[1], 'manifest', ARGV[1])
if created == 1 then redis.call('HDEL', KEYS[2], ARGV[2]) end
return created
`;

/** A forgotten batch is not brought back by its counters. */
const RAISE = `
if redis.call('HEXISTS', KEYS[1], 'manifest') == 0 then return end
if tonumber(redis.call('HGET', KEYS[1], 'enqueued') or '0') < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'enqueued', ARGV[1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;

const MARK_CANCELLED = `
if redis.call('HEXISTS', KEYS[1], 'manifest') == 0 then return end
redis.call('HSET', KEYS[1], 'cancelled', '1')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
`;

/**
 * ARGV: the reason, when the call was about to be made (ms), life of the batch. What was found out before the batch was
 * resumed does not pause it again. The first reason stands.
 */
const MARK_PAUSED = `
if redis.call('HEXISTS', KEYS[1], 'manifest') == 0 then return 'unknown' end
if tonumber(redis.call('HGET', KEYS[1], 'resumed') or 0) >= tonumber(ARGV[2]) then return 'resumed' end
redis.call('HSETNX', KEYS[1], 'paused', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'paused'
`;

/** ARGV: now (ms), life of the batch. Reply: 1 when it was paused. */
const MARK_RESUMED = `
if redis.call('HDEL', KEYS[1], 'paused') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'resumed', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;

/** Batch ids are parts of Redis keys and of job ids. `name` is what the person knows the id by. */
export function checkBatchId(id: string, name = 'batch id'): void {
  if (/^[a-z0-9][a-z0-9-]{0,63}$/i.test(id)) return;
  throw new InputError(`${name} ${JSON.stringify(id.slice(0, 40))}: use 1 to 64 letters, digits or -`);
}

export type BatchStore = ReturnType<typeof createBatchStore>;

/** `ttlMs` is how long results are kept; a batch is known for longer: see `descriptionTtlMs`. */
export function createBatchStore(redis: Redis, keys: Keys, options: { ttlMs: number }) {
  const ttlMs = descriptionTtlMs(options.ttlMs);

  /** Registers a batch, or finds it registered already: `created` is false then. Another digest is an InputError. */
  async function register(manifest: BatchManifest): Promise<{ created: boolean; enqueued: number }> {
    const key = keys.batch(manifest.id);
    const [[, created], [, stored], [, enqueued]] = (await redis
      .multi()
      .eval(CREATE, 2, key, keys.budgetLimits, JSON.stringify(manifest), batchBudget(manifest.id))
      .hget(key, 'manifest')
      .hget(key, 'enqueued')
      .pexpire(key, ttlMs)
      .pexpire(keys.budget(batchBudget(manifest.id), 'total'), ttlMs)
      .zadd(keys.batches, 'NX', manifest.submittedAt, manifest.id)
      .exec()) as [[null, number], [null, string], [null, string | null], ...unknown[]];
    if ((JSON.parse(stored) as BatchManifest).digest !== manifest.digest) {
      throw new InputError(
        `batch "${manifest.id}" was submitted before with other rows or options; give it another --id`,
      );
    }
    return { created: created === 1, enqueued: Number(enqueued ?? 0) };
  }

  /** Notes that the queue has the first `rows` rows: a submission that was cut off goes on there. */
  async function markEnqueued(batchId: string, rows: number): Promise<void> {
    // The larger count stands: two submissions of one batch may run side by side.
    await redis.eval(RAISE, 1, keys.batch(batchId), rows, ttlMs);
  }

  async function markCancelled(batchId: string): Promise<void> {
    await redis.eval(MARK_CANCELLED, 1, keys.batch(batchId), ttlMs);
  }

  /**
   * Has all rows of the batch wait until it is resumed; calls under way are finished. `askedAt` is when the call for which
   * there was too little left was about to be made. `resumed`: somebody has resumed the batch since, and it goes on.
   * `unknown`: there is no such batch.
   */
  async function pause(
    batchId: string,
    reason: BatchPause,
    askedAt: number,
  ): Promise<'paused' | 'resumed' | 'unknown'> {
    const fields = [JSON.stringify(reason), askedAt, ttlMs];
    return (await redis.eval(MARK_PAUSED, 1, keys.batch(batchId), ...fields)) as 'paused' | 'resumed' | 'unknown';
  }

  /** Takes the mark away; who waits is not woken by that. False when it was not paused. */
  async function resume(batchId: string, now: number): Promise<boolean> {
    return (await redis.eval(MARK_RESUMED, 1, keys.batch(batchId), now, ttlMs)) === 1;
  }

  async function status(batchId: string): Promise<BatchStatus | undefined> {
    const fields = await redis.hgetall(keys.batch(batchId));
    const manifest = fields['manifest'];
    return manifest === undefined ? undefined : toStatus(JSON.parse(manifest) as BatchManifest, fields);
  }

  /** The newest batches first. */
  async function list(limit: number): Promise<BatchStatus[]> {
    const ids = await redis.zrevrange(keys.batches, 0, limit - 1);
    const statuses = await Promise.all(ids.map(status));
    return statuses.filter((entry) => entry !== undefined);
  }

  return { register, markEnqueued, markCancelled, pause, resume, status, list };
}

function toStatus(manifest: BatchManifest, fields: Record<string, string>): BatchStatus {
  const count = (name: string): number => Number(fields[name] ?? 0);
  const [enqueued, completed, failed] = [count('enqueued'), count('completed'), count('failed')];
  const { cancelled, paused } = fields;
  return {
    ...manifest,
    state: toState(manifest.total, enqueued, completed + failed, cancelled !== undefined, paused !== undefined),
    ...(paused === undefined ? {} : { pause: JSON.parse(paused) as BatchPause }),
    enqueued,
    completed,
    failed,
    cached: count('cached'),
    retrying: count('retrying'),
    attempts: count('attempts'),
    fallbacks: count('fallbacks'),
    costNanos: count('cost_nanos'),
  };
}

function toState(total: number, enqueued: number, ended: number, cancelled: boolean, paused: boolean): BatchState {
  if (ended >= total) return cancelled ? 'cancelled' : 'finished';
  if (cancelled) return 'cancelled';
  if (paused) return 'paused';
  return enqueued < total ? 'enqueueing' : 'running';
}
