import type { AnswerPiece } from '../../domain/answer-piece.ts';
import { GatewayError } from '../../domain/errors.ts';
import type { Completion } from '../../domain/result.ts';
import type { TokenUsage } from '../../domain/usage.ts';
import { createEventReader, EventTooLarge, type ServerSentEvent } from './event-stream.ts';
import { type Bill, withBill } from '../failures/useless.ts';
import { badResponse } from '../failures.ts';
import type { ChunkConsumer } from './http.ts';
import { type CallEstimate, type Dialect, headerOf, type HttpHeaders, type Question } from '../provider.ts';
import { createToldAnswer } from './told-answer.ts';

export type StreamedAnswer = {
  /** Told the head of the answer, says who takes its body: nobody when it is no stream of events. */
  receive: (status: number, headers: HttpHeaders) => ChunkConsumer | undefined;
  /** When the first piece of the answer came, on the clock of `performance.now()`. */
  readonly firstPieceAt: number | undefined;
  /** The body that the events make up; undefined when it was no stream. Throws a GatewayError when the end is missing. */
  body(): unknown;
  /** Tells the pieces of the whole answer that could not be told before. */
  tellRest(completion: Completion): void;
  /** What the call has cost by now if it is broken off here; undefined when nothing has come, or nobody can tell. */
  billOfPart(estimate: CallEstimate): Bill | undefined;
};

/** Reads one answer that was asked for as a stream. A server that does not stream answers with plain JSON all the same. */
export function createStreamedAnswer(
  provider: string,
  dialect: Dialect,
  question: Question,
  onPiece: (piece: AnswerPiece) => void = () => undefined,
): StreamedAnswer {
  const assembly = dialect.createAssembly(question);
  const told = createToldAnswer(onPiece);
  let head: HttpHeaders | undefined;
  let firstPieceAt: number | undefined;

  const reader = createEventReader((event: ServerSentEvent) => {
    // Whatever comes behind a whole answer takes nothing from it.
    if (assembly.isComplete) return;
    const pieces = assembly.add(event);
    if (pieces === undefined) return;
    firstPieceAt ??= performance.now();
    for (const piece of pieces) told.tell(piece);
  });

  function read(step: () => void, headers: HttpHeaders): void {
    try {
      step();
    } catch (error) {
      if (assembly.isComplete) return;
      if (error instanceof EventTooLarge) throw badResponse(provider, 'with an event that is too large');
      throw withBill(error, billSoFar(headers));
    }
  }

  const billSoFar = (headers: HttpHeaders): Bill | undefined => billIn(dialect, assembly.body(), headers);

  return {
    tellRest: (completion) => told.tellRest(completion),
    receive(status, headers) {
      if (status !== 200 || !isStream(headers)) return undefined;
      head = headers;
      return (chunk) => {
        read(() => reader.push(chunk), headers);
        return assembly.isComplete;
      };
    },
    get firstPieceAt() {
      return firstPieceAt;
    },
    body() {
      if (head === undefined) return undefined;
      const headers = head;
      if (!assembly.isComplete) read(() => reader.end(), headers);
      if (assembly.isComplete) return assembly.body();
      throw badResponse(provider, 'with a stream that ended before the answer did', billSoFar(headers));
    },
    billOfPart(estimate) {
      const output = assembly.output();
      if (head === undefined || output === undefined || output === '') return undefined;
      const bill = billSoFar(head);
      const outputTokens = Math.min(estimate.tokensOf(output), question.request.maxTokens);
      return { ...bill, usage: usageOfPart(bill?.usage, estimate.inputTokens, outputTokens) };
    },
  };
}

/** What a beginning of an answer tells about its cost, whatever else is missing. */
function billIn(dialect: Dialect, body: unknown, headers: HttpHeaders): Bill | undefined {
  try {
    const { usage, billed_nanos: nanos } = dialect.toCompletion(body, headers);
    if (usage.estimated) return undefined;
    return nanos === undefined ? { usage } : { usage, nanos };
  } catch (error) {
    return error instanceof GatewayError ? error.details.billed : undefined;
  }
}

/** Counts that a stream tells underway are older than what has come since; what was thought is in them alone. */
function usageOfPart(told: TokenUsage | undefined, inputTokens: number, saidTokens: number): TokenUsage {
  const outputTokens = Math.max(told?.output_tokens ?? 0, (told?.reasoning_tokens ?? 0) + saidTokens);
  return { input_tokens: inputTokens, ...told, output_tokens: outputTokens, estimated: true };
}

/** Servers are careless about the type of a stream, but not about that of JSON and of pages for people. */
function isStream(headers: HttpHeaders): boolean {
  return !/json|html/i.test(headerOf(headers, 'content-type') ?? '');
}
