import type { FastifyInstance } from 'fastify';
import type { Config } from '../domain/config.ts';
import { isEmbedding, promptLength, type QueuedJob } from '../domain/job.ts';
import type { CompletedResult } from '../domain/result.ts';
import type { QueueEntry } from '../producer/index.ts';
import { abandonedBy } from './client-gone.ts';
import type { AnswerContext, Asked, Face } from './face.ts';
import { errorOfProblems, errorOfResult } from './failures.ts';
import { answerHeaders, jobHeaders } from './headers.ts';
import { prepareJob } from './job-of-request.ts';
import { type ExchangeTools, PAST_DEADLINE_MS, runJob, type Turn } from './running.ts';
import { streamAnswer } from './streaming.ts';

/** By a rule of thumb: what was really used is told to the door afterwards. */
const CHARACTERS_A_TOKEN = 4;

/** Serves one API: each request is one prompt job, and its answer that job's result. */
export function addFace<Body>(app: FastifyInstance, face: Face<Body>, tools: ExchangeTools): void {
  app.post(face.path, { config: { toErrorBody: face.toErrorBody } }, async (request, reply) => {
    const read = face.read(request.body);
    if (!read.ok) throw errorOfProblems(read.problems);
    const { asked, body } = read;
    const entry = prepareJob(face, asked, request, tools);
    const context = contextOf(face, asked, entry, tools);
    const turn = { entry, request, reply };
    const leavePlace = tools.places.take();
    try {
      await passDoor(turn, tools, () =>
        asked.isStream
          ? streamAnswer({ ...turn, stream: face.createStream(body, context) }, tools)
          : sendAnswer({ ...turn, toAnswer: (result) => face.toAnswer(result, body, context) }, tools),
      );
    } finally {
      leavePlace();
    }
    return reply;
  });
}

function contextOf(
  { idPrefix }: Pick<Face<never>, 'idPrefix'>,
  { model: askedModel }: Asked,
  entry: QueueEntry,
  { now }: ExchangeTools,
): AnswerContext {
  const id = `${idPrefix}${entry.id.replace(/^j-/, '').replaceAll('-', '')}`;
  return { id, created: Math.floor(now() / 1_000), askedModel };
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
    const usage = (await ask())?.completion.usage;
    tokens = usage && usage.input_tokens + usage.output_tokens;
  } finally {
    await entrance.leave(tokens);
  }
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
    if (result.status === 'failed') throw errorOfResult(result);
    reply.send(toAnswer(result));
    return result;
  } finally {
    gone.stop();
  }
}
