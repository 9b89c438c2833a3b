import type { ModelSpec } from '../domain/model.ts';
import type { ChatRequest } from '../domain/request.ts';
import type { Completion } from '../domain/result.ts';

export type CallOptions = {
  /** The whole call, answer included, must be over within this time. */
  timeoutMs: number;
  /** Aborts the call: the worker is stopping, or the job was cancelled. */
  signal: AbortSignal;
  /** Sent as `x-request-id`, so that the provider's log and the usage stream can be held against each other. */
  attemptId: string;
};

/** A place that answers chat requests. */
export type Provider = {
  readonly name: string;
  /** One call to the model. Throws a GatewayError, and nothing else, when there is no usable answer. */
  complete(model: ModelSpec, request: ChatRequest, options: CallOptions): Promise<Completion>;
  /** Whether it answers at all, for `sluice doctor`; throws a GatewayError when it does not. */
  probe(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
};

/** What a dialect is: pure functions between our words and the provider's. The HTTP around them is shared. */
export type Dialect = {
  /** The path below the base URL, and the JSON body. */
  toRequest(model: ModelSpec, request: ChatRequest): { path: string; body: unknown };
  /** Throws a GatewayError when the answer, though 200, is no completion. */
  toCompletion(body: unknown): Completion;
  authorization(apiKey: string): Record<string, string>;
  /** A cheap GET that tells whether the key and the address are right. */
  probePath: string;
};
