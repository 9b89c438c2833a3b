import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../domain/config.ts';
import { isEmbedding, promptLength, type QueuedJob } from '../domain/job.ts';
import type { CompletedResult, JobResult } from '../domain/result.ts';
import { InvalidJob, type QueueEntry } from '../producer/index.ts';
import { ApiError, badRequest } from './api-error.ts';
import { answerIdOf } from './answer-id.ts';
import { abandonedBy } from './client-gone.ts';
import type { AnswerContext, Asked, Face } from './face.ts';
import { errorOfProblems, errorOfResult } from './failures.ts';
import { answerHeaders, jobHeaders } from './headers.ts';
import { prepareJob } from './job-of-request.ts';
import { type ExchangeTools, isKept, PAST_DEADLINE_MS, runJob, type Turn } from './running.ts';
import { streamAnswer } from './streaming.ts';

/** By a rule of thumb: what was really used is told to the door afterwards. */
const CHARACTERS_A_TOKEN = 4;

/** Serves one API: each request is one prompt job, and its answer that job's result. */
export function addFace<Body>(app: FastifyInstance, face: Face<Body>, tools: ExchangeTools): void {
  app.post(face.path, { config: { toErrorBody: face.toErrorBody } }, async (request, reply) => {
    refuseForBatches(request.headers);
    const read = face.read(request.body);
    if (!read.ok) throw errorOfProblems(read.problems);
    const { asked, body } = read;
    const entry = prepareJob(face, asked, request, tools);
    const context = contextOf(face, asked, entry, tools);
    const turn = { entry, request, reply };
    const ask = (): Promise<CompletedResult | undefined> =>
      asked.isStream
        ? streamAnswer({ ...turn, stream: face.createStream(body, context) }, tools)
        : sendAnswer({ ...turn, toAnswer: (result) => face.toAnswer(result, body, context) }, tools);
    await request.place.during(() => passDoor(turn, tools, ask));
    return reply;
  });
}

/** What is misspelt is refused; what is in the wrong place is, too. */
function refuseForBatches(headers: IncomingHttpHeaders): void {
  if (headers['x-sluice-callback-url'] === undefined) return;
  throw badRequest('x-sluice-callback-url: only batches call back when they have ended; leave it out', 'headers');
}

function contextOf(
  face: Pick<Face<never>, 'idPrefix'>,
  { model: askedModel }: Asked,
  entry: QueueEntry,
  { now }: ExchangeTools,
): AnswerContext {
  return { id: answerIdOf(face, entry.id), created: Math.floor(now() / 1_000), askedModel };
}

/** In tokens. */
function longestAnswerOf(job: QueuedJob, { routing }: Config): number {
  return isEmbedding(job) ? 0 : (job.max_tokens ?? routing.default_max_tokens);
}

/** Asks for an answer as far as the caller's limits allow it, and tells them afterwards what was used. */
async function passDoor(
  { entry: { job }, request, reply }: Turn,
  { door, config }: ExchangeTools,
  ask: () => Promise<CompletedResult | undefined>,
): Promise<void> {
  const entrance = await door.enter({
    caller: request.caller,
    user: job.user,
    estimatedTokens: Math.ceil(promptLength(job) / CHARACTERS_A_TOKEN) + longestAnswerOf(job, config),
    requestId: request.id,
    holdMs: config.gateway.timeout + PAST_DEADLINE_MS,
  });
  reply.headers(entrance.headers);
  if (!entrance.ok) throw entrance.error;
  let tokens: number | undefined;
  try {
    tokens = tokensOf(await ask());
  } catch (error) {
    if (error instanceof ApiError) tokens = tokensOf(error.result);
    else if (error instanceof InvalidJob) tokens = 0;
    throw error;
  } finally {
    await entrance.leave(tokens);
  }
}

/** What was used; undefined where models were asked that did not tell, so that the estimate stands. */
function tokensOf(result: JobResult | undefined): number | undefined {
  if (result === undefined) return undefined;
  if (result.attempts.length === 0) return 0;
  if (result.status === 'failed') return undefined;
  const { input_tokens, output_tokens } = result.completion.usage;
  return result.cached ? 0 : input_tokens + output_tokens;
}

async function sendAnswer(
  { entry, request, reply, toAnswer }: Turn & { toAnswer: (result: CompletedResult) => object },
  tools: ExchangeTools,
): Promise<CompletedResult> {
  const gone = abandonedBy(request, reply);
  reply.headers(jobHeaders(entry));
  try {
    const result = await runJob(entry, gone.signal, tools);
    reply.headers(answerHeaders(result));
    if (result.status === 'failed') throw errorOfResult(result, { isKept: isKept(entry) });
    const answer = toAnswer(result);
    if (answer instanceof Readable) reply.type('application/json; charset=utf-8');
    reply.send(answer);
    return result;
  } finally {
    gone.stop();
  }
}
