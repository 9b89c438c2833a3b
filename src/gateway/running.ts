import type { FastifyReply, FastifyRequest } from 'fastify';
import type { JobResult } from '../domain/result.ts';
import type { QueueEntry } from '../producer/index.ts';
import type { RelayEar } from '../store/relay.ts';
import { ApiError } from './api-error.ts';
import type { Door } from './door.ts';
import { toApiError } from './failures.ts';
import type { Places } from './places.ts';
import type { GatewayTools } from './tools.ts';

/** What requests for answers need beside the tools of all routes. */
export type ExchangeTools = GatewayTools & {
  door: Door;
  ear: RelayEar;
  /** By which workers know to whom they pass pieces on. */
  gatewayId: string;
  /** `gateway.most_waiting` of them. */
  places: Places;
};

/** One request and its job. */
export type Turn = { entry: QueueEntry; request: FastifyRequest; reply: FastifyReply };

/** The worker ends a job at its deadline; this is for one that has no worker. */
export const PAST_DEADLINE_MS = 5_000;

/** Enqueues the job and waits for its end. A job for which nobody waits any more is cancelled. */
export async function runJob(entry: QueueEntry, signal: AbortSignal, tools: ExchangeTools): Promise<JobResult> {
  const { producer, config } = tools;
  // Who gave it a key of its own will come again for the answer.
  const isKept = entry.job.id !== undefined;
  try {
    await producer.submit(entry);
    const timeoutMs = (entry.job.deadline_ms ?? config.gateway.timeout) + PAST_DEADLINE_MS;
    const result = await producer.waitFor(entry.id, { timeoutMs, signal });
    if (!isKept && result.status === 'completed') keepForLess(entry, tools);
    return result;
  } catch (error) {
    if (!isKept) await cancel(entry, tools);
    if (signal.aborted) throw new ApiError(499, 'api_error', 'the client went away', { code: 'cancelled' });
    throw error;
  }
}

/** It has been handed over: what is left to do with it is to score it, or to ask for it once more. */
function keepForLess({ id }: QueueEntry, { redis, keys, config }: ExchangeTools): void {
  redis.pexpire(keys.result(id), Math.min(config.gateway.keep_answers, config.results.keep)).catch(() => {});
}

async function cancel(entry: QueueEntry, { producer, logger }: ExchangeTools): Promise<void> {
  try {
    await producer.cancel(entry);
  } catch (error) {
    logger.warn(
      { job_id: entry.id, code: toApiError(error).code },
      'a job that nobody waits for could not be cancelled',
    );
  }
}
