import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { PromptJob, QueuedJob } from '../domain/job.ts';
import type { Keys } from './keys.ts';

/** A batch as it was asked for over HTTP. Times are epoch milliseconds. */
export type BatchOrder = {
  /** `batch_...`; that of the batch itself is `batchIdOf(id)`. */
  id: string;
  /** Of what was asked for, where an `Idempotency-Key` came with it: whoever asks for the same gets this one. */
  askedDigest?: string;
  account: string;
  /** The key that asked for it, and what that may name (undefined: all). */
  apiKey?: NonNullable<QueuedJob['api_key']>;
  models?: readonly string[];
  lanes?: readonly string[];
  /** For rows that name none. */
  lane: string;
  /** What was asked of all rows, for those that do not say it themselves; OpenRouter's preferences stand above. */
  defaults: Omit<Partial<PromptJob>, 'prompt' | 'messages' | 'id'>;
  provider?: unknown;
  /** What all rows together may cost. */
  maxTotalUsd?: number;
  endpoint: string;
  inputFileId: string;
  /** As it was given: `24h`. */
  completionWindow: string;
  createdAt: number;
  expiresAt: number;
  metadata?: Record<string, string>;
  outputKeepMs?: number;
  /** The requests came with the order; their results are told with it. */
  isInline: boolean;
  /** Named for all requests of an inline order. */
  model?: string;
  callbackUrl?: string;
};

export type OrderError = { code: string; message: string; param: string | null; line: number | null };

export type OrderUsage = {
  input_tokens: number;
  cached_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  cost_nanos: number;
};

export type OrderEnd = 'failed' | 'completed' | 'expired' | 'cancelled';

/** How far an order has come; written by the gateway that drives it. */
export type OrderProgress = {
  stage: 'validating' | 'enqueueing' | 'running' | 'finalizing' | OrderEnd;
  /** Rows of the file, and a digest of them, once they were checked. */
  total?: number;
  digest?: string;
  inProgressAt?: number;
  finalizingAt?: number;
  /** It ran out of time: what had not ended by then was cancelled. */
  ranOutAt?: number;
  endedAt?: number;
  /** Of its files, once it has ended. */
  completed?: number;
  failed?: number;
  outputFileId?: string;
  errorFileId?: string;
  /** Of both files together. */
  outputBytes?: number;
  usage?: OrderUsage;
  /** The first of them, and how many there are. */
  errors?: OrderError[];
  errorCount?: number;
};

export type StoredOrder = { order: BatchOrder; progress: OrderProgress; cancellingAt?: number };

/**
 * From here on its input file is not taken away. KEYS: the file, its readers, the order, all orders of the account, the
 * open orders, the file's content where it is in Redis. ARGV: the order's id, what it is, its progress, when it was made,
 * how long the content is needed (ms). Reply: added, there (an order of this id is), no-file.
 */
const ADD = `
if redis.call('EXISTS', KEYS[3]) == 1 then return 'there' end
if redis.call('EXISTS', KEYS[1]) == 0 then return 'no-file' end
local life = redis.call('PTTL', KEYS[6])
if life >= 0 and life < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[6], ARGV[5]) end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], 'order', ARGV[2], 'progress', ARGV[3])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[4], ARGV[1])
return 'added'
`;

/** KEYS: the order, the open orders. ARGV: the order's id, now. An order that has ended is not cancelled any more. */
const CANCEL = `
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
return redis.call('HSETNX', KEYS[1], 'cancelling_at', ARGV[2])
`;

const PAGE = 100;
/** So much longer than its time an order may take to end: gateways may be away for a while. */
const GRACE_MS = 7 * 86_400_000;

const ORDER_ID = /^batch_[0-9a-f]{32}$/;

/** They are parts of Redis keys: nothing else may pass for one. */
function isOrderId(text: string): boolean {
  return ORDER_ID.test(text);
}

