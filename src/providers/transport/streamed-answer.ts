import { GatewayError } from '../../domain/errors.ts';
import { createEventReader, EventTooLarge, type ServerSentEvent } from './event-stream.ts';
import type { Bill } from '../failures/useless.ts';
import { badResponse } from '../failures.ts';
import type { ChunkConsumer } from './http.ts';
import { type Dialect, headerOf, type HttpHeaders } from '../provider.ts';

export type StreamedAnswer = {
  /** Told the head of the answer, says who takes its body: nobody when it is no stream of events. */
  receive: (status: number, headers: HttpHeaders) => ChunkConsumer | undefined;
  /** When the first piece of the answer came, on the clock of `performance.now()`. */
  readonly firstPieceAt: number | undefined;
  /** The body that the events make up; undefined when it was no stream. Throws a GatewayError when the end is missing. */
  body(): unknown;
};

/** Reads one answer that was asked for as a stream. A server that does not stream answers with plain JSON all the same. */
export function createStreamedAnswer(
  provider: string,
  dialect: Dialect,
  onText: (piece: string) => void = () => undefined,
): StreamedAnswer {
  const assembly = dialect.createAssembly();
  let head: HttpHeaders | undefined;
  let firstPieceAt: number | undefined;

  const reader = createEventReader((event: ServerSentEvent) => {
    // Whatever comes behind a whole answer takes nothing from it.
    if (assembly.isComplete) return;
    const piece = assembly.add(event);
    if (piece === undefined) return;
    firstPieceAt ??= performance.now();
    if (piece !== '') onText(piece);
  });

  function read(step: () => void, headers: HttpHeaders): void {
    try {
      step();
    } catch (error) {
      if (assembly.isComplete) return;
      if (error instanceof EventTooLarge) throw badResponse(provider, 'with an event that is too large');
      throw error instanceof GatewayError ? withBill(error, billSoFar(headers)) : error;
    }
  }

  /** What the stream has told about its cost by now, whatever else is missing. */
  function billSoFar(headers: HttpHeaders): Bill | undefined {
    try {
      const { usage, billed_nanos: nanos } = dialect.toCompletion(assembly.body(), headers);
      if (usage.estimated) return undefined;
      return nanos === undefined ? { usage } : { usage, nanos };
    } catch (error) {
      return error instanceof GatewayError ? error.details.billed : undefined;
    }
  }

  return {
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
  };
}

/** Servers are careless about the type of a stream, but not about that of JSON and of pages for people. */
function isStream(headers: HttpHeaders): boolean {
  return !/json|html/i.test(headerOf(headers, 'content-type') ?? '');
}

function withBill(error: GatewayError, billed: Bill | undefined): GatewayError {
  if (billed === undefined || error.details.billed !== undefined) return error;
  const { billUnknown: _told, ...details } = error.details;
  return new GatewayError(error.code, error.message, { ...details, billed }, { cause: error.cause });
}
