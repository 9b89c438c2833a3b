import type { FastifyRequest } from 'fastify';
import type { Config } from '../domain/config.ts';
import type { PromptJob } from '../domain/job.ts';
import { defaultLane, InvalidJob, type QueueEntry } from '../producer/index.ts';
import type { Caller } from './caller.ts';
import type { Asked, Face } from './face.ts';
import { errorOfProblems } from './failures.ts';
import { digestOfKey } from './idempotency.ts';
import { apiKeyOf, permit } from './permissions.ts';
import type { ExchangeTools } from './running.ts';
import { jobOf } from './wishes.ts';

/** The job that a request asks for, as its caller may have it. Throws an ApiError for what is wrong with it. */
export function prepareJob(
  { placeOf }: Pick<Face<never>, 'placeOf'>,
  asked: Asked,
  request: FastifyRequest,
  { config, producer }: ExchangeTools,
): QueueEntry {
  const { caller, headers } = request;
  const apiKey = apiKeyOf(caller);
  const wished = jobOf(asked, headers, config);
  const lane = wished.lane ?? usualLane(caller, config);
  const models = wished.model === undefined ? wished.models : [wished.model];
  const allowed = permit(caller, { models, task: wished.task, lane, isEmbedding: wished.input !== undefined }, config);
  const job: PromptJob = {
    ...wished,
    ...(lane !== undefined && { lane }),
    ...allowed,
    account: caller.account,
    deadline_ms: deadlineOf(wished, asked, request, config.gateway.timeout),
    ...idOfRequest(request),
  };
  try {
    return producer.prepareToAsk(job, {
      keepMs: Math.min(config.gateway.keep_answers, config.results.keep),
      wantsPieces: asked.isStream,
      ...(apiKey && { api_key: apiKey }),
    });
  } catch (error) {
    throw error instanceof InvalidJob ? errorOfProblems(error.problems, placeOf) : error;
  }
}

/** Somebody waits, whatever lane the task of the request usually has; unless the key is for others. */
function usualLane({ lanes }: Caller, config: Config): string | undefined {
  const lane = defaultLane(config);
  return lanes === undefined || lanes.includes(lane) ? lane : undefined;
}

/**
 * Official clients say for how long they wait, in seconds: nobody is there for an answer that comes later. Of a stream it is
 * the time until it begins, or between its pieces.
 */
function deadlineOf(
  { deadline_ms }: PromptJob,
  { isStream }: Asked,
  { headers }: FastifyRequest,
  longestMs: number,
): number {
  const told = isStream ? Number.NaN : Number(headers['x-stainless-timeout']);
  const clientMs = told > 0 ? Math.ceil(told * 1_000) : Number.POSITIVE_INFINITY;
  return Math.min(deadline_ms ?? longestMs, longestMs, clientMs);
}

/** The same key is the same job, whatever became of the connection: but never that of another account. */
function idOfRequest(request: FastifyRequest): Pick<PromptJob, 'id'> {
  const digest = digestOfKey(request);
  return digest === undefined ? {} : { id: `http-${digest.slice(0, 40)}` };
}