/** Without a digest in hexadecimal, from which it is to follow, it is like no other. */
export function orderIdOf(digest = randomBytes(16).toString('hex')): string {
  return `batch_${digest.slice(0, 32)}`;
}

/** Ids of batches have letters, digits and - only. */
export function batchIdOf(orderId: string): string {
  return orderId.replaceAll('_', '-');
}

/** The id of a batch, or that of its order, which is what the API tells, as the batch's. */
export function toBatchId(text: string): string {
  return isOrderId(text) ? batchIdOf(text) : text;
}

export type BatchOrders = ReturnType<typeof createBatchOrders>;

/** Batches that were asked for over HTTP: what whoever asks for them wants of them. See `order-driving.ts` for the rest. */
export function createBatchOrders(redis: Redis, keys: Keys) {
  /** Nothing is ordered when its input file is gone, or when an order of this id is there. */
  async function add(order: BatchOrder): Promise<'added' | 'there' | 'no-file'> {
    const { id, account, inputFileId, createdAt, expiresAt } = order;
    const progress: OrderProgress = { stage: 'validating' };
    const touched = [
      keys.file(inputFileId),
      keys.fileReaders(inputFileId),
      keys.batchOrder(id),
      keys.batchOrdersOf(account),
      keys.batchOrdersOpen,
      keys.fileContent(inputFileId),
    ];
    const neededMs = expiresAt - createdAt + GRACE_MS;
    const fields = [id, JSON.stringify(order), JSON.stringify(progress), createdAt, neededMs];
    return (await redis.eval(ADD, touched.length, ...touched, ...fields)) as 'added' | 'there' | 'no-file';
  }

  async function readAll(ids: readonly string[]): Promise<(StoredOrder | undefined)[]> {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hmget(keys.batchOrder(id), 'order', 'progress', 'cancelling_at');
    const replies = (await pipeline.exec()) ?? [];
    return replies.map(([error, fields]) => {
      if (error) throw error;
      return toStored(fields as (string | null)[]);
    });
  }

  /** Undefined for one that is not known (any more), or is another account's. */
  async function find(id: string, account: string): Promise<StoredOrder | undefined> {
    if (!isOrderId(id)) return undefined;
    const [stored] = await readAll([id]);
    return stored?.order.account === account ? stored : undefined;
  }

  /** The newest first; undefined when `after` is none of them. */
  async function list(
    account: string,
    { limit, after }: { limit: number; after?: string },
  ): Promise<{ orders: StoredOrder[]; hasMore: boolean } | undefined> {
    const key = keys.batchOrdersOf(account);
    if (after !== undefined && !isOrderId(after)) return undefined;
    const rank = after === undefined ? -1 : await redis.zrevrank(key, after);
    if (rank === null) return undefined;
    const orders: StoredOrder[] = [];
    for (let start = rank + 1; ; start += PAGE) {
      const ids = await redis.zrevrange(key, start, start + PAGE - 1);
      for (const stored of await readAll(ids)) {
        // Forgotten: the next sweep takes its place away.
        if (!stored) continue;
        if (orders.length === limit) return { orders, hasMore: true };
        orders.push(stored);
      }
      if (ids.length < PAGE) return { orders, hasMore: false };
    }
  }

  /** Asks for its end; who drives it sees to that. Nothing happens to one that has ended. */
  async function cancel(id: string, now: number): Promise<void> {
    await redis.eval(CANCEL, 2, keys.batchOrder(id), keys.batchOrdersOpen, id, now);
  }

  return { add, readAll, find, list, cancel };
}

function toStored([order, progress, cancellingAt]: (string | null)[]): StoredOrder | undefined {
  if (typeof order !== 'string' || typeof progress !== 'string') return undefined;
  return {
    order: JSON.parse(order) as BatchOrder,
    progress: JSON.parse(progress) as OrderProgress,
    ...(typeof cancellingAt === 'string' ? { cancellingAt: Number(cancellingAt) } : {}),
  };
}
