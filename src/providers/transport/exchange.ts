import type { Dispatcher } from 'undici';
import type { HttpHeaders } from '../provider.ts';

/** `text` is the body; empty where a consumer took it. */
export type HttpAnswer = { status: number; headers: HttpHeaders; text: string };

/** Takes the next bytes of a body; true once all that is wanted has come. What it throws ends the call. */
export type ChunkConsumer = (chunk: Uint8Array) => boolean;

export type HttpCall = {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** The whole call, answer included, must be over within this time. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Called with the head of the answer: who takes the body as it comes, or undefined to have it as text. */
  receive?: (status: number, headers: HttpHeaders) => ChunkConsumer | undefined;
};

/** Thrown when the total deadline of a call has passed. */
export class DeadlinePassed extends Error {
  /** False when nothing had been sent by then, for want of a connection. */
  readonly isSent: boolean;

  constructor(timeoutMs: number, isSent = true, problem = 'no complete answer within') {
    super(`${problem} ${timeoutMs} ms`);
    this.name = 'DeadlinePassed';
    this.isSent = isSent;
  }
}

/** For a connection that stays open after all that was wanted has come. */
const LINGER_MS = 1_000;

const UTF8 = new TextDecoder();

type Settle = { resolve: (answer: HttpAnswer) => void; reject: (reason: unknown) => void };

/**
 * One request and its answer, as undici's dispatcher drives it. A whole call costs one timer and one listener: no stream
 * and no second AbortController. The caller gets its result at once when the time is up or the signal fires, even
 * where undici still waits for a free connection.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #call: HttpCall;
  readonly #settle: Settle;
  readonly #deadlineAt: number;
  #idleMs: number;
  #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #endReason: Error | undefined;
  #isOver = false;
  #status = 0;
  #headers: HttpHeaders = {};
  #chunks: Uint8Array[] = [];
  #consume: ChunkConsumer | undefined;
  #hasEnough = false;
  #movedAt: number | undefined;

  constructor(call: HttpCall, idleMs: number, settle: Settle) {
    this.#call = call;
    this.#settle = settle;
    this.#idleMs = idleMs;
    this.#deadlineAt = performance.now() + call.timeoutMs;
    this.#timer = setTimeout(this.#checkTime, call.timeoutMs);
    call.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#endReason) controller.abort(this.#endReason);
    else this.#controller = controller;
  }

  onResponseStart(_controller: unknown, status: number, headers: HttpHeaders): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#consume = this.#call.receive?.(status, headers);
  }

  onResponseData(_controller: unknown, chunk: Uint8Array): void {
    if (this.#isOver) return;
    if (!this.#consume) {
      this.#chunks.push(chunk);
      return;
    }
    const isFirst = this.#movedAt === undefined;
    const hasEnough = this.#consume(chunk);
    this.#movedAt = performance.now();
    const isLast = hasEnough && !this.#hasEnough;
    if (isLast) [this.#hasEnough, this.#idleMs] = [true, LINGER_MS];
    if (isFirst || isLast) this.#setTimer();
  }

  onResponseEnd(): void {
    this.#finish();
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(error);
  }

  /** A signal may be given any reason, also none; an exchange ends with an error. */
  readonly #onAbort = (): void => {
    const reason: unknown = this.#call.signal?.reason;
    this.#end(reason instanceof Error ? reason : new Error('the call was broken off', { cause: reason }));
  };

  readonly #checkTime = (): void => {
    const now = performance.now();
    if (now >= this.#deadlineAt) this.#end(new DeadlinePassed(this.#call.timeoutMs, this.#controller !== undefined));
    else if (now >= this.#stalledAt()) this.#end(new DeadlinePassed(this.#idleMs, true, 'its answer stood still for'));
    else this.#setTimer();
  };

  /** One timer for the deadline and for an answer that stands still: it is not set anew with every chunk. */
  #setTimer(): void {
    clearTimeout(this.#timer);
    const leftMs = Math.min(this.#deadlineAt, this.#stalledAt()) - performance.now();
    this.#timer = setTimeout(this.#checkTime, Math.max(1, Math.ceil(leftMs)));
  }

  /** Before it begins, a streamed answer may take its time: models think, and say nothing. */
  #stalledAt(): number {
    return this.#movedAt === undefined ? Number.POSITIVE_INFINITY : this.#movedAt + this.#idleMs;
  }

  /** Ends the call from our side. */
  #end(reason: Error): void {
    this.#endReason = reason;
    this.#fail(reason);
    this.#controller?.abort(reason);
  }

  #fail(reason: unknown): void {
    if (this.#hasEnough) this.#finish();
    else if (this.#conclude()) this.#settle.reject(reason);
  }

  #finish(): void {
    if (!this.#conclude()) return;
    this.#settle.resolve({ status: this.#status, headers: this.#headers, text: textOf(this.#chunks) });
  }

  /** False when it has been concluded before. */
  #conclude(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#call.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}

function textOf(chunks: Uint8Array[]): string {
  return UTF8.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
}
