import type { CompletedResult, JobResult } from '../domain/result.ts';
import type { RelayMessage } from '../store/relay.ts';
import { ApiError } from './api-error.ts';
import { abandonedBy } from './client-gone.ts';
import { createEventWriter, type EventWriter } from './event-writer.ts';
import { type ExchangeTools, isKept, runJob, type Turn } from './running.ts';
import type { AnswerStream } from './face.ts';
import { errorOfResult, toApiError } from './failures.ts';
import { answerHeaders, jobHeaders } from './headers.ts';
import { createTold } from './told.ts';
import { servedModelOf } from '../domain/native/chat/answer.ts';

/**
 * Passes an answer on as it arrives. The pieces are only sooner than the result, which has all of it: whatever was lost on
 * the way, or never passed on (an answer from the cache, one that had to pass a check), is told at the end. An error
 * before the first piece is thrown, so that it gets a status of its own; after that it is the last event.
 */
export async function streamAnswer(
  { entry, request, reply, stream }: Turn & { stream: AnswerStream },
  tools: ExchangeTools,
): Promise<CompletedResult | undefined> {
  const gone = abandonedBy(request, reply);
  reply.headers(jobHeaders(entry));
  let result: JobResult | undefined;
  const headersOf = (): Record<string, string> => ({
    ...(reply.getHeaders() as Record<string, string>),
    ...(result && answerHeaders(result)),
  });
  const stall = (): void => void reply.raw.destroy();
  const writer = createEventWriter(reply.raw, headersOf, stall);
  const teller = createTeller(stream, writer, (reason) => gone.abort(reason));
  try {
    result = await runJob(entry, gone.signal, tools, (message) => teller.hear(message));
    if (result.status === 'failed') throw errorOfResult(result, { isKept: isKept(entry) });
    teller.finish(result);
    writer.end();
    return result;
  } catch (error) {
    const problem = teller.broken ?? toApiError(error);
    if (!writer.isOpen) {
      if (result) reply.headers(answerHeaders(result));
      throw problem;
    }
    writer.write(stream.fail(problem, request.id));
    writer.end();
    return undefined;
  } finally {
    writer.release();
    gone.stop();
    // What follows is none of fastify's business: the head has gone out.
    if (writer.isOpen) reply.hijack();
  }
}

/** Tells a client what is heard of an answer, in order and once. */
function createTeller(stream: AnswerStream, writer: EventWriter, abort: (reason: Error) => void) {
  const told = createTold();
  let attemptId: string | undefined;
  let count = 0;
  let isGap = false;
  let isStarted = false;
  let broken: ApiError | undefined;

  function start(model: string): string {
    if (isStarted) return '';
    isStarted = true;
    return stream.start(model);
  }

  /** What was told cannot be taken back, and another attempt's answer does not go on where it ended. */
  function breakOff(): void {
    broken = new ApiError(502, 'api_error', 'the answer broke off, and cannot be gone on with', { code: 'broken_off' });
    abort(broken);
  }

  return {
    hear({ attemptId: of, after, model, pieces }: RelayMessage): void {
      if (broken) return;
      if (of !== attemptId) {
        if (!told.isEmpty) return breakOff();
        [attemptId, count, isGap] = [of, 0, false];
      }
      isGap ||= after !== count;
      count = after + pieces.length;
      if (isGap) return;
      for (const piece of pieces) told.add(piece);
      writer.write(start(model) + pieces.map((piece) => stream.piece(piece)).join(''));
    },
    finish(result: CompletedResult): void {
      const rest = told.restOf(result.completion);
      if (rest === undefined) {
        breakOff();
        throw broken;
      }
      writer.write(
        start(servedModelOf(result)) + rest.map((piece) => stream.piece(piece)).join('') + stream.end(result),
      );
    },
    get broken() {
      return broken;
    },
  };
}
