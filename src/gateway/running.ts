import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { InputError } from '../domain/errors.ts';
import type { JobResult } from '../domain/result.ts';
import { IdTaken, type Producer, type QueueEntry } from '../producer/index.ts';
import type { RelayMessage } from '../store/relay.ts';
import { ApiError } from './api-error.ts';
import type { Door } from './door.ts';
import { toApiError } from './failures.ts';
import { keyTaken } from './idempotency.ts';
import type { Places } from './places.ts';
import type { GatewayTools } from './tools.ts';

/** What requests for answers need beside the tools of all routes. */
export type ExchangeTools = GatewayTools & {
  door: Door;
  /** `gateway.most_waiting` of them. */
  places: Places;
};

/** One request and its job. */
export type Turn = { entry: QueueEntry; request: FastifyRequest; reply: FastifyReply };

/** The worker ends a job at its deadline; this is for one that has no worker. */
export const PAST_DEADLINE_MS = 5_000;

/**
 * Enqueues the job and waits for its end; `onPieces` hears its answer while it arrives. A job for which nobody waits any
 * more is cancelled.
 */
export async function runJob(
  entry: QueueEntry,
  signal: AbortSignal,
  { producer, logger, config }: ExchangeTools,
  onPieces?: (message: RelayMessage) => void,
): Promise<JobResult> {
  const timeoutMs = (entry.job.deadline_ms ?? config.gateway.timeout) + PAST_DEADLINE_MS;
  try {
    if (signal.aborted) throw gone();
    return await producer.ask(entry, { timeoutMs, signal, ...(onPieces && { onPieces }) });
  } catch (error) {
    if (error instanceof IdTaken) throw keyTaken();
    const cancelled = isKept(entry) ? undefined : cancel(entry, producer, logger);
    // While Redis is away nothing can be cancelled, and nobody has to wait for that.
    if (!(error instanceof InputError)) await cancelled;
    throw signal.aborted ? gone() : error;
  }
}

/** Who gave a job an id of its own, by an Idempotency-Key, may come again for what became of it. */
export function isKept({ job }: QueueEntry): boolean {
  return job.id !== undefined;
}

async function cancel(entry: QueueEntry, producer: Producer, logger: Logger): Promise<void> {
  try {
    await producer.cancel(entry);
  } catch (error) {
    logger.warn(
      { job_id: entry.id, code: toApiError(error).code },
      'a job that nobody waits for could not be cancelled',
    );
  }
}

function gone(): ApiError {
  return new ApiError(499, 'api_error', 'the client went away', { code: 'cancelled' });
}
